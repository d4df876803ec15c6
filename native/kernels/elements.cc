// Elementwise operators. dims: rows, cols where a bias or a mask needs them, else the number of elements and 1.
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

#define RP_BODY(v, at, n) [=](auto& v, int64_t at, int n) __attribute__((always_inline))
#define RP_ALL(v) RP_UNROLL for (int i = 0; i < int(sizeof v / sizeof v[0]); i++)

// --- of one tensor

#define FUNCTION(NAME, APPLY)                  \
  struct NAME {                                \
    template <int N>                           \
    RP_INLINE void on(f32v (&x)[N]) { APPLY; } \
  };
FUNCTION(Exp, expAll(x))
FUNCTION(Tanh, tanhAll(x))
FUNCTION(Erf, erfAll(x))
FUNCTION(Gelu, geluAll(x))
FUNCTION(GeluBeside, geluBesideAll(x))
FUNCTION(GeluTanh, geluTanhAll(x))
FUNCTION(Silu, siluAll(x))
// max hands on its second operand where one is NaN
FUNCTION(Relu, RP_STEP(N) x[i] = max(splat(0.0f), x[i]))
// the constants of a chain of elementwise operators; 1.5 is also the operator scale's
FUNCTION(Scale, RP_STEP(N) x[i] = x[i] * 1.5f)
FUNCTION(Shift, RP_STEP(N) x[i] = x[i] + 0.25f)

// isLong: whether F is more than an instruction or two.
template <typename F, bool isLong>
void apply(const OpArgs& args) {
  const float* x = input(args, 0);
  const auto body = RP_BODY(v, at, n) {
    takeAll(v, x + at, n);
    F::on(v);
  };
  mapTensor<isLong ? inStep : 4, isLong>(args, args.dims[0] * args.dims[1], output(args, 0), body, x);
}

// y = x / sqrt(dims[2]): attention's scale, given as the head dimension
void scaleScores(const OpArgs& args) {
  const float factor = 1.0f / __builtin_sqrtf(float(args.dims[2]));
  const float* x = input(args, 0);
  mapTensor<4>(args, args.dims[0] * args.dims[1], output(args, 0), RP_BODY(v, at, n) {
    takeAll(v, x + at, n);
    RP_ALL(v) v[i] = factor * v[i];
  });
}

// dims: elements, length of the chain: times 1.5, plus 0.25, times 1.5 … in one pass
void chain(const OpArgs& args) {
  const float* x = input(args, 0);
  const int64_t pairs = args.dims[1] / 2;
  const bool odd = args.dims[1] % 2 != 0;
  mapTensor<4>(args, args.dims[0], output(args, 0), RP_BODY(v, at, n) {
    takeAll(v, x + at, n);
    for (int64_t k = 0; k < pairs; k++) RP_ALL(v) v[i] = v[i] * 1.5f + 0.25f;
    if (odd) RP_ALL(v) v[i] = v[i] * 1.5f;
  });
}

// --- of two tensors

template <typename F, bool isLong>
void combine(const OpArgs& args) {
  const float *x = input(args, 0), *y = input(args, 1);
  const auto body = RP_BODY(v, at, n) {
    takeAll(v, x + at, n);
    F::on(v);
    RP_ALL(v) v[i] = F::join(v[i], take(y + at + i * lanes, n));
  };
  mapTensor<isLong ? inStep : 4, isLong>(args, args.dims[0] * args.dims[1], output(args, 0), body, x, y);
}

struct Add {
  template <int N>
  RP_INLINE void on(f32v (&)[N]) {}
  RP_INLINE f32v join(f32v a, f32v b) { return a + b; }
};
struct Mul {
  template <int N>
  RP_INLINE void on(f32v (&)[N]) {}
  RP_INLINE f32v join(f32v a, f32v b) { return a * b; }
};
// silu(gate) * up
struct Swiglu : Silu {
  RP_INLINE f32v join(f32v a, f32v b) { return a * b; }
};

// --- of rows

// Floats of a row in turn: eight vectors, where registers hold as many of the bias.
template <int N>
constexpr int64_t biasStep = lanes == line ? 8 * lanes : runStep<N>;

