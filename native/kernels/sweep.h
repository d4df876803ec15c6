// The matrix product whose B is small enough for L2: each row of tiles passes over all of B before the next begins, so that the rows of A that it
// reads stay in L1. Neither need be packed, and nothing is asked for ahead.
#pragma once
#include "register-tile.h"

namespace rp {
namespace RP_NS {

// Equal parts of at most `most`, in multiples of `grain`: 1030 in parts of 512 are 344 each and not 512, 512 and 6.
static inline int64_t evenly(int64_t total, int64_t most, int64_t grain) {
  const int64_t parts = (total + most - 1) / most;
  return parts <= 1 ? total : least(most, roundUp((total + parts - 1) / parts, grain));
}

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

// As product().
template <typename P, typename PackA, typename PackB, typename Done>
static inline void sweep(int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c, int64_t rowC, typename P::Out alpha,
                         bool accumulate, typename P::Word* scratch, Done done, bool stream) {
  typedef typename P::Word Word;
  constexpr int wide = NR<P>;
  constexpr int64_t size = sizeof(Word);
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
