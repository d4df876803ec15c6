// Compute probes from one instruction: independent chains in registers, no memory, and the clock twin of each.
#pragma once
#include "asm.h"

// Independent accumulators. A port needs as many chains as its latency: 4 cycles x 2 ports = 8 on Intel since Skylake and on Zen,
// 4 x 4 = 16 on Apple's cores. 24 of 32 registers, 12 of 16: multiples of both, with room for the operands.
#if defined(RP_ISA_AVX512) || defined(__aarch64__)
#define RP_CHAINS 24
#define RP_EACH_CHAIN(X, ...)                                                                                                     \
  X(0, __VA_ARGS__) X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)   \
      X(7, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__) X(12, __VA_ARGS__)              \
          X(13, __VA_ARGS__) X(14, __VA_ARGS__) X(15, __VA_ARGS__) X(16, __VA_ARGS__) X(17, __VA_ARGS__) X(18, __VA_ARGS__)       \
              X(19, __VA_ARGS__) X(20, __VA_ARGS__) X(21, __VA_ARGS__) X(22, __VA_ARGS__) X(23, __VA_ARGS__)
#else
#define RP_CHAINS 12
#define RP_EACH_CHAIN(X, ...)                                                                                                   \
  X(0, __VA_ARGS__) X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__) \
      X(7, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__)
#endif

namespace rp {
namespace RP_NS {

// Straight-line copies of all chains in one pass: the loop's two instructions are lost among 48 or 96.
constexpr int repeats = 4;

template <typename V, typename L>
__attribute__((always_inline)) static inline V spread(L x) {
  L lane[sizeof(V) / sizeof(L)];
  for (L& each : lane) each = x;
  V v;
  __builtin_memcpy(&v, lane, sizeof v);
  return v;
}
template <typename L, typename V>
static inline double total(const V& v) {
  L lane[sizeof(V) / sizeof(L)];
  __builtin_memcpy(lane, &v, sizeof v);
  double sum = 0;
  for (const L each : lane) sum += double(each);
  return sum;
}

// The chains' first values and their sum pass through memory, out of line: a call or an aggregate near the loop makes GCC 12 keep chains
// in memory during it.
template <typename V, typename L, L first(int)>
__attribute__((noinline)) static void begin(V* a) {
  for (int i = 0; i < RP_CHAINS; i++) a[i] = spread<V, L>(first(i));
}
template <typename V, double sum(const V&)>
__attribute__((noinline)) static double end(const V* a) {
  double all = 0;
  for (int i = 0; i < RP_CHAINS; i++) all += sum(a[i]);
  return all;
}
template <typename L>
static inline L countUp(int i) {
  return L(1 + i);
}

}  // namespace RP_NS
}  // namespace rp

#define RP_START(i, V) V a##i = chains[i];
#define RP_ONCE(i, OP) OP(a##i, b, c);
#define RP_TICKED(i, OP, TICKS) \
  OP(a##i, b, c);               \
  TICKS(i)
#define RP_STORE_CHAIN(i, V) chains[i] = a##i;

// Dependent adds per operation: enough to be the limit on every core that can run the operation at all.
#define RP_TICKS_FAST(i) \
  RP_TICK(chain, one);   \
  if (i % 4 == 0) RP_TICK(chain, one);
constexpr double rpTicksFast = 1.25;
#define RP_TICKS_SLOW(i) RP_TICK(chain, one); RP_TICK(chain, one); RP_TICK(chain, one); RP_TICK(chain, one);
constexpr double rpTicksSlow = 4;
#define RP_TICKS_48(i) \
  RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) \
  RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i) RP_TICKS_SLOW(i)
constexpr double rpTicks48 = 48;

// Defines NAMERun and NAMEClock. V holds lanes of L, which SUM<L, V> adds up; chain i starts at FIRST<L>(i); b and c are the operands.
#define RP_COMPUTE(NAME, TARGET, V, L, FIRST, B, C, OP, SUM, TICKS) \
  TARGET double NAME##Run(uint64_t passes) {                        \
    V chains[RP_CHAINS];                                            \
    begin<V, L, FIRST<L>>(chains);                                  \
    auto b = B;                                                     \
    auto c = C;                                                     \
    (void)c;                                                        \
    RP_EACH_CHAIN(RP_START, V)                                      \
    for (uint64_t p = 0; p < passes; p++) {                         \
      RP_EACH_CHAIN(RP_ONCE, OP)                                    \
      RP_EACH_CHAIN(RP_ONCE, OP)                                    \
      RP_EACH_CHAIN(RP_ONCE, OP)                                    \
      RP_EACH_CHAIN(RP_ONCE, OP)                                    \
    }                                                               \
    RP_EACH_CHAIN(RP_STORE_CHAIN, V)                                \
    return end<V, SUM<L, V>>(chains);                               \
  }                                                                 \
  TARGET double NAME##Clock(uint64_t passes) {                      \
    V chains[RP_CHAINS];                                            \
    begin<V, L, FIRST<L>>(chains);                                  \
    auto b = B;                                                     \
    auto c = C;                                                     \
    (void)c;                                                        \
    uint64_t chain = 0, one = 1;                                    \
    RP_EACH_CHAIN(RP_START, V)                                      \
    for (uint64_t p = 0; p < passes; p++) {                         \
      RP_EACH_CHAIN(RP_TICKED, OP, TICKS)                           \
    }                                                               \
    RP_EACH_CHAIN(RP_STORE_CHAIN, V)                                \
    return end<V, SUM<L, V>>(chains) + double(chain);               \
  }

// A row for a probe made by RP_COMPUTE.
#define RP_COMPUTE_ROW(ID, ENGINE, NEEDS, NEED_NAME, NAME, LANES, PER_LANE, GROWTH, TICKS) \
  {ID, ENGINE, NEEDS, NEED_NAME, NAME##Run, double(RP_CHAINS) * repeats, LANES, PER_LANE, GROWTH, NAME##Clock, RP_CHAINS * TICKS}
