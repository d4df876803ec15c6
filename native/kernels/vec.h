// f32 vectors for the operator kernels: loads, reductions, exp and erf, on GCC/Clang vector extensions; a vector of one is a float.
#pragma once
#include <stdint.h>

#include "isa.h"

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

static inline f32v max(f32v a, f32v b) { return a > b ? a : b; }
static inline f32v min(f32v a, f32v b) { return a < b ? a : b; }

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

// e^x, relative error below 3e-7: x = n ln 2 + r with |r| <= ln2/2, a polynomial in r (Taylor to r^7/7!, remainder 5e-9), times 2^n.
// Below -87.3 the result is 0 (f32 would be denormal), which also takes -infinity; above 88.7 it stays at e^88.7.
static inline f32v expOf(f32v x) {
  const f32v low = splat(-87.3f);
  const f32v clamped = min(max(x, low), splat(88.7f));
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
  // 2^n in two halves, so that n = 128 (x above 88.4) does not overflow the exponent field.
  const i32v half = toInt(n) >> 1;
  const i32v first = (half + 127) << 23, second = (toInt(n) - half + 127) << 23;
  f32v scale, rest;
  __builtin_memcpy(&scale, &first, sizeof scale);
  __builtin_memcpy(&rest, &second, sizeof rest);
  const f32v value = x < low ? splat(0.0f) : p * scale * rest;
  return x != x ? x : value;  // min and max above drop a NaN
}

// erf, absolute error below 3e-7: Abramowitz & Stegun 7.1.26 (1.5e-7) and rounding.
static inline f32v erfOf(f32v x) {
  const f32v z = x < splat(0.0f) ? -x : x;
  const f32v t = 1.0f / (1.0f + 0.3275911f * z);
  f32v p = splat(1.061405429f);
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const f32v y = 1.0f - p * t * expOf(-z * z);
  return x < splat(0.0f) ? -y : y;
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
