// The blocked matrix product behind every kernel of matrix products: a register tile, panels packed in the order in which it reads them,
// and loops over blocks that the caches hold. What the tile multiplies is a policy: f32, f64, or groups of bytes.
#pragma once
#include "chains.h"
#include "families.h"
#include "gemm.h"
#include "vec.h"

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
// `row` and `from` are in elements of any type: bytes whose words begin there.
#if !defined(RP_ISA_SCALAR) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define RP_TURNS 1
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));
template <typename T, typename Word>
RP_INLINE void turn(const T* from, int64_t row, Word* to, int64_t step) {
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
// The same of two rows of four words.
template <typename T>
RP_INLINE void turnPair(const T* from, int64_t row, void* to, int64_t stepBytes) {
  const i32x4 r0 = loadAs<i32x4>(from), r1 = loadAs<i32x4>(from + row);
  const f64x2 a = f64x2(__builtin_shufflevector(r0, r1, 0, 4, 1, 5)), b = f64x2(__builtin_shufflevector(r0, r1, 2, 6, 3, 7));
  char* const at = static_cast<char*>(to);
  storeAs(at, a[0]);
  storeAs(at + stepBytes, a[1]);
  storeAs(at + 2 * stepBytes, b[0]);
  storeAs(at + 3 * stepBytes, b[1]);
}
// `width` rows of a cache line each: rows are left one after another, since a power of two apart they would push each other out of L1.
// A step of T is a 1/each of a word.
template <int width, int each, typename T, typename Word>
RP_INLINE void turnLines(const T* from, int64_t row, Word* to) {
  constexpr int square = 16 / sizeof(Word), words = 64 / sizeof(Word), pairs = sizeof(Word) == 4 ? width / 2 * 2 : 0;
  int i = 0;
  for (; i + square <= width; i += square) {
    RP_UNROLL
    for (int p = 0; p < words; p += square) turn(from + i * row + p * each, row, to + p * width + i, width);
  }
  for (; i + 2 <= pairs; i += 2) {
    RP_UNROLL
    for (int p = 0; p < words; p += square) turnPair(from + i * row + p * each, row, to + p * width + i, width * int64_t(sizeof(Word)));
  }
  for (; i < width; i++)
    for (int p = 0; p < words; p++) __builtin_memcpy(to + p * width + i, from + i * row + p * each, sizeof(Word));
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
      // Rows lie in pages of their own, which the hardware does not fetch ahead.
      constexpr int64_t ahead = 8, perLine = 64 / sizeof(Word);
      constexpr int piece = width % 4 == 0 ? width / 4 : width;
      struct Piece {
        Word words[piece];
      };
      for (int64_t p = 0; p < k; p++) {
        if (p + ahead < k)
          for (int64_t i = 0; i < width; i += perLine) __builtin_prefetch(source + (p + ahead) * along + i, 0, 3);
        RP_UNROLL
        for (int i = 0; i < width; i += piece) storeAs(to + p * width + i, loadAs<Piece>(source + p * along + i));
      }
      continue;
    }
    int64_t p = 0;
#if defined(RP_TURNS)
    constexpr int perLine = 64 / sizeof(Word);
    if (lines == width && along == 1)
      for (; p + perLine <= k; p += perLine) {
        // the lines of the next panel's rows, which begin in pages of their own
        if (i0 + 2 * width <= count)
          for (int64_t i = width; i < 2 * width; i++) __builtin_prefetch(source + i * line + p, 0, 2);
        turnLines<width, 1>(source + p, line, to + p * width);
      }
#endif
    for (; p < k; p++) {
      int64_t i = 0;
      if (line == 1)
        for (; i < lines; i++) to[p * width + i] = source[p * along + i];
      else
        for (; i < lines; i++) to[p * width + i] = source[i * line + p * along];
      for (; i < width; i++) to[p * width + i] = Word(0);
    }
  }
}

// What a panel is packed from: `rows` pieces of `bytes`, `step` bytes apart.
struct Source {
  const char* from;
  int64_t step, rows, bytes;
};

