// Matrix times vector with weights of 8 and 4 bits, x in f32, by the instruction that adds products of bytes (vpdpbusd): x becomes whole
// numbers, whose digits of 8 bits, from -128 to 127, are multiplied by the weights as they lie in memory. Sums of whole numbers are exact:
// what is lost is lost where x is rounded to them. Widening 64 weights of 8 bits to f32 takes 24 operations of 256 bits, of which Zen 4
// does four per cycle; this takes ten.
#pragma once
#include "decode.h"
#include "loops.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

// f(0), f(1) … f(n - 1), written out before GCC looks for arrays that can be registers: after a loop that it unrolls itself, sums that a loop
// around goes on with stay in memory. Zen 4, f64 from L2: 90 GB/s so, 76 with loops.
template <int n, int i = 0, typename F>
RP_INLINE void each(const F& f) {
  if constexpr (i < n) {
    f(i);
    each<n, i + 1>(f);
  }
}
#define RP_EACH(i) [&](const int i) __attribute__((always_inline))

// Weights of 4 bits: the scales of the lanes of a vector of their bytes, whose lane j holds the elements 8j to 8j + 7; a group of 32, 64 or
// 128 covers group / 8 lanes.
inline f32v scalesOf(const float* scales, int64_t group) {
  if (group >= 8 * lanes) return splat(scales[0]);
#if defined(RP_ISA_AVX512)
  if (group == 32) return f32v(_mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3),
                                                     _mm512_castps128_ps512(_mm_loadu_ps(scales))));
  return f32v(_mm512_mask_blend_ps(0xff00, _mm512_set1_ps(scales[0]), _mm512_set1_ps(scales[1])));
#else
  float lane[lanes];
  for (int j = 0; j < lanes; j++) lane[j] = scales[j / (group / 8)];
  return load(lane);
#endif
}

}  // namespace
}  // namespace RP_NS
}  // namespace rp

#if defined(__x86_64__) && !defined(RP_ISA_SCALAR) && !defined(RP_ISA_SSE2)
#define RP_DIGITS

