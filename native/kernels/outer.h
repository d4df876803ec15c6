// The register tile of attention and convolution: sums of rows, broadcast element by element, times two vectors of columns.
#pragma once
#include "chains.h"
#include "vec.h"

namespace rp {
namespace RP_NS {

// Rows of a whole tile: 24 of 32 registers are sums, or 12 of 16; the others hold two vectors and a broadcast. From 4 rows on the sums
// are enough to hide the latency of a multiply-add (4 cycles, two of 32 B or one of 64 B in each).
constexpr int tileRows = RP_CHAINS / 2;
constexpr int tileColumns = 2 * lanes;

// Keeps GCC from computing several addresses as one vector, with AVX-512 by multiplications of 15 cycles that the first loads then wait for:
// 1 to 2 % of attention of 128 tokens (Emerald Rapids).
#if defined(__GNUC__)
#define RP_APART(address) asm("" : "+r"(address))
#else
#define RP_APART(address)
#endif

template <int R>
struct Tile {
  f32v low[R], high[R];
};

// Rows of two vectors, `step` apart.
struct RowsOfTwo {
  const float* at;
  int64_t step;
  RP_MEMBER void take(f32v& left, f32v& right) {
    left = load(at);
    right = load(at + lanes);
    at += step;
  }
};

// Adds a[i, p] * b[p, :] for p in [0, k). a[i, p] stands at a + i * row + p * along; b gives its rows one after another. One of the two strides
// of a should be 1. Four pointers of three rows each: more than x86 has registers for would be read from the stack.
template <int R, typename B>
static inline __attribute__((always_inline)) void accumulateFrom(Tile<R>& c, int64_t k, const float* a, int64_t row, int64_t along, B& b) {
  const float* at[4];
  for (int j = 0; j < 4; j++) {
    at[j] = a + 3 * j * row;
    RP_APART(at[j]);
  }
  for (int64_t p = 0; p < k; p++) {
    f32v left, right;
    b.take(left, right);
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      const f32v x = splat(at[i / 3][i % 3 * row]);
      c.low[i] += x * left;
      c.high[i] += x * right;
    }
    RP_UNROLL
    for (int j = 0; j < 4; j++) at[j] += along;
  }
}
// b[p, :] at b + p * step.
template <int R>
static inline __attribute__((always_inline)) void accumulate(Tile<R>& c, int64_t k, const float* a, int64_t row, int64_t along, const float* b,
                                                             int64_t step) {
  RowsOfTwo rows = {b, step};
  accumulateFrom(c, k, a, row, along, rows);
}

// The same for one vector of columns.
template <int R>
static inline __attribute__((always_inline)) void accumulateOne(f32v (&c)[R], int64_t k, const float* a, int64_t row, int64_t along,
                                                                const float* b, int64_t step) {
  const float* at[4];
  for (int j = 0; j < 4; j++) {
    at[j] = a + 3 * j * row;
    RP_APART(at[j]);
  }
  for (int64_t p = 0; p < k; p++, b += step) {
    const f32v right = load(b);
    RP_UNROLL
    for (int i = 0; i < R; i++) c[i] += splat(at[i / 3][i % 3 * row]) * right;
    RP_UNROLL
    for (int j = 0; j < 4; j++) at[j] += along;
  }
}

// Calls work(Rows<R>) with the R that is `rows`, from 1 to tileRows: the sums of a tile are registers, whose number the compiler must know.
template <int R>
struct Rows {
  static constexpr int value = R;
};
template <int R = tileRows, typename Work>
static inline void withRows(int64_t rows, Work work) {
  if constexpr (R > 1) {
    if (rows < R) return withRows<R - 1>(rows, work);
  }
  work(Rows<R>{});
}

}  // namespace RP_NS
}  // namespace rp
