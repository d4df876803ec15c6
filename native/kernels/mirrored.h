// Softmax of the lower triangle in blocks of eight AVX-512 vectors: part of rows.cc. Rows c - 1 and 127 - c keep c and 128 - c elements, eight vectors together
// of which they share one: no lane is empty, the number of vectors is always the same, and sums of two rows are joined and divided by at once. Eight
// vectors fit in registers beside the next eight. Zen 4, 128 x 128 from L2: 45 cycles a row, one after another 54.
#pragma once
#include "softmax.h"

namespace rp {
namespace RP_NS {
namespace {

#if defined(RP_ISA_AVX512)

struct Mirrored {
  static constexpr int vectors = 8;
  static constexpr int64_t whole = vectors * lanes;
  static constexpr int64_t pairs = whole / 2;  // one more than there are: the row of half the length is its own partner
  const float* x;  // of the block's first row
  float* y;
  int64_t cols;
  float rate;  // the factor times log2 e
  float leastSum, mostSum;
  uint32_t plain;  // as in ShortRows
  bool asksAhead;  // for the lines that a pair is written to: Emerald Rapids, 256 x 128 from L2, 3.60 us become 3.30

  // Powers of pair c, and the sums of its rows in the halves of `sum`
  struct Pair {
    f32v v[vectors];
    __m512 sum;
  };
  RP_MEMBER int64_t upper(int64_t c) const { return (c - 1) * cols; }
  RP_MEMBER int64_t lower(int64_t c) const { return (whole - 1 - c) * cols; }
  // Lanes of the shared vector that belong to the lower row, and where its elements begin there
  template <int K>
  RP_MEMBER int begin(int64_t c) const { return int(c) - K * lanes; }
  template <int K>
  RP_MEMBER __mmask16 theirs(int64_t c) const { return __mmask16(0xffffu << begin<K>(c)); }

  RP_MEMBER bool isPlain(int64_t c) const {
    uint32_t first, second;
    __builtin_memcpy(&first, x + upper(c), sizeof first);
    __builtin_memcpy(&second, x + lower(c), sizeof second);
    return (first & 0x7fffffff) <= plain && (second & 0x7fffffff) <= plain;
  }
  RP_MEMBER bool isSound(__m512 sum) const {
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(sum, _mm512_set1_ps(leastSum), _CMP_GE_OQ), sum, _mm512_set1_ps(mostSum), _CMP_LE_OQ) == 0xffff;
  }

  // K whole vectors of the upper row, the shared one, and 7 - K of the lower row
  template <int K>
  RP_MEMBER void raise(int64_t c, Pair& pair) const {
    const float* const over = x + upper(c);
    const float* const under = x + lower(c);
    f32v(&v)[vectors] = pair.v;
    if (asksAhead) RP_STEP(vectors) {
        prefetchToWrite(y + upper(c) + i * lanes);
        prefetchToWrite(y + lower(c) + i * lanes);
      }
    RP_STEP(vectors) {
      if (i < K) v[i] = load(over + i * lanes);
      else if (i > K) v[i] = load(under + (i - K - 1) * lanes);
    }
    const __m512i from = _mm512_sub_epi32(order(), _mm512_set1_epi32(begin<K>(c)));
    v[K] = f32v(_mm512_mask_permutexvar_ps(__m512(load(over + K * lanes)), theirs<K>(c), from, __m512(load(under + (vectors - 1 - K) * lanes))));
    constexpr int step = 2;  // four and eight in step, beside the eight that wait, do not fit in registers
    RP_UNROLL for (int at = 0; at < vectors; at += step) {
      f32v some[step];
      RP_STEP(step) some[i] = v[at + i];
      expNearAll<false>(some, rate);
      RP_STEP(step) v[at + i] = some[i];
    }
    f32v over1 = f32v(_mm512_maskz_mov_ps(__mmask16(~theirs<K>(c)), __m512(v[K])));
    RP_STEP(K) over1 += v[i];
    constexpr int half = (vectors - 1 - K) / 2;
    f32v under1 = v[K + 1], under2 = v[K + 1 + half];
    RP_STEP(vectors) {
      if (i > K + 1 && i < K + 1 + half) under1 += v[i];
      if (i > K + 1 + half) under2 += v[i];
    }
    under1 += under2;
    const __m512 a = __m512(over1), b = _mm512_mask_add_ps(__m512(under1), theirs<K>(c), __m512(under1), __m512(v[K]));
    __m512 sum = _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4(a, b, 0x4e));
    sum = _mm512_add_ps(sum, _mm512_shuffle_f32x4(sum, sum, 0xb1));
    sum = _mm512_add_ps(sum, _mm512_permute_ps(sum, 0x4e));
    pair.sum = _mm512_add_ps(sum, _mm512_permute_ps(sum, 0xb1));
  }