// Fetches a source into L2 while tiles are computed, a few cache lines at a time.
class Fetch {
 public:
  // `tiles` tiles of `words` steps along k share the work.
  Fetch(const Source& source, int64_t tiles, int64_t words) : source_(source) {
    piece_ = least(most, source.bytes);
    const int64_t pieces = piece_ > 0 ? source.rows * ((source.bytes + piece_ - 1) / piece_) : 0;
    each = (pieces + tiles - 1) / tiles;
    // the tile's first steps fetch C
    every = each > 0 ? words / 2 / each : 0;
    if (every < 1) every = 1;
  }
  int64_t each, every;  // pieces per tile, and steps along k from one to the next
  RP_MEMBER void next() {
    if (source_.rows <= 0) return;
    const char* const at = source_.from + offset_;
    __builtin_prefetch(at, 0, 2);
    if (piece_ > 64) {
      __builtin_prefetch(at + 64, 0, 2);
      __builtin_prefetch(at + 128, 0, 2);
      __builtin_prefetch(at + 192, 0, 2);
    }
    offset_ += piece_;
    if (offset_ < source_.bytes) return;
    offset_ = 0;
    source_.from += source_.step;
    source_.rows--;
  }

 private:
  static constexpr int64_t most = 256;
  Source source_;
  int64_t piece_, offset_ = 0;
};

// A matrix as the tile takes it, whose elements are words already.
template <typename Word, int width>
struct PackWords {
  static constexpr bool words = true;  // they lie in memory as the tile takes them, but for their order
  Strided<Word> from;  // `row` from line to line, `column` along k
  void operator()(int64_t line, int64_t word, int64_t lines, int64_t words, Word* to) const {
    packPanels<Word, width>(from.data + line * from.row + word * from.column, from.row, from.column, lines, words, to);
  }
  Source source(int64_t line, int64_t word, int64_t lines, int64_t words) const {
    const char* const first = reinterpret_cast<const char*>(from.data + line * from.row + word * from.column);
    constexpr int64_t size = sizeof(Word);
    if (from.row == 1) return {first, from.column * size, words, lines * size};
    return {first, from.row * size, from.column == 1 ? lines : 0, words * size};
  }
};

// What a tile reads, a step along k after the other. A panel of A:
template <typename P>
struct PanelA {
  const typename P::Word* at;
  RP_MEMBER typename P::Word row(int i) const { return at[i]; }
  RP_MEMBER void next() { at += MR; }
};
// Rows of A where they lie, three to a pointer: more pointers than x86 has registers would be read from the stack.
template <typename P>
struct RowsA {
  static constexpr int each = 3, pointers = MR / each;
  const typename P::Word* at[pointers];
  int64_t step;
  RowsA(const typename P::Word* from, int64_t step_) : step(step_) {
    for (int i = 0; i < pointers; i++) at[i] = from + each * i * step;
  }
  RP_MEMBER typename P::Word row(int i) const { return at[i / each][i % each * step]; }
  RP_MEMBER void next() { RP_STEP(pointers) at[i]++; }
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

// One tile: R x W vectors of c from `words` words along k. `rows` and `columns` cut it at the matrix's edge.
template <typename P, int R, int W, typename A, typename B>
static inline void tileOf(int64_t words, A a, B b, typename P::Out* c, int64_t rowC, int64_t rows, int64_t columns, typename P::Out alpha,
                          bool add, Fetch& fetch) {
  typedef typename P::V V;
  typedef typename P::Out Out;
  constexpr int lanes = P::lanes, wide = W * lanes;
  const bool whole = rows == R && columns == wide;
  V sums[R][W];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    RP_UNROLL
    for (int w = 0; w < W; w++) sums[i][w] = V{};
  }
  // always_inline: the accumulators must stay in registers
  const auto steps = [&](int64_t count) __attribute__((always_inline)) {
    for (int64_t p = 0; p < count; p++, a.next()) {
      V right[W];
      b.take(right);
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        RP_UNROLL
        for (int w = 0; w < W; w++) P::add(sums[i][w], a.row(i), right[w]);
      }
    }
  };
  // C is asked for a row at a time while the first words are multiplied: its 24 lines at once would hold up the panels' own (Zen 4, 2048^3:
  // 105 GFLOP/s without, 107 at once, 112 so). Into L2, since rows of C a power of two apart fall into one set of L1.
  constexpr int64_t between = 8;
  constexpr int perLine = 64 / sizeof(Out);
  if (whole && words >= R * between) {
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
  if (whole) {
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      Out* const row = c + i * rowC;
      RP_UNROLL
      for (int w = 0; w < W; w++) storeAs(row + w * lanes, (add ? loadAs<V>(row + w * lanes) : V{}) + alpha * sums[i][w]);
    }
    return;
  }
  Out edge[R * wide];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    RP_UNROLL
    for (int w = 0; w < W; w++) storeAs(edge + i * wide + w * lanes, alpha * sums[i][w]);
  }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) c[i * rowC + j] = (add ? c[i * rowC + j] : Out(0)) + edge[i * wide + j];
}

