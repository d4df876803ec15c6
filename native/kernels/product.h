// The blocked matrix product behind every kernel of matrix products: loops over blocks that the caches hold, of panels (panels.h) that a
// register tile reads (register-tile.h), and each thread's share.
#pragma once
#include <type_traits>

#include "../core/cores.h"
#include "ahead.h"
#include "families.h"
#include "few-rows.h"
#include "sweep.h"

namespace rp {
namespace RP_NS {

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
static inline void blocked(const Blocks& most, int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c,
                           int64_t rowC, typename P::Out alpha, bool accumulate, typename P::Word* scratch, Done done = {},
                           bool stream = false) {
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
      const bool last = pc + kc == words;
      const Into into = accumulate || pc > 0 ? Into::add : stream && last ? Into::stream : Into::store;
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
                                 columns, alpha, into, fetch);
              tile<P>(kc, a, PanelB<P>{panel}, to, rowC, rows, columns, alpha, into, fetch);
            };
            bool there = false;
            if constexpr (PackA::words)
              if (ir < inPlace) {
                from(RowsA<P>{packA.from.data + (ic + ir) * packA.from.row + pc, packA.from.row});
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

// The same in blocks of our own choice.
template <typename P, typename PackA, typename PackB, typename Done = NothingMore>
static inline void product(int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c, int64_t rowC,
                           typename P::Out alpha, bool accumulate, typename P::Word* scratch, Done done = {}, bool stream = false) {
#if defined(RP_ISA_AVX512)
  // Zen 4, one thread, in turn with the blocked loop: B packed ahead 2048^3 f32 5 and f64 6 % slower, bytes and B transposed the same; near, 192^3 f32
  // and f64 3 to 4 % faster and bytes 1 % slower (A transposed 5); few rows 16 x 6144 x 4096 in 8.2 ms for 10.8.
  if (words > 0) {
    const bool intel = tunedFor() == Cores::intel;
    const int64_t bytes = words * n * int64_t(sizeof *scratch);
    const bool near = liesNear(packB, words) || bytes <= spanNear();
    if constexpr (PackA::ahead && PackB::ahead)
      if (intel && packA.from.column == 1 && packB.from.row == 1 && m >= fewestAhead && words >= fewestSteps<P> && !stream && !(near && PackB::words))
        return productAhead<P>(m, n, words, packA, packB, c, rowC, alpha, accumulate, scratch, done);
    if constexpr (PackA::words && PackB::words)
      if (intel && packA.from.column == 1 && packB.from.column == 1 && m >= fewestTurned && words >= 2 * fewestAhead && !stream && !near)
        return productAhead<P>(m, n, words, packA, PackTurned<typename P::Word, NR<P>>{packB}, c, rowC, alpha, accumulate, scratch, done);
    if (near && (intel || !std::is_integral<typename P::Out>::value))
      return sweep<P>(m, n, words, packA, packB, c, rowC, alpha, accumulate, scratch, done, stream);
    if constexpr (PackA::words && PackB::words && sizeof *scratch == sizeof(float))
      if (areFew(m, bytes) && packB.from.row == 1 && alpha == 1)
        return productOfFewRows(m, n, words, packA.from, packB.from.data, packB.from.column, c, rowC, accumulate, scratch, done);
  }
#endif
  blocked<P>(sizeof *scratch == 8 ? blocksF64 : blocksF32, m, n, words, packA, packB, c, rowC, alpha, accumulate, scratch, done, stream);
}

// Whether C goes past the caches: none would hold it, and the lines of every tile are whole. Emerald Rapids, 96 products of 512 x 512 x 64, one
// thread: 123 to 130 GFLOP/s in f32, 54 to 63 in f64. Zen 4: 103 to 107, 49 to 53; of bytes 17.9 ms to 9.0.
template <typename P>
static inline bool isFar(const typename P::Out* c, int64_t count, int64_t n) {
  constexpr int64_t perLine = 64 / sizeof *c;
  return size_t(count) * sizeof *c >= streamedBytes && NR<P> % perLine == 0 &&
         reinterpret_cast<uintptr_t>(c) % 64 == 0 && n % perLine == 0;
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
