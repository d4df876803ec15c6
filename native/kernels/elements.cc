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
  const float *x = args.in[0], *y = args.in[1];
  float* out = args.out[0];
  eachElement(span.from, span.to, [=](int64_t i, int count) { give(out + i, take(x + i, count) + take(y + i, count), count); });
}

void gelu(const OpArgs& args) {
  const Span span = share(args.dims[0] * args.dims[1], line, args.thread, args.threads);
  const float* x = args.in[0];
  float* out = args.out[0];
  eachElement(span.from, span.to, [=](int64_t i, int count) { give(out + i, geluOf(take(x + i, count)), count); });
}

template <typename F>
void apply(const OpArgs& args, F f) {
  const Span span = share(args.dims[0] * args.dims[1], line, args.thread, args.threads);
  const float* x = args.in[0];
  float* out = args.out[0];
  eachElement(span.from, span.to, [=](int64_t i, int count) { give(out + i, f(take(x + i, count)), count); });
}
void expElements(const OpArgs& args) {
  apply(args, [](f32v x) { return expOf(x); });
}
void tanhElements(const OpArgs& args) {
  apply(args, [](f32v x) { return tanhOf(x); });
}
void erfElements(const OpArgs& args) {
  apply(args, [](f32v x) { return erfOf(x); });
}

// y[r,c] = x[r,c] + bias[c]
void bias(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const float* b = args.in[1];
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = args.in[0] + r * cols;
    float* out = args.out[0] + r * cols;
    eachElement(0, cols, [=](int64_t i, int count) { give(out + i, take(x + i, count) + take(b + i, count), count); });
  }
}

// bias and gelu in one pass
void biasGelu(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const float* b = args.in[1];
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = args.in[0] + r * cols;
    float* out = args.out[0] + r * cols;
    eachElement(0, cols, [=](int64_t i, int count) { give(out + i, geluOf(take(x + i, count) + take(b + i, count)), count); });
  }
}

// y = x / sqrt(dims[2]): attention's scale, given as the head dimension
void scale(const OpArgs& args) {
  const Span span = share(args.dims[0] * args.dims[1], line, args.thread, args.threads);
  const float factor = 1.0f / __builtin_sqrtf(float(args.dims[2]));
  const float* x = args.in[0];
  float* out = args.out[0];
  eachElement(span.from, span.to, [=](int64_t i, int count) { give(out + i, factor * take(x + i, count), count); });
}

// Causal mask of square blocks of `cols` rows: y[r,c] = c <= r mod cols ? x[r,c] : -infinity
void mask(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  for (int64_t r = rows.from; r < rows.to; r++) {
    const float* x = args.in[0] + r * cols;
    float* out = args.out[0] + r * cols;
    const int64_t kept = r % cols + 1;
    eachElement(0, kept, [=](int64_t i, int count) { give(out + i, take(x + i, count), count); });
    eachElement(kept, cols, [=](int64_t i, int count) { give(out + i, splat(-__builtin_inff()), count); });
  }
}

}  // namespace

int elementOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"add", add, 2, 2, 1};
  rows[n++] = {"gelu", gelu, 2, 1, 1};
  rows[n++] = {"exp", expElements, 2, 1, 1};
  rows[n++] = {"tanh", tanhElements, 2, 1, 1};
  rows[n++] = {"erf", erfElements, 2, 1, 1};
  rows[n++] = {"bias", bias, 2, 2, 1};
  rows[n++] = {"bias+gelu", biasGelu, 2, 2, 1};
  rows[n++] = {"scale", scale, 3, 1, 1};
  rows[n++] = {"mask", mask, 2, 1, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