namespace rp {
namespace RP_NS {
namespace {

RP_INLINE void addProducts(i32v& sums, i32v unsignedBytes, i32v signedBytes) {
  __asm__("vpdpbusd %2, %1, %0" : RP_INOUT(sums) : RP_IN(unsignedBytes), RP_IN(signedBytes));
}
RP_INLINE i32v everyByte(uint32_t byte) { return i32v(u32v{} + 0x01010101u * byte); }

// Elements of x at a time: over this many, 255 * 128 each, a sum of bytes stays below 2^31.
constexpr int64_t mostDigits = 32768;

// What is fetched ahead of each row.
constexpr int bytesAhead = 1024;

// Rows side by side: four sums each of 32 registers, or of 16.
#if defined(RP_ISA_AVX512)
constexpr int digitStreams = 4;
#else
constexpr int digitStreams = 2;
#endif

// Elements that are written at a time.
#if defined(RP_ISA_AVX512)
constexpr int piece = 16;
#else
constexpr int piece = 4;
#endif

// Whole numbers of `digits` digits: x[i] * factor to nearest, for i below `count`, and zeros to a whole piece. give(d, i, bytes) takes digit d
// of the numbers i to i + piece - 1: in their order, or (`apart`) first those of even and then those of odd i. Returns their sum, modulo 2^32.
template <int digits, bool apart, typename Give>
RP_INLINE int32_t writeDigits(const float* x, int64_t count, float factor, Give give) {
  // half of 256 to each digit but the highest carries what is below zero, and flipping the same bits takes it back
  constexpr int half = digits == 4 ? 0x00808080 : 0x00008080;
  int32_t lane[piece];
#if defined(RP_ISA_AVX512)
  const __m512i halves = _mm512_set1_epi32(half), evenFirst = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
  __m512i sum = _mm512_setzero_si512();
  for (int64_t i = 0; i < count; i += piece) {
    __m512 v = __m512(take(x + i, count - i < piece ? int(count - i) : piece));
    if (apart) v = _mm512_permutexvar_ps(evenFirst, v);
    const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(v, _mm512_set1_ps(factor)));
    sum = _mm512_add_epi32(sum, whole);
    const __m512i bytes = _mm512_xor_si512(_mm512_add_epi32(whole, halves), halves);
    each<digits>(RP_EACH(d) { give(d, i, _mm512_cvtepi32_epi8(_mm512_srli_epi32(bytes, unsigned(8 * d)))); });
  }
  _mm512_storeu_si512(lane, sum);
#else
  const __m128i halves = _mm_set1_epi32(half);
  const __m128i turn = apart ? _mm_setr_epi8(0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15)
                             : _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m128i sum = _mm_setzero_si128();
  for (int64_t i = 0; i < count; i += piece) {
    float four[piece] = {};
    __builtin_memcpy(four, x + i, sizeof(float) * size_t(count - i < piece ? count - i : piece));
    const __m128i whole = _mm_cvtps_epi32(_mm_mul_ps(_mm_loadu_ps(four), _mm_set1_ps(factor)));
    sum = _mm_add_epi32(sum, whole);
    const __m128i bytes = _mm_shuffle_epi8(_mm_xor_si128(_mm_add_epi32(whole, halves), halves), turn);
    int32_t digit[4];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(digit), bytes);
    each<digits>(RP_EACH(d) { give(d, i, digit[d]); });
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(lane), sum);
#endif
  uint32_t total = 0;
  for (int e = 0; e < piece; e++) total += uint32_t(lane[e]);
  return int32_t(total);
}

// The largest magnitude, NaN above infinity, and the sum of all.
struct Sizes {
  float largest, sum;
};
RP_INLINE Sizes sizesOf(const float* x, int64_t count) {
  i32v top[2] = {};
  f32v sum[2] = {};
  int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes)
    RP_UNROLL for (int k = 0; k < 2; k++) {
      const i32v bits = bitsOf(load(x + i + k * lanes)) & 0x7fffffff;
      top[k] = bits > top[k] ? bits : top[k];
      sum[k] += fromBits(bits);
    }
  for (; i < count; i += lanes) {
    const i32v bits = bitsOf(take(x + i, count - i < lanes ? int(count - i) : lanes)) & 0x7fffffff;
    top[0] = bits > top[0] ? bits : top[0];
    sum[0] += fromBits(bits);
  }
  int32_t lane[lanes], most = 0;
  const i32v both = top[0] > top[1] ? top[0] : top[1];
  __builtin_memcpy(lane, &both, sizeof lane);
  for (int e = 0; e < lanes; e++) most = lane[e] > most ? lane[e] : most;
  Sizes sizes = {0, sumOf(sum[0] + sum[1])};
  __builtin_memcpy(&sizes.largest, &most, sizeof most);
  return sizes;
}

