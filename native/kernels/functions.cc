// Ceilings of divide, square root, and the exp, tanh and erf of vec.h that softmax and GELU are made of. Divide and square root are one
// instruction each; a function is counted as one operation per result, whatever it is made of.
#include "chains.h"
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {
namespace {

// Nothing depends on the last result, so the units are limited by their rate alone. Mantissas with no early end.
#define SQRT_F32(a, b, c) RP_SQRT_F32(a, b)
#define SQRT_F64(a, b, c) RP_SQRT_F64(a, b)
#define F32(x) spread<f32v, float>(x)
#define F64(x) spread<f64v, double>(x)
RP_COMPUTE(divideF32, static, f32v, float, countUp, F32(1.7f), F32(1.3f), RP_DIV_F32, total, RP_TICKS_48)
RP_COMPUTE(divideF64, [[maybe_unused]] static, f64v, double, countUp, F64(1.7), F64(1.3), RP_DIV_F64, total, RP_TICKS_48)
// Zen 4 falls into one of two cadences for f64 divides, 4.5 or 5 cycles, by chance, and stays there for a call. Chains that each wait for
// their last result, in this number, fall into the faster one: always (12 scalar, 8 of 16 B) or in one call of ten to a hundred (4 of 32 B);
// independent ones in one of a hundred. They keep every x86 divider busy: the longest latency is 4 intervals (Fog, instruction tables).
#if defined(__x86_64__)
constexpr int divideChains = RP_BYTES == 8 ? 12 : RP_BYTES == 16 ? 8 : 4;
#define RP_DIVIDE_NEXT(i) RP_DIV_F64(a[(i) % divideChains], b, a[(i) % divideChains]);
#define RP_DIVIDE_12(i) \
  RP_DIVIDE_NEXT(i) RP_DIVIDE_NEXT(i + 1) RP_DIVIDE_NEXT(i + 2) RP_DIVIDE_NEXT(i + 3) RP_DIVIDE_NEXT(i + 4) RP_DIVIDE_NEXT(i + 5) \
  RP_DIVIDE_NEXT(i + 6) RP_DIVIDE_NEXT(i + 7) RP_DIVIDE_NEXT(i + 8) RP_DIVIDE_NEXT(i + 9) RP_DIVIDE_NEXT(i + 10) RP_DIVIDE_NEXT(i + 11)
constexpr int dividesPerPass = 48;
// 1.3 and 1.7 as f32 have 24 bits: their product is exact, and every second result is where it began.
double divideF64Chained(uint64_t passes) {
  constexpr double first = double(1.3f), other = double(1.7f);
  f64v a[divideChains];
  for (f64v& chain : a) chain = F64(first);
  const f64v b = F64(first * other);
  for (uint64_t p = 0; p < passes; p++) {
    RP_DIVIDE_12(0) RP_DIVIDE_12(12) RP_DIVIDE_12(24) RP_DIVIDE_12(36)
  }
  double sum = 0;
  for (const f64v& chain : a) sum += total<double>(chain);
  return sum;
}
#else
constexpr auto* divideF64Chained = divideF64Run;
constexpr int dividesPerPass = RP_CHAINS * repeats;
#endif
RP_COMPUTE(sqrtF32, static, f32v, float, countUp, F32(1.7f), 0, SQRT_F32, total, RP_TICKS_48)
RP_COMPUTE(sqrtF64, static, f64v, double, countUp, F64(1.7), 0, SQRT_F64, total, RP_TICKS_48)

// The cheapest e^x and the cheapest erf that a kernel has: a softmax and GELU may not exceed their ceilings.
struct Exp {
  template <int N>
  static inline void on(f32v (&x)[N]) { expNearAll<false>(x); }
};
struct Tanh {
  template <int N>
  static inline void on(f32v (&x)[N]) { tanhAll(x); }
};
struct Erf {
  template <int N>
  static inline void on(f32v (&x)[N]) { erfNearAll(x); }
};

constexpr int inFlight = inStep;

// A few vectors per pass, in step as in the operator kernels, made opaque so that no pass may reuse the last one's results. Arguments from -3.6 to
// 3.6, within every function's range: scalar code branches at its ends, and beyond 3.92 erf is known (scalar erf took 5.0 cycles for -8 to -3).
template <typename F>
double run(uint64_t passes) {
  f32v x[inFlight];
  float lane[inFlight * f32Lanes];
  for (int i = 0; i < inFlight * f32Lanes; i++) lane[i] = float(i % 17) * 0.45f - 3.6f;
  for (int i = 0; i < inFlight; i++) x[i] = load(lane + i * f32Lanes);
  f32v y[inFlight] = {};
  for (uint64_t p = 0; p < passes; p++) {
    RP_STEP(inFlight) {
      RP_OPAQUE(x[i]);
      y[i] = x[i];
    }
    F::on(y);
    RP_STEP(inFlight) RP_KEEP(y[i]);
  }
  double sum = 0;
  for (int i = 0; i < inFlight; i++) sum += double(sumOf(y[i]));
  return sum;
}

// 64 adds per vector: more than the 20 to 40 cycles that any of the functions takes.
template <typename F>
double clock(uint64_t passes) {
  f32v x = splat(0.75f);
  uint64_t chain = 0, one = 1;
  for (uint64_t p = 0; p < passes; p++) {
    RP_OPAQUE(x);
    f32v y[1] = {x};
    F::on(y);
    RP_TICKS_SLOW(0) RP_TICKS_SLOW(0) RP_TICKS_SLOW(0) RP_TICKS_SLOW(0)
    RP_TICKS_48(0)
    RP_KEEP(y[0]);
  }
  return double(chain);
}

}  // namespace

int functionProbes(ComputeProbe* rows) {
  int n = 0;
  rows[n++] = RP_COMPUTE_ROW("divide-f32", nullptr, 0, "", divideF32, f32Lanes, 1, 0, rpTicks48);
  rows[n++] = {"divide-f64", nullptr, 0, "", divideF64Chained, dividesPerPass, f64Lanes, 1, 0, divideF64Clock, RP_CHAINS * rpTicks48};
  rows[n++] = RP_COMPUTE_ROW("sqrt-f32", nullptr, 0, "", sqrtF32, f32Lanes, 1, 0, rpTicks48);
  rows[n++] = RP_COMPUTE_ROW("sqrt-f64", nullptr, 0, "", sqrtF64, f64Lanes, 1, 0, rpTicks48);
  rows[n++] = {"exp-f32", nullptr, 0, "", run<Exp>, inFlight, f32Lanes, 1, 0, clock<Exp>, 64};
  rows[n++] = {"tanh-f32", nullptr, 0, "", run<Tanh>, inFlight, f32Lanes, 1, 0, clock<Tanh>, 64};
  rows[n++] = {"erf-f32", nullptr, 0, "", run<Erf>, inFlight, f32Lanes, 1, 0, clock<Erf>, 64};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
