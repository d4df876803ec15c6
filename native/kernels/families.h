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

// Each family of operator kernels writes its rows and returns how many.
int gemmOps(OpKernel* rows);
int rowOps(OpKernel* rows);
int elementOps(OpKernel* rows);
int attentionOps(OpKernel* rows);

}  // namespace RP_NS
}  // namespace rp
