// Peaks of fused multiply-add, addition and multiplication in f32 and f64.
#include "chains.h"
#include "families.h"

namespace rp {
namespace RP_NS {
namespace {

// Every chain starts apart from the others and grows by b*c per FMA: normal numbers throughout, no denormals, no infinities.
#define ADD_F32(a, b, c) RP_ADD_F32(a, b)
#define ADD_F64(a, b, c) RP_ADD_F64(a, b)
#define F32(x) spread<f32v, float>(x)
#define F64(x) spread<f64v, double>(x)

RP_COMPUTE(fmaF32, static, f32v, float, countUp, F32(0.5f), F32(0x1p-10f), RP_FMA_F32, total, RP_TICKS_FAST)
RP_COMPUTE(fmaF64, static, f64v, double, countUp, F64(0.5), F64(0x1p-10), RP_FMA_F64, total, RP_TICKS_FAST)
RP_COMPUTE(addF32, static, f32v, float, countUp, F32(0x1p-10f), 0, ADD_F32, total, RP_TICKS_FAST)
RP_COMPUTE(addF64, static, f64v, double, countUp, F64(0x1p-10), 0, ADD_F64, total, RP_TICKS_FAST)

// Times -1: the four multiplications of a pass cancel, and no chain ever leaves its magnitude.
#define MUL_F32(a, b, c) RP_MUL_F32(a, b)
#define MUL_F64(a, b, c) RP_MUL_F64(a, b)
RP_COMPUTE(mulF32, static, f32v, float, countUp, F32(-1.0f), 0, MUL_F32, total, RP_TICKS_FAST)
RP_COMPUTE(mulF64, static, f64v, double, countUp, F64(-1.0), 0, MUL_F64, total, RP_TICKS_FAST)

}  // namespace

int arithmeticProbes(ComputeProbe* rows) {
  int n = 0;
  rows[n++] = RP_COMPUTE_ROW("fma-f32", nullptr, 0, "", fmaF32, f32Lanes, 2, 0x1p-12, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("fma-f64", nullptr, 0, "", fmaF64, f64Lanes, 2, 0x1p-12, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("add-f32", nullptr, 0, "", addF32, f32Lanes, 1, 0x1p-10, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("add-f64", nullptr, 0, "", addF64, f64Lanes, 1, 0x1p-10, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("mul-f32", nullptr, 0, "", mulF32, f32Lanes, 1, 0, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("mul-f64", nullptr, 0, "", mulF64, f64Lanes, 1, 0, rpTicksFast);
  return n;
}

}  // namespace RP_NS
}  // namespace rp
