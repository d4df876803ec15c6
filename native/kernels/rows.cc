// Softmax and what is made of it. dims: rows, cols.
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

const float infinity = __builtin_inff();

// A row is e^(x - shift) for a shift near its largest value, divided by the sum: any shift gives the same, as long as nothing overflows
// and the differences keep their bits. The largest of the first columns is a guess that can be had without reading the row twice; where
// the row's own maximum lies more than `near` above it, the row is taken again.
constexpr float near = 16;
// Guesses begin here and not at -infinity, so that -infinity less a guess is -infinity and not NaN.
constexpr float lowest = -3.4028235e38f;

// Exponentials of row r, and the division of a row before it, in one loop: the exponentials run while memory takes lines. Those of a row
// that is streamed wait in scratch, where the next row's take the place of what was just divided: a row of 16 KB stays in L1. Regular
// stores that miss L1 must not stand between stores past the caches: with four rows in turn the same loop took twice the time.
// loss: exponentials are not kept, and finish(row, shift, sum) gets their sum. scaled: factor is not 1, and positive.
template <bool far, bool loss, bool scaled, typename Kept, typename Finish>
RP_INLINE void softmaxRows(const OpArgs& args, Span rows, float factor, Kept keptOf, Finish finish) {
  const int64_t cols = args.dims[1];
  if (rows.from >= rows.to || cols == 0) return;
  const float* x = input(args, 0);
  float* y = loss ? nullptr : output(args, 0);
  constexpr int step = inStep;
  // short rows are divided two rows later, so that nothing waits for the end of a sum
  const int behind = loss ? 0 : cols <= 1024 ? 2 : 1;
  const int64_t stride = (cols + line - 1) / line * line + 9 * line;
  const auto rowOf = [=](int64_t r) __attribute__((always_inline)) { return far ? args.scratch + r % behind * stride : y + r * cols; };
  const bool distant = size_t(args.dims[0]) * size_t(cols) * sizeof(float) >= streamedBytes;
  const int64_t distance = cols < 4096 ? cols : 4096;
  const auto guess = [&](int64_t r) __attribute__((always_inline)) {
    const int64_t kept = keptOf(r);
    const float* const from = x + r * cols;
    f32v most[2] = {splat(lowest), splat(lowest)};
    if (kept >= step * lanes) RP_STEP(step) most[i % 2] = max(load(from + i * lanes), most[i % 2]);
    else
      for (int64_t at = 0; at < kept; at += lanes)
        most[0] = max(take(from + at, at + lanes <= kept ? lanes : int(kept - at), lowest), most[0]);
    return maxOf(max(most[0], most[1])) * (scaled ? factor : 1.0f);
  };
  float shift = guess(rows.from), inverses[2] = {};
  for (int64_t r = rows.from; r < rows.to + behind; r++) {
    const bool raises = r < rows.to, divides = !loss && r - behind >= rows.from;
    const int64_t raised = raises ? keptOf(r) : 0, divided = divides ? keptOf(r - behind) : 0;
    const float* const here = raises ? x + r * cols : x;
    float* const e = loss || !raises ? nullptr : rowOf(r);
    const float* const last = divides ? rowOf(r - behind) : nullptr;
    float* const out = divides ? y + (r - behind) * cols : nullptr;
    const f32v scale = splat(divides ? inverses[r % behind] : 0.0f);
    const float next = r + 1 < rows.to ? guess(r + 1) : 0.0f;
    f32v top = splat(shift), most[2] = {splat(lowest), splat(lowest)}, total[2] = {};

    const auto raise = [&](int64_t at, int count, auto& v) __attribute__((always_inline)) {
      takeAll(v, here + at, count, -infinity);
      constexpr int n = int(sizeof v / sizeof v[0]);
      RP_STEP(n) most[i % 2] = max(v[i], most[i % 2]);
      RP_STEP(n) v[i] = scaled ? factor * v[i] - top : v[i] - top;
      expNearAll(v);
      RP_STEP(n) total[i % 2] += v[i];
      if (!loss) RP_STEP(n) give(e + at + i * lanes, v[i], count);
    };
    const auto raiseRest = [&](int64_t at) __attribute__((always_inline)) {
      f32v v[step], one[1];
      for (; at + step * lanes <= raised; at += step * lanes) {
        if (loss && distant) RP_STEP(step) __builtin_prefetch(here + at + i * lanes + distance, 0, 2);
        raise(at, lanes, v);
      }
      for (; at < raised; at += lanes) raise(at, at + lanes <= raised ? lanes : int(raised - at), one);
    };
    const auto divide = [&](int64_t at, auto& v) __attribute__((always_inline)) {
      takeAll(v, last + at, lanes);
      constexpr int n = int(sizeof v / sizeof v[0]);
      RP_STEP(n) put<far>(out + at + i * lanes, v[i] * scale);
    };
    f32v v[step], one[1];
    const int64_t both = loss ? 0 : raised < divided ? raised : divided;
    int64_t i = 0;
    for (; i + step * lanes <= both; i += step * lanes) {
      if (distant) RP_UNROLL for (int k = 0; k < step; k++) __builtin_prefetch(here + i + k * lanes + distance, 0, 2);
      divide(i, v);
      raise(i, lanes, v);
    }
    if (divides) {
      int64_t at = i;
      for (; at + step * lanes <= divided; at += step * lanes) divide(at, v);
      for (; at + lanes <= divided; at += lanes) divide(at, one);
      // the last of a row, or the edge of its mask: whole vectors alone can be streamed, and what is masked is 0
      f32v edge = at < divided ? take(last + at, int(divided - at)) * scale : splat(0.0f);
      for (; at < cols; at += lanes) {
        if (at + lanes <= cols) put<far>(out + at, edge);
        else storePart(out + at, edge, int(cols - at));
        edge = splat(0.0f);
      }
    }
    if (!raises) continue;
    raiseRest(i);
    const float highest = maxOf(max(most[0], most[1])) * (scaled ? factor : 1.0f);
    if (!(highest - shift <= near)) {
      shift = highest;
      top = splat(shift);
      total[0] = total[1] = f32v{};
      raiseRest(0);
    }
    const float sum = sumOf(total[0] + total[1]);
    if (loss) finish(r, shift, sum);
    else inverses[r % behind] = 1.0f / sum;
    shift = next;
  }
  drain(far);
}

