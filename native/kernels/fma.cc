// Peak of fused multiply-add: independent chains in registers, no memory. Its clock twin holds the same instructions at 80 % of one
// port's rate and counts core cycles with a chain of dependent adds (5 adds per 4 FMAs: the adds are the limit on 1, 2 and 4 ports).
#include "families.h"
#include "isa.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int repeats = 4;  // straight-line copies of all chains in one pass: loop overhead is 2 instructions in 48 or 96

// Every chain starts apart from the others and grows by b*c per FMA: normal numbers throughout, no denormals, no infinities.
#define START(i) a##i += start + i;
#define SUM(i) total += a##i;
#define DECLARE_F32(i) f32v a##i = {};
#define DECLARE_F64(i) f64v a##i = {};
#define FMA_F32(i) RP_FMA_F32(a##i, b, c);
#define FMA_F64(i) RP_FMA_F64(a##i, b, c);
#define TICKED_F32(i)       \
  RP_FMA_F32(a##i, b, c);   \
  RP_TICK(chain, one);      \
  if (i % 4 == 0) RP_TICK(chain, one);
#define TICKED_F64(i)       \
  RP_FMA_F64(a##i, b, c);   \
  RP_TICK(chain, one);      \
  if (i % 4 == 0) RP_TICK(chain, one);

double sum(const f32v& v) {
  double total = 0;
  for (int i = 0; i < f32Lanes; i++) total += reinterpret_cast<const float*>(&v)[i];
  return total;
}
double sum(const f64v& v) {
  double total = 0;
  for (int i = 0; i < f64Lanes; i++) total += reinterpret_cast<const double*>(&v)[i];
  return total;
}

double runF32(uint64_t passes) {
  const float start = 1.0f;
  f32v b = f32v{} + 0.5f, c = f32v{} + 0x1p-10f;
  RP_EACH_CHAIN(DECLARE_F32)
  RP_EACH_CHAIN(START)
  for (uint64_t p = 0; p < passes; p++) {
    RP_EACH_CHAIN(FMA_F32)
    RP_EACH_CHAIN(FMA_F32)
    RP_EACH_CHAIN(FMA_F32)
    RP_EACH_CHAIN(FMA_F32)
  }
  f32v total = {};
  RP_EACH_CHAIN(SUM)
  return sum(total);
}

double runF64(uint64_t passes) {
  const double start = 1.0;
  f64v b = f64v{} + 0.5, c = f64v{} + 0x1p-10;
  RP_EACH_CHAIN(DECLARE_F64)
  RP_EACH_CHAIN(START)
  for (uint64_t p = 0; p < passes; p++) {
    RP_EACH_CHAIN(FMA_F64)
    RP_EACH_CHAIN(FMA_F64)
    RP_EACH_CHAIN(FMA_F64)
    RP_EACH_CHAIN(FMA_F64)
  }
  f64v total = {};
  RP_EACH_CHAIN(SUM)
  return sum(total);
}

double clockF32(uint64_t passes) {
  const float start = 1.0f;
  f32v b = f32v{} + 0.5f, c = f32v{} + 0x1p-10f;
  uint64_t chain = 0, one = 1;
  RP_EACH_CHAIN(DECLARE_F32)
  RP_EACH_CHAIN(START)
  for (uint64_t p = 0; p < passes; p++) {
    RP_EACH_CHAIN(TICKED_F32)
  }
  f32v total = {};
  RP_EACH_CHAIN(SUM)
  return sum(total) + double(chain);
}

double clockF64(uint64_t passes) {
  const double start = 1.0;
  f64v b = f64v{} + 0.5, c = f64v{} + 0x1p-10;
  uint64_t chain = 0, one = 1;
  RP_EACH_CHAIN(DECLARE_F64)
  RP_EACH_CHAIN(START)
  for (uint64_t p = 0; p < passes; p++) {
    RP_EACH_CHAIN(TICKED_F64)
  }
  f64v total = {};
  RP_EACH_CHAIN(SUM)
  return sum(total) + double(chain);
}

}  // namespace

ComputeProbe fmaF32() { return {runF32, 2.0 * f32Lanes * RP_CHAINS * repeats, clockF32, RP_CHAINS * 1.25}; }
ComputeProbe fmaF64() { return {runF64, 2.0 * f64Lanes * RP_CHAINS * repeats, clockF64, RP_CHAINS * 1.25}; }

}  // namespace RP_NS
}  // namespace rp