// One step in each of the runs `apart`, with the bias in registers. Beside stores past the caches every load costs, also of what is in L1: one
// more a line that nothing needs made 14 of 10.8 cycles. So N must leave F its constants in registers. Zen 4, bias and GELU, a copy 9.5 to 10.8:
// 12.4 cycles a line with the bias loaded for every row and four vectors in step, 11.4 with two, 10.7 so. Lines are fetched into L2 ahead: where
// x and out lie a multiple of 4 KiB apart, or 64 B more, 13.9 became 10.9 and 12.6; elsewhere it makes no difference. On Intel into L1 too, nearer:
// Emerald Rapids, bias and GELU, share of a copy: not at all 83 %, into L2 alone 88 to 91, into L1 alone 92, into both 95, into L1 2 KiB ahead 93.
constexpr int64_t biasAhead = 1024;
template <typename F, int N, bool intel>
RP_INLINE void biasRuns(const float* x, const float* b, int64_t apart, float* out) {
  constexpr int count = int(biasStep<N> / lanes);
  f32v shared[count];
  takeAll(shared, b, lanes);
  RP_UNROLL for (int k = 0; k < runs; k++, x += apart, out += apart)
    RP_UNROLL for (int j = 0; j < count; j += N) {
      f32v v[N];
      RP_STEP(N) __builtin_prefetch(x + (j + i) * lanes + biasAhead, 0, 2);
      if (intel) RP_STEP(N) __builtin_prefetch(x + (j + i) * lanes + biasAhead / 4, 0, 3);
      RP_STEP(N) v[i] = load(x + (j + i) * lanes) + shared[j + i];
      F::on(v);
      RP_STEP(N) stream(out + (j + i) * lanes, v[i]);
    }
}

// y[r,c] = F(x[r,c] + bias[c]). From memory in as many runs of rows as mapTensor() takes, which share what is loaded of the bias.
template <typename F, int N, bool intel>
void biasAs(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const float* b = input(args, 1);
  const bool far = isFar(output(args, 0), args.dims[0] * cols, cols);
  const auto of = [=](int64_t row) __attribute__((always_inline)) {
    const float* const x = input(args, 0) + row * cols;
    return RP_BODY(v, at, n) {
      takeAll(v, x + at, n);
      RP_ALL(v) v[i] = v[i] + take(b + at + i * lanes, n);
      F::on(v);
    };
  };
  const int64_t each = far ? (rows.to - rows.from) / runs : 0;
  constexpr int64_t step = biasStep<N>;
  for (int64_t r = rows.from; r < rows.from + each; r++) {
    int64_t at = 0;
    if (lanes == line)
      for (; at + step <= cols; at += step) biasRuns<F, N, intel>(input(args, 0) + r * cols + at, b + at, each * cols, output(args, 0) + r * cols + at);
    for (; at < cols; at += step)
      for (int64_t row = r; row < r + runs * each; row += each)
        mapRange<true, N>(at, at + step < cols ? at + step : cols, output(args, 0) + row * cols, of(row));
  }
  for (int64_t r = rows.from + runs * each; r < rows.to; r++) {
    float* const out = output(args, 0) + r * cols;
    if (far) mapRange<true, N>(0, cols, out, of(r));
    else mapRange<false, N>(0, cols, out, of(r));
  }
  drain(far);
}

template <typename F, int N, bool isLong>
void bias(const OpArgs& args) {
  if (isLong && tunedFor() == Cores::intel) biasAs<F, N, isLong>(args);
  else biasAs<F, N, false>(args);
}

// Columns `from` to `to` of a row of which `kept` are seen: the others become -infinity and are not read. Whole lines but at the row's end.
RP_INLINE void maskFar(const float* x, float* out, int64_t kept, int64_t from, int64_t to) {
  const auto within = [=](int64_t at) __attribute__((always_inline)) { return at < from ? from : at < to ? at : to; };
  const int64_t whole = within(kept / lanes * lanes), end = within((kept + lanes - 1) / lanes * lanes);
  const f32v nothing = splat(-__builtin_inff());
  mapRange<true, 4>(from, whole, out, RP_BODY(v, at, n) { takeAll(v, x + at, n); });
  mapRange<true, 1>(whole, end, out, RP_BODY(v, at, n) { v[0] = loadPart(x + at, int(kept - at < n ? kept - at : n), -__builtin_inff()); });
  mapRange<true, 4>(end, to, out, RP_BODY(v, at, n) {
    (void)at, (void)n;
    RP_ALL(v) v[i] = nothing;
  });
}

