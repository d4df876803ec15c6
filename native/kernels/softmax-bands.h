// Softmax and cross-entropy from memory on Intel's cores, part of rows.cc: a row of each of four bands in turn, line by line, lines asked for 2 KiB
// ahead into L1.
//
// A single row at a time, as elsewhere, is a single stream: on Emerald Rapids copying in one stream past the caches stands at 83 % of copying in four,
// softmax of 12288 x 4096 at 84 % with its arithmetic and at 85 % without. Exponentials of several rows do not stay in L1, and the stores that
// bring them back hold up those past the caches: two rows with their exponentials kept 80 %, four 73 to 84 %. So nothing is kept: a row is read again from L2,
// and e^x computed again, 16 instructions a line on two ports beside the 15 cycles that memory takes: 91 % (two lines of a row in turn 89 %, four 88 %, 512 B
// to 4 KiB ahead the same). Cross-entropy of 24576 x 4096: 90 to 96 % of reading; without asking 79 %, into L2 91 %, two lines of a row in turn 94 %, four lines
// of one row 82 %; the loop without arithmetic 102 %.
#pragma once
#include "softmax.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int softmaxBands = 4;
// Rows so short that their ends count, and so long that eight of them would not stay in L2 beside what passes
constexpr int64_t leastBanded = 512, mostBanded = 16384;

// Rows of a band where it is worth it, else 0. An odd number, as bands of a power of two lie in the same sets and banks.
RP_INLINE int64_t bandOfRows(const OpArgs& args, Span rows) {
  const int64_t cols = args.dims[1];
  if (lanes != line || tunedFor() != Cores::intel || cols < leastBanded || cols > mostBanded) return 0;
  if (size_t(args.dims[0]) * size_t(cols) * sizeof(float) < streamedBytes) return 0;
  const int64_t band = (rows.to - rows.from) / softmaxBands;
  return band % 2 == 0 && band >= 512 ? band - 1 : band;
}

// Rows from `from` on, `band` of each band. Softmax is written past the caches, its rows whole lines; loss: finish(row, shift, sum) and nothing written.
template <bool loss, typename Finish>
RP_INLINE void raiseBands(const OpArgs& args, int64_t from, int64_t band, Finish finish) {
  constexpr int R = softmaxBands;
  constexpr int64_t ahead = 32 * line;
  const int64_t cols = args.dims[1], whole = cols / lanes * lanes;
  const float* const x = input(args, 0);
  float* const y = loss ? nullptr : output(args, 0);
  const Powers<false> powers{1.0f};
  float shift[R] = {}, before[R] = {}, inverse[R] = {};  // of the rows that are summed; of those before, which are written
  bool masked = false;  // whether a row was unsound for its -infinity, and the next ones may be
  for (int64_t r = 0; r < band + (loss ? 0 : 1); r++) {
    const bool raises = r < band, divides = !loss && r > 0;
    bool careful = masked;
    RP_STEP(R) {
      before[i] = shift[i];
      shift[i] = raises ? shiftOf(x + (from + i * band + r) * cols, cols, 1.0f) : 0.0f;
      careful = careful || shift[i] != 0 || before[i] != 0;
    }
    f32v total[R] = {};
    const auto lines = [&](auto withShift) __attribute__((always_inline)) {
      constexpr bool careful = decltype(withShift)::value;
      for (int64_t at = 0; at < whole; at += lanes)
        RP_STEP(R) {
          int64_t next = (from + i * band + r) * cols + at;
          asm("" : "+r"(next));  // hidden: no pointer is kept of each row and tensor, there are not registers enough
          if (divides) stream(y + next - cols, powers.at<careful>(x + next - cols, lanes, before[i]) * inverse[i]);
          if (!raises) continue;
          __builtin_prefetch(x + next + ahead, 0, 3);
          total[i] += powers.at<careful>(x + next, lanes, shift[i]);
        }
    };
    if (careful) lines(Yes());
    else lines(No());
    if (!raises) break;
    RP_STEP(R) {
      const int64_t row = from + i * band + r;
      const float* const here = x + row * cols;
      if (whole < cols) total[i] += powers.at<true>(here + whole, int(cols - whole), shift[i]);
      Raised result{shift[i], sumOf(total[i])};
      if (!isSound(result.sum)) {
        result = raiseAgain<false>(here, nullptr, cols, 1.0f);
        masked = true;
      }
      shift[i] = result.shift;
      if (loss) finish(row, result.shift, result.sum);
      else inverse[i] = 1.0f / result.sum;
    }
  }
  drain(!loss);
}

}  // namespace
}  // namespace RP_NS
}  // namespace rp