RP_INLINE __m128i foldLanes(i32v v) {
#if defined(RP_ISA_AVX512)
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(__m512i(v)), _mm512_extracti64x4_epi64(__m512i(v), 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
#elif defined(RP_ISA_AVX2)
  return _mm_add_epi32(_mm256_castsi256_si128(__m256i(v)), _mm256_extracti128_si256(__m256i(v), 1));
#else
  return __m128i(v);
#endif
}

// --- 8 bits: whole numbers of 31 bits in four digits, by one power of two for all of x

// Where x is as uneven as this, its small elements would be rounded more than f32 rounds their products.
constexpr float mostUneven = 512;

// What a whole number stands for; 0 where x is all zeros, and NaN where it cannot be written in digits.
RP_INLINE float unitOf(const float* x, int64_t count) {
  const Sizes sizes = sizesOf(x, count);
  if (sizes.largest == 0) return 0;
  if (!(sizes.largest >= 0x1p-90f && sizes.largest < __builtin_inff()) || sizes.largest > mostUneven * (sizes.sum / float(count)))
    return __builtin_nanf("");
  uint32_t bits;
  __builtin_memcpy(&bits, &sizes.largest, sizeof bits);
  bits = ((bits >> 23) - 29) << 23;  // 2^29 to 2^30 of them in the largest element
  float unit;
  __builtin_memcpy(&unit, &bits, sizeof unit);
  return unit;
}

struct Int8Digits {
  const int8_t* digits;  // four vectors for every vector of weights
  int64_t k, part;       // elements of a row, and of it those that the digits are of
  float unit;
  bool add;
  double offset;  // what the offset of the weights adds to a sum

  static inline void write(const float* x, int64_t count, float unit, int8_t* to) {
    const int64_t whole = count / RP_BYTES * RP_BYTES;
    if (whole < count) __builtin_memset(to + 4 * whole, 0, 4 * RP_BYTES);
    writeDigits<4, false>(x, count, unit > 0 ? 1 / unit : 0.0f, [=](int d, int64_t i, auto bytes) __attribute__((always_inline)) {
      __builtin_memcpy(to + 4 * (i / RP_BYTES * RP_BYTES) + i % RP_BYTES + d * RP_BYTES, &bytes, piece);
    });
  }

  // Weights from -128 to 127 as unsigned bytes, 128 more: x times that is taken off again.
  static RP_MEMBER i32v offsetBytes(i32v weights) { return weights ^ everyByte(128); }
  static RP_MEMBER double joined(const i32v (&sums)[4]) {
    const __m128i each = _mm_hadd_epi32(_mm_hadd_epi32(foldLanes(sums[0]), foldLanes(sums[1])), _mm_hadd_epi32(foldLanes(sums[2]), foldLanes(sums[3])));
    const __m256d parts = _mm256_mul_pd(_mm256_cvtepi32_pd(each), _mm256_setr_pd(1, 0x1p8, 0x1p16, 0x1p24));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(parts), _mm256_extractf128_pd(parts, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
  }
  double offsetOf() const {
    i32v sums[4] = {};
    for (int64_t p = 0; p < part; p += RP_BYTES)
      RP_UNROLL for (int d = 0; d < 4; d++) addProducts(sums[d], everyByte(128), loadAs<i32v>(digits + 4 * p + d * RP_BYTES));
    return joined(sums);
  }
  template <int count>
  inline void dots(const int8_t* q, int64_t apart, const float* scales, float* out) const {
    i32v sums[count][4] = {};
    int64_t p = 0;
    for (; p + RP_BYTES <= part; p += RP_BYTES) step<count, true>(sums, q + p, apart * k, p);
    if (p < part) {
      // digits beyond the end are zeros
      int8_t rest[count][RP_BYTES] = {};
      for (int s = 0; s < count; s++) __builtin_memcpy(rest[s], q + s * apart * k + p, size_t(part - p));
      step<count, false>(sums, rest[0], RP_BYTES, p);
    }
    each<count>(RP_EACH(s) {
      out[s * apart] = (add ? out[s * apart] : 0.0f) + scales[s * apart] * float(double(unit) * (joined(sums[s]) - offset));
    });
  }
  // A vector of each row, `apart` bytes from one to the next, where the row is at element p.
  template <int count, bool fetches>
  RP_MEMBER void step(i32v (&sums)[count][4], const int8_t* w, int64_t apart, int64_t p) const {
    i32v bytes[count];
    each<count>(RP_EACH(s) {
      if (fetches) __builtin_prefetch(w + s * apart + bytesAhead);
      bytes[s] = offsetBytes(loadAs<i32v>(w + s * apart));
    });
    each<4>(RP_EACH(d) {
      const i32v digit = loadAs<i32v>(digits + 4 * p + d * RP_BYTES);
      each<count>(RP_EACH(s) { addProducts(sums[s][d], bytes[s], digit); });
    });
  }
};

// --- 4 bits: whole numbers of 24 bits in three digits, by a unit for each group

struct Int4Digits {
  // for every vector of weights six: of each digit that of the elements in low halves, then that of those in high halves
  int8_t* digits;
  float* units;   // of each group
  float* sums;    // of the whole numbers of each group, times 8: what the offset of the weights adds
  float* scales;  // of the rows in turn times the units
  const float* x;
  int64_t k, part, group;
  bool add;

  static constexpr int64_t run = 2 * RP_BYTES;
  static constexpr float mostWhole = 0x7f7f00;  // three digits of 127, less what rounding of its quotients may add
  static constexpr int64_t mostGroups = mostDigits / 32 + run / 32;

  // Whether x can be written so.
  inline bool write() const {
    const int64_t whole = part / run * run;
    if (whole < part) __builtin_memset(digits + 3 * whole, 0, 3 * run);
    for (int64_t g = 0; g < part / group; g++) {
      const float largest = sizesOf(x + g * group, group).largest;
      if (largest != 0 && !(largest >= 0x1p-90f && largest < __builtin_inff())) return false;
      units[g] = largest / mostWhole;
      const int32_t sum = writeDigits<3, true>(x + g * group, group, largest > 0 ? mostWhole / largest : 0.0f, [=](int d, int64_t i, auto bytes) __attribute__((always_inline)) {
        const int64_t at = g * group + i;
        int8_t* const to = digits + 3 * (at / run * run) + at % run / 2 + d * run;
        __builtin_memcpy(to, &bytes, piece / 2);
        __builtin_memcpy(to + RP_BYTES, reinterpret_cast<const char*>(&bytes) + piece / 2, piece / 2);
      });
      sums[g] = 8 * float(sum);
    }
    return true;
  }

  // A row whose scales are not all finite, as the reference has it.
  inline float plain(const uint8_t* q, const float* rowScales) const {
    float total = 0;
    for (int64_t i = 0; i < part; i++) total += rowScales[i / group] * Int4::one(q, i) * x[i];
    return total;
  }

  template <int count>
  inline void dots(const uint8_t* q, const float* rowScales, int64_t apart, float* out) const {
    if (group == 32) dotsOf<count, 32>(q, rowScales, apart, out);
    else if (group == 64) dotsOf<count, 64>(q, rowScales, apart, out);
    else dotsOf<count, 128>(q, rowScales, apart, out);
  }
  template <int count, int64_t group>
  inline void dotsOf(const uint8_t* q, const float* rowScales, int64_t apart, float* out) const {
    const int64_t groups = part / group;
    f32v totals[count] = {};
    each<count>(RP_EACH(s) {
      float* const to = scales + s * mostGroups;
      const float* const from = rowScales + s * apart * (k / group);
      for (int64_t g = 0; g < groups; g += lanes) {
        const int n = groups - g < lanes ? int(groups - g) : lanes;
        const f32v both = take(from + g, n) * take(units + g, n);
        store(to + g, both);
        totals[s] -= both * take(sums + g, n);
      }
      // the last run may hold fewer groups than its vector
      for (int64_t g = (groups + lanes - 1) / lanes * lanes; g < groups + run / 32; g++) to[g] = 0;
    });
    int64_t p = 0;
    for (; p + run <= part; p += run) step<count, group, true>(totals, q + p / 2, apart * (k / 2), p);
    if (p < part) {
      // digits beyond the end are zeros
      uint8_t rest[count][RP_BYTES] = {};
      for (int s = 0; s < count; s++) __builtin_memcpy(rest[s], q + s * apart * (k / 2) + p / 2, size_t(part - p) / 2);
      step<count, group, false>(totals, rest[0], RP_BYTES, p);
    }
    each<count>(RP_EACH(s) {
      float total = sumOf(totals[s]);
      if (total != total) total = plain(q + s * apart * (k / 2), rowScales + s * apart * (k / group));
      out[s * apart] = (add ? out[s * apart] : 0.0f) + total;
    });
  }
  // A vector of each row, `apart` bytes from one to the next, where the row is at element p.
  template <int count, int64_t group, bool fetches>
  RP_MEMBER void step(f32v (&totals)[count], const uint8_t* w, int64_t apart, int64_t p) const {
    i32v low[count], high[count], sums[count] = {};
    each<count>(RP_EACH(s) {
      if (fetches) __builtin_prefetch(w + s * apart + bytesAhead);
      const i32v bytes = loadAs<i32v>(w + s * apart) ^ everyByte(0x88);  // from -8 ... 7 to 0 ... 15
      low[s] = bytes & everyByte(15);
      high[s] = i32v(u32v(bytes) >> 4) & everyByte(15);
    });
    // the highest digit first; eight products in a lane stay below 2^30 when all digits are in
    each<3>(RP_EACH(turn) {
      const int8_t* const at = digits + 3 * p + (2 - turn) * run;
      const i32v even = loadAs<i32v>(at), odd = loadAs<i32v>(at + RP_BYTES);
      each<count>(RP_EACH(s) {
        if (turn > 0) sums[s] = i32v(u32v(sums[s]) << 8);
        addProducts(sums[s], low[s], even);
        addProducts(sums[s], high[s], odd);
      });
    });
    each<count>(RP_EACH(s) { totals[s] += __builtin_convertvector(sums[s], f32v) * scalesOf(scales + s * mostGroups + p / group, group); });
  }
};

}  // namespace
}  // namespace RP_NS
}  // namespace rp
#endif
