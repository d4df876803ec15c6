// f32 vectors for the operator kernels: loads, reductions, exp and erf, on GCC/Clang vector extensions; a vector of one is a float.
#pragma once
#include <stdint.h>

#include "isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__clang__)
#define RP_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RP_UNROLL _Pragma("GCC unroll 16")
#endif

namespace rp {
namespace RP_NS {

constexpr int lanes = f32Lanes;

#if defined(RP_ISA_SCALAR)
typedef int32_t i32v;
static inline i32v toInt(f32v v) { return int32_t(v); }
#else
typedef int32_t i32v __attribute__((vector_size(RP_BYTES)));
static inline i32v toInt(f32v v) { return __builtin_convertvector(v, i32v); }
#endif

static inline f32v splat(float x) { return f32v{} + x; }

static inline f32v load(const float* p) {
  f32v v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
static inline void store(float* p, f32v v) { __builtin_memcpy(p, &v, sizeof v); }

// The first `count` lanes from memory, the others `fill`: nothing beyond the tensor is read or written.
static inline f32v loadPart(const float* p, int count, float fill) {
  float lane[lanes];
  for (int i = 0; i < lanes; i++) lane[i] = i < count ? p[i] : fill;
  return load(lane);
}
static inline void storePart(float* p, f32v v, int count) {
  float lane[lanes];
  store(lane, v);
  for (int i = 0; i < count; i++) p[i] = lane[i];
}

// a > b ? a : b, which is b where either is NaN: one instruction on x86, where compilers make two of the comparison.
#if defined(RP_ISA_AVX512)
static inline f32v max(f32v a, f32v b) { return f32v(_mm512_max_ps(__m512(a), __m512(b))); }
static inline f32v min(f32v a, f32v b) { return f32v(_mm512_min_ps(__m512(a), __m512(b))); }
#elif defined(RP_ISA_AVX2)
static inline f32v max(f32v a, f32v b) { return f32v(_mm256_max_ps(__m256(a), __m256(b))); }
static inline f32v min(f32v a, f32v b) { return f32v(_mm256_min_ps(__m256(a), __m256(b))); }
#elif defined(RP_ISA_SSE) || defined(RP_ISA_SSE2)
static inline f32v max(f32v a, f32v b) { return f32v(_mm_max_ps(__m128(a), __m128(b))); }
static inline f32v min(f32v a, f32v b) { return f32v(_mm_min_ps(__m128(a), __m128(b))); }
#else
static inline f32v max(f32v a, f32v b) { return a > b ? a : b; }
static inline f32v min(f32v a, f32v b) { return a < b ? a : b; }
#endif

static inline float sumOf(f32v v) {
  float lane[lanes], total = 0;
  store(lane, v);
  for (int i = 0; i < lanes; i++) total += lane[i];
  return total;
}
static inline float firstOf(f32v v) {
  float lane[lanes];
  store(lane, v);
  return lane[0];
}
static inline float maxOf(f32v v) {
  float lane[lanes];
  store(lane, v);
  float top = lane[0];
  for (int i = 1; i < lanes; i++) top = lane[i] > top ? lane[i] : top;
  return top;
}

// p * 2^n for whole n from -126 to 128.
static inline f32v timesPowerOfTwo(f32v p, f32v n) {
#if defined(RP_ISA_AVX512)
  return f32v(_mm512_scalef_ps(__m512(p), __m512(n)));
#else
  // Two halves, so that n = 128 does not overflow the exponent field.
  const i32v half = toInt(n) >> 1;
  const i32v first = (half + 127) << 23, second = (toInt(n) - half + 127) << 23;
  f32v scale, rest;
  __builtin_memcpy(&scale, &first, sizeof scale);
  __builtin_memcpy(&rest, &second, sizeof rest);
  return p * scale * rest;
#endif
}

// e^x, relative error below 3e-7: x = n ln 2 + r with |r| <= ln2/2, a polynomial in r (Taylor to r^7/7!, remainder 5e-9), times 2^n.
// Below -87.3 the result is 0 (f32 would be denormal), which also takes -infinity; above 88.7 it stays at e^88.7. NaN stays NaN: min and
// max hand on their second operand.
static inline f32v expOf(f32v x) {
  const f32v low = splat(-87.3f);
  const f32v clamped = min(splat(88.7f), max(low, x));
  const f32v magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  const f32v n = (clamped * 1.44269504f + magic) - magic;
  const f32v r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;  // ln 2 in two parts, Cody & Waite
  f32v p = splat(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return x < low ? splat(0.0f) : timesPowerOfTwo(p, n);
}

// erf, absolute error below 2e-7: 1 - e^-h(z) for z = |x|, where h = -ln(erfc z) is smooth enough for z times a polynomial of degree 7,
// fitted to the least largest error (1.6e-8) on [0, 3.92]; beyond, erf is 1 in f32.
static inline f32v erfOf(f32v x) {
  const f32v z = min(splat(3.92f), x < splat(0.0f) ? -x : x);
  f32v p = splat(0.000031440093f);
  p = p * z - 0.00030880133f;
  p = p * z + 0.0010323982f;
  p = p * z + 0.0005369401f;
  p = p * z - 0.019583967f;
  p = p * z + 0.102919616f;
  p = p * z + 0.63659775f;
  p = p * z + 1.1283803f;
  const f32v y = 1.0f - expOf(-(p * z));
  return x < splat(0.0f) ? -y : y;
}

// tanh, relative error below 3e-7: below 0.6 x + x^3 p(x^2), p fitted on Chebyshev nodes (8e-8 with its rounding); above it
// 1 - 2 / (e^2x + 1), where the difference cancels no more than a bit.
static inline f32v tanhOf(f32v x) {
  const f32v z = x < splat(0.0f) ? -x : x;
  const f32v s = x * x;
  f32v p = splat(-0.0062763877f);
  p = p * s + 0.021116214f;
  p = p * s - 0.053875137f;
  p = p * s + 0.13332924f;
  p = p * s - 0.3333333f;
  const f32v near = x + x * (s * p);
  const f32v far = 1.0f - 2.0f / (expOf(2.0f * z) + 1.0f);
  return z < splat(0.6f) ? near : x < splat(0.0f) ? -far : far;
}

static inline f32v geluOf(f32v x) { return 0.5f * x * (1.0f + erfOf(x * 0.70710678f)); }

// Splits `total` items among threads in blocks of `grain`; the first threads get the larger shares.
struct Span {
  int64_t from, to;
};
static inline Span share(int64_t total, int64_t grain, int thread, int threads) {
  const int64_t blocks = (total + grain - 1) / grain;
  const int64_t each = blocks / threads, extra = blocks % threads;
  const int64_t from = thread * each + (thread < extra ? thread : extra);
  const int64_t to = from + each + (thread < extra ? 1 : 0);
  const int64_t end = to * grain;
  return {from * grain < total ? from * grain : total, end < total ? end : total};
}

}  // namespace RP_NS
}  // namespace rp
