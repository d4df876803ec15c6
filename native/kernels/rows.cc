// Softmax and what is made of it. dims: rows, cols.
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

const float infinity = __builtin_inff();

// A row's exponentials are taken chunk by chunk against the largest value so far, lane by lane, and corrected in the end (online softmax,
// Milakov & Gimelshein 2018, arXiv:1805.02867): x is read once, and a chunk is in L1 between its maximum and its exponentials.
constexpr int chunkVectors = 64;
constexpr int64_t chunk = int64_t(chunkVectors) * lanes;

// The running maximum begins here and not at -infinity, so that -infinity - maximum is -infinity and not NaN.
constexpr float lowest = -3.4028235e38f;

// e^(factor x - maximum) and their sum of row r, and the division by it of row r - 1, in one loop: the exponentials, which take the arithmetic
// units, run while memory or L2 takes lines; what they will read is fetched meanwhile.
// loss: the exponentials are not kept, and finish(row, maximum, sum) gets their sum.
template <bool far, bool loss, typename Kept, typename Finish>
RP_INLINE void softmaxRows(const OpArgs& args, Span rows, float factor, Kept keptOf, Finish finish) {
  const int64_t cols = args.dims[1], chunks = (cols + chunk - 1) / chunk;
  if (rows.from >= rows.to) return;
  const float* x = input(args, 0);
  float* y = loss ? nullptr : output(args, 0);
  // Scratch: for two rows in turn the maxima of each chunk, which become its factors; then the exponentials, or in y where a row is too long.
  const int64_t stride = (cols + line - 1) / line * line + 9 * line;
  float* const tops = args.scratch;
  float* const waiting = args.scratch + 2 * chunks * lanes;
  const bool isKept = waiting + 2 * stride <= args.scratch + scratchFloats;
  const auto rowOf = [=](int64_t r) { return isKept ? waiting + (r & 1) * stride : y + r * cols; };
  constexpr int step = inStep;
  for (int64_t r = rows.from; r < rows.to + (loss ? 0 : 1); r++) {
    const bool divides = !loss && r > rows.from;
    const int64_t now = r < rows.to ? keptOf(r) : 0, behind = divides ? keptOf(r - 1) : 0;
    const float* const here = x + r * cols;
    float* const e = loss ? nullptr : rowOf(r);
    const float* const last = divides ? rowOf(r - 1) : nullptr;
    float* const out = divides ? y + (r - 1) * cols : nullptr;
    float* const ours = tops + (loss ? 0 : r & 1) * chunks * lanes;
    const float* const factors = tops + (loss ? 0 : (r - 1) & 1) * chunks * lanes;
    f32v top = splat(lowest), total[2] = {}, scale{};

    const auto raise = [&](int64_t at, int count, auto& v) __attribute__((always_inline)) {
      takeAll(v, here + at, count, -infinity);
      constexpr int n = int(sizeof v / sizeof v[0]);
      RP_STEP(n) v[i] = factor * v[i] - top;
      expAll<n, true, false>(v);
      RP_STEP(n) total[i % 2] += v[i];
      if (!loss) RP_STEP(n) give(e + at + i * lanes, v[i], count);
    };
    const auto divide = [&](int64_t at, int count, auto& v) __attribute__((always_inline)) {
      takeAll(v, last + at, count);
      constexpr int n = int(sizeof v / sizeof v[0]);
      if (count == lanes) RP_STEP(n) put<far>(out + at + i * lanes, v[i] * scale);
      else storePart(out + at, v[0] * scale, count);
    };
    f32v v[step], one[1];
    int64_t done = 0;  // columns of the last row that are divided
    for (int64_t c = 0; c * chunk < (now > behind ? now : behind); c++) {
      const int64_t from = c * chunk;
      if (divides) scale = load(factors + c * lanes);
      int64_t i = from;
      if (from < now) {
        const int64_t end = from + chunk < now ? from + chunk : now;
        f32v most[2] = {top, top};
        for (; i + step * lanes <= end; i += step * lanes) {
          takeAll(v, here + i, lanes);
          RP_UNROLL for (int k = 0; k < step; k++) most[k % 2] = max(factor * v[k], most[k % 2]);
        }
        for (; i < end; i += lanes) most[0] = max(factor * take(here + i, i + lanes <= end ? lanes : int(end - i), -infinity), most[0]);
        const f32v higher = max(most[0], most[1]);
        if (c > 0) {
          one[0] = top - higher;
          expAll<1, true, false>(one);
          total[0] = (total[0] + total[1]) * one[0];
          total[1] = f32v{};
        }
        top = higher;
        store(ours + c * lanes, top);
        i = from;
        for (; divides && i + step * lanes <= end && i + step * lanes <= behind; i += step * lanes) {
          RP_UNROLL for (int k = 0; k < step; k++) __builtin_prefetch(here + i + k * lanes + chunk);
          divide(i, lanes, v);
          raise(i, lanes, v);
        }
        done = i;
        for (; i + step * lanes <= end; i += step * lanes) {
          if (loss) RP_UNROLL for (int k = 0; k < step; k++) __builtin_prefetch(here + i + k * lanes + chunk);
          raise(i, lanes, v);
        }
        for (; i < end; i += lanes) raise(i, i + lanes <= end ? lanes : int(end - i), one);
        i = done;
      }
      if (divides) {
        const int64_t end = from + chunk < behind ? from + chunk : behind;
        for (; i + step * lanes <= end; i += step * lanes) divide(i, lanes, v);
        for (; i + lanes <= end; i += lanes) divide(i, lanes, one);
        if (i < end) {
          // the last of a row, or the edge of its mask: whole vectors alone can be streamed, and the others are 0 then
          const int64_t whole = i + lanes <= cols ? lanes : cols - i;
          const f32v edge = take(last + i, int(end - i)) * scale;
          if (whole == lanes) put<far>(out + i, edge);
          else storePart(out + i, edge, int(whole));
        }
      }
    }
    if (divides) {
      for (int64_t i = (behind + lanes - 1) / lanes * lanes; i < cols; i += lanes) {
        if (i + lanes <= cols) put<far>(out + i, splat(0.0f));
        else storePart(out + i, splat(0.0f), int(cols - i));
      }
    }
    if (now > 0) {
      const float highest = maxOf(top);
      one[0] = top - highest;
      expAll<1, true, false>(one);
      const float sum = sumOf((total[0] + total[1]) * one[0]);
      if (loss) {
        finish(r, highest, sum);
      } else {
        const f32v inverse = splat(1.0f / sum);
        for (int64_t c = 0; c * chunk < now; c++) {
          one[0] = load(ours + c * lanes) - highest;
          expAll<1, true, false>(one);
          store(ours + c * lanes, one[0] * inverse);
        }
      }
    }
  }
  drain(far);
}

