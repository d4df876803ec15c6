// The blocked matrix product behind every kernel of matrix products: a register tile, panels packed in the order in which it reads them,
// and loops over blocks that the caches hold. What the tile multiplies is a policy: f32, f64, or groups of bytes.
#pragma once
#include "chains.h"
#include "families.h"
#include "gemm.h"
#include "vec.h"

namespace rp {
namespace RP_NS {

// Rows of the register tile, which is two vectors wide: accumulators are 24 of 32 registers, or 12 of 16; the rest hold two vectors of B
// and a broadcast of A.
constexpr int MR = RP_CHAINS / 2;

// A policy names the vector V of accumulators, the type Out of a result and the Word of the packed panels, which holds `group` elements
// along k: one of a float, four of bytes. add() adds the products of a word of A with a vector of words of B.
template <typename T, typename Vector>
struct Floats {
  typedef Vector V;
  typedef T Word;
  typedef T Out;
  static constexpr int lanes = sizeof(V) / sizeof(T);
  static constexpr int group = 1;
  static inline void add(V& sum, Word a, V b) { sum += a * b; }
};
typedef Floats<float, f32v> F32;
typedef Floats<double, f64v> F64;

template <typename P>
constexpr int NR = 2 * P::lanes;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t roundUp(int64_t a, int64_t to) { return (a + to - 1) / to * to; }
// Equal parts of at most `most`, in multiples of `grain`: 1030 in parts of 512 are 344 each and not 512, 512 and 6.
static inline int64_t evenly(int64_t total, int64_t most, int64_t grain) {
  const int64_t parts = (total + most - 1) / most;
  return parts <= 1 ? total : least(most, roundUp((total + parts - 1) / parts, grain));
}

template <typename V, typename T>
static inline V loadAs(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <typename V, typename T>
static inline void storeAs(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// Turns squares of 16 B: to[p * step + i] = from[i * row + p]. Eight shuffles for sixteen words in place of sixteen loads and stores.
#if !defined(RP_ISA_SCALAR) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define RP_TURNS 1
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
template <typename Word>
__attribute__((always_inline)) static inline void turn(const Word* from, int64_t row, Word* to, int64_t step) {
  if constexpr (sizeof(Word) == 4) {
    const i32x4 r0 = loadAs<i32x4>(from), r1 = loadAs<i32x4>(from + row);
    const i32x4 r2 = loadAs<i32x4>(from + 2 * row), r3 = loadAs<i32x4>(from + 3 * row);
    const i32x4 a = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), b = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
    const i32x4 c = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), d = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
    storeAs(to, __builtin_shufflevector(a, c, 0, 1, 4, 5));
    storeAs(to + step, __builtin_shufflevector(a, c, 2, 3, 6, 7));
    storeAs(to + 2 * step, __builtin_shufflevector(b, d, 0, 1, 4, 5));
    storeAs(to + 3 * step, __builtin_shufflevector(b, d, 2, 3, 6, 7));
  } else {
    const f64x2 x = loadAs<f64x2>(from), y = loadAs<f64x2>(from + row);
    storeAs(to, __builtin_shufflevector(x, y, 0, 2));
    storeAs(to + step, __builtin_shufflevector(x, y, 1, 3));
  }
}
#endif
#endif

// Panels of `width` lines, k-major: word (i, p) of a panel at p * width + i; lines beyond `count` are zero. A line is a row of A or a
// column of B: `line` words apart from the next, its words `along` apart.
template <typename Word, int width>
static inline void packPanels(const Word* from, int64_t line, int64_t along, int64_t count, int64_t k, Word* to) {
  for (int64_t i0 = 0; i0 < count; i0 += width, to += width * k) {
    const Word* source = from + i0 * line;
    const int64_t lines = least(width, count - i0);
    if (lines == width && line == 1) {
      struct Row {
        Word words[width];
      };
      for (int64_t p = 0; p < k; p++) storeAs(to + p * width, loadAs<Row>(source + p * along));
      continue;
    }
    int64_t p = 0;
#if defined(RP_TURNS)
    constexpr int square = 16 / sizeof(Word);
    if (lines == width && along == 1) {
      for (; p + square <= k; p += square) {
        constexpr int turned = width / square * square;
        RP_UNROLL
        for (int i = 0; i < turned; i += square) turn(source + i * line + p, line, to + p * width + i, width);
        RP_UNROLL
        for (int i = turned; i < width; i++)
          for (int e = 0; e < square; e++) to[(p + e) * width + i] = source[i * line + p + e];
      }
    }
#endif
    for (; p < k; p++)
      for (int64_t i = 0; i < width; i++) to[p * width + i] = i < lines ? source[i * line + p * along] : Word(0);
  }
}

// A matrix as the tile takes it, whose elements are words already.
template <typename Word, int width>
struct PackWords {
  Strided<Word> from;  // `row` from line to line, `column` along k
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, Word* to) const {
    packPanels<Word, width>(from.data + line * from.row + word * from.column, from.row, from.column, lines, words, to);
  }
};

// One tile: MR x NR of c from packed panels of `words` words along k. `rows` and `columns` cut it at the matrix's edge.
template <typename P>
static inline void tile(int64_t words, const typename P::Word* a, const typename P::Word* b, typename P::Out* c, int64_t rowC, int64_t rows,
                 int64_t columns, typename P::Out alpha, bool add) {
  typedef typename P::V V;
  typedef typename P::Out Out;
  constexpr int lanes = P::lanes, wide = NR<P>;
  const bool whole = rows == MR && columns == wide;
  V low[MR], high[MR];
  RP_UNROLL
  for (int i = 0; i < MR; i++) low[i] = high[i] = V{};
  // always_inline: the accumulators must stay in registers
  const auto steps = [&](int64_t count) __attribute__((always_inline)) {
    for (int64_t p = 0; p < count; p++, a += MR, b += wide) {
      const V left = loadAs<V>(b), right = loadAs<V>(b + lanes);
      RP_UNROLL
      for (int i = 0; i < MR; i++) {
        P::add(low[i], a[i], left);
        P::add(high[i], a[i], right);
      }
    }
  };
  // C is asked for a row at a time while the first words are multiplied: its 24 lines at once would hold up the panels' own (Zen 4, 2048^3:
  // 105 GFLOP/s without, 107 at once, 112 so). Into L2, since rows of C a power of two apart fall into one set of L1.
  constexpr int64_t between = 8;
  if (whole && words >= MR * between) {
    for (int i = 0; i < MR; i++) {
      __builtin_prefetch(c + i * rowC, 1, 2);
      __builtin_prefetch(c + i * rowC + wide - 1, 1, 2);
      steps(between);
    }
    words -= MR * between;
  }
  steps(words);
  if (whole) {
    RP_UNROLL
    for (int i = 0; i < MR; i++) {
      Out* row = c + i * rowC;
      storeAs(row, (add ? loadAs<V>(row) : V{}) + alpha * low[i]);
      storeAs(row + lanes, (add ? loadAs<V>(row + lanes) : V{}) + alpha * high[i]);
    }
    return;
  }
  Out edge[MR * wide];
  RP_UNROLL
  for (int i = 0; i < MR; i++) {
    storeAs(edge + i * wide, alpha * low[i]);
    storeAs(edge + i * wide + lanes, alpha * high[i]);
  }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) c[i * rowC + j] = (add ? c[i * rowC + j] : Out(0)) + edge[i * wide + j];
}

