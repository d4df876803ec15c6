// SVE, vector-length agnostic: lanes are counted at run time (cntb), 128 to 2048 bits. Sizeless vectors cannot be members of arrays or
// classes, so that the SVE files have loops of their own instead of those of chains.h, read.cc, mixes.cc and vec.h. Operator kernels are
// NEON's but for exp, tanh and erf.
#pragma once
#include "../core/table.h"
#include "isa.h"

#if defined(__ARM_FEATURE_SVE) && (defined(__clang__) ? __clang_major__ >= 11 : __GNUC__ >= 10)
#define RP_HAS_SVE 1
#include <arm_sve.h>

namespace rp {
namespace RP_NS {

// Rows of the variant's tables; each returns how many it wrote.
int functionRows(ComputeProbe* rows);
int memoryProbes(MemoryProbe* rows);
// Puts SVE's own exp, tanh and erf in place of NEON's.
void replaceFunctions(OpKernel* ops, int count);

}  // namespace RP_NS
}  // namespace rp
#endif
