// exp, tanh and erf with SVE: the probes, and the operator kernels by which they are checked. Formulas and errors are those of vec.h.
#if defined(RP_ISA_SVE)
#include "asm.h"
#include "sve.h"

#if defined(RP_HAS_SVE)
#include <string.h>

#include "vec.h"

namespace rp {
namespace RP_NS {
namespace {

typedef svfloat32_t V;

RP_INLINE V all(float x) { return svdup_n_f32(x); }

// Horner's rule from the highest power: (p x + next) x + …
RP_INLINE V poly(svbool_t, V, V p) { return p; }
template <typename... Rest>
RP_INLINE V poly(svbool_t pg, V x, V p, float next, Rest... rest) {
  return poly(pg, x, svmad_f32_x(pg, p, x, all(next)), rest...);
}

// As expAll of vec.h; fscale takes the power of two as AVX-512 does.
template <bool low = true>
RP_INLINE V expOf(svbool_t pg, V x) {
  V r = low ? svmin_n_f32_x(pg, svmax_n_f32_x(pg, x, -87.3f), 128.0f) : x;
  const V n = svrintn_f32_x(pg, svmul_n_f32_x(pg, r, 1.44269504f));
  r = svmls_n_f32_x(pg, r, n, 0.693359375f);  // ln 2 in two parts, Cody & Waite
  r = svmla_n_f32_x(pg, r, n, 2.12194440e-4f);
  V p = poly(pg, r, all(0.008290058f), 0.041899312f, 0.16667648f, 0.4999914f, 0.9999997f, 1.0f);
  p = svscale_f32_x(pg, p, svcvt_s32_f32_x(pg, n));
  return low ? svsel_f32(svcmplt_n_f32(pg, x, -87.3f), all(0), p) : p;
}

// `size`, which is not negative, with the sign of x
RP_INLINE V signedAs(svbool_t pg, V x, V size) {
  const svuint32_t sign = svand_n_u32_x(pg, svreinterpret_u32_f32(x), 0x80000000u);
  return svreinterpret_f32_u32(svorr_u32_x(pg, svreinterpret_u32_f32(size), sign));
}

struct Exp {
  static constexpr const char* id = "exp";
  static RP_MEMBER V of(svbool_t pg, V x) { return expOf(pg, x); }
};

struct Erf {
  static constexpr const char* id = "erf";
  static RP_MEMBER V of(svbool_t pg, V x) {
    const V z = svmin_n_f32_x(pg, svabs_f32_x(pg, x), 3.92f);
    const V p = poly(pg, z, all(-0.000031440093f), 0.00030880133f, -0.0010323982f, -0.0005369401f, 0.019583967f, -0.102919616f, -0.63659775f,
                     -1.1283803f);
    const V e = expOf<false>(pg, svmul_f32_x(pg, p, z));
    return signedAs(pg, x, svsubr_n_f32_x(pg, e, 1.0f));
  }
};

struct Tanh {
  static constexpr const char* id = "tanh";
  static RP_MEMBER V of(svbool_t pg, V x) {
    const V z = svabs_f32_x(pg, x), s = svmul_f32_x(pg, x, x);
    const V p = poly(pg, s, all(-0.0062763877f), 0.021116214f, -0.053875137f, 0.13332924f, -0.3333333f);
    const V near = svmla_f32_x(pg, x, x, svmul_f32_x(pg, s, p));
    const V e = svadd_n_f32_x(pg, expOf(pg, svmul_n_f32_x(pg, z, 2.0f)), 1.0f);
    const V far = svsub_f32_x(pg, all(1), svdiv_f32_x(pg, all(2), e));
    return svsel_f32(svcmplt_n_f32(pg, z, 0.6f), near, signedAs(pg, x, far));
  }
};

constexpr int together = 4;  // as inStep of vec.h; the compiler interleaves what is independent

#define OPAQUE(v) __asm__ volatile("" : "+w"(v))
#define USE(v) __asm__ volatile("" : : "w"(v))

// As run() of functions.cc: arguments from -8 to 8, the results of no pass used by another.
template <typename F>
double run(uint64_t passes) {
  constexpr int most = 64;  // f32 lanes of the longest vector
  float lane[together * most];
  for (int i = 0; i < together * most; i++) lane[i] = float(i % 17) - 8.0f;
  const svbool_t pg = svptrue_b32();
  const int w = int(svcntw());
  V x0 = svld1_f32(pg, lane), x1 = svld1_f32(pg, lane + w), x2 = svld1_f32(pg, lane + 2 * w), x3 = svld1_f32(pg, lane + 3 * w);
  V y0 = all(0), y1 = y0, y2 = y0, y3 = y0;
  for (uint64_t p = 0; p < passes; p++) {
    OPAQUE(x0);
    OPAQUE(x1);
    OPAQUE(x2);
    OPAQUE(x3);
    y0 = F::of(pg, x0), y1 = F::of(pg, x1), y2 = F::of(pg, x2), y3 = F::of(pg, x3);
    USE(y0);
    USE(y1);
    USE(y2);
    USE(y3);
  }
  return double(svaddv_f32(pg, y0)) + double(svaddv_f32(pg, y1)) + double(svaddv_f32(pg, y2)) + double(svaddv_f32(pg, y3));
}

// 64 adds per vector, as in functions.cc.
template <typename F>
double clock(uint64_t passes) {
  const svbool_t pg = svptrue_b32();
  V x = all(0.75f);
  uint64_t chain = 0, one = 1;
  for (uint64_t p = 0; p < passes; p++) {
    OPAQUE(x);
    const V y = F::of(pg, x);
    for (int i = 0; i < 64; i++) RP_TICK(chain, one);
    USE(y);
  }
  return double(chain);
}

template <typename F>
void apply(const OpArgs& args) {
  const Span span = share(args.dims[0] * args.dims[1], lineBytes / sizeof(float), args.thread, args.threads);
  const float* const x = static_cast<const float*>(args.in[0]);
  float* const y = static_cast<float*>(args.out[0]);
  const svbool_t pg = svptrue_b32();
  const int64_t w = int64_t(svcntw());
  int64_t i = span.from;
  for (; i + together * w <= span.to; i += together * w) {
    const V x0 = svld1_f32(pg, x + i), x1 = svld1_f32(pg, x + i + w), x2 = svld1_f32(pg, x + i + 2 * w), x3 = svld1_f32(pg, x + i + 3 * w);
    svst1_f32(pg, y + i, F::of(pg, x0));
    svst1_f32(pg, y + i + w, F::of(pg, x1));
    svst1_f32(pg, y + i + 2 * w, F::of(pg, x2));
    svst1_f32(pg, y + i + 3 * w, F::of(pg, x3));
  }
  for (; i < span.to; i += w) {
    const svbool_t some = svwhilelt_b32_s64(i, span.to);
    svst1_f32(some, y + i, F::of(some, svld1_f32(some, x + i)));
  }
}

template <typename F>
void replace(OpKernel* ops, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(ops[i].id, F::id) == 0) ops[i].run = apply<F>;
}

}  // namespace

int functionRows(ComputeProbe* rows) {
  const int w = int(svcntw());
  int n = 0;
  rows[n++] = {"exp-f32", nullptr, 0, "", run<Exp>, together, w, 1, 0, clock<Exp>, 64};
  rows[n++] = {"tanh-f32", nullptr, 0, "", run<Tanh>, together, w, 1, 0, clock<Tanh>, 64};
  rows[n++] = {"erf-f32", nullptr, 0, "", run<Erf>, together, w, 1, 0, clock<Erf>, 64};
  return n;
}

void replaceFunctions(OpKernel* ops, int count) {
  replace<Exp>(ops, count);
  replace<Tanh>(ops, count);
  replace<Erf>(ops, count);
}

}  // namespace RP_NS
}  // namespace rp
#endif
#endif  // RP_ISA_SVE
