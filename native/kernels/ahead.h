// The product of a matrix in row-major order with a B that L2 does not hold: a block of B that it does hold is packed while the one before it is multiplied,
// and each row of tiles passes over the block, so that A is read where it lies, once for a block. All that is not multiplying happens inside of the
// tiles' one loop: a few rows of the next block are copied in each tile, from lines that the tile before asked for. Intel alone; other makers' cores, where
// it was not measured, keep the blocked loop. Emerald Rapids, one thread, the blocked loop and this one in turn, GFLOP/s: 1024^3 in f32 162.7 and 169.8,
// in f64 80.8 and 83.8; 2048^3 166.6 and 169.9, 81.3 and 83.8; 4096^3 166.6 and 168.7, 82.3 and 83.4. Bytes, whose four rows of a word are turned as they
// are copied: 1024^3 721 and 735 GOP/s, 2048^3 708 and 733. B in column-major order, turned: 1024^3 in f32 162.5 and 165.8 GFLOP/s, in f64 79.5 and 83.3;
// 2048^3 165.2 and 166.3, 80.4 and 83.1.
#pragma once
#include "sweep.h"

namespace rp {
namespace RP_NS {

// Columns and steps of a block of B, two of which take half of an L2 of that size: the model's (src/analysis/tiles.ts, blocksAheadFor). Emerald Rapids, steps x
// columns, GFLOP/s: f32 1024^3 and 2048^3 169.6 and 170.0 with 512 x 256, 169.6 and 170.1 with 1024 x 128, 168.0 and 167.7 with 256 x 512; with 768 x 256 the
// same, but 200 x 4096 x 4096 163.8 to 154.5. f64 1024^3, 2048^3 and 200 x 2048 x 4096 84.2, 84.0 and 79.9 with 512 x 128, 84.1, 84.0 and 69.9 with 384 x 256,
// 83.0 and 82.8 with 336 x 192, 83.5 and 83.1 with 360 x 160. Blocks for 1 MiB (no such core was measured) here: f32 168.9 and 168.1, f64 82.9 and 82.8, and
// the blocked loop, made for 1 MiB too, in the same turns 162.5 and 165.6, 80.0 and 79.3; 4096^3 166.9 and 165.6, in f64 80.1 and 80.6.
constexpr Blocks blocksAhead(int64_t l2, int64_t wordBytes) {
  Blocks block = {0, 1, 1};
  while (8 * block.nc * block.kc * wordBytes <= l2) (block.kc < 4 * block.nc ? block.kc : block.nc) *= 2;
  return block;
}
constexpr bool takes(int64_t l2, int64_t wordBytes, int64_t nc, int64_t kc) {
  const Blocks block = blocksAhead(l2, wordBytes);
  return block.nc == nc && block.kc == kc;
}
static_assert(takes(1024 << 10, 4, 128, 512) && takes(1024 << 10, 8, 128, 256), "Skylake-SP, Cascade Lake");
static_assert(takes(1280 << 10, 4, 128, 512) && takes(1280 << 10, 8, 128, 256), "Ice Lake-SP, Tiger Lake");
static_assert(takes(2048 << 10, 4, 256, 512) && takes(2048 << 10, 8, 128, 512), "Sapphire Rapids, Emerald Rapids");
static_assert(takes(leastL2, 4, 64, 256) && takes(leastL2, 8, 64, 128) && takes(mostL2, 4, 256, 1024) && takes(mostL2, 8, 256, 512), "whole tiles and turns");
// From so many rows and steps on: fewer give a tile more lines to ask for than it has turns. Bytes are packed in the other loops, too, which the one gains
// on from fewer steps on: 512^3 702 and 723 GOP/s, 1024 x 1024 x 384 the same.
constexpr int64_t fewestAhead = 192;
// Where B is turned, too, four steps at a time: with fewer rows a tile would have eight to turn.
constexpr int64_t fewestTurned = 768;
template <typename P>
constexpr int64_t fewestSteps = P::group == 1 ? fewestAhead : 128;

// Byte offsets of what one turn of a tile does: lines of the next tile of C, of the rows of A below and of the next block of B that it asks for, and
// where a vector of that block is made from and goes.
struct Turn {
  int64_t c, a, b, from, to;
};
constexpr int64_t stepsOfTurn = 8;
// Turns of a few steps, each of which asks for three lines and makes a vector. Emerald Rapids: what was asked for between tiles, after C was stored, did not
// come (2048^3 in f32, copying between tiles: 162.8 GFLOP/s asked for there or not, 169.5 where the tile before had asked); copying inside of the tile
// is 0.4 % of 1024^3 in f32 and 0.1 % of 2048^3.
template <typename PackB>
struct Turns {
  static constexpr bool asks = true;
  static constexpr int64_t steps = stepsOfTurn;
  const char *c, *a, *b, *from;
  char* to;
  const Turn* at;
  int64_t rowB;  // bytes
  RP_MEMBER void next() {
    __builtin_prefetch(c + at->c, 1, 2);
    __builtin_prefetch(a + at->a, 0, 2);
    PackB::ask(b + at->b, rowB);
    PackB::copy(from + at->from, rowB, to, at->to);
    at++;
  }
};

// A block of B as it is packed, some rows at a time.
template <typename P, typename PackB>
struct Block {
  typedef typename P::Word Word;
  int64_t jc, nc, pc, kc, full;  // `full` of the kc words lie in B from end to end
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
  // whether the next so many rows are whole vectors of one panel, and whole words
  bool whole(int64_t rows) const { return rows > 0 && p + rows <= full && j + NR<P> <= nc; }
  Word* at() const { return to + j * kc + p * NR<P>; }
  void skip(int64_t rows) {
    p += rows;
    if (p < kc) return;
    p = 0;
    j += NR<P>;
  }
  int64_t rows() const { return (nc + NR<P> - 1) / NR<P> * kc; }
};

// As product(). A is in row-major order, its words lie in its rows, and the last row is packed where its last word would be read past its end. How B lies
// is for PackB to know: a turn's PackB::copy() turns what is not in the order of panels.
template <typename P, typename PackA, typename PackB, typename Done>
static inline void productAhead(int64_t m, int64_t n, int64_t words, PackA packA, PackB packB, typename P::Out* c, int64_t rowC, typename P::Out alpha,
                                bool accumulate, typename P::Word* scratch, Done done) {
  typedef typename P::Word Word;
  constexpr int wide = NR<P>;
  constexpr int64_t size = sizeof(Word), line = 64 / size, across = wide / line, mostSteps = blocksAhead(mostL2, size).kc, most = mostSteps / stepsOfTurn;
  static_assert(mostL2 / 2 + MR * mostSteps * size <= gemmScratch * 4, "two blocks and a panel of A in scratch memory");
  const Blocks by = blocksAhead(ownL2(), size);
  const int64_t nc = evenly(n, by.nc, wide), kc = evenly(words, by.kc, stepsOfTurn);
  constexpr int64_t bytesA = sizeof(typename PackA::Element), bytesB = sizeof(typename PackB::Element);
  const int64_t rowA = packA.from.row, stepB = packB.from.column * P::group, rowBytes = packB.pitch() * bytesB;
  const int64_t unitBytes = PackB::steps * stepB * bytesB;
  const int64_t lie = packA.full(words) < words ? (m - 1) / MR * MR : m % (MR / 3) == 0 ? m : m / MR * MR;
  Word* const packedA = scratch;  // the last rows, where they are an odd number
  Word* const halves[2] = {scratch + MR * kc, scratch + MR * kc + roundUp(nc, wide) * kc};
  const auto blockAt = [&](int64_t jc, int64_t pc, int half) {
    const int64_t depth = least(kc, words - pc);
    return Block<P, PackB>{jc, least(nc, n - jc), pc, depth, least(depth, packB.full(words) - pc), halves[half]};
  };
  Block<P, PackB> now = blockAt(0, 0, 0);
  now.pack(packB, now.rows());
  for (int half = 1; now.jc < n; half ^= 1) {
    const int64_t depth = now.kc, jc = now.jc, pc = now.pc;
    const bool lastSteps = pc + depth == words, last = lastSteps && jc + now.nc == n;
    Block<P, PackB> next = last ? Block<P, PackB>{n, 0, 0, 0, 0, nullptr} : lastSteps ? blockAt(jc + now.nc, 0, half) : blockAt(jc, pc + depth, half);
    const int64_t panels = (now.nc + wide - 1) / wide, tiles = (m + MR - 1) / MR * panels;
    const int64_t rowsEach = roundUp((next.rows() + tiles - 1) / tiles, PackB::steps), units = rowsEach / PackB::steps;
    const int64_t linesA = ((depth + line - 1) / line + panels - 1) / panels;  // of each row, for a tile
    const bool fits = units * across <= depth / stepsOfTurn;
    Turn turns[most], idle[most];
    for (int64_t t = 0; t < depth / stepsOfTurn; t++) {
      const bool makes = t < units * across, asks = t < units * PackB::asks;
      const int64_t ofC = t < MR * across ? t : 0, ofA = t < MR * linesA ? t : 0, ofB = makes ? t : 0, ask = asks ? t : 0;
      turns[t] = {(ofC / across * rowC + ofC % across * line) * size, ofA % MR * rowA * bytesA + ofA / MR * 64,
                  ask / PackB::asks * unitBytes + PackB::lineOf(ask % PackB::asks, rowBytes),
                  ofB / across * unitBytes + PackB::sourceOf(ofB % across, rowBytes),
                  makes ? (ofB / across * PackB::steps * across + ofB % across) * 64 : PackB::nothing};
      idle[t] = {turns[t].c, turns[t].a, 0, 0, PackB::nothing};
    }
    const Into into = accumulate || pc > 0 ? Into::add : Into::store;
    if (lie < m) packA(lie, pc, m - lie, depth, packedA);
    int64_t rows = 0;
    for (int64_t i = 0; i < m; i += rows) {
      // A third of a tile reads as much of B as a whole one: rather two of two thirds.
      rows = lie == m && m - i == MR + MR / 3 ? MR / 3 * 2 : least(MR, m - i);
      const bool lowest = i + rows >= m;
      const auto* const belowA = packA.from.data + (lowest ? next.pc : pc) * P::group + (lowest ? 0 : (i + rows) * rowA);
      for (int64_t j = 0; j < now.nc; j += wide) {
        typename P::Out* const to = c + i * rowC + jc + j;
        const typename P::Out* const nextC = j + wide < now.nc ? to + wide : lowest ? c + next.jc : c + (i + rows) * rowC + jc;
        const auto source = [&] {
          return reinterpret_cast<const char*>(packB.from.data + (next.pc + next.p) * stepB + (next.jc + next.j) * packB.from.row);
        };
        const int64_t columns = least(wide, now.nc - j);
        const PanelB<P> b = {now.to + j * depth};
        if (i < lie) {
          // a copy of a line on itself, or none, where rows of the next block are not copied in the tile
          char* const itself = reinterpret_cast<char*>(scratch);
          const char* const linesBelow = reinterpret_cast<const char*>(belowA) + j / wide * linesA * 64;
          Turns<PackB> asks = {reinterpret_cast<const char*>(nextC), linesBelow, nullptr, itself, itself, idle, rowBytes};
          const bool inside = fits && next.whole(rowsEach);
          if (inside) {
            asks.at = turns;
            asks.from = source();
            asks.to = reinterpret_cast<char*>(next.at());
            next.skip(rowsEach);
          }
          asks.b = source();
          tile<P>(depth, RowsA<P, typename PackA::Element>{packA.from.data + i * rowA + pc * P::group, rowA}, b, to, rowC, rows, columns, alpha, into, asks);
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
