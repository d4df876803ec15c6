// The sum of consecutive elements, and the largest of them.
#pragma once
#include "loops.h"

namespace rp {
namespace RP_NS {

// Whether any of the elements was not a number. Two vectors go by one comparison: in 512 bits it has one port on Intel.
#if defined(RP_ISA_AVX512)
struct AnyNan {
  __mmask16 ordered = 0xffff;
  RP_MEMBER void look(f32v a, f32v b) { ordered = _mm512_mask_cmp_ps_mask(ordered, __m512(a), __m512(b), _CMP_ORD_Q); }
  RP_MEMBER bool found() const { return ordered != 0xffff; }
};
#else
struct AnyNan {
  i32v seen = {};
  RP_MEMBER void look(f32v a, f32v b) {
#if defined(RP_ISA_AVX2)
    seen |= i32v(_mm256_cmp_ps(__m256(a), __m256(b), _CMP_UNORD_Q));
#elif defined(RP_ISA_SSE) || defined(RP_ISA_SSE2)
    seen |= i32v(_mm_cmpunord_ps(__m128(a), __m128(b)));
#else
    seen |= i32v(a != a) | i32v(b != b);
#endif
  }
  RP_MEMBER bool found() const {
    int32_t lane[lanes];
    __builtin_memcpy(lane, &seen, sizeof lane);
    for (int i = 0; i < lanes; i++)
      if (lane[i] != 0) return true;
    return false;
  }
};
#endif

struct Total {
  static constexpr float start = 0;
  f32v sums[4] = {};
  template <int N>
  RP_MEMBER void add(const f32v (&v)[N]) { RP_STEP(N) sums[i] += v[i]; }
  RP_MEMBER float end() const { return sumOf((sums[0] + sums[1]) + (sums[2] + sums[3])); }
};
// NaN where any element is: max would hand on the other operand
struct Most {
  static constexpr float start = -__builtin_inff();
  f32v tops[4] = {splat(start), splat(start), splat(start), splat(start)};
  AnyNan nan[2];
  // Each vector is loaded once: compilers make a second load of the comparison's, and what waits for L2 twice takes longer. 64 x 768 from L2 on Emerald
  // Rapids: a comparison per vector 2.28 us, one for two 1.94, each loaded once 1.53; row-sum 1.49. From memory 94 % of reading for 85 to 88.
  template <int N>
  RP_MEMBER void add(f32v (&v)[N]) {
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR)
    RP_STEP(N) asm("" : "+v"(v[i]));
#endif
    RP_STEP(N) tops[i] = max(v[i], tops[i]);
    RP_STEP((N + 1) / 2) nan[i].look(v[2 * i], v[2 * i + (N > 1)]);
  }
  RP_MEMBER float end() const {
    const float top = maxOf(max(max(tops[0], tops[1]), max(tops[2], tops[3])));
    return nan[0].found() || nan[1].found() ? __builtin_nanf("") : top;
  }
};

// Of `count` elements of S rows, `apart` elements one from the other, in turn; the results lie `step` apart. Each row's sums are the same for any S.
template <typename F, int S = 1>
RP_INLINE void reduce(const float* x, int64_t count, float* out, int64_t apart = 0, int64_t step = 0) {
  F f[S];
  int64_t i = 0;
  const auto add = [&](auto& v, int n) __attribute__((always_inline)) {
    RP_UNROLL for (int s = 0; s < S; s++) {
      takeAll(v, x + s * apart + i, n, F::start);
      f[s].add(v);
    }
  };
  f32v v[4], one[1];
  for (; i + 4 * lanes <= count; i += 4 * lanes) add(v, lanes);
  for (; i + lanes <= count; i += lanes) add(one, lanes);
  if (i < count) add(one, int(count - i));
  RP_UNROLL for (int s = 0; s < S; s++) out[s * step] = f[s].end();
}

// Of `rows` rows of `count` elements. From memory Zen 4 reads two at a time, from both halves: 128 MiB in 4.13 ms for 4.54 one after another,
// two threads 2.35 for 2.51; with two lines of each in turn, in which bare reading is fastest, 4.29 and 2.39.
template <typename F>
RP_INLINE void reduceEach(const float* x, int64_t rows, int64_t count, float* out) {
  int64_t r = 0;
  if (size_t(rows * count) * sizeof(float) >= streamedBytes && tunedFor() != Cores::intel) {
    const int64_t band = rows / 2;
    for (; r < band; r++) reduce<F, 2>(x + r * count, count, out + r, band * count, band);
    r += band;
  }
  for (; r < rows; r++) reduce<F>(x + r * count, count, out + r);
}

}  // namespace RP_NS
}  // namespace rp
