// f32 vectors for the operator kernels: loads, reductions, exp and erf, on GCC/Clang vector extensions; a vector of one is a float.
#pragma once
#include <stdint.h>

#include "isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__clang__)
#define RP_UNROLL _Pragma("clang loop unroll(full)")
#define RP_UNROLL_2 _Pragma("clang loop unroll_count(2)")
#define RP_UNROLL_4 _Pragma("clang loop unroll_count(4)")
#else
#define RP_UNROLL _Pragma("GCC unroll 16")
#define RP_UNROLL_2 _Pragma("GCC unroll 2")
#define RP_UNROLL_4 _Pragma("GCC unroll 4")
#endif

// GCC 12 takes the undefined operand of an intrinsic for an uninitialized variable (GCC bug 105593) wherever it inlines one by force.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define RP_INLINE __attribute__((always_inline)) static inline
#define RP_MEMBER __attribute__((always_inline)) inline

namespace rp {
namespace RP_NS {

constexpr int lanes = f32Lanes;

#if defined(RP_ISA_SCALAR)
typedef int32_t i32v;
typedef uint32_t u32v;
static inline i32v toInt(f32v v) { return int32_t(v); }
#else
typedef int32_t i32v __attribute__((vector_size(RP_BYTES)));
typedef uint32_t u32v __attribute__((vector_size(RP_BYTES)));
static inline i32v toInt(f32v v) { return __builtin_convertvector(v, i32v); }
#endif

// Minus zero, and not plus zero, is nothing to compute: the broadcast is then a load.
static inline f32v splat(float x) { return x - f32v{}; }

static inline f32v load(const float* p) {
  f32v v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
static inline void store(float* p, f32v v) { __builtin_memcpy(p, &v, sizeof v); }

// The first `count` lanes from memory, the others `fill`: nothing beyond the tensor is read or written.
#if defined(RP_ISA_AVX512)
static inline f32v loadPart(const float* p, int count, float fill) {
  return f32v(_mm512_mask_loadu_ps(__m512(splat(fill)), __mmask16((1u << count) - 1), p));
}
static inline void storePart(float* p, f32v v, int count) { _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), __m512(v)); }
#else
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
#endif

// The first `count` lanes of a, the others of b.
RP_INLINE f32v firstLanes(int count, f32v a, f32v b) {
#if defined(RP_ISA_AVX512)
  return f32v(_mm512_mask_blend_ps(__mmask16((1u << count) - 1), __m512(b), __m512(a)));
#else
  float lane[lanes], first[lanes];
  store(lane, b);
  store(first, a);
  for (int i = 0; i < count; i++) lane[i] = first[i];
  return load(lane);
#endif
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

// Over the lanes in a tree: lane after lane would be a chain of sixteen additions at the end of every row.
#if defined(RP_ISA_AVX512)
static inline float sumOf(f32v v) { return _mm512_reduce_add_ps(__m512(v)); }
static inline float maxOf(f32v v) { return _mm512_reduce_max_ps(__m512(v)); }
#elif defined(__x86_64__) && !defined(RP_ISA_SCALAR)
template <typename Join>
static inline float fold(f32v v, Join join) {
#if defined(RP_ISA_AVX2)
  const __m128 four = join(_mm256_castps256_ps128(__m256(v)), _mm256_extractf128_ps(__m256(v), 1));
#else
  const __m128 four = __m128(v);
#endif
  const __m128 two = join(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(join(two, _mm_shuffle_ps(two, two, 1)));
}
static inline float sumOf(f32v v) {
  return fold(v, [](__m128 a, __m128 b) { return _mm_add_ps(a, b); });
}
static inline float maxOf(f32v v) {
  return fold(v, [](__m128 a, __m128 b) { return _mm_max_ps(a, b); });
}
#else
static inline float sumOf(f32v v) {
  float lane[lanes];
  store(lane, v);
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; i++) lane[i] += lane[i + width];
  return lane[0];
}
static inline float maxOf(f32v v) {
  float lane[lanes];
  store(lane, v);
  float top = lane[0];
  for (int i = 1; i < lanes; i++) top = lane[i] > top ? lane[i] : top;
  return top;
}
#endif
static inline float firstOf(f32v v) {
  float lane[lanes];
  store(lane, v);
  return lane[0];
}

static inline f32v rootOf(f32v v) {
#if defined(RP_ISA_AVX512)
  return f32v(_mm512_sqrt_ps(__m512(v)));
#elif defined(RP_ISA_AVX2)
  return f32v(_mm256_sqrt_ps(__m256(v)));
#elif defined(RP_ISA_SSE) || defined(RP_ISA_SSE2)
  return f32v(_mm_sqrt_ps(__m128(v)));
#else
  float lane[lanes];
  store(lane, v);
  for (int i = 0; i < lanes; i++) lane[i] = __builtin_sqrtf(lane[i]);
  return load(lane);
#endif
}

// p * 2^n for whole n from -126 to 185, infinity above 127.
static inline f32v timesPowerOfTwo(f32v p, f32v n) {
#if defined(RP_ISA_AVX512)
  return f32v(_mm512_scalef_ps(__m512(p), __m512(n)));
#else
  // Two halves, so that n = 128 does not overflow the exponent field of one.
  const i32v half = toInt(n) >> 1;
  // unsigned: what is not a number has any n
  const u32v first = u32v(half + 127) << 23, second = u32v(toInt(n) - half + 127) << 23;
  f32v scale, rest;
  __builtin_memcpy(&scale, &first, sizeof scale);
  __builtin_memcpy(&rest, &second, sizeof rest);
  return p * scale * rest;
#endif
}

// The functions take several vectors in step: each is a chain of a hundred cycles, and a core that gets them one after another holds no
// more than three in its schedulers. Zen 4, erf of 8 lanes: 25 cycles alone, 17 each for six in step.
#if defined(RP_ISA_AVX512) || defined(__aarch64__)
constexpr int inStep = 4;
#else
constexpr int inStep = 6;  // with 16 registers a few values lie in memory, which costs less than the waiting
#endif
#define RP_STEP(N) RP_UNROLL for (int i = 0; i < N; i++)

// e^x, relative error below 3e-7: x = n ln 2 + r with |r| <= ln2/2, a polynomial in r (fitted on Chebyshev nodes for the smallest
// relative error, 9e-8; 1.5e-7 with its rounding), times 2^n. Below -87.3 the result is 0 (f32 would be denormal), which also takes
// -infinity; above 88.72 it is infinity. NaN stays NaN: min and max hand on their second operand. AVX-512 lets a mask leave 0 where others clamp
// and select: one instruction less.
// `low`, `high`: whether arguments may lie below -87.3, or above 88.7.
template <int N, bool low = true, bool high = true>
RP_INLINE void expAll(f32v (&x)[N]) {
  const f32v least = splat(-87.3f), most = splat(128.0f);
#if defined(RP_ISA_AVX512)
  constexpr bool masks = low;
#else
  constexpr bool masks = false;
#endif
  const f32v magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  f32v n[N], r[N], p[N];
  RP_STEP(N) r[i] = low && !masks ? max(least, x[i]) : x[i];
  if (high) RP_STEP(N) r[i] = min(most, r[i]);
  RP_STEP(N) n[i] = r[i] * 1.44269504f + magic;
  RP_STEP(N) n[i] = n[i] - magic;
  RP_STEP(N) r[i] = r[i] - n[i] * 0.693359375f;  // ln 2 in two parts, Cody & Waite
  RP_STEP(N) r[i] = r[i] + n[i] * 2.12194440e-4f;
  RP_STEP(N) p[i] = r[i] * 0.008290058f + 0.041899312f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.16667648f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.4999914f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.9999997f;
  RP_STEP(N) p[i] = p[i] * r[i] + 1.0f;
#if defined(RP_ISA_AVX512)
  if (masks) {
    RP_STEP(N) x[i] = f32v(_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(__m512(x[i]), __m512(least), _CMP_NLT_UQ), __m512(p[i]), __m512(n[i])));
    return;
  }
#endif
  RP_STEP(N) p[i] = timesPowerOfTwo(p[i], n[i]);
  RP_STEP(N) x[i] = low ? (x[i] < least ? splat(0.0f) : p[i]) : p[i];
}

// 2^r for |r| <= 1/2, in r: the polynomial of expAll() in units of ln 2.
template <int N>
RP_INLINE void exp2Polynomial(f32v (&r)[N]) {
  f32v p[N];
  RP_STEP(N) p[i] = r[i] * 0.0013264316f + 0.0096718315f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.055507377f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.24022238f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.69314694f;
  RP_STEP(N) r[i] = p[i] * r[i] + 1.0f;
}

static inline i32v bitsOf(f32v x) {
  i32v bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline f32v fromBits(i32v bits) {
  f32v x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

// 1.5 * 2^23 + 127. A value between -126 and 128 added to it is rounded to a whole n, and the last bits of the sum are the exponent field of 2^n,
// which one shift takes out: 2^n without the halves of timesPowerOfTwo(), infinity for 128. Of other values it is any number.
constexpr float exponentMagic = 12583039.0f;
static inline f32v powerOfTwo(f32v sum) { return fromBits(i32v(u32v(bitsOf(sum)) << 23)); }

// 2^x, for functions that compute x in units of ln 2 as well as in others: only its whole part is to be taken off, without a multiplication
// (Zen 4, 8 lanes: 5.4 cycles where expAll() takes 7.8). Below -126 (AVX-512: -150) the result is 0, from 127.5 (128) on infinity; `low`, `high`:
// whether x may lie there.
template <int N, bool low = true, bool high = true>
RP_INLINE void exp2All(f32v (&x)[N]) {
  f32v n[N], r[N];
#if defined(RP_ISA_AVX512)
  const f32v magic = splat(12582912.0f), most = splat(185.0f);
  const f32v least = splat(-1024.0f);  // scaling by any power is one instruction
  RP_STEP(N) r[i] = low ? max(least, x[i]) : x[i];
  if (high) RP_STEP(N) r[i] = min(most, r[i]);
  RP_STEP(N) n[i] = (r[i] + magic) - magic;
  RP_STEP(N) r[i] = r[i] - n[i];
  exp2Polynomial(r);
  RP_STEP(N) x[i] = timesPowerOfTwo(r[i], n[i]);
#else
  const f32v magic = splat(exponentMagic), least = splat(-126.0f), most = splat(128.0f);
  RP_STEP(N) r[i] = high ? min(most, x[i]) : x[i];
  RP_STEP(N) n[i] = r[i] + magic;
  RP_STEP(N) r[i] = r[i] - (n[i] - magic);
  exp2Polynomial(r);
  RP_STEP(N) r[i] = r[i] * powerOfTwo(n[i]);
  RP_STEP(N) x[i] = low ? (x[i] < least ? splat(0.0f) : r[i]) : r[i];
#endif
}

static inline f32v magnitude(f32v x) { return fromBits(bitsOf(x) & 0x7fffffff); }
// `size` must not be negative.
static inline f32v withSignOf(f32v x, f32v size) { return fromBits(bitsOf(size) | (bitsOf(x) & int32_t(0x80000000u))); }

// erf, absolute error below 2e-7: 1 - 2^-h(z) for z = |x|, where h = -log2(erfc z) is smooth enough for z times a polynomial of degree 7,
// fitted to the least largest error (1.6e-8) on [0, 3.92]; beyond, erf is 1 in f32.
template <int N>
RP_INLINE void erfAll(f32v (&x)[N]) {
  const f32v top = splat(3.92f);
  f32v z[N], p[N];
  RP_STEP(N) z[i] = min(top, magnitude(x[i]));
  RP_STEP(N) p[i] = z[i] * -4.5358465e-05f + 0.00044550616f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.0014894358f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.0007746408f;
  RP_STEP(N) p[i] = p[i] * z[i] + 0.028253691f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.14848162f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.91841644f;
  RP_STEP(N) p[i] = p[i] * z[i] - 1.6279087f;
  RP_STEP(N) p[i] = p[i] * z[i];
  exp2All<N, false, false>(p);  // of 0 it is exactly 1, and never more
  RP_STEP(N) x[i] = withSignOf(x[i], 1.0f - p[i]);
}

// tanh, relative error below 3e-7: below 0.6 x + x^3 p(x^2), p fitted on Chebyshev nodes (8e-8 with its rounding); above it
// 1 - 2 / (e^2x + 1), where the difference cancels no more than a bit.
template <int N>
RP_INLINE void tanhAll(f32v (&x)[N]) {
  f32v z[N], s[N], p[N];
  RP_STEP(N) z[i] = magnitude(x[i]);
  RP_STEP(N) s[i] = x[i] * x[i];
  RP_STEP(N) p[i] = s[i] * -0.0062763877f + 0.021116214f;
  RP_STEP(N) p[i] = p[i] * s[i] - 0.053875137f;
  RP_STEP(N) p[i] = p[i] * s[i] + 0.13332924f;
  RP_STEP(N) p[i] = p[i] * s[i] - 0.3333333f;
  RP_STEP(N) p[i] = x[i] + x[i] * (s[i] * p[i]);
  RP_STEP(N) s[i] = 2.8853901f * z[i];  // e^2z = 2^(2z / ln 2); its rounding is divided by e^2z
  exp2All<N, false>(s);
  RP_STEP(N) s[i] = 1.0f - 2.0f / (s[i] + 1.0f);
  RP_STEP(N) x[i] = z[i] < splat(0.6f) ? p[i] : withSignOf(x[i], s[i]);
}

#if !defined(RP_ISA_AVX512)
// x / (1 + e^-x). The power is taken of -x / ln 2 in one product that is not rounded before its whole part is gone; what is wrong in the
// 1 / ln 2 of f32 makes a relative error of 1.4e-8 |x|, where expAll() needs another multiply-add: in all 3.5e-7 for |x| < 12 (instruction
// sets that do not fuse: 8e-7), where the values are 7e-5 and less.
template <int N>
RP_INLINE void siluAll(f32v (&x)[N]) {
  const f32v magic = splat(12582912.0f), least = splat(-128.0f), most = splat(87.0f);
  f32v n[N], r[N];
  RP_STEP(N) r[i] = min(most, max(least, x[i]));
  RP_STEP(N) n[i] = r[i] * -1.44269504f + magic;
  RP_STEP(N) n[i] = n[i] - magic;
  RP_STEP(N) r[i] = r[i] * -1.44269504f - n[i];
  exp2Polynomial(r);
  RP_STEP(N) x[i] = x[i] / (1.0f + timesPowerOfTwo(r[i], n[i]));
}

// GELU by its tanh approximation, as x * sigmoid(2u): 1 + tanh(u) = 2 / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3)
template <int N>
RP_INLINE void geluTanhAll(f32v (&x)[N]) {
  f32v e[N];
  RP_STEP(N) e[i] = x[i] * x[i] * -0.10294324f - 2.3022082f;
  RP_STEP(N) e[i] = max(splat(-126.0f), x[i] * e[i]);  // as good as 0 beside 1
  exp2All<N, false>(e);
  RP_STEP(N) x[i] = x[i] / (1.0f + e[i]);
}

// GELU with the error function, x/2 (1 + erf(x / sqrt 2)), as max(0, x) - |x| q, q = erfc(|x| / sqrt 2) / 2: the polynomial of erfAll() in
// |x|, less one, makes log2 q. Beyond the range of its fit it falls ever faster; q is 0 there, which infinity must not be multiplied by, but
// minus infinity must: its GELU is not a number.
template <int N>
RP_INLINE void geluAll(f32v (&x)[N]) {
  f32v z[N], p[N];
  RP_STEP(N) z[i] = magnitude(min(splat(1e30f), x[i]));
  RP_STEP(N) p[i] = z[i] * -2.834904e-06f + 3.937755e-05f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.00018617947f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.00013693844f;
  RP_STEP(N) p[i] = p[i] * z[i] + 0.007063423f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.05249618f;
  RP_STEP(N) p[i] = p[i] * z[i] - 0.45920822f;
  RP_STEP(N) p[i] = p[i] * z[i] - 1.1511053f;
  RP_STEP(N) p[i] = p[i] * z[i] - 1.0f;
  exp2All<N, true, false>(p);
  RP_STEP(N) x[i] = max(splat(0.0f), x[i]) - z[i] * p[i];
}
#endif

static inline f32v expOf(f32v x) {
  f32v one[1] = {x};
  expAll(one);
  return one[0];
}

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

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

#include "lookup.h"
