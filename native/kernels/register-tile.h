// The register tile of a matrix product: what it multiplies is a policy (f32, f64, or groups of bytes), where it reads its rows and columns
// another.
#pragma once
#include "chains.h"
#include "panels.h"

namespace rp {
namespace RP_NS {

// The register tile: MR rows by `tileVectors` vectors. Accumulators are 24 of 32 registers, or 12 of 16; the rest hold a row of B and a
// broadcast of A. With 64 B vectors 6 x 4 of them: rows of C a power of two apart fall into one set of L1, and of 8 ways 12 rows are too
// many. Zen 4, tiles of 2048 columns over panels in L2 and L3: 115.7 GFLOP/s of 118.2 with 6 x 64, 113.6 with 12 x 32.
#if defined(RP_ISA_AVX512)
constexpr int tileVectors = 4;
#else
constexpr int tileVectors = 2;
#endif
constexpr int MR = RP_CHAINS / tileVectors;

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
constexpr int NR = tileVectors * P::lanes;

// What a tile reads, a step along k after the other. A panel of A:
template <typename P>
struct PanelA {
  const typename P::Word* at;
  RP_MEMBER PanelA start() const { return *this; }
  RP_MEMBER typename P::Word row(int i) const { return at[i]; }
  RP_MEMBER void next() { at += MR; }
};
// Rows of A where they lie, three to a pointer: more pointers than x86 has registers would be read from the stack. What a tile is called with fits two
// registers, and the pointers are made there: passed in memory they cost 100 cycles a tile (Emerald Rapids).
template <typename P, typename T = typename P::Word>
struct RowsA {
  static constexpr int each = 3, pointers = MR / each;
  struct Pointers {
    const T* at[pointers];
    int64_t step;
    RP_MEMBER typename P::Word row(int i) const { return loadAs<typename P::Word>(at[i / each] + i % each * step); }
    RP_MEMBER void next() { RP_STEP(pointers) at[i] += P::group; }
  };
  const T* from;
  int64_t step;
  RP_MEMBER Pointers start() const {
    Pointers p;
    p.step = step;
    RP_STEP(pointers) p.at[i] = from + each * i * step;
    return p;
  }
};
// Columns of A where they lie: a transposed matrix.
template <typename P>
struct ColumnsA {
  const typename P::Word* at;
  int64_t step;
  RP_MEMBER ColumnsA start() const { return *this; }
  RP_MEMBER typename P::Word row(int i) const { return at[i]; }
  RP_MEMBER void next() { at += step; }
};
// A panel of B:
template <typename P>
struct PanelB {
  const typename P::Word* at;
  template <int W>
  RP_MEMBER void take(typename P::V (&v)[W]) {
    RP_STEP(W) v[i] = loadAs<typename P::V>(at + i * P::lanes);
    at += NR<P>;
  }
};
// Rows of B where they lie, which become the panel that the tiles below will read: its stores hide behind the multiply-adds.
template <typename P>
struct RowsB {
  const typename P::Word* at;
  int64_t step;
  typename P::Word* panel;
  template <int W>
  RP_MEMBER void take(typename P::V (&v)[W]) {
    constexpr int64_t ahead = 8;  // rows lie in pages of their own, which the hardware does not fetch ahead
    RP_UNROLL
    for (int i = 0; i < W * int(sizeof v[0]); i += 64) __builtin_prefetch(reinterpret_cast<const char*>(at + ahead * step) + i, 0, 3);
    RP_STEP(W) v[i] = loadAs<typename P::V>(at + i * P::lanes);
    RP_STEP(W) storeAs(panel + i * P::lanes, v[i]);
    at += step;
    panel += NR<P>;
  }
};

// Rows of B where they lie, from L2.
template <typename P>
struct LinesB {
  const typename P::Word* at;
  int64_t step;
  template <int W>
  RP_MEMBER void take(typename P::V (&v)[W]) {
    RP_STEP(W) v[i] = loadAs<typename P::V>(at + i * P::lanes);
    at += step;
  }
};

// What becomes of a tile's sums: C, a part of C, or C past the caches, whose rows of the tile are then whole cache lines.
enum class Into { store, add, stream };

// One step of a tile. A macro, since the step must stand in each loop itself: called from a function or lambda of its own, GCC 12 kept the sums of bytes
// on the stack (2048^3 at 34 % of the ceiling for 92).
#define RP_TILE_STEP                                                                \
  V right[W];                                                                       \
  b.take(right);                                                                    \
  RP_UNROLL                                                                         \
  for (int i = 0; i < R; i++) {                                                     \
    RP_UNROLL                                                                       \
    for (int w = 0; w < W; w++) P::add(sums[i][w], left.row(i), right[w]);          \
  }

// One tile: R x W vectors of c from `words` words along k. `rows` and `columns` cut it at the matrix's edge.
template <typename P, int R, int W, typename A, typename B, typename Ahead>
static inline void tileOf(int64_t words, A a, B b, typename P::Out* c, int64_t rowC, int64_t rows, int64_t columns, typename P::Out alpha,
                          Into into, Ahead& fetch) {
  typedef typename P::V V;
  typedef typename P::Out Out;
  constexpr int lanes = P::lanes, wide = W * lanes;
  const bool whole = rows == R && columns == wide;
  auto left = a.start();
  V sums[R][W];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    RP_UNROLL
    for (int w = 0; w < W; w++) sums[i][w] = V{};
  }
  // always_inline: the accumulators must stay in registers
  if constexpr (Ahead::steps > 0) {
    Ahead turns = fetch;  // which no store of a turn can change
    for (; words >= Ahead::steps; words -= Ahead::steps) {
      turns.next();
      RP_UNROLL
      for (int64_t p = 0; p < Ahead::steps; p++, left.next()) {
        RP_TILE_STEP
      }
    }
    for (; words > 0; words--, left.next()) {
      RP_TILE_STEP
    }
  } else if constexpr (Ahead::asks) {
    // Two steps a turn: Emerald Rapids, 192^3 in f32 0.844 to 0.857 of the ceiling while a neighbour has the core's other thread (few samples), as
    // much without one; four a turn lose 1 % at 192^3.
    const auto steps = [&](int64_t count) __attribute__((always_inline)) {
      RP_UNROLL_2
      for (int64_t p = 0; p < count; p++, left.next()) {
        RP_TILE_STEP
      }
    };
    // C is asked for a row at a time while the first words are multiplied: its 24 lines at once would hold up the panels' own (Zen 4, 2048^3:
    // 105 GFLOP/s without, 107 at once, 112 so). Into L2, since rows of C a power of two apart fall into one set of L1.
    constexpr int64_t between = 8;
    constexpr int perLine = 64 / sizeof(Out);
    if (whole && into != Into::stream && words >= R * between) {
      for (int i = 0; i < R; i++) {
        RP_UNROLL
        for (int j = 0; j < wide; j += perLine) __builtin_prefetch(c + i * rowC + j, 1, 2);
        steps(between);
      }
      words -= R * between;
    }
    for (int64_t i = 0; i < fetch.each && words >= fetch.every; i++, words -= fetch.every) {
      fetch.next();
      steps(fetch.every);
    }
    steps(words);
  } else {
    (void)fetch;
    // One loop: those above end eight times and more in a tile, and each end is a branch foretold wrongly (thought). Emerald Rapids, 192^3 in
    // f32 0.90 to 0.97 of the ceiling, in f64 0.91 to 0.97; two steps a turn in place of four 0.5 % less.
    RP_UNROLL_4
    for (int64_t p = 0; p < words; p++, left.next()) {
      RP_TILE_STEP
    }
  }
  const bool add = into == Into::add;
  if (alpha != Out(1)) {
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      RP_UNROLL
      for (int w = 0; w < W; w++) sums[i][w] = alpha * sums[i][w];
    }
  }
  if (whole) {
    // A row at a time, whose address GCC must not know before: it makes all 24 ahead, and keeps those that no register is left for in vectors, whose
    // moves wait behind the multiply-adds. Emerald Rapids, in turn, medians: 1024^3 in f32 159 to 162 GFLOP/s, 2048^3 164.4 to 166.0.
    Out* row = c;
    const auto each = [&](auto put) __attribute__((always_inline)) {
      RP_UNROLL
      for (int i = 0; i < R; i++, row += rowC) {
        __asm__("" : "+r"(row));
        RP_UNROLL
        for (int w = 0; w < W; w++) put(row + w * lanes, sums[i][w]);
      }
    };
    if (into == Into::stream) each([](Out* to, const V& v) __attribute__((always_inline)) { streamAs(to, v); });
    else if (add) each([](Out* to, const V& v) __attribute__((always_inline)) { storeAs(to, loadAs<V>(to) + v); });
    else each([](Out* to, const V& v) __attribute__((always_inline)) { storeAs(to, v); });
    return;
  }
  Out edge[R * wide];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    RP_UNROLL
    for (int w = 0; w < W; w++) storeAs(edge + i * wide + w * lanes, sums[i][w]);
  }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) c[i * rowC + j] = (add ? c[i * rowC + j] : Out(0)) + edge[i * wide + j];
}