  template <int K, typename Again>
  RP_MEMBER void divide(int64_t c, const Pair& pair, Again again) const {
    float* const over = y + upper(c);
    float* const under = y + lower(c);
    const f32v(&v)[vectors] = pair.v;
    // 14 bits, and Newton's step
    __m512 inverse = _mm512_rcp14_ps(pair.sum);
    inverse = _mm512_mul_ps(inverse, _mm512_fnmadd_ps(pair.sum, inverse, _mm512_set1_ps(2.0f)));
    const __m512 first = _mm512_shuffle_f32x4(inverse, inverse, 0x00), second = _mm512_shuffle_f32x4(inverse, inverse, 0xff);
    const f32v none = splat(0.0f);
    const __m512 shared = __m512(v[K] * f32v(_mm512_mask_blend_ps(theirs<K>(c), first, second)));
    const __m512i from = _mm512_add_epi32(order(), _mm512_set1_epi32(begin<K>(c)));
    RP_STEP(K) store(over + i * lanes, v[i] * f32v(first));
    store(over + K * lanes, f32v(_mm512_maskz_mov_ps(__mmask16(~theirs<K>(c)), shared)));
    RP_STEP(vectors - 1 - K) store(over + (K + 1 + i) * lanes, none);
    RP_STEP(vectors - 1 - K) store(under + i * lanes, v[K + 1 + i] * f32v(second));
    store(under + (vectors - 1 - K) * lanes, f32v(_mm512_maskz_permutexvar_ps(__mmask16(0xffffu >> begin<K>(c)), from, shared)));
    RP_STEP(K) store(under + (vectors - K + i) * lanes, none);
    if (__builtin_expect(!isSound(pair.sum), 0)) {
      again(c - 1);
      again(whole - 1 - c);
    }
  }
  RP_MEMBER __m512i order() const { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }

  // Pairs from c on, which `last` holds; returns the first that is left, since one of its rows may want a shift.
  template <int K, typename Again>
  RP_MEMBER int64_t runFrom(int64_t c, Pair& last, Again again) const {
    for (;;) {
      const bool more = c + 1 < pairs && isPlain(c + 1);
      if (!more || c + 1 == (K + 1) * lanes) {
        if constexpr (K < 3) {
          if (more) {
            Pair next;
            raise<K + 1>(c + 1, next);
            divide<K>(c, last, again);
            last = next;
            return runFrom<K + 1>(c + 1, last, again);
          }
        }
        divide<K>(c, last, again);
        return c + 1;
      }
      Pair next;
      raise<K>(c + 1, next);
      divide<K>(c, last, again);
      last = next;
      c++;
    }
  }
  template <typename Again>
  RP_MEMBER int64_t run(Again again) const {
    if (!isPlain(1)) return 1;
    Pair last;
    raise<0>(1, last);
    return runFrom<0>(1, last, again);
  }
};

#endif

}  // namespace
}  // namespace RP_NS
}  // namespace rp