template <bool scaled, typename Kept>
RP_INLINE void softmaxOf(const OpArgs& args, float factor, Kept keptOf) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const auto nothing = [](int64_t, float, float) {};
  if (isFar(output(args, 0), args.dims[0] * cols, cols) && cols + 9 * line <= int64_t(scratchFloats)) {
    softmaxRows<true, false, scaled>(args, rows, factor, keptOf, nothing);
  } else {
    softmaxRows<false, false, scaled>(args, rows, factor, keptOf, nothing);
  }
}

void softmax(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  softmaxOf<false>(args, 1.0f, [=](int64_t) { return cols; });
}

// scale, causal mask of square blocks and softmax in one kernel; dims: rows, cols, head dimension
void scaleMaskSoftmax(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  softmaxOf<true>(args, 1.0f / __builtin_sqrtf(float(args.dims[2])), [=](int64_t r) { return r % cols + 1; });
}

// log of the sum of e^x, less the target's x: nothing of the softmax is written
void crossEntropy(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const float* logits = input(args, 0);
  const int32_t* targets = input<int32_t>(args, 1);
  float* losses = output(args, 0);
  const Span rows = share(args.dims[0], line, args.thread, args.threads);
  const auto all = [=](int64_t) { return cols; };
  const auto loss = [=](int64_t r, float top, float sum) { losses[r] = __builtin_logf(sum) + top - logits[r * cols + targets[r]]; };
  softmaxRows<false, true, false>(args, rows, 1.0f, all, loss);
}

// -log of the target's probability
void negativeLog(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], line, args.thread, args.threads);
  const int32_t* targets = input<int32_t>(args, 1);
  for (int64_t r = rows.from; r < rows.to; r++)
    output(args, 0)[r] = -__builtin_logf(input(args, 0)[r * cols + targets[r]]);
}

}  // namespace

int rowsOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"softmax", softmax, 2, 1, 1};
  rows[n++] = {"scale+mask+softmax", scaleMaskSoftmax, 3, 1, 1};
  rows[n++] = {"cross-entropy", crossEntropy, 2, 2, 1};
  rows[n++] = {"negative-log", negativeLog, 2, 2, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
