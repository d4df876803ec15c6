// What each kernel family contributes to a variant.
#pragma once
#include "../core/table.h"
#include "isa.h"

namespace rp {
namespace RP_NS {

ComputeProbe fmaF32();
ComputeProbe fmaF64();
ReadProbe readOneStream();
ReadProbe readEightStreams();

}  // namespace RP_NS
}  // namespace rp
