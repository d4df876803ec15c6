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

// The families of operator kernels: FAMILY is the file native/kernels/<FAMILY>.cc, which defines int <FAMILY>Ops(OpKernel* rows): it
// writes its rows and returns how many. Adding a family is its file and its name here.
#define RP_OP_FAMILIES(FAMILY)                                                                                     \
  FAMILY(gemm) FAMILY(gemm8) FAMILY(gemv) FAMILY(dequantize) FAMILY(epilogue) FAMILY(rows) FAMILY(norms)           \
  FAMILY(elements) FAMILY(optimizers) FAMILY(moves) FAMILY(quantize) FAMILY(attention) FAMILY(conv) FAMILY(spmm) FAMILY(lstm)

#define RP_DECLARE(name) int name##Ops(OpKernel* rows);
RP_OP_FAMILIES(RP_DECLARE)
#undef RP_DECLARE

// An operator's tensors, by their type.
template <typename T = float>
inline const T* input(const OpArgs& args, int tensor) {
  return static_cast<const T*>(args.in[tensor]);
}
template <typename T = float>
inline T* output(const OpArgs& args, int tensor) {
  return static_cast<T*>(args.out[tensor]);
}

}  // namespace RP_NS
}  // namespace rp
