// One thread's matrix product, used by gemm and by attention.
#pragma once
#include "isa.h"

namespace rp {
namespace RP_NS {

// A matrix with any strides, in elements: transposing is exchanging them.
struct View {
  const float* data;
  int64_t row, column;
};

// Floats of scratch that gemmBlock uses.
constexpr int64_t gemmScratch = 144 * 256 + 512 * 256;

// c[m,n] = alpha * a[m,k] * b[k,n] + (accumulate ? c : 0); c has unit column stride and `rowC` elements per row.
void gemmBlock(int64_t m, int64_t n, int64_t k, View a, View b, float* c, int64_t rowC, float alpha, bool accumulate, float* scratch);

}  // namespace RP_NS
}  // namespace rp
