// The matrix product whose B is small enough for L2: each row of tiles passes over all of B before the next begins, so that the rows of A that it
// reads stay in L1. Neither need be packed, and nothing is asked for ahead.
#pragma once
#include "register-tile.h"

namespace rp {
namespace RP_NS {

// Bytes of B that are near, half of Emerald Rapids' L2, and bytes that columns of A may span to be read where they lie. Emerald Rapids, one thread,
// the blocked loop and this one in turn, shares of the ceiling: 192^3 in f32 0.865 and 0.974, A transposed 0.850 and 0.975, B transposed 0.813 and
// 0.883, 512^3 0.885 and 0.934, eight of 64^3 0.804 and 0.946.
constexpr int64_t spanNear = 1 << 20, spanColumns = 1 << 18;
// Steps along k: six rows of A are half of L1 at most.
constexpr int64_t bytesDeep = 4096;
// Rows of A that are packed at a time, where they must be.
constexpr int64_t rowsPacked = 8 * MR;

// Columns of B that lie as tiles read them: all but the last few that fill no vector.
template <typename PackB>
static inline bool liesNear(const PackB& b, int64_t words) {
  if constexpr (PackB::words) return b.from.row == 1 && words * b.from.column * int64_t(sizeof *b.from.data) <= spanNear;
  return false;
}

// Bytes of a panel of B that stays in L1 beside rows of A and C.
constexpr int64_t panelNear = 1 << 14;

// As product(), C past the caches, of a small depth: down the rows of A with one panel of B in L1. Lines that wait for memory to take them hold the
// buffers through which L1 is filled, and here a tile fills a tenth of what it would along a row. Emerald Rapids, 96 products of 512 x 512 x 64, one
// thread, in turn: 0.81 and 0.90 of the ceiling, in f64 0.775 and 0.824; into the caches in the same order 0.69 and 0.57.
template <typename P, typename PackA, typename PackB, typename Done>
static inline void sweepDown(int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c, int64_t rowC, typename P::Out alpha,
                             typename P::Word* scratch, Done done) {
  typename P::Word *const packedB = scratch, *const packedA = scratch + NR<P> * words;
  const int64_t lie = m % (MR / 3) == 0 ? m : m / MR * MR;
  if (lie < m) packA(lie, 0, m - lie, words, packedA);
  NoFetch nothing;
  for (int64_t j = 0; j < n; j += NR<P>) {
    const int64_t columns = least(NR<P>, n - j);
    packB(j, 0, columns, words, packedB);
    int64_t rows = 0;
    for (int64_t i = 0; i < m; i += rows) {
      rows = i < lie && m - i == MR + MR / 3 ? MR / 3 * 2 : least(MR, m - i);
      const auto from = [&](auto a) { tile<P>(words, a, PanelB<P>{packedB}, c + i * rowC + j, rowC, rows, columns, alpha, Into::stream, nothing); };
      if (i < lie) from(RowsA<P>{packA.from.data + i * packA.from.row, packA.from.row});
      else from(PanelA<P>{packedA});
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
    columnsLie = packA.from.row == 1 && words * packA.from.column * size <= spanColumns;
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
