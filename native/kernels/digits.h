// Matrix times vector with weights of 8 and 4 bits, x in f32, by the instruction that adds products of bytes (vpdpbusd): x becomes whole
// numbers, whose digits of 8 bits, from -128 to 127, are multiplied by the weights as they lie in memory. Sums of whole numbers are exact:
// what is lost is lost where x is rounded to them. Widening 64 weights of 8 bits to f32 takes 24 operations of 256 bits, of which Zen 4
// does four per cycle; this takes eight.
#pragma once
#include "decode.h"
#include "each.h"
#include "loops.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

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
// The same, the second factor in memory.
RP_INLINE void addProductsFrom(i32v& sums, i32v unsignedBytes, const int8_t* signedBytes) {
  __asm__("vpdpbusd %2, %1, %0" : RP_INOUT(sums) : RP_IN(unsignedBytes), "m"(*reinterpret_cast<const i32v*>(signedBytes)));
}
// The sums over lanes: four vectors together in half of the instructions that they take one after another.
template <int S>
RP_INLINE void sumsOf(const f32v (&v)[S], float (&sums)[S]) {
#if defined(RP_ISA_AVX512)
  if constexpr (S == 4) {
    const __m512 a = __m512(v[0]), b = __m512(v[1]), c = __m512(v[2]), d = __m512(v[3]);
    const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const __m512 all = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
    return;
  }
#endif
  each<S>(RP_EACH(s) { sums[s] = sumOf(v[s]); });
}
RP_INLINE i32v everyByte(uint32_t byte) { return i32v(u32v{} + 0x01010101u * byte); }

// Vectors of a row at a time, so that digits of x stay in L1 while rows pass; and over so many a sum of bytes, times 256, stays below 2^31.
constexpr int64_t partVectors = 64;

// Rows of each stream that pass before their sums are taken over lanes.
constexpr int64_t blockRows = 8;

// Rows side by side: three sums each of 32 registers, or of 16.
#if defined(RP_ISA_AVX512)
constexpr int digitStreams = 4;
#else
constexpr int digitStreams = 2;
#endif

// Elements that are written at a time.
#if defined(RP_ISA_AVX512)
constexpr int piece = 64;
#else
constexpr int piece = 4;
#endif

// Whole numbers of three digits: x[i] * factor to nearest, for i below `count`, and zeros to a whole piece. give(d, i, bytes) takes digit d
// of the numbers i to i + piece - 1.
template <typename Give>
RP_INLINE void writeDigits(const float* x, int64_t count, float factor, Give give) {
  // half of 256 to each digit but the highest carries what is below zero, and flipping the same bits takes it back
  constexpr int half = 0x00008080;
#if defined(RP_ISA_AVX512)
  // Digits side by side in each quarter of a vector, then the quarters' of two vectors, then those of four: 11 shuffles, where narrowing
  // each vector three times takes 24 (Golden Cove has one unit for them).
  // Emerald Rapids, 8 bits, four rows of 4096 in L1, x written: 2370 cycles, 3250 before.
  const __m512i halves = _mm512_set1_epi32(half);
  const __m512i turn = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  const __m512i firsts = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i third = _mm512_setr_epi32(2, 6, 10, 14, 18, 22, 26, 30, 2, 6, 10, 14, 18, 22, 26, 30);
  for (int64_t i = 0; i < count; i += piece) {
    __m512i bytes[4];
    each<4>(RP_EACH(j) {
      const int64_t left = count - i - j * lanes;
      const __m512 v = __m512(take(x + i + j * lanes, left >= lanes ? lanes : left > 0 ? int(left) : 0));
      const __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(v, _mm512_set1_ps(factor)));
      bytes[j] = _mm512_shuffle_epi8(_mm512_xor_si512(_mm512_add_epi32(whole, halves), halves), turn);
    });
    const __m512i a = _mm512_permutex2var_epi32(bytes[0], firsts, bytes[1]), b = _mm512_permutex2var_epi32(bytes[2], firsts, bytes[3]);
    const __m512i c = _mm512_permutex2var_epi32(bytes[0], third, bytes[1]), d = _mm512_permutex2var_epi32(bytes[2], third, bytes[3]);
    give(0, i, _mm512_inserti64x4(a, _mm512_castsi512_si256(b), 1));
    give(1, i, _mm512_shuffle_i64x2(a, b, 0xee));
    give(2, i, _mm512_inserti64x4(c, _mm512_castsi512_si256(d), 1));
  }
