// One thread's matrix product, used by the kernels of gemm.cc, by attention and by convolution.
#pragma once
#include "isa.h"

namespace rp {
namespace RP_NS {

// A matrix with any strides, in elements: transposing is exchanging them.
template <typename T>
struct Strided {
  const T* data;
  int64_t row, column;
};
typedef Strided<float> View;

// Block sizes in elements: a block of A of mc x kc stays in L2 while a panel of B of kc x nc passes, which stays in L3.
struct Blocks {
  int64_t mc, nc, kc;
};

// What the model of src/analysis/tiles.ts picks for 1 MiB of L2 and 8 MiB of L3 per core; tests/analysis/tiles.test.ts holds them to it.
// A block of A fills half of L2, and of all such blocks it is the one that moves the least beyond L2: kc = 2 mc, since C is read and written
// once per kc and B read once per mc. One sweep on Zen 4 (best of 5, 2048^3 in f32, one
// thread, GFLOP/s of 118.2): 113.4 with 192 x 512, 113.5 with 288 x 512, 112.2 with 144 x 384, 112.1 with 240 x 256: the choice is worth 1 %.
// Emerald Rapids, whose 2 MiB would have 360 x 720: 0.918 of the ceiling with that, 0.923 with 252 x 512, 0.913 with 516 x 512.
constexpr Blocks blocksF32 = {252, 2048, 512};
constexpr Blocks blocksF64 = {180, 1440, 360};

// Floats of scratch that gemmBlock uses.
constexpr int64_t gemmScratch = blocksF32.kc * (blocksF32.mc + blocksF32.nc);

// c[m,n] = alpha * a[m,k] * b[k,n] + (accumulate ? c : 0); c has unit column stride and `rowC` elements per row.
void gemmBlock(int64_t m, int64_t n, int64_t k, View a, View b, float* c, int64_t rowC, float alpha, bool accumulate, float* scratch);

}  // namespace RP_NS
}  // namespace rp
