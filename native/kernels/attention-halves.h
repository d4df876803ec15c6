// Products of four queries with keys of 64 channels, for cores whose ports that multiply are those that shuffle. Eight channels of a key are loaded twice
// over, into both halves of a vector, by a port that loads, and meet those of two queries: a sum is spread over eight lanes and not sixteen, and 14 shuffles
// and 7 additions end four keys where 33 and 15 did (44 cycles of the two ports by counting, not 56). Emerald Rapids, four keys in L1: 63 cycles and 48;
// attention of one query, 127 keys, 8 heads, 2 of keys, from L2: 2.65 us and 2.40. Quarters, of four channels, would take 38 by counting and take 54,
// 46 eight keys at a time, but every line is then loaded four times: from L2 2.58 and 2.69 us. 128 channels in two passes: 104 cycles for 98.
#pragma once
#include "vec.h"

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_AVX512)
constexpr int64_t channelsOfHalves = 64;

// Sums of the lanes of each quarter of four vectors, v[key], times `factor`; to[quarter * step + key].
static inline void sumQuarters(const __m512 (&v)[4], __m512 factor, float* to, int64_t step) {
  const auto join = [](__m512 x, __m512 y) { return _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(x, y), _mm512_unpackhi_ps(x, y))); };
  const __m512d first = join(v[0], v[1]), second = join(v[2], v[3]);
  const __m512 sum = _mm512_mul_ps(_mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(first, second)), _mm512_castpd_ps(_mm512_unpackhi_pd(first, second))), factor);
  _mm_storeu_ps(to, _mm512_castps512_ps128(sum));
  _mm_storeu_ps(to + step, _mm512_extractf32x4_ps(sum, 1));
  _mm_storeu_ps(to + 2 * step, _mm512_extractf32x4_ps(sum, 2));
  _mm_storeu_ps(to + 3 * step, _mm512_extractf32x4_ps(sum, 3));
}

// `count` keys, four or more, `step` apart; to[head * stepTo + key].
static inline void dotsOfHalves(const float* q, const float* key, int64_t step, int64_t count, float factor, float* to, int64_t stepTo) {
  constexpr int halves = channelsOfHalves / 8, keys = 4;
  __m512 queries[halves][2];
  RP_STEP(halves) RP_UNROLL for (int pair = 0; pair < 2; pair++) {
    const float* const p = q + 2 * pair * channelsOfHalves + 8 * i;
    queries[i][pair] = _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(p)), _mm256_loadu_ps(p + channelsOfHalves), 1);
  }
  for (int64_t j = 0; j < count; j += keys) {
    j = j + keys <= count ? j : count - keys;  // the last of them twice where they are no multiple of four
    const float* const p = key + j * step;
    __m512 sum[keys][2], four[keys];
    RP_STEP(halves) RP_UNROLL for (int n = 0; n < keys; n++) {
      __m512 k = _mm512_broadcast_f32x8(_mm256_loadu_ps(p + n * step + 8 * i));
      asm("" : "+v"(k));  // or the compiler loads it once for each pair
      RP_UNROLL for (int pair = 0; pair < 2; pair++)
        sum[n][pair] = i == 0 ? _mm512_mul_ps(k, queries[i][pair]) : _mm512_fmadd_ps(k, queries[i][pair], sum[n][pair]);
    }
    // quarter h of four[key]: what is left of head h
    RP_STEP(keys) four[i] = _mm512_add_ps(_mm512_shuffle_f32x4(sum[i][0], sum[i][1], 0x88), _mm512_shuffle_f32x4(sum[i][0], sum[i][1], 0xdd));
    sumQuarters(four, _mm512_set1_ps(factor), to + j, stepTo);
  }
}
#endif

}  // namespace RP_NS
}  // namespace rp
