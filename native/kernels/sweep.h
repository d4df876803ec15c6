// The matrix product whose B is small enough for L2: each row of tiles passes over all of B before the next begins, so that the rows of A that it
// reads stay in L1. Neither need be packed, and nothing is asked for ahead.
#pragma once
#include "../core/cores.h"
#include "register-tile.h"

namespace rp {
namespace RP_NS {

// Bytes of L2 that products are made for: this core's, of 256 KiB to 4 MiB, and 1 MiB where it does not say.
constexpr int64_t leastL2 = 1 << 18, mostL2 = 1 << 22;
static inline int64_t ownL2() {
  const int64_t bytes = l2Bytes();
  return bytes <= 0 ? 1 << 20 : bytes < leastL2 ? leastL2 : least(bytes, mostL2);
}
// Bytes of B that are near, half of L2, and bytes that columns of A may span to be read where they lie, an eighth. Emerald Rapids, one thread,
// the blocked loop and this one in turn, shares of the ceiling: 192^3 in f32 0.865 and 0.974, A transposed 0.850 and 0.975, B transposed 0.813 and
// 0.883, 512^3 0.885 and 0.934, eight of 64^3 0.804 and 0.946.
static inline int64_t spanNear() { return ownL2() / 2; }
static inline int64_t spanColumns() { return ownL2() / 8; }
// Steps along k: six rows of A are half of L1 at most.
constexpr int64_t bytesDeep = 4096;
// Rows of A that are packed at a time, where they must be.
constexpr int64_t rowsPacked = 8 * MR;
static_assert(rowsPacked * bytesDeep + mostL2 / 2 + 64 * bytesDeep <= gemmScratch * 4, "rows of A and all of B, filled up to a panel, in scratch memory");

// Columns of B that lie as tiles read them: all but the last few that fill no vector.
template <typename PackB>
static inline bool liesNear(const PackB& b, int64_t words) {
  if constexpr (PackB::words) return b.from.row == 1 && words * b.from.column * int64_t(sizeof *b.from.data) <= spanNear();
  return false;
}

// Bytes of a panel of B that stays in L1 beside rows of A and C.
constexpr int64_t panelNear = 1 << 14;

// Asks for two lines in every turn of a tile, so many bytes on from those before.
struct Along {
  static constexpr bool asks = true;
  static constexpr int64_t steps = 8;
  const char *a, *b;
  int64_t bytesA, bytesB;
  RP_MEMBER void next() {
    __builtin_prefetch(a, 0, 2);
    __builtin_prefetch(b, 0, 2);
    a += bytesA;
    b += bytesB;
  }
};

// As product(), C past the caches, of a small depth: down the rows of A with one panel of B in L1. Lines that wait for memory to take them hold the
// buffers through which L1 is filled, and here a tile fills a tenth of what it would along a row. Emerald Rapids, 96 products of 512 x 512 x 64, one
// thread, in turn: 0.81 and 0.90 of the ceiling, in f64 0.775 and 0.824; into the caches in the same order 0.69 and 0.57.
// What lies behind A is asked for into L2 all along, an A of its size: that of the batch's next product, which else came from memory while its first panel
// of B was passed. So is the next panel of B, a row a tile. The same products 157.6 to 159.7 GFLOP/s, in f64 74.8 to 78.4; A alone 159.4 and 76.4, B alone none.
template <typename P, typename PackA, typename PackB, typename Done>
static inline void sweepDown(int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c, int64_t rowC, typename P::Out alpha,
                             typename P::Word* scratch, Done done) {
  typename P::Word *const packedB = scratch, *const packedA = scratch + NR<P> * words;
  const int64_t lie = m % (MR / 3) == 0 ? m : m / MR * MR;
  if (lie < m) packA(lie, 0, m - lie, words, packedA);
  const int64_t rowB = packB.from.column * int64_t(sizeof *packB.from.data), bytes = m * packA.from.row * int64_t(sizeof *packA.from.data);
  const int64_t turns = words / Along::steps, tiles = (m + MR - 1) / MR * ((n + NR<P> - 1) / NR<P>);
  const bool asks = turns > 0 && bytes <= ownL2() / 4;
  Along next = {reinterpret_cast<const char*>(packA.from.data) + bytes, nullptr, asks ? (bytes + tiles * turns - 1) / (tiles * turns) : 0,
                asks ? 256 / turns : 0};
  for (int64_t j = 0; j < n; j += NR<P>) {
    const int64_t columns = least(NR<P>, n - j);
    packB(j, 0, columns, words, packedB);
    const bool lastPanel = j + columns == n;
    next.b = reinterpret_cast<const char*>(packB.from.data) + (lastPanel ? words * rowB : (j + columns) * int64_t(sizeof *packB.from.data));
    int64_t rows = 0;
    for (int64_t i = 0; i < m; i += rows) {
      rows = i < lie && m - i == MR + MR / 3 ? MR / 3 * 2 : least(MR, m - i);
      const auto from = [&](auto a) { tile<P>(words, a, PanelB<P>{packedB}, c + i * rowC + j, rowC, rows, columns, alpha, Into::stream, next); };
      if (i < lie) from(RowsA<P>{packA.from.data + i * packA.from.row, packA.from.row});
      else from(PanelA<P>{packedA});
      next.a += turns * next.bytesA;
      if (i / MR < words) next.b += rowB;
      done(c + i * rowC + j, rowC, i, j, rows, columns);
    }
  }
}

// As product().
template <typename P, typename PackA, typename PackB, typename Done>
static inline void sweep(int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c, int64_t rowC, typename P::Out alpha,
                         bool accumulate, typename P::Word* scratch, Done done, bool stream) {
  typedef typename P::Word Word;
  constexpr int wide = NR<P>;
  constexpr int64_t size = sizeof(Word);
  if constexpr (PackA::words && PackB::words)
    if (stream && !accumulate && packA.from.column == 1 && wide * words * size <= panelNear)
      return sweepDown<P>(m, n, words, packA, packB, c, rowC, alpha, scratch, done);
  const int64_t mc = evenly(m, rowsPacked, MR), kc = evenly(words, bytesDeep / size, 8);
  const int64_t lie = !liesNear(packB, words) ? 0 : n % P::lanes == 0 ? n : n / wide * wide;
  bool rowsLie = false, columnsLie = false;
  if constexpr (PackA::words) {
    rowsLie = packA.from.column == 1;
    columnsLie = packA.from.row == 1 && words * packA.from.column * size <= spanColumns();
  }
  Word* const packedA = scratch;
  Word* const packedB = scratch + roundUp(mc, MR) * kc;
  NoFetch nothing;
  for (int64_t pc = 0; pc < words; pc += kc) {
    const int64_t depth = least(kc, words - pc);
    const bool last = pc + depth == words;
    const Into into = accumulate || pc > 0 ? Into::add : stream && last ? Into::stream : Into::store;
    if (lie < n) packB(lie, pc, n - lie, depth, packedB);
    for (int64_t ic = 0; ic < m; ic += mc) {
      const int64_t height = least(mc, m - ic), whole = height / MR * MR;
      const int64_t inPlace = columnsLie ? whole : !rowsLie ? 0 : height % (MR / 3) == 0 ? height : whole;
      if (inPlace < height) packA(ic + inPlace, pc, height - inPlace, depth, packedA + inPlace * depth);
      int64_t rows = 0;
      for (int64_t ir = 0; ir < height; ir += rows) {
        // A third of a tile reads as much of B as a whole one: rather two of two thirds, where rows are not packed in whole tiles.
        rows = ir < inPlace && height - ir == MR + MR / 3 ? MR / 3 * 2 : least(MR, height - ir);
        const auto across = [&](auto a) {
          for (int64_t j = 0; j < n; j += wide) {
            typename P::Out* const to = c + (ic + ir) * rowC + j;
            const int64_t columns = least(wide, n - j);
            const auto by = [&](auto b) { tile<P>(depth, a, b, to, rowC, rows, columns, alpha, into, nothing); };
            bool there = false;
            if constexpr (PackB::words)
              if (j < lie) {
                by(LinesB<P>{packB.from.data + j + pc * packB.from.column, packB.from.column});
                there = true;
              }
            if (!there) by(PanelB<P>{packedB + (j - lie) * depth});
            if (last) done(to, rowC, ic + ir, j, rows, columns);
          }
        };
        bool there = false;
        if constexpr (PackA::words)
          if (ir < inPlace) {
            const Word* const from = packA.from.data + (ic + ir) * packA.from.row + pc * packA.from.column;
            if (columnsLie) across(ColumnsA<P>{from, packA.from.column});
            else across(RowsA<P>{from, packA.from.row});
            there = true;
          }
        if (!there) across(PanelA<P>{packedA + ir * depth});
      }
    }
  }
}

}  // namespace RP_NS
}  // namespace rp