// At the right edge only the vectors that hold columns are computed; at the lower one only a third of the rows, or two.
template <typename P, int R, int W = tileVectors, typename A, typename B, typename Ahead>
static inline void tileAcross(int64_t words, A a, B b, typename P::Out* c, int64_t rowC, int64_t rows, int64_t columns, typename P::Out alpha,
                              Into into, Ahead& fetch) {
  if constexpr (W > 1) {
    if (columns <= (W - 1) * P::lanes) return tileAcross<P, R, W - 1>(words, a, b, c, rowC, rows, columns, alpha, into, fetch);
  }
  tileOf<P, R, W>(words, a, b, c, rowC, rows, columns, alpha, into, fetch);
}
template <typename P, typename A, typename B, typename Ahead>
static inline void tile(int64_t words, A a, B b, typename P::Out* c, int64_t rowC, int64_t rows, int64_t columns, typename P::Out alpha,
                        Into into, Ahead& fetch) {
  constexpr int third = MR / 3;
  if (rows > 2 * third) tileAcross<P, MR>(words, a, b, c, rowC, rows, columns, alpha, into, fetch);
  else if (rows > third) tileAcross<P, 2 * third>(words, a, b, c, rowC, rows, columns, alpha, into, fetch);
  else tileAcross<P, third>(words, a, b, c, rowC, rows, columns, alpha, into, fetch);
}

}  // namespace RP_NS
}  // namespace rp
