// Masked softmax from memory on Intel's cores, part of rows.cc: of a block, one row from its beginning on and one from its end, which together keep as
// many lines as one row has and one more, beside the same two of one or two other blocks.
//
// Of a row that keeps less than it stores, the loads come first and then zeros alone, and neither a copy (26 GB/s on Emerald Rapids) nor stores alone
// (24) move what one load to two stores do (28 to 30). Loops without arithmetic, 36 x 2048 x 2048 in turn, share of that mix: rows two at a time as
// elsewhere 78 %, opposite rows with a line read for two written 86; with x beginning 54 lines into a page, as `perf bench` has it, 75 and 82. The rest is
// what a core fetches by itself: behind the last line of a row that ends inside of a page some 16 lines come that nobody reads, behind a page's last line
// 7 of the next, and of a page that nothing led to the first six lines hold fill buffers that stores wait for. Asked for ahead into L1 or L2 they hold
// them as long: 79 to 85 %; both ends of a row, downwards, or prefetchnta for the last lines, which trains nothing, 70 to 86.
//
// Exponentials are kept in L1, where those of the next rows take the places that were just written: each line has its place, rows' ends are masks, and
// nothing but the lines of three tensors is touched, since beside x some 32 KiB are all that stays (an all-zero mask is a load none the less). Old and new
// in turn, best of 13: 36 x 2048 (three blocks) 40.9 and 39.1 ms (two 39.8), 12 x 4096 (two) 53.2 and 50.6. Of 1024 columns 42.2 and 45 to 46.
#pragma once
#include "softmax.h"

namespace rp {
namespace RP_NS {
namespace {

#if defined(RP_ISA_AVX512)

// The first `steps` pairs of rows, of whole blocks, of each of `blocks` parts, `apart` elements from one another.
template <bool scaled, int blocks>
struct TriangleRows {
  struct Step {
    int64_t row[2], kept[2];  // where both rows begin in their part, and how much they keep
    int64_t lines;            // of the first, the last in part
    float shift[2][blocks], inverse[2][blocks];
    bool careful;
  };

  const float* x;
  float *y, *scratch;
  int64_t cols, apart, steps;
  float factor;
  const int64_t pitch = cols + line;

  RP_MEMBER void begin(Step& step, int64_t s, bool masked) const {
    const int64_t half = cols / 2, at = s % half, first = s / half * cols;
    step.row[0] = (first + at) * cols, step.row[1] = (first + cols - 1 - at) * cols;
    step.kept[0] = at + 1, step.kept[1] = cols - at;
    step.lines = at / line + 1;
    step.careful = masked;
    for (int k = 0; k < 2; k++)
      for (int b = 0; b < blocks; b++) {
        step.shift[k][b] = shiftOf(x + b * apart + step.row[k], step.kept[k], factor);
        step.careful = step.careful || step.shift[k][b] != 0;
      }
  }

