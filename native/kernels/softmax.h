// What kernels of softmax share: shifts, masks, and a row whose shift was wrong.
#pragma once
#include "../core/cores.h"
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

const float infinity = __builtin_inff();

// Powers too small for f32, as of every -infinity of a mask, become 0 at once while this lives, and so do such elements: a vector with one in it takes
// Intel's cores an assist. Emerald Rapids, masked scores of 256 x 128: 86 us, and 5.0 so; of 24576 x 2048 in a seventh of the time.
struct FlushToZero {
#if defined(__x86_64__)
  const unsigned before = _mm_getcsr();
  RP_MEMBER FlushToZero() { _mm_setcsr(before | 0x8040); }
  RP_MEMBER ~FlushToZero() { _mm_setcsr(before); }
#endif
};

struct Yes {
  static constexpr bool value = true;
};
struct No {
  static constexpr bool value = false;
};

// A row is e^(x - shift) divided by the sum, and any shift gives the same as long as nothing overflows or vanishes. Most rows need none: where
// the first values are neither large nor far below 0 the shift is 0 and costs nothing, and else it is the largest of them. The sum tells
// whether that was right: where it is not between these bounds the row is taken again, less its own maximum. Powers below 5e-38 vanish, and
// so results below 2e-34 may, 5e-38 / leastSum; with a bound of 2^-40, as long as vanishing was gradual, those below 5e-26 would.
constexpr float mostSum = 0x1p64f, leastSum = 0x1p-12f;
static inline bool isSound(float sum) { return sum >= leastSum && sum <= mostSum; }
constexpr float mostPlain = 40, leastPlain = -8;
// Maxima begin here and not at -infinity, so that -infinity less a maximum is -infinity and not NaN.
constexpr float lowest = -3.4028235e38f;

RP_INLINE float shiftOf(const float* x, int64_t kept, float factor) {
  float most = x[0];
  for (int64_t i = 1; i < 4 && i < kept; i++) most = x[i] > most ? x[i] : most;
  return factor * most >= leastPlain && factor * most <= mostPlain ? 0.0f : most > lowest ? most : 0.0f;
}

// e^(factor x); scaled: factor is not 1, and positive.
template <bool scaled>
struct Powers {
  float factor, rate = float(factor * 1.4426950408889634), least = leastNear / factor;
  template <bool clamps = true, int N>
  RP_MEMBER void of(f32v (&x)[N]) const {
    if (scaled) expNearAll<clamps>(x, rate, least);
    else expNearAll<clamps>(x);
  }
  // Of `count` elements, `careful` less a shift, which is then not 0 or the row had -infinity before; 0 behind them.
  template <bool careful>
  RP_MEMBER f32v at(const float* p, int count, float shift) const {
    f32v x[1] = {take(p, count, -infinity)};
    if (careful) x[0] = x[0] - splat(shift);
    of<careful>(x);
    return x[0];
  }
};

// How many elements of a row are kept: all, or the lower triangle of square blocks.
struct All {
  int64_t cols;
  RP_MEMBER int64_t operator()(int64_t) const { return cols; }
  RP_MEMBER int64_t after(int64_t) const { return cols; }
};
struct Triangle {
  int64_t cols;
  RP_MEMBER int64_t operator()(int64_t r) const { return r % cols + 1; }
  RP_MEMBER int64_t after(int64_t kept) const { return kept < cols ? kept + 1 : 1; }
};

// e^(factor (x - shift)), and their sum
struct Raised {
  float shift, sum;
};

// A row whose shift was wrong, about its maximum.
template <bool keeps>
__attribute__((noinline)) static Raised raiseAgain(const float* x, float* e, int64_t kept, float factor) {
  f32v top = splat(lowest);
  for (int64_t at = 0; at < kept; at += lanes) top = max(take(x + at, at + lanes <= kept ? lanes : int(kept - at), lowest), top);
  const float shift = maxOf(top);
  const Powers<true> powers{factor};
  f32v total = splat(0.0f);
  for (int64_t at = 0; at < kept; at += lanes) {
    const int count = at + lanes <= kept ? lanes : int(kept - at);
    f32v v[1] = {take(x + at, count, -infinity) - splat(shift)};
    powers.of(v);
    total += v[0];
    if (keeps) give(e + at, v[0], count);
  }
  return {shift, sumOf(total)};
}

}  // namespace
}  // namespace RP_NS
}  // namespace rp