// A row that stays in a cache. Two vectors a step and no calls in between: rows of 128 from L2 take 1.87 us for 2.37, with AVX2 2.07 for 3.38.
RP_INLINE void maskNear(const float* x, float* out, int64_t kept, int64_t cols) {
  const f32v nothing = splat(-__builtin_inff());
  int64_t at = 0;
  for (; at + 2 * lanes <= kept; at += 2 * lanes) {
    const f32v a = load(x + at), b = load(x + at + lanes);
    store(out + at, a);
    store(out + at + lanes, b);
  }
  for (; at < kept; at += lanes)
    give(out + at, take(x + at, kept - at < lanes ? int(kept - at) : lanes, -__builtin_inff()), at + lanes <= cols ? lanes : int(cols - at));
  for (; at + 2 * lanes <= cols; at += 2 * lanes) {
    store(out + at, nothing);
    store(out + at + lanes, nothing);
  }
  for (; at < cols; at += lanes) give(out + at, nothing, at + lanes <= cols ? lanes : int(cols - at));
}

// Causal mask of square blocks of `cols` rows: y[r,c] = c <= r mod cols ? x[r,c] : -infinity. Read in part, rows end the streams of what fetches
// ahead at every edge: from memory each line is asked for a row before, in several runs of rows. Zen 4, rows of 2048: 12.7 ms row by row, 11.7 in
// runs, 10.3 with fetches, 8.5 with both, where a copy that reads all takes 8.1.
void mask(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const float* const x = input(args, 0);
  float* const out = output(args, 0);
  const bool far = isFar(out, args.dims[0] * cols, cols);
  const int64_t each = far ? (rows.to - rows.from) / runs : 0;
  constexpr int64_t step = 4 * line;
  for (int64_t r = rows.from; r < rows.from + each; r++)
    for (int64_t at = 0; at < cols; at += step)
      for (int64_t row = r; row < r + runs * each; row += each) {
        const int64_t kept = row % cols + 1;
        if (at <= kept && r + 1 < rows.from + each)
          for (int64_t u = 0; u < step; u += line) __builtin_prefetch(x + (row + 1) * cols + at + u, 0, 2);
        maskFar(x + row * cols, out + row * cols, kept, at, at + step < cols ? at + step : cols);
      }
  for (int64_t r = rows.from + runs * each; r < rows.to; r++) {
    if (far) maskFar(x + r * cols, out + r * cols, r % cols + 1, 0, cols);
    else maskNear(x + r * cols, out + r * cols, r % cols + 1, cols);
  }
  drain(far);
}

struct Same {
  template <int N>
  RP_INLINE void on(f32v (&)[N]) {}
};

}  // namespace

int elementsOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"add", combine<Add, false>, 2, 2, 1};
  rows[n++] = {"mul", combine<Mul, false>, 2, 2, 1};
  rows[n++] = {"swiglu", combine<Swiglu, true>, 2, 2, 1};
  rows[n++] = {"relu", apply<Relu, false>, 2, 1, 1};
  rows[n++] = {"scale", apply<Scale, false>, 2, 1, 1};
  rows[n++] = {"shift", apply<Shift, false>, 2, 1, 1};
  rows[n++] = {"chain", chain, 2, 1, 1};
  rows[n++] = {"gelu", apply<Gelu, true>, 2, 1, 1};
  rows[n++] = {"gelu-tanh", apply<GeluTanh, true>, 2, 1, 1};
  rows[n++] = {"silu", apply<Silu, true>, 2, 1, 1};
  rows[n++] = {"exp", apply<Exp, true>, 2, 1, 1};
  rows[n++] = {"tanh", apply<Tanh, true>, 2, 1, 1};
  rows[n++] = {"erf", apply<Erf, true>, 2, 1, 1};
  rows[n++] = {"bias", bias<Same, 4, false>, 2, 2, 1};
  rows[n++] = {"bias+gelu", bias<GeluBeside, lanes == line ? 2 : inStep, true>, 2, 2, 1};
  rows[n++] = {"scale-scores", scaleScores, 3, 1, 1};
  rows[n++] = {"mask", mask, 2, 1, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