// At the right edge only the vectors that hold columns are computed; at the lower one only a third of the rows, or two.
template <typename P, int R, int W = tileVectors, typename A, typename B>
static inline void tileAcross(int64_t words, A a, B b, typename P::Out* c, int64_t rowC, int64_t rows, int64_t columns, typename P::Out alpha,
                              bool add, Fetch& fetch) {
  if constexpr (W > 1) {
    if (columns <= (W - 1) * P::lanes) return tileAcross<P, R, W - 1>(words, a, b, c, rowC, rows, columns, alpha, add, fetch);
  }
  tileOf<P, R, W>(words, a, b, c, rowC, rows, columns, alpha, add, fetch);
}
template <typename P, typename A, typename B>
static inline void tile(int64_t words, A a, B b, typename P::Out* c, int64_t rowC, int64_t rows, int64_t columns, typename P::Out alpha,
                        bool add, Fetch& fetch) {
  constexpr int third = MR / 3;
  if (rows > 2 * third) tileAcross<P, MR>(words, a, b, c, rowC, rows, columns, alpha, add, fetch);
  else if (rows > third) tileAcross<P, 2 * third>(words, a, b, c, rowC, rows, columns, alpha, add, fetch);
  else tileAcross<P, third>(words, a, b, c, rowC, rows, columns, alpha, add, fetch);
}

struct NothingMore {
  template <typename Out>
  void operator()(Out*, int64_t, int64_t, int64_t, int64_t, int64_t) const {}
};

// Bytes that rows of A may span to be read where they lie: they then spread over the sets of L2, and packing them costs more than it brings
// (1 to 3 % of a product that small).
constexpr int64_t spanInPlace = 128 << 10;