struct NothingMore {
  template <typename Out>
  void operator()(Out*, int64_t, int64_t, int64_t, int64_t, int64_t) const {}
};

// c[m,n] = alpha * a b + (accumulate ? c : 0) over `words` words along k. packA and packB fill panels: (first line, first word, lines,
// words, to). `done` gets every tile once it is complete, while it is in L1: (tile, elements per row, first row, first column, rows,
// columns). `scratch` holds kc * (mc + nc) words, mc and nc rounded up to whole tiles.
template <typename P, typename PackA, typename PackB, typename Done = NothingMore>
static inline void product(const Blocks& most, int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c,
                           int64_t rowC, typename P::Out alpha, bool accumulate, typename P::Word* scratch, Done done = {}) {
  typedef typename P::Out Out;
  constexpr int wide = NR<P>;
  const Blocks by = {evenly(m, most.mc, MR), evenly(n, most.nc, wide), evenly(words, most.kc, 8)};
  typename P::Word* const packedA = scratch;
  typename P::Word* const packedB = scratch + roundUp(by.mc, MR) * by.kc;
  if (words == 0) {
    for (int64_t i = 0; i < m; i += MR)
      for (int64_t j = 0; j < n; j += wide) {
        Out* const to = c + i * rowC + j;
        const int64_t rows = least(MR, m - i), columns = least(wide, n - j);
        for (int64_t r = 0; r < rows && !accumulate; r++)
          for (int64_t e = 0; e < columns; e++) to[r * rowC + e] = Out(0);
        done(to, rowC, i, j, rows, columns);
      }
    return;
  }
  for (int64_t jc = 0; jc < n; jc += by.nc) {
    const int64_t nc = least(by.nc, n - jc);
    for (int64_t pc = 0; pc < words; pc += by.kc) {
      const int64_t kc = least(by.kc, words - pc);
      const bool add = accumulate || pc > 0, last = pc + kc == words;
      packB(jc, pc, nc, kc, packedB);
      for (int64_t ic = 0; ic < m; ic += by.mc) {
        const int64_t mc = least(by.mc, m - ic);
        packA(ic, pc, mc, kc, packedA);
        for (int64_t jr = 0; jr < nc; jr += wide)
          for (int64_t ir = 0; ir < mc; ir += MR) {
            Out* const to = c + (ic + ir) * rowC + jc + jr;
            const int64_t rows = least(MR, mc - ir), columns = least(wide, nc - jr);
            tile<P>(kc, packedA + ir * kc, packedB + jr * kc, to, rowC, rows, columns, alpha, add);
            if (last) done(to, rowC, ic + ir, jc + jr, rows, columns);
          }
      }
    }
  }
}

// One thread's share of a result of m x n, in whole tiles.
struct Part {
  Span rows, columns;
  int64_t height() const { return rows.to - rows.from; }
  int64_t width() const { return columns.to - columns.from; }
  bool empty() const { return height() <= 0 || width() <= 0; }
};
// Of all grids of threads the one whose busiest thread is done first: per step along k, a cycle for each of the tile's vectors and for each
// line of A or B that is packed.
template <typename P>
static inline Part partOf(int64_t m, int64_t n, int thread, int threads) {
  int down = 1;
  int64_t fewest = 0;
  for (int rows = 1; rows <= threads; rows++) {
    if (threads % rows != 0) continue;
    const int64_t tall = (m + int64_t(MR) * rows - 1) / (int64_t(MR) * rows);
    const int64_t across = threads / rows, broad = (n + NR<P> * across - 1) / (NR<P> * across);
    const int64_t cycles = tall * broad * 2 * MR + tall * MR + broad * NR<P>;
    if (rows > 1 && cycles >= fewest) continue;
    fewest = cycles;
    down = rows;
  }
  const int across = threads / down;
  return {share(m, MR, thread / across, down), share(n, NR<P>, thread % across, across)};
}

}  // namespace RP_NS
}  // namespace rp
