// A loop written out at compile time.
#pragma once

namespace rp {
namespace RP_NS {
namespace {

// f(0), f(1) … f(n - 1), written out before GCC looks for arrays that can be registers: after a loop that it unrolls itself, sums that a loop
// around goes on with stay in memory (Zen 4, f64 from L2: 90 GB/s so, 76 with loops), and an unroll pragma applies to the loop around as well.
template <int n, int i = 0, typename F>
inline __attribute__((always_inline)) void each(const F& f) {
  if constexpr (i < n) {
    f(i);
    each<n, i + 1>(f);
  }
}
#define RP_EACH(i) [&](const int i) __attribute__((always_inline))

}  // namespace
}  // namespace RP_NS
}  // namespace rp
