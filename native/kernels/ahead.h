// The product of matrices in row-major order whose B L2 does not hold: a block of B that L2 does hold is packed while the one before it is multiplied, and
// each row of tiles passes over the block, so that A is read where it lies, once for a block. All that is not multiplying happens inside of the
// tiles' one loop: a few rows of the next block are copied in each tile, from lines that the tile before asked for. Intel alone; other makers' cores, where
// it was not measured, keep the blocked loop. Emerald Rapids, one thread, the blocked loop and this one in turn, GFLOP/s: 1024^3 in f32 162.7 and 169.8,
// in f64 80.8 and 83.8; 2048^3 166.6 and 169.9, 81.3 and 83.8; 4096^3 166.6 and 168.7, 82.3 and 83.4.
#pragma once
#include "sweep.h"

namespace rp {
namespace RP_NS {

// Columns and steps of a block of B, two of which leave L2 room for what passes. Emerald Rapids, 1024^3 and 2048^3 in f32, GFLOP/s: 169.6 and 170.0 with
// 512 x 256, 169.6 and 170.1 with 1024 x 128, 168.0 and 167.7 with 256 x 512; 1536^3 in f64 84.0 with 384 x 256, 83.3 with 256 x 256.
template <typename P>
constexpr Blocks blocksAhead = {0, 256, sizeof(typename P::Word) == 8 ? 384 : 512};
// From so many rows and steps on: fewer give a tile more lines to ask for than it has turns.
constexpr int64_t fewestAhead = 192;

// Byte offsets of what one turn of a tile does: lines of the next tile of C, of the rows of A below and of the next block of B that it asks for, and a
// vector of that block that it copies.
struct Turn {
  int64_t c, a, b, to;
};
// Turns of a few steps, each of which asks for three lines and copies one. Emerald Rapids: what was asked for between tiles, after C was stored, did not
// come (2048^3 in f32, copying between tiles: 162.8 GFLOP/s asked for there or not, 169.5 where the tile before had asked); copying inside of the tile
// is 0.4 % of 1024^3 in f32 and 0.1 % of 2048^3.
struct Turns {
  static constexpr bool asks = true;
  static constexpr int64_t steps = 8;
  const char *c, *a, *b, *from;
  char* to;
  const Turn* at;
  RP_MEMBER void next() {
    __builtin_prefetch(c + at->c, 1, 2);
    __builtin_prefetch(a + at->a, 0, 2);
    __builtin_prefetch(b + at->b, 0, 2);
    storeAs(to + at->to, loadAs<wordv>(from + at->b));
    at++;
  }
};

// A block of B as it is packed, some rows at a time.
template <typename P, typename PackB>
struct Block {
  typedef typename P::Word Word;
  int64_t jc, nc, pc, kc;
  Word* to;
  int64_t j = 0, p = 0;  // the panel and the row of it that come next
  void pack(const PackB& packB, int64_t rows) {
    while (rows > 0 && j < nc) {
      const int64_t now = least(rows, kc - p);
      packB(jc + j, pc + p, least(NR<P>, nc - j), now, at());
      rows -= now;
      skip(now);
    }
  }
  // whether the next so many rows are whole vectors of one panel
  bool whole(int64_t rows) const { return rows > 0 && p + rows <= kc && j + NR<P> <= nc; }
  Word* at() const { return to + j * kc + p * NR<P>; }
  void skip(int64_t rows) {
    p += rows;
    if (p < kc) return;
    p = 0;
    j += NR<P>;
  }
  int64_t rows() const { return (nc + NR<P> - 1) / NR<P> * kc; }
};

// As product(). A and B are in row-major order.
template <typename P, typename PackA, typename PackB, typename Done>
static inline void productAhead(int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c, int64_t rowC, typename P::Out alpha,
                                bool accumulate, typename P::Word* scratch, Done done) {
  typedef typename P::Word Word;
  constexpr int wide = NR<P>;
  static_assert((MR + 2 * blocksAhead<P>.nc) * blocksAhead<P>.kc * int64_t(sizeof(Word)) <= gemmScratch * 4, "scratch");
  constexpr int64_t size = sizeof(Word), line = 64 / size, across = wide / line, most = blocksAhead<P>.kc / Turns::steps;
  const int64_t nc = evenly(n, blocksAhead<P>.nc, wide), kc = evenly(words, blocksAhead<P>.kc, Turns::steps);
  const int64_t rowA = packA.from.row, rowB = packB.from.column, lie = m % (MR / 3) == 0 ? m : m / MR * MR;
  Word* const packedA = scratch;  // the last rows, where they are an odd number
  Word* const halves[2] = {scratch + MR * kc, scratch + MR * kc + roundUp(nc, wide) * kc};
  const auto blockAt = [&](int64_t jc, int64_t pc, int half) {
    return Block<P, PackB>{jc, least(nc, n - jc), pc, least(kc, words - pc), halves[half]};
  };
  Block<P, PackB> now = blockAt(0, 0, 0);
  now.pack(packB, now.rows());
  for (int half = 1; now.jc < n; half ^= 1) {
    const int64_t depth = now.kc, jc = now.jc, pc = now.pc;
    const bool lastSteps = pc + depth == words, last = lastSteps && jc + now.nc == n;
    Block<P, PackB> next = last ? Block<P, PackB>{n, 0, 0, 0, nullptr} : lastSteps ? blockAt(jc + now.nc, 0, half) : blockAt(jc, pc + depth, half);
    const int64_t panels = (now.nc + wide - 1) / wide, tiles = (m + MR - 1) / MR * panels, rowsEach = (next.rows() + tiles - 1) / tiles;
    const int64_t linesA = ((depth + line - 1) / line + panels - 1) / panels;  // of each row, for a tile
    const bool fits = rowsEach * across <= depth / Turns::steps;
    Turn turns[most], idle[most];
    for (int64_t t = 0; t < depth / Turns::steps; t++) {
      const int64_t ofC = t < MR * across ? t : 0, ofA = t < MR * linesA ? t : 0, ofB = t < rowsEach * across ? t : 0;
      turns[t] = {(ofC / across * rowC + ofC % across * line) * size, (ofA % MR * rowA + ofA / MR * line) * size,
                  (ofB / across * rowB + ofB % across * line) * size, ofB * 64};
      idle[t] = {turns[t].c, turns[t].a, 0, 0};
    }
    const Into into = accumulate || pc > 0 ? Into::add : Into::store;
    if (lie < m) packA(lie, pc, m - lie, depth, packedA);
    int64_t rows = 0;
    for (int64_t i = 0; i < m; i += rows) {
      // A third of a tile reads as much of B as a whole one: rather two of two thirds.
      rows = lie == m && m - i == MR + MR / 3 ? MR / 3 * 2 : least(MR, m - i);
      const bool lowest = i + rows >= m;
      const Word* const belowA = packA.from.data + (lowest ? next.pc : pc + (i + rows) * rowA);
      for (int64_t j = 0; j < now.nc; j += wide) {
        typename P::Out* const to = c + i * rowC + jc + j;
        const typename P::Out* const nextC = j + wide < now.nc ? to + wide : lowest ? c + next.jc : c + (i + rows) * rowC + jc;
        const auto source = [&] { return reinterpret_cast<const char*>(packB.from.data + (next.pc + next.p) * rowB + next.jc + next.j); };
        const int64_t columns = least(wide, now.nc - j);
        const PanelB<P> b = {now.to + j * depth};
        if (i < lie) {
          // a copy of a line on itself where rows of the next block are not copied in the tile
          char* const itself = reinterpret_cast<char*>(scratch);
          Turns asks = {reinterpret_cast<const char*>(nextC), reinterpret_cast<const char*>(belowA + j / wide * linesA * line), nullptr, itself, itself, idle};
          const bool inside = fits && next.whole(rowsEach);
          if (inside) {
            asks.at = turns;
            asks.from = source();
            asks.to = reinterpret_cast<char*>(next.at());
            next.skip(rowsEach);
          }
          asks.b = source();
          tile<P>(depth, RowsA<P>{packA.from.data + i * rowA + pc, rowA}, b, to, rowC, rows, columns, alpha, into, asks);
          if (!inside) next.pack(packB, rowsEach);
        } else {
          NoFetch nothing;
          tile<P>(depth, PanelA<P>{packedA}, b, to, rowC, rows, columns, alpha, into, nothing);
          next.pack(packB, rowsEach);
        }
        if (lastSteps) done(to, rowC, i, jc + j, rows, columns);
      }
    }
    now = next;
    now.j = now.p = 0;
  }
}

}  // namespace RP_NS
}  // namespace rp
