// The product of few rows and a matrix B in row-major order that L2 does not hold, as fast as B comes. The blocked loop reads panels, 256 B of every row
// of B, which the hardware's prefetchers do not follow; here some rows of B are read side by side from end to end, and each vector of them meets all
// rows of A. Emerald Rapids, one thread, in turn: 16 x 36864 x 4096 in 78.6 and 43.1 ms (reading alone 37.4), 4 x 6144 x 4096 in 8.4 and 4.4 ms,
// 16 x 1024 x 1024 from L3 in 0.38 and 0.26 ms.
#pragma once
#include "sweep.h"

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)

// Rows that are few where L3 holds B: at 33 to 128 the blocked loop is as fast, or up to a fifth faster. And where none does: 48 and 64 rows of
// 6144 x 4096 in 22.7 and 27.1 ms by the blocked loop, 17.3 and 22.9 by this one; 66 in 27.8 and 29.2.
constexpr int64_t fewRows = 32, fewRowsFar = 64, bytesFar = 64 << 20;
// Columns of sums over a panel of 16 rows: 512 KiB, which stay in L2 while rows of B pass.
constexpr int64_t columnsAcross = 8192;
// Rows of B side by side, and floats that are asked for ahead in each of them, into which cache. Emerald Rapids: 16 x 36864 x 4096 takes 43.6 ms and 54.5
// where nothing is asked for; from L3 16 x 1024 x 1024 takes 4 % more with it. Zen 4 wants fewer loads and stores of sums, and lines in L2, in one process in
// turn, p10: 16 x 6144 x 4096 8.9 ms as Intel, 7.8 so, two threads 4.8 and 4.3 (24 rows); 8 rows 6.9 and 5.4, two threads 3.9 and 2.7; 4 rows 7.1 and 5.7;
// 64 rows 34.0 and 31.1. 32 rows side by side are 0 to 3 % slower, 64 the same; into L1 9.5 and 10.4 ms; twice as far ahead 1 to 3 % slower.
template <bool intel>
constexpr int64_t rowsAbreast = intel ? 16 : 48;
template <bool intel>
constexpr int64_t floatsAhead = intel ? 128 : 256;
template <bool intel>
constexpr int nearTo = intel ? 3 : 2;

// Whether m rows are few for a B of so many bytes.
static inline bool areFew(int64_t m, int64_t bytes) { return m > 0 && m <= (bytes > bytesFar ? fewRowsFar : fewRows); }

// Adds a[R, depth] b[depth, columns] to `sums`, or begins them: vector j of row i at (j R + i) lanes, the last filled up. `a` is a panel. What is asked
// for beyond the columns is asked for in the rows from `next` on.
template <int R, bool intel>
static __attribute__((noinline)) void addRows(int64_t depth, int64_t columns, const float* a, const float* b, int64_t rowB, const float* next,
                                              float* sums, bool first) {
  constexpr int64_t far = floatsAhead<intel>;
  const auto across = [&](int64_t j, auto take) __attribute__((always_inline)) {
    float* const to = sums + j * R;
    f32v s[R];
    RP_UNROLL
    for (int i = 0; i < R; i++) s[i] = first ? f32v{} : load(to + i * lanes);
    const float *left = a, *row = b + j, *ahead = j + far < columns ? row + far : next + (j + far - columns);
    for (int64_t p = 0; p < depth; p++, row += rowB, ahead += rowB, left += R) {
      __builtin_prefetch(ahead, 0, nearTo<intel>);
      const f32v right = take(row);
      RP_UNROLL
      for (int i = 0; i < R; i++) s[i] += left[i] * right;
    }
    RP_UNROLL
    for (int i = 0; i < R; i++) store(to + i * lanes, s[i]);
  };
  int64_t j = 0;
  for (; j + lanes <= columns; j += lanes) across(j, [](const float* p) { return load(p); });
  if (j < columns) across(j, [rest = int(columns - j)](const float* p) { return loadPart(p, rest, 0.0f); });
}

// As product() without alpha, in `groups` groups of R rows, each of which reads the same rows of B in turn.
template <int R, bool intel, typename Done>
static inline void productByRows(int64_t groups, int64_t m, int64_t n, int64_t words, Strided<float> a, const float* b, int64_t rowB, float* c,
                                 int64_t rowC, bool accumulate, float* scratch, Done done) {
  constexpr int64_t abreast = rowsAbreast<intel>;
  static_assert(fewRowsFar / 16 * 16 * (columnsAcross / (fewRowsFar / 16) + abreast) <= gemmScratch, "scratch");
  const int64_t across = evenly(n, columnsAcross / groups, NR<F32>), sumsEach = R * roundUp(across, lanes);
  float* const panels = scratch + groups * sumsEach;
  for (int64_t jc = 0; jc < n; jc += across) {
    const int64_t columns = least(across, n - jc);
    for (int64_t p = 0; p < words; p += abreast) {
      const int64_t depth = least(abreast, words - p);
      const float* const from = b + p * rowB + jc;
      const float* const next = p + depth < words ? from + depth * rowB : b + least(jc + columns, n - 1);
      packPanels<float, R>(a.data + p * a.column, a.row, a.column, m, depth, panels);
      for (int64_t g = 0; g < groups; g++) addRows<R, intel>(depth, columns, panels + g * R * depth, from, rowB, next, scratch + g * sumsEach, p == 0);
    }
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < columns; j += lanes) {
        const int here = int(least(lanes, columns - j));
        float* const to = c + i * rowC + jc + j;
        const f32v sum = load(scratch + i / R * sumsEach + j * R + i % R * lanes);
        if (here == lanes) store(to, accumulate ? load(to) + sum : sum);
        else storePart(to, accumulate ? loadPart(to, here, 0.0f) + sum : sum, here);
      }
    for (int64_t j = 0; j < columns; j += NR<F32>)
      for (int64_t i = 0; i < m; i += MR) done(c + i * rowC + jc + j, rowC, i, jc + j, least(MR, m - i), least(NR<F32>, columns - j));
  }
}
// Groups of whole fours of rows, sixteen at most; rows beyond m are zero.
template <bool intel, typename... Args>
static inline void productInGroups(int64_t m, Args... args) {
  const int64_t groups = (m + 15) / 16, rows = (m + groups - 1) / groups;
  if (rows <= 4) productByRows<4, intel>(groups, m, args...);
  else if (rows <= 8) productByRows<8, intel>(groups, m, args...);
  else if (rows <= 12) productByRows<12, intel>(groups, m, args...);
  else productByRows<16, intel>(groups, m, args...);
}
template <typename... Args>
static inline void productOfFewRows(int64_t m, Args... args) {
  if (tunedFor() == Cores::intel) productInGroups<true>(m, args...);
  else productInGroups<false>(m, args...);
}

#endif

}  // namespace RP_NS
}  // namespace rp
