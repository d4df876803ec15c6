// Masked softmax from memory on Intel's cores, part of rows.cc: of a block, one row from its beginning on and one from its end, which together keep as
// many lines as one row has, beside the same two of another block.
//
// Of a row that keeps less than it stores, the loads come first and then zeros alone, and neither a copy (26 GB/s on Emerald Rapids) nor stores alone
// (24) move what one load to two stores do (28 to 30). Loops without arithmetic, of that mix as the probe has it, 32768 x 2048: rows two at a time as
// elsewhere 77 to 79 %, with what they ask for ahead 82, opposite rows with a line read for two written 84 to 87. Two pairs of rows are best: one 76, eight
// lines or sixteen in turn 80 to 84, from the ends of rows down 78. What is left is the beginning of a page (a row of 8 KiB is two): the first 16, 32, 48 and
// 64 lines of a row, and twice as many stored, take 144, 252, 343 and 455 ns, which is 40 ns, six lines, and 6.5 ns a line. Reading alone it is one.
//
// Exponentials are kept in L1, where those of the next rows take the places that were just written: nothing kept and e^x computed again is 1 % slower. The
// first four lines of the rows after the next are asked for, which brings 1 to 2 %; every line asked for 256 or 512 B ahead costs 4 to 6. Old and new builds
// in turn by `perf bench`, 19:11 to 19:13 UTC, 2026-11-22: 9 x 4096 rows of 4096 45.0 and 41.2 ms, 16 x 3072 of 3072 41.3 and 40.0, 24 x 2560 of 2560 the
// same, 36 x 2048 of 2048 41.0 and 43.3 and on two threads 21.5 and 23.4 (a harness of its own had 5 % in favour there). Of 1024 the same, of 512 a quarter slower.
#pragma once
#include "softmax.h"

namespace rp {
namespace RP_NS {
namespace {

// Rows of a share in whole pairs of blocks, from the first that begins in it; none where this is not worth it, or exponentials do not stay in L1.
RP_INLINE Span pairsOfBlocks(const OpArgs& args, Span rows) {
  const int64_t cols = args.dims[1];
  const Span none{rows.from, rows.from};
  if (tunedFor() != Cores::intel || cols % line != 0 || cols < 3072 || cols > 4096) return none;
  const int64_t from = (rows.from + cols - 1) / cols * cols;
  if (from >= rows.to) return none;
  return {from, from + (rows.to - from) / (2 * cols) * (2 * cols)};
}

template <bool scaled>
struct TriangleRows {
  static constexpr int blocks = 2;
  // One of the two rows of a block
  struct Row {
    const float* x;
    float *y, *e;  // `e`: its whole lines in scratch
    float shift, inverse;
  };
  struct Step {
    int64_t full[2], rest[2];  // whole lines that are kept of both rows, and elements of the next
    Row row[blocks][2];
    bool shifted, unsound;
  };

  const float* x;
  float *y, *scratch;
  int64_t cols, apart;
  float factor;

  // The lines of both rows follow one another; the two that are kept in part have places of their own behind.
  RP_MEMBER float* place(int b) const { return scratch + b * (cols + 11 * line); }
  RP_MEMBER float* edge(int b, int k) const { return place(b) + cols + k * line; }

  RP_MEMBER Step stepAt(int64_t s) const {
    Step step{};
    const int64_t half = cols / 2, at = s % half, first = s / half * cols;
    const int64_t rows[2] = {first + at, first + cols - 1 - at}, kept[2] = {at + 1, cols - at};
    for (int k = 0; k < 2; k++) step.full[k] = kept[k] / line, step.rest[k] = kept[k] % line;
    for (int b = 0; b < blocks; b++)
      for (int k = 0; k < 2; k++) {
        const int64_t from = (b * apart + rows[k]) * cols;
        RP_UNROLL for (int i = 0; i < 4; i++) __builtin_prefetch(x + from + (k == 0 ? cols : -cols) + i * line, 0, 2);
        const float shift = shiftOf(x + from, kept[k], factor);
        step.row[b][k] = {x + from, y + from, place(b) + k * step.full[0] * line, shift, 0};
        step.shifted = step.shifted || shift != 0;
      }
    return step;
  }