// Rows of which L2 holds a few. Three at a time in one loop: the maximum of row r + 2, the exponentials of row r, and the division of row
// r - 2. Each fills units or ports that the others leave free, and a row's end (its maximum or sum over the lanes, the division 1 / sum: some
// 60 cycles of waiting) has a whole row's time. scaled: factor is not 1.
constexpr int64_t rowFloats = 1 << 14;
constexpr int ahead = 2, kept = 2 * ahead;

template <bool far, bool loss, bool scaled, typename Kept, typename Finish>
RP_INLINE void softmaxShort(const OpArgs& args, Span rows, float factor, Kept keptOf, Finish finish) {
  const int64_t cols = args.dims[1];
  if (rows.from >= rows.to || cols == 0) return;
  const float* x = input(args, 0);
  float* y = loss ? nullptr : output(args, 0);
  const bool distant = size_t(args.dims[0]) * size_t(cols) * sizeof(float) >= streamedBytes;
  // exponentials of rows that are streamed wait in scratch; off the 4 KiB at which stores look like sources of later loads
  const int64_t stride = (cols + line - 1) / line * line + 9 * line;
  const auto rowOf = [=](int64_t r) __attribute__((always_inline)) { return far ? args.scratch + r % kept * stride : y + r * cols; };
  float tops[kept] = {}, inverses[kept] = {};
  constexpr int step = inStep;
  for (int64_t r = rows.from - ahead; r < rows.to + (loss ? 0 : ahead); r++) {
    const bool seeks = r + ahead < rows.to, raises = r >= rows.from && r < rows.to, divides = !loss && r - ahead >= rows.from;
    const int64_t sought = seeks ? keptOf(r + ahead) : 0, raised = raises ? keptOf(r) : 0, divided = divides ? keptOf(r - ahead) : 0;
    const float* const there = seeks ? x + (r + ahead) * cols : x;
    const float* const here = raises ? x + r * cols : x;
    float* const e = loss || !raises ? nullptr : rowOf(r);
    const float* const last = divides ? rowOf(r - ahead) : nullptr;
    float* const out = divides ? y + (r - ahead) * cols : nullptr;
    const f32v top = splat(raises ? tops[r % kept] : 0.0f), scale = splat(divides ? inverses[(r - ahead) % kept] : 0.0f);
    f32v most[2] = {splat(lowest), splat(lowest)}, total[2] = {};

    const auto seek = [&](int64_t at, int count, auto& v) __attribute__((always_inline)) {
      takeAll(v, there + at, count, -infinity);
      constexpr int n = int(sizeof v / sizeof v[0]);
      RP_STEP(n) most[i % 2] = max(v[i], most[i % 2]);
    };
    const auto raise = [&](int64_t at, int count, auto& v) __attribute__((always_inline)) {
      takeAll(v, here + at, count, -infinity);
      constexpr int n = int(sizeof v / sizeof v[0]);
      RP_STEP(n) v[i] = scaled ? factor * v[i] - top : v[i] - top;
      expAll<n, true, false>(v);
      RP_STEP(n) total[i % 2] += v[i];
      if (!loss) RP_STEP(n) give(e + at + i * lanes, v[i], count);
    };
    const auto divide = [&](int64_t at, auto& v) __attribute__((always_inline)) {
      takeAll(v, last + at, lanes);
      constexpr int n = int(sizeof v / sizeof v[0]);
      RP_STEP(n) put<far>(out + at + i * lanes, v[i] * scale);
    };
    f32v v[step], one[1];
    int64_t i = 0;
    const int64_t both = sought < raised ? sought : raised, all = loss ? both : both < divided ? both : divided;
    for (; i + step * lanes <= all; i += step * lanes) {
      if (distant) RP_UNROLL for (int k = 0; k < step; k++) {
        // into L2, as fetchAhead() does; of a masked row what is kept
        const int64_t then = i + k * lanes + distance;
        __builtin_prefetch(then < sought ? there + then : there + cols + then - sought, 0, 2);
      }
      seek(i, lanes, v);
      if (!loss) divide(i, v);
      raise(i, lanes, v);
    }
    int64_t at = i;
    for (; at + step * lanes <= sought; at += step * lanes) seek(at, lanes, v);
    for (; at < sought; at += lanes) seek(at, at + lanes <= sought ? lanes : int(sought - at), one);
    at = i;
    for (; at + step * lanes <= raised; at += step * lanes) raise(at, lanes, v);
    for (; at < raised; at += lanes) raise(at, at + lanes <= raised ? lanes : int(raised - at), one);
    if (divides) {
      at = i;
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
    // a scale is positive: the largest product is that of the largest
    if (seeks) tops[(r + ahead) % kept] = maxOf(max(most[0], most[1])) * (scaled ? factor : 1.0f);
    if (raises) {
      const float sum = sumOf(total[0] + total[1]);
      if (loss) finish(r, tops[r % kept], sum);
      else inverses[r % kept] = 1.0f / sum;
    }
  }
  drain(far);
}

template <bool scaled, typename Kept>
RP_INLINE void softmaxOf(const OpArgs& args, float factor, Kept keptOf) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const auto nothing = [](int64_t, float, float) {};
  const bool far = isFar(output(args, 0), args.dims[0] * cols, cols);
  if (cols <= rowFloats) {
    if (far) softmaxShort<true, false, scaled>(args, rows, factor, keptOf, nothing);
    else softmaxShort<false, false, scaled>(args, rows, factor, keptOf, nothing);
  } else if (far && 3 * (cols + 10 * line) <= int64_t(scratchFloats)) {
    softmaxRows<true, false>(args, rows, factor, keptOf, nothing);
  } else {
    softmaxRows<false, false>(args, rows, factor, keptOf, nothing);
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
  if (cols <= rowFloats) softmaxShort<false, true, false>(args, rows, 1.0f, all, loss);
  else softmaxRows<false, true>(args, rows, 1.0f, all, loss);
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