// c[m,n] = alpha * a b + (accumulate ? c : 0) over `words` words along k. packA and packB fill panels: (first line, first word, lines,
// words, to); packB.source() tells from where. `done` gets every tile once it is complete, while it is in L1: (tile, elements per row, first
// row, first column, rows, columns). `scratch` holds kc * (mc + nc) words, mc and nc rounded up to whole tiles.
template <typename P, typename PackA, typename PackB, typename Done = NothingMore>
static inline void product(const Blocks& most, int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c,
                           int64_t rowC, typename P::Out alpha, bool accumulate, typename P::Word* scratch, Done done = {}) {
  typedef typename P::Out Out;
  constexpr int wide = NR<P>;
  // where one block of A holds all rows, a panel of B is used up before the next is packed in its place
  const bool once = m <= most.mc;
  const Blocks by = {evenly(m, most.mc, MR), once ? n : evenly(n, most.nc, wide), evenly(words, most.kc, 8)};
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
      for (int64_t ic = 0; ic < m; ic += by.mc) {
        const int64_t mc = least(by.mc, m - ic), tiles = (mc + MR - 1) / MR;
        // rows of A that are read where they lie: whole tiles, and the last where it needs no rows of zeros
        int64_t inPlace = 0;
        if constexpr (PackA::words)
          if (packA.from.column == 1 && mc * packA.from.row * int64_t(sizeof *packedA) <= spanInPlace) inPlace = mc % (MR / 3) == 0 ? mc : mc / MR * MR;
        if (inPlace < mc) packA(ic + inPlace, pc, mc - inPlace, kc, packedA + inPlace * kc);
        for (int64_t jr = 0; jr < nc; jr += wide) {
          const int64_t columns = least(wide, nc - jr), after = jr + wide;
          typename P::Word* const panel = packedB + (once ? 0 : jr * kc);
          // The first block of A meets each panel of B as it is packed, and fetches what the next is packed from; the others fetch the panel.
          Source next = {};
          if (ic > 0) next = {reinterpret_cast<const char*>(packedB + (after < nc ? after * kc : 0)), 0, 1, wide * kc * int64_t(sizeof *panel)};
          else if (after < nc) next = packB.source(jc + after, pc, least(wide, nc - after), kc);
          bool packed = ic > 0;
          if constexpr (PackB::words) {
            if (!packed && !(packB.from.row == 1 && columns % P::lanes == 0)) {
              packB(jc + jr, pc, columns, kc, panel);
              packed = true;
            }
          } else {
            if (!packed) packB(jc + jr, pc, columns, kc, panel);
            packed = true;
          }
          Fetch fetch(next, tiles, kc);
          int64_t rows = 0;
          for (int64_t ir = 0; ir < mc; ir += rows) {
            Out* const to = c + (ic + ir) * rowC + jc + jr;
            // A third of a tile reads as much of B as a whole one: rather two of two thirds, where rows are not packed in whole tiles.
            rows = ir < inPlace && mc - ir == MR + MR / 3 ? MR / 3 * 2 : least(MR, mc - ir);
            const auto from = [&](auto a) {
              if constexpr (PackB::words)
                if (!packed)
                  return tile<P>(kc, a, RowsB<P>{packB.from.data + (jc + jr) + pc * packB.from.column, packB.from.column, panel}, to, rowC, rows,
                                 columns, alpha, add, fetch);
              tile<P>(kc, a, PanelB<P>{panel}, to, rowC, rows, columns, alpha, add, fetch);
            };
            bool there = false;
            if constexpr (PackA::words)
              if (ir < inPlace) {
                from(RowsA<P>(packA.from.data + (ic + ir) * packA.from.row + pc, packA.from.row));
                there = true;
              }
            if (!there) from(PanelA<P>{packedA + ir * kc});
            packed = true;
            if (last) done(to, rowC, ic + ir, jc + jr, rows, columns);
          }
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
// Cycles of a part per step along k: one for each vector of its tiles, which are whole, or two thirds or one third of their rows at the lower
// edge; half as many again as rows where the last tiles across are narrow, since loads then outnumber what they feed; half a one for each
// line of A that is packed, and `packing` halves for a line of B.
template <typename P>
static inline int64_t cyclesOf(int64_t rows, int64_t columns, int64_t packing) {
  const int64_t high = roundUp(rows, MR / 3);
  return high * ((columns + P::lanes - 1) / P::lanes) + (columns % NR<P> != 0 ? high / 2 : 0) + (rows + packing * columns) / 2;
}
// Of all grids of threads the one whose busiest thread is done first. Parts are whole tiles, unless smaller ones balance better: three tiles
// across on two threads take as long as four.
template <typename P>
static inline Part partOf(int64_t m, int64_t n, int thread, int threads, int64_t packing = 1) {
  int down = 1;
  int64_t fewest = 0, tall = MR, broad = NR<P>;
  const auto most = [](int64_t total, int64_t grain, int parts) { return least(total, roundUp((total + grain - 1) / grain, parts) / parts * grain); };
  for (int rows = 1; rows <= threads; rows++) {
    if (threads % rows != 0) continue;
    for (int64_t high = MR; high > 0; high = high == MR ? MR / 3 : 0)
      for (int64_t wide = NR<P>; wide > 0; wide = wide == NR<P> ? P::lanes : 0) {
        const int64_t cycles = cyclesOf<P>(most(m, high, rows), most(n, wide, threads / rows), packing);
        if (fewest > 0 && cycles >= fewest) continue;
        fewest = cycles;
        down = rows;
        tall = high;
        broad = wide;
      }
  }
  const int across = threads / down;
  return {share(m, tall, thread / across, down), share(n, broad, thread % across, across)};
}

}  // namespace RP_NS
}  // namespace rp