  RP_MEMBER Powers<scaled> powers() const { return {factor}; }
  RP_MEMBER f32v raiseLine(const Row& row, int64_t t) const {
    const f32v v = powers().template at<true>(row.x + t * line, lanes, row.shift);
    store(row.e + t * line, v);
    return v;
  }
  RP_MEMBER f32v raiseEdge(const Step& step, int b, int k) const {
    const Row& row = step.row[b][k];
    const f32v v = powers().template at<true>(row.x + step.full[k] * line, int(step.rest[k]), row.shift);
    store(edge(b, k), v);
    return v;
  }
  RP_MEMBER void divideLine(const Step& step, int b, int k, int64_t t) const {
    const Row& row = step.row[b][k];
    const bool whole = t < step.full[k], part = t == step.full[k] && step.rest[k] > 0;
    stream(row.y + t * line, whole || part ? load(whole ? row.e + t * line : edge(b, k)) * splat(row.inverse) : splat(0.0f));
  }

  // Lines [from, to): of both rows of `old`, the first and the second of which are kept there or 0, and of what row k of `next` keeps.
  template <bool careful, bool first, bool second>
  RP_MEMBER void lines(const Step& old, const Step& next, int k, int64_t from, int64_t to, f32v (&sums)[blocks]) const {
    const int64_t behind = k * next.full[0] * line;
    f32v sum[blocks];
    RP_STEP(blocks) sum[i] = sums[i];
    for (int64_t at = from * line; at < to * line; at += line) RP_STEP(blocks) {
      const Row &a = old.row[i][0], &b = old.row[i][1];
      stream(a.y + at, first ? load(a.e + at) * splat(a.inverse) : splat(0.0f));
      stream(b.y + at, second ? load(b.e + at) * splat(b.inverse) : splat(0.0f));
      const Row& row = next.row[i][k];
      const f32v v = powers().template at<careful>(row.x + at - behind, lanes, row.shift);
      store(row.e + at - behind, v);
      sum[i] += v;
    }
    RP_STEP(blocks) sums[i] = sum[i];
  }

  __attribute__((noinline)) void raiseAgainAt(Step& step, int b, int k, float& sum) const {
    Row& row = step.row[b][k];
    const Raised result = raiseAgain<false>(row.x, nullptr, step.full[k] * line + step.rest[k], factor);
    row.shift = result.shift;
    sum = result.sum;
    for (int64_t t = 0; t < step.full[k]; t++) raiseLine(row, t);
    raiseEdge(step, b, k);
    step.unsound = true;
  }

  template <bool careful>
  RP_MEMBER void turn(const Step* old, Step* next) const {
    const int64_t all = cols / line, raised = next ? next->full[0] + next->full[1] : 0;
    f32v sum[2][blocks] = {};
    for (int64_t t = 0; t < all;) {
      const int k = next && t >= next->full[0];
      if (!old || !next || t == old->full[0] || t == old->full[1] || t == all - 1) {
        RP_STEP(blocks) {
          if (old) divideLine(*old, i, 0, t), divideLine(*old, i, 1, t);
          if (t < raised) sum[k][i] += raiseLine(next->row[i][k], t - k * next->full[0]);
        }
        t++;
        continue;
      }
      int64_t to = all - 1;
      const int64_t edges[] = {old->full[0], old->full[1], next->full[0]};
      for (const int64_t each : edges)
        if (each > t && each < to) to = each;
      if (t < old->full[0]) lines<careful, true, true>(*old, *next, k, t, to, sum[k]);
      else if (t < old->full[1]) lines<careful, false, true>(*old, *next, k, t, to, sum[k]);
      else lines<careful, false, false>(*old, *next, k, t, to, sum[k]);
      t = to;
    }
    if (!next) return;
    for (int b = 0; b < blocks; b++)
      for (int k = 0; k < 2; k++) {
        float total = sumOf(sum[k][b] + raiseEdge(*next, b, k));
        if (!isSound(total)) raiseAgainAt(*next, b, k, total);
        next->row[b][k].inverse = 1.0f / total;
      }
  }

  void all() const {
    Step two[2];
    const int64_t steps = apart / 2;
    bool masked = false;  // whether a row was unsound for its -infinity, and the next ones may be
    for (int64_t s = 0; s <= steps; s++) {
      Step* const next = s < steps ? &two[s % 2] : nullptr;
      const Step* const old = s > 0 ? &two[(s + 1) % 2] : nullptr;
      if (next) *next = stepAt(s);
      if (next && (next->shifted || masked)) turn<true>(old, next);
      else turn<false>(old, next);
      masked = masked || (next && next->unsound);
    }
    drain(true);
  }
};

}  // namespace
}  // namespace RP_NS
}  // namespace rp
