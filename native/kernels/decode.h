// Quantized weights as f32: a byte each, or two in a byte, the first in its low half.
#pragma once
#include "vec.h"

namespace rp {
namespace RP_NS {

// at(q, i): elements i to i + lanes - 1; i is even. one(q, i): element i.
struct Int8 {
  typedef int8_t Byte;
  static constexpr int perByte = 1;
  static inline float one(const Byte* q, int64_t i) { return float(q[i]); }
  static inline f32v at(const Byte* q, int64_t i) {
#if defined(RP_ISA_AVX512)
    return f32v(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(q + i)))));
#elif defined(RP_ISA_AVX2)
    return f32v(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(q + i)))));
#else
    float lane[lanes];
    for (int e = 0; e < lanes; e++) lane[e] = float(q[i + e]);
    return load(lane);
#endif
  }
};

struct Int4 {
  typedef uint8_t Byte;
  static constexpr int perByte = 2;
  static inline float one(const Byte* q, int64_t i) {
    const int half = (q[i >> 1] >> (4 * (i & 1))) & 15;
    return float((half ^ 8) - 8);
  }
  static inline f32v at(const Byte* q, int64_t i) {
#if defined(RP_ISA_AVX512) || defined(RP_ISA_AVX2)
    // halves side by side in bytes, then from 0..15 to -8..7
    int64_t bytes = 0;
    __builtin_memcpy(&bytes, q + i / 2, lanes / 2);
    const __m128i both = _mm_cvtsi64_si128(bytes), mask = _mm_set1_epi8(15), bias = _mm_set1_epi8(8);
    const __m128i halves = _mm_unpacklo_epi8(_mm_and_si128(both, mask), _mm_and_si128(_mm_srli_epi16(both, 4), mask));
    const __m128i whole = _mm_sub_epi8(_mm_xor_si128(halves, bias), bias);
#if defined(RP_ISA_AVX512)
    return f32v(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(whole)));
#else
    return f32v(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(whole)));
#endif
#else
    float lane[lanes];
    for (int e = 0; e < lanes; e++) lane[e] = one(q, i + e);
    return load(lane);
#endif
  }
};

// to[i] = scale * element (from + i)
template <typename Q>
static inline void decode(const typename Q::Byte* q, int64_t from, int64_t count, float scale, float* to) {
  int64_t i = 0;
  if (from % 2 != 0 && count > 0) to[i++] = scale * Q::one(q, from);
  for (; i + lanes <= count; i += lanes) store(to + i, scale * Q::at(q, from + i));
  for (; i < count; i++) to[i] = scale * Q::one(q, from + i);
}

}  // namespace RP_NS
}  // namespace rp