#else
  const __m128i halves = _mm_set1_epi32(half), turn = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  for (int64_t i = 0; i < count; i += piece) {
    float four[piece] = {};
    __builtin_memcpy(four, x + i, sizeof(float) * size_t(count - i < piece ? count - i : piece));
    const __m128i whole = _mm_cvtps_epi32(_mm_mul_ps(_mm_loadu_ps(four), _mm_set1_ps(factor)));
    const __m128i bytes = _mm_shuffle_epi8(_mm_xor_si128(_mm_add_epi32(whole, halves), halves), turn);
    int32_t digit[4];
    _mm_storeu_si128(reinterpret_cast<__m128i*>(digit), bytes);
    each<3>(RP_EACH(d) { give(d, i, digit[d]); });
  }
#endif
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
  const i32v both = top[0] > top[1] ? top[0] : top[1];
  int32_t most = 0;
#if defined(RP_ISA_AVX512)
  most = _mm512_reduce_max_epi32(__m512i(both));
#else
  int32_t lane[lanes];
  __builtin_memcpy(lane, &both, sizeof lane);
  for (int e = 0; e < lanes; e++) most = lane[e] > most ? lane[e] : most;
#endif
  Sizes sizes = {0, sumOf(sum[0] + sum[1])};
  __builtin_memcpy(&sizes.largest, &most, sizeof most);
  return sizes;
}

// Whether whole numbers can stand for elements of at most this.
RP_INLINE bool isWritable(float largest) { return largest == 0 || (largest >= 0x1p-90f && largest < __builtin_inff()); }

// --- 8 bits: whole numbers of 24 bits in three digits, by a power of two for each part of x

// Where a part is as uneven as this, its small elements would be rounded more than f32 rounds their products.
constexpr float mostUneven = 512;

struct Int8Digits {
  // Fetched so far ahead in each row. Zen 4, 8192 x 8192 bytes, fetching 2 KiB ahead: 7.6 cycles a line; 4 KiB 6.9; 8 KiB 6.7, which is reading.
  // Emerald Rapids, 32768 x 8192: 97 % of reading so; into L1 87 %, into L1 and 4 KiB ahead 95.
  static constexpr int64_t fetchedAhead = 8192;
  static constexpr int perByte = 1;
  static constexpr int64_t part = partVectors * RP_BYTES;
  // of a part: what the sums begin with, and three vectors for every vector of weights
  static constexpr int64_t bytesOfPart = 3 * RP_BYTES + 3 * part;

  const int8_t* q;
  const float* scales;
  int64_t k;
  int8_t* digits;
  float* units;  // of the parts

  static RP_MEMBER int64_t bytes(int64_t k) { return (k + part - 1) / part * (bytesOfPart + int64_t(sizeof(float))); }

  // Whether x can be written so.
  inline bool write(const float* x) const {
    for (int64_t p = 0; p < k; p += part) {
      const int64_t count = k - p < part ? k - p : part, whole = count / RP_BYTES * RP_BYTES;
      const Sizes sizes = sizesOf(x + p, count);
      if (!isWritable(sizes.largest) || sizes.largest > mostUneven * (sizes.sum / float(count))) return false;
      // up to 0x7f7f00 units in the largest element: three digits are at most 127 each
      const float above = sizes.largest * 1.004f;
      uint32_t bits;
      __builtin_memcpy(&bits, &above, sizeof bits);
      bits = sizes.largest > 0 ? ((bits >> 23) - 22) << 23 : 0;
      float unit;
      __builtin_memcpy(&unit, &bits, sizeof unit);
      units[p / part] = unit;
      int8_t* const begin = digits + p / part * bytesOfPart;
      int8_t* const to = begin + 3 * RP_BYTES;
      if (whole < count) __builtin_memset(to + 3 * whole, 0, 3 * RP_BYTES);
      writeDigits(x + p, count, unit > 0 ? 1 / unit : 0.0f, [=](int d, int64_t i, auto bytes) __attribute__((always_inline)) {
        __builtin_memcpy(to + 3 * (i / RP_BYTES * RP_BYTES) + i % RP_BYTES + d * RP_BYTES, &bytes, piece);
      });
      // weights from -128 to 127 as unsigned bytes are 128 more: the sums begin with what x times that adds, taken off
      i32v sums[3] = {};
      for (int64_t i = 0; i < count; i += RP_BYTES)
        RP_UNROLL for (int d = 0; d < 3; d++) addProducts(sums[d], everyByte(128), loadAs<i32v>(to + 3 * i + d * RP_BYTES));
      RP_UNROLL for (int d = 0; d < 3; d++) storeAs(begin + d * RP_BYTES, -sums[d]);
    }
    return true;
  }