  // Lines [from, to) of both rows of `old`, and of those that row k of `next` keeps, the second's behind the first's.
  template <bool careful, bool divides, bool raises>
  RP_MEMBER void lines(const Powers<scaled>& powers, const Step& old, const Step& next, int k, int64_t from, int64_t to, f32v (&sums)[blocks]) const {
    const auto all = [](int64_t n) __attribute__((always_inline)) { return _mm512_set1_epi32(int(n)); };
    const int64_t behind = k == 0 ? 0 : next.lines * line;
    const float *const in = x + next.row[k] - behind, *const second = scratch + old.lines * line;
    float *const upper = y + old.row[0], *const lower = y + old.row[1];
    const int64_t lastUpper = (old.kept[0] - 1) / line * line, lastLower = (old.kept[1] - 1) / line * line;
    // whole lines, in which exponentials behind the mask are 0: elsewhere, too, these are NaN where a row is, and those of other lines are not
    const __m512i keptUpper = all(lastUpper + line), keptLower = all(lastLower + line), kept = all(next.kept[k] + behind);
    __m512i column = _mm512_add_epi32(all(from * line), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    f32v sum[blocks], shift[blocks], inverse[2][blocks];
    RP_STEP(blocks) sum[i] = sums[i], shift[i] = splat(next.shift[k][i]), inverse[0][i] = splat(old.inverse[0][i]), inverse[1][i] = splat(old.inverse[1][i]);
    for (int64_t at = from * line; at < to * line; at += line) {
      const __mmask16 inUpper = _mm512_cmplt_epi32_mask(column, keptUpper), inLower = _mm512_cmplt_epi32_mask(column, keptLower);
      const __mmask16 inNext = _mm512_cmplt_epi32_mask(column, kept);
      column = _mm512_add_epi32(column, all(line));
      f32v v[blocks];
      if (raises) RP_STEP(blocks) {
        v[i] = load(in + i * apart + at);
        if (careful) v[i] = v[i] - shift[i];
      }
      if (divides) {
        const float *const a = scratch + least(at, lastUpper), *const b = second + least(at, lastLower);
        RP_STEP(blocks) {
          stream(upper + i * apart + at, f32v(_mm512_maskz_mul_ps(inUpper, __m512(load(a + i * pitch)), __m512(inverse[0][i]))));
          stream(lower + i * apart + at, f32v(_mm512_maskz_mul_ps(inLower, __m512(load(b + i * pitch)), __m512(inverse[1][i]))));
        }
      }
      if (raises) {
        powers.template of<careful>(v);
        RP_STEP(blocks) {
          v[i] = f32v(_mm512_maskz_mov_ps(inNext, __m512(v[i])));
          store(scratch + i * pitch + at, v[i]);
          sum[i] += v[i];
        }
      }
    }
    RP_STEP(blocks) sums[i] = sum[i];
  }

  // Divides the rows of `old` and raises those of `next`; whether the shift of one of these was wrong.
  template <bool careful, bool divides>
  RP_MEMBER bool turn(const Powers<scaled>& powers, const Step& old, Step& next) const {
    const int64_t all = cols / line;
    f32v sum[2][blocks] = {};
    lines<careful, divides, true>(powers, old, next, 0, 0, next.lines, sum[0]);
    lines<careful, divides, true>(powers, old, next, 1, next.lines, all, sum[1]);
    lines<careful, false, true>(powers, old, next, 1, all, all + 1, sum[1]);
    bool unsound = false;
    for (int k = 0; k < 2; k++)
      for (int b = 0; b < blocks; b++) {
        float total = sumOf(sum[k][b]);
        if (!isSound(total)) {
          float* const e = scratch + b * pitch + (k == 0 ? 0 : next.lines * line);
          total = raiseAgain<true>(x + b * apart + next.row[k], e, next.kept[k], factor).sum;
          unsound = true;
        }
        next.inverse[k][b] = 1.0f / total;
      }
    return unsound;
  }

  void all() const {
    const Powers<scaled> powers{factor};
    Step two[2] = {};
    begin(two[0], 0, false);
    bool masked = turn<true, false>(powers, two[1], two[0]);  // whether a row was unsound for its -infinity, and the next ones may be
    for (int64_t s = 1; s < steps; s++) {
      Step &old = two[(s + 1) % 2], &next = two[s % 2];
      begin(next, s, masked);
      masked = (next.careful ? turn<true, true>(powers, old, next) : turn<false, true>(powers, old, next)) || masked;
    }
    const Step& last = two[(steps + 1) % 2];
    f32v none[blocks] = {};
    lines<false, true, false>(powers, last, last, 0, 0, cols / line, none);
    drain(true);
  }
};

// Whole blocks of rows that begin with one, as many as can go together, `blocks` at a time; returns the first row that they leave.
template <bool scaled, int blocks>
RP_INLINE int64_t trianglesOf(const OpArgs& args, int64_t from, int64_t to, float factor) {
  const int64_t cols = args.dims[1], each = (to - from) / (blocks * cols) * cols;
  if (each <= 0) return from;
  const float* const x = input(args, 0) + from * cols;
  TriangleRows<scaled, blocks>{x, output(args, 0) + from * cols, args.scratch, cols, each * cols, each / 2, factor}.all();
  return from + blocks * each;
}

#endif

}  // namespace
}  // namespace RP_NS
}  // namespace rp
