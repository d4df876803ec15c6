// What each kernel family contributes to a variant.
#pragma once
#include "../core/table.h"
#include "isa.h"

namespace rp {
namespace RP_NS {

// Each family of probes writes its rows and returns how many. `read` is the first memory probe.
int arithmeticProbes(ComputeProbe* rows);
int dotProbes(ComputeProbe* rows);
int tileProbes(ComputeProbe* rows);
int functionProbes(ComputeProbe* rows);
int readProbes(MemoryProbe* rows);
int mixProbes(MemoryProbe* rows);

// Each family of operator kernels writes its rows and returns how many.
int gemmOps(OpKernel* rows);
int rowOps(OpKernel* rows);
int elementOps(OpKernel* rows);
int attentionOps(OpKernel* rows);

}  // namespace RP_NS
}  // namespace rp
