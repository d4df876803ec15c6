// Elementwise operators. dims: rows, cols; threads take whole cache lines.
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int64_t line = 16;  // floats

template <typename Apply>
inline void eachElement(int64_t from, int64_t to, Apply apply) {
  int64_t i = from;
  for (; i + lanes <= to; i += lanes) apply(i, lanes);
  if (i < to) apply(i, int(to - i));
}

inline f32v take(const float* p, int count) { return count == lanes ? load(p) : loadPart(p, count, 0.0f); }
inline void give(float* p, f32v v, int count) {
  if (count == lanes) store(p, v);
  else storePart(p, v, count);
}

void add(const OpArgs& args) {
  const Span span = share(args.dims[0] * args.dims[1], line, args.thread, args.threads);
  const float *x = input(args, 0), *y = input(args, 1);
  float* out = output(args, 0);
  eachElement(span.from, span.to, [=](int64_t i, int count) { give(out + i, take(x + i, count) + take(y + i, count), count); });
}

// out = F(take(i)) for i in [from, to): whole groups of vectors in step, then one by one.
template <typename F, typename Take>
inline void eachInStep(int64_t from, int64_t to, float* out, Take take) {
  int64_t i = from;
  for (; i + inStep * lanes <= to; i += inStep * lanes) {
    f32v x[inStep];
    RP_UNROLL for (int k = 0; k < inStep; k++) x[k] = take(i + k * lanes, lanes);
    F::on(x);
    RP_UNROLL for (int k = 0; k < inStep; k++) store(out + i + k * lanes, x[k]);
  }
  eachElement(i, to, [=](int64_t at, int count) {
    f32v x[1] = {take(at, count)};
    F::on(x);
    give(out + at, x[0], count);
  });
}

#define FUNCTION(NAME, APPLY)                        \
  struct NAME {                                      \
    template <int N>                                 \
    static inline void on(f32v (&x)[N]) { APPLY(x); } \
  };
FUNCTION(Exp, expAll)
FUNCTION(Tanh, tanhAll)
FUNCTION(Erf, erfAll)
FUNCTION(Gelu, geluAll)

template <typename F>
void apply(const OpArgs& args) {
  const Span span = share(args.dims[0] * args.dims[1], line, args.thread, args.threads);
  const float* x = input(args, 0);
  eachInStep<F>(span.from, span.to, output(args, 0), [=](int64_t i, int count) { return take(x + i, count); });
}

// y[r,c] = x[r,c] + bias[c]
void bias(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const float* b = input(args, 1);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = input(args, 0) + r * cols;
    float* out = output(args, 0) + r * cols;
    eachElement(0, cols, [=](int64_t i, int count) { give(out + i, take(x + i, count) + take(b + i, count), count); });
  }
}

// bias and gelu in one pass
void biasGelu(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const float* b = input(args, 1);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = input(args, 0) + r * cols;
    float* out = output(args, 0) + r * cols;
    eachInStep<Gelu>(0, cols, out, [=](int64_t i, int count) { return take(x + i, count) + take(b + i, count); });
  }
}

// y = x / sqrt(dims[2]): attention's scale, given as the head dimension
void scale(const OpArgs& args) {
  const Span span = share(args.dims[0] * args.dims[1], line, args.thread, args.threads);
  const float factor = 1.0f / __builtin_sqrtf(float(args.dims[2]));
  const float* x = input(args, 0);
  float* out = output(args, 0);
  eachElement(span.from, span.to, [=](int64_t i, int count) { give(out + i, factor * take(x + i, count), count); });
}

// Causal mask of square blocks of `cols` rows: y[r,c] = c <= r mod cols ? x[r,c] : -infinity
void mask(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = input(args, 0) + r * cols;
    float* out = output(args, 0) + r * cols;
    const int64_t kept = r % cols + 1;
    eachElement(0, kept, [=](int64_t i, int count) { give(out + i, take(x + i, count), count); });
    eachElement(kept, cols, [=](int64_t i, int count) { give(out + i, splat(-__builtin_inff()), count); });
  }
}

}  // namespace

int elementsOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"add", add, 2, 2, 1};
  rows[n++] = {"gelu", apply<Gelu>, 2, 1, 1};
  rows[n++] = {"exp", apply<Exp>, 2, 1, 1};
  rows[n++] = {"tanh", apply<Tanh>, 2, 1, 1};
  rows[n++] = {"erf", apply<Erf>, 2, 1, 1};
  rows[n++] = {"bias", bias, 2, 2, 1};
  rows[n++] = {"bias+gelu", biasGelu, 2, 2, 1};
  rows[n++] = {"scale", scale, 3, 1, 1};
  rows[n++] = {"mask", mask, 2, 1, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
