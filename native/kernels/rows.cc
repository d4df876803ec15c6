// Row-wise operators: softmax and norms. dims: rows, cols; a thread takes whole rows, a row's later passes find it in L1 or L2.
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr float epsilon = 1e-5f;
const float infinity = __builtin_inff();

// Calls apply(index, count) over a row, `count` below `lanes` at its end.
template <typename Apply>
inline void eachVector(int64_t cols, Apply apply) {
  int64_t i = 0;
  for (; i + lanes <= cols; i += lanes) apply(i, lanes);
  if (i < cols) apply(i, int(cols - i));
}

inline f32v take(const float* p, int count, float fill) { return count == lanes ? load(p) : loadPart(p, count, fill); }
inline void give(float* p, f32v v, int count) {
  if (count == lanes) store(p, v);
  else storePart(p, v, count);
}

// Four independent accumulators hide the latency of the additions.
template <typename Value, typename Join>
inline f32v reduce(int64_t cols, f32v start, Value value, Join join) {
  f32v a = start, b = start, c = start, d = start;
  int64_t i = 0;
  for (; i + 4 * lanes <= cols; i += 4 * lanes) {
    a = join(a, value(i, lanes));
    b = join(b, value(i + lanes, lanes));
    c = join(c, value(i + 2 * lanes, lanes));
    d = join(d, value(i + 3 * lanes, lanes));
  }
  for (; i + lanes <= cols; i += lanes) a = join(a, value(i, lanes));
  if (i < cols) b = join(b, value(i, int(cols - i)));
  return join(join(a, b), join(c, d));
}

inline f32v plus(f32v a, f32v b) { return a + b; }

// Softmax of factor * x over the first `kept` elements; the others become 0.
inline void softmaxRow(const float* x, float* out, int64_t kept, int64_t cols, float factor) {
  const float top = maxOf(reduce(kept, splat(-infinity), [=](int64_t i, int n) { return factor * take(x + i, n, -infinity); },
                                 [](f32v a, f32v b) { return max(a, b); }));
  // A row of -infinity has no softmax: like the reference, NaN.
  const f32v shift = splat(top);
  const float total = sumOf(reduce(
      kept, splat(0.0f),
      [=](int64_t i, int n) {
        const f32v e = expOf(factor * take(x + i, n, -infinity) - shift);
        give(out + i, e, n);
        return e;
      },
      plus));
  const f32v inverse = splat(top == -infinity ? __builtin_nanf("") : 1.0f / total);
  eachVector(kept, [=](int64_t i, int n) { give(out + i, take(out + i, n, 0.0f) * inverse, n); });
  for (int64_t i = kept; i < cols; i++) out[i] = 0.0f;
}

void softmax(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  for (int64_t r = rows.from; r < rows.to; r++) softmaxRow(input(args, 0) + r * cols, output(args, 0) + r * cols, cols, cols, 1.0f);
}

// scale, causal mask of square blocks and softmax in one kernel; dims: rows, cols, head dimension
void scaleMaskSoftmax(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const float factor = 1.0f / __builtin_sqrtf(float(args.dims[2]));
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  for (int64_t r = rows.from; r < rows.to; r++)
    softmaxRow(input(args, 0) + r * cols, output(args, 0) + r * cols, r % cols + 1, cols, factor);
}

void layernorm(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const float *gamma = input(args, 1), *beta = input(args, 2);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = input(args, 0) + r * cols;
    float* out = output(args, 0) + r * cols;
    const float average = sumOf(reduce(cols, splat(0.0f), [=](int64_t i, int n) { return take(x + i, n, 0.0f); }, plus)) / float(cols);
    const f32v mean = splat(average);
    const float squares = sumOf(reduce(
        cols, splat(0.0f),
        [=](int64_t i, int n) {
          // the missing lanes of the last vector must add nothing: they hold the mean
          const f32v d = take(x + i, n, average) - mean;
          return d * d;
        },
        plus));
    const f32v scale = splat(1.0f / __builtin_sqrtf(squares / float(cols) + epsilon));
    eachVector(cols, [=](int64_t i, int n) {
      give(out + i, (take(x + i, n, 0.0f) - mean) * scale * take(gamma + i, n, 0.0f) + take(beta + i, n, 0.0f), n);
    });
  }
}

inline void rmsnormRow(const float* x, const float* gamma, float* out, int64_t cols, float squares) {
  const f32v scale = splat(1.0f / __builtin_sqrtf(squares / float(cols) + epsilon));
  eachVector(cols, [=](int64_t i, int n) { give(out + i, take(x + i, n, 0.0f) * scale * take(gamma + i, n, 0.0f), n); });
}

void rmsnorm(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = input(args, 0) + r * cols;
    const float squares = sumOf(reduce(
        cols, splat(0.0f),
        [=](int64_t i, int n) {
          const f32v v = take(x + i, n, 0.0f);
          return v * v;
        },
        plus));
    rmsnormRow(x, input(args, 1), output(args, 0) + r * cols, cols, squares);
  }
}

// h = x + residual and y = rmsnorm(h): h is written on the way and normalized while it is still in L1.
void addRmsnorm(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float *x = input(args, 0) + r * cols, *residual = input(args, 1) + r * cols;
    float* h = output(args, 0) + r * cols;
    const float squares = sumOf(reduce(
        cols, splat(0.0f),
        [=](int64_t i, int n) {
          const f32v v = take(x + i, n, 0.0f) + take(residual + i, n, 0.0f);
          give(h + i, v, n);
          return v * v;
        },
        plus));
    rmsnormRow(h, input(args, 2), output(args, 1) + r * cols, cols, squares);
  }
}

}  // namespace

int rowsOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"softmax", softmax, 2, 1, 1};
  rows[n++] = {"scale+mask+softmax", scaleMaskSoftmax, 3, 1, 1};
  rows[n++] = {"layernorm", layernorm, 2, 3, 1};
  rows[n++] = {"rmsnorm", rmsnorm, 2, 2, 1};
  rows[n++] = {"add+rmsnorm", addRmsnorm, 2, 3, 2};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