  // Adds the part of x from p on times rows `apart` one from the other, the first of them `row`; with `fetch` those that come next
  // are fetched meanwhile, and with 2 once more 2 KiB ahead, each line's beside its products: Zen 4 drops what is asked for while its queue is full.
  // 8192 x 8192: asked for once 2.90 ms, twice, eight lines at a time and again 1 KiB ahead, 2.48; line by line 2.52 where that took 3.12, with 2 KiB 2.35.
  template <int count, int fetch>
  RP_MEMBER void add(f32v* totals, int64_t row, int64_t apart, int64_t p, int64_t nextRow, int64_t nextP) const {
    const int64_t size = k - p < part ? k - p : part, step = apart * k;
    const int8_t* w = q + row * k + p;
    const int8_t* next = q + nextRow * k + nextP;
    const int8_t* at = digits + p / part * bytesOfPart;
    i32v sums[count][3];
    each<3>(RP_EACH(d) { each<count>(RP_EACH(s) { sums[s][d] = loadAs<i32v>(at + d * RP_BYTES); }); });
    at += 3 * RP_BYTES;
    const int8_t* const end = w + size / RP_BYTES * RP_BYTES;
    // A pointer for each row, which the compiler must not make an index again, and two vectors a turn: Golden Cove takes an instruction with
    // memory at an index for two, and no more than three or four a cycle where another thread has the other half of its core. Emerald
    // Rapids, 256 x 1024 from L2: 2.7 cycles a line, 2.9 by index and vector after vector.
    const int8_t* from[count];
    each<count>(RP_EACH(s) { from[s] = w + s * step; });
    for (; w + 2 * RP_BYTES <= end; w += 2 * RP_BYTES, next += 2 * RP_BYTES, at += 6 * RP_BYTES) {
      if constexpr (fetch == 1) each<2>(RP_EACH(v) { each<count>(RP_EACH(s) { __builtin_prefetch(next + v * RP_BYTES + s * step, 0, 2); }); });
      each<count>(RP_EACH(s) { __asm__("" : "+r"(from[s])); });
      const auto ask = [&](const int v) __attribute__((always_inline)) {
        return [&, v](const int s) __attribute__((always_inline)) {
          if constexpr (fetch > 1) {
            __builtin_prefetch(next + v * RP_BYTES + s * step, 0, 2);
            __builtin_prefetch(from[s] + v * RP_BYTES + 2048, 0, 2);
          }
        };
      };
      vectors<count, (fetch > 0)>(sums, from, 0, at, ask(0));
      vectors<count, (fetch > 0)>(sums, from, RP_BYTES, at + 3 * RP_BYTES, ask(1));
      each<count>(RP_EACH(s) { from[s] += 2 * RP_BYTES; });
    }
    for (; w < end; w += RP_BYTES, next += RP_BYTES, at += 3 * RP_BYTES) {
      if constexpr (fetch > 0) each<count>(RP_EACH(s) { __builtin_prefetch(next + s * step, 0, 2); });
      vectors<count, (fetch > 0)>(sums, from, 0, at);
      each<count>(RP_EACH(s) { from[s] += RP_BYTES; });
    }
    if (size % RP_BYTES != 0) {
      // digits beyond the end are zeros
      int8_t rest[count][RP_BYTES] = {};
      for (int s = 0; s < count; s++) __builtin_memcpy(rest[s], w + s * step, size_t(size % RP_BYTES));
      each<count>(RP_EACH(s) { from[s] = rest[s]; });
      vectors<count, (fetch > 0)>(sums, from, 0, at);
    }
    const f32v unit = splat(units[p / part]);
    each<count>(RP_EACH(s) {
      const i32v low = i32v(u32v(sums[s][1]) << 8) + sums[s][0];
      totals[s] += (__builtin_convertvector(sums[s][2], f32v) * 65536.0f + __builtin_convertvector(low, f32v)) * unit;
    });
  }
  static constexpr auto nothing = [](int) {};
  template <int count, bool far, typename Ask = decltype(nothing)>
  RP_MEMBER void vectors(i32v (&sums)[count][3], const int8_t* const (&w)[count], int64_t shift, const int8_t* at, Ask ask = nothing) const {
    i32v bytes[count];
    each<count>(RP_EACH(s) { bytes[s] = loadAs<i32v>(w[s] + shift) ^ everyByte(128); });
    if constexpr (far) {
      // Where weights come from memory digits are loaded again for each row: Zen 4, 8192 x 8192, 7.5 cycles a line; loaded once for four rows
      // 9.1, and in L1 it is the other way round (5.2 and 3.8). Why is not known; loading once and touching again does not help.
      each<count>(RP_EACH(s) { ask(s); each<3>(RP_EACH(d) { addProductsFrom(sums[s][d], bytes[s], at + d * RP_BYTES); }); });
    } else {
      each<3>(RP_EACH(d) {
        const i32v digit = loadAs<i32v>(at + d * RP_BYTES);
        each<count>(RP_EACH(s) { addProducts(sums[s][d], bytes[s], digit); });
      });
    }
  }
  inline float result(float total, int64_t row) const { return scales[row] * total; }
};

}  // namespace
}  // namespace RP_NS
}  // namespace rp
#endif
