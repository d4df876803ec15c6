// The SVE variant: its compute peaks and its table. What all SVE files share is in sve.h.
#if defined(RP_ISA_SVE)
#include "chains.h"
#include "sve.h"

#if defined(RP_HAS_SVE)
#include <string.h>
#endif

namespace rp {
const Variant& variantNeon();

#if defined(RP_HAS_SVE)
namespace RP_NS {
namespace {

// Sums leave the registers through memory, out of line, and are taken in f64: exact at the sizes of the checks.
constexpr size_t mostBytes = 256;
#define SUM(NAME, V, L, STORE, PG)                        \
  __attribute__((noinline)) double NAME(V v) {            \
    L lane[mostBytes / sizeof(L)];                        \
    STORE(PG(), lane, v);                                 \
    double sum = 0;                                       \
    for (size_t i = 0; i < svcntb() / sizeof(L); i++) sum += double(lane[i]); \
    return sum;                                           \
  }
SUM(sumF32, svfloat32_t, float32_t, svst1_f32, svptrue_b32)
SUM(sumF64, svfloat64_t, float64_t, svst1_f64, svptrue_b64)
SUM(sumF16, svfloat16_t, float16_t, svst1_f16, svptrue_b16)
SUM(sumI32, svint32_t, int32_t, svst1_s32, svptrue_b32)
SUM(sumI64, svint64_t, int64_t, svst1_s64, svptrue_b64)

#define START(i, V, MAKE) V a##i = MAKE(1 + i);
#define ADD_UP(i, SUM) all += SUM(a##i);

// As RP_COMPUTE: NAMERun and NAMEClock on chains that start at 1, 2, 3 ...
#define SVE_COMPUTE(NAME, TARGET, V, MAKE, B, C, OP, SUM, TICKS) \
  TARGET double NAME##Run(uint64_t passes) {                     \
    const svbool_t pg = svptrue_b8();                            \
    (void)pg;                                                    \
    const auto b = B;                                            \
    const auto c = C;                                            \
    (void)c;                                                     \
    RP_EACH_CHAIN(START, V, MAKE)                                \
    for (uint64_t p = 0; p < passes; p++) {                      \
      RP_EACH_CHAIN(RP_ONCE, OP)                                 \
      RP_EACH_CHAIN(RP_ONCE, OP)                                 \
      RP_EACH_CHAIN(RP_ONCE, OP)                                 \
      RP_EACH_CHAIN(RP_ONCE, OP)                                 \
    }                                                            \
    double all = 0;                                              \
    RP_EACH_CHAIN(ADD_UP, SUM)                                   \
    return all;                                                  \
  }                                                              \
  TARGET double NAME##Clock(uint64_t passes) {                   \
    const svbool_t pg = svptrue_b8();                            \
    (void)pg;                                                    \
    const auto b = B;                                            \
    const auto c = C;                                            \
    (void)c;                                                     \
    uint64_t chain = 0, one = 1;                                 \
    RP_EACH_CHAIN(START, V, MAKE)                                \
    for (uint64_t p = 0; p < passes; p++) {                      \
      RP_EACH_CHAIN(RP_TICKED, OP, TICKS)                        \
    }                                                            \
    double all = double(chain);                                  \
    RP_EACH_CHAIN(ADD_UP, SUM)                                   \
    return all;                                                  \
  }

#define BY3(text, a, b, c) __asm__ volatile(text : "+w"(a) : "Upl"(pg), "w"(b), "w"(c))
#define FMA_F16(a, b, c) BY3("fmla %0.h, %1/m, %2.h, %3.h", a, b, c)
#define FMA_F32(a, b, c) BY3("fmla %0.s, %1/m, %2.s, %3.s", a, b, c)
#define FMA_F64(a, b, c) BY3("fmla %0.d, %1/m, %2.d, %3.d", a, b, c)
#define ADD_F32(a, b, c) RP_ASM2("fadd %0.s, %0.s, %1.s", a, b)
#define ADD_F64(a, b, c) RP_ASM2("fadd %0.d, %0.d, %1.d", a, b)
#define MUL_F32(a, b, c) RP_ASM2("fmul %0.s, %0.s, %1.s", a, b)
#define MUL_F64(a, b, c) RP_ASM2("fmul %0.d, %0.d, %1.d", a, b)
// movprfx: nothing depends on the last result
#define FRESH(text, a, b, c) __asm__ volatile("movprfx %0, %2\n\t" text : "=&w"(a) : "Upl"(pg), "w"(b), "w"(c))
#define DIV_F32(a, b, c) FRESH("fdiv %0.s, %1/m, %0.s, %3.s", a, b, c)
#define DIV_F64(a, b, c) FRESH("fdiv %0.d, %1/m, %0.d, %3.d", a, b, c)
#define SQRT_F32(a, b, c) FRESH("fsqrt %0.s, %1/m, %2.s", a, b, c)
#define SQRT_F64(a, b, c) FRESH("fsqrt %0.d, %1/m, %2.d", a, b, c)
#define SDOT8(a, b, c) RP_ASM3("sdot %0.s, %1.b, %2.b", a, b, c)
#define SDOT16(a, b, c) RP_ASM3("sdot %0.d, %1.h, %2.h", a, b, c)
#define BFDOT(a, b, c) RP_ASM3("bfdot %0.s, %1.h, %2.h", a, b, c)
#define BF16 __attribute__((target("arch=armv8.2-a+sve+bf16")))
#define F16(x) svdup_n_f16(float16_t(x))
#define F32(x) svdup_n_f32(float(x))
#define F64(x) svdup_n_f64(double(x))
#define I32(x) svdup_n_s32(x)
#define I64(x) svdup_n_s64(x)

// The operands are those of arithmetic.cc, functions.cc and dot.cc.
SVE_COMPUTE(fmaF16, , svfloat16_t, F16, F16(0.5), F16(0x1p-4), FMA_F16, sumF16, RP_TICKS_FAST)
SVE_COMPUTE(fmaF32, , svfloat32_t, F32, F32(0.5), F32(0x1p-10), FMA_F32, sumF32, RP_TICKS_FAST)
SVE_COMPUTE(fmaF64, , svfloat64_t, F64, F64(0.5), F64(0x1p-10), FMA_F64, sumF64, RP_TICKS_FAST)
SVE_COMPUTE(addF32, , svfloat32_t, F32, F32(0x1p-10), 0, ADD_F32, sumF32, RP_TICKS_FAST)
SVE_COMPUTE(addF64, , svfloat64_t, F64, F64(0x1p-10), 0, ADD_F64, sumF64, RP_TICKS_FAST)
SVE_COMPUTE(mulF32, , svfloat32_t, F32, F32(-1), 0, MUL_F32, sumF32, RP_TICKS_FAST)
SVE_COMPUTE(mulF64, , svfloat64_t, F64, F64(-1), 0, MUL_F64, sumF64, RP_TICKS_FAST)
SVE_COMPUTE(divideF32, , svfloat32_t, F32, F32(1.7), F32(1.3), DIV_F32, sumF32, RP_TICKS_48)
SVE_COMPUTE(divideF64, , svfloat64_t, F64, F64(1.7), F64(1.3), DIV_F64, sumF64, RP_TICKS_48)
SVE_COMPUTE(sqrtF32, , svfloat32_t, F32, F32(1.7), F32(0), SQRT_F32, sumF32, RP_TICKS_48)
SVE_COMPUTE(sqrtF64, , svfloat64_t, F64, F64(1.7), F64(0), SQRT_F64, sumF64, RP_TICKS_48)
SVE_COMPUTE(dotI8, , svint32_t, I32, svdup_n_s8(1), svdup_n_s8(1), SDOT8, sumI32, RP_TICKS_SLOW)
SVE_COMPUTE(dotI16, , svint64_t, I64, svdup_n_s16(1), svdup_n_s16(1), SDOT16, sumI64, RP_TICKS_SLOW)
// 0.5 and 2^-10 in bf16
SVE_COMPUTE(dotBf16, BF16, svfloat32_t, F32, svdup_n_u16(0x3f00), svdup_n_u16(0x3a80), BFDOT, sumF32, RP_TICKS_SLOW)

int computeProbes(ComputeProbe* rows) {
  const int w = int(svcntw()), d = int(svcntd()), h = int(svcnth());
  int n = 0;
  rows[n++] = RP_COMPUTE_ROW("fma-f32", nullptr, 0, "", fmaF32, w, 2, 0x1p-12, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("fma-f64", nullptr, 0, "", fmaF64, d, 2, 0x1p-12, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("add-f32", nullptr, 0, "", addF32, w, 1, 0x1p-10, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("add-f64", nullptr, 0, "", addF64, d, 1, 0x1p-10, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("mul-f32", nullptr, 0, "", mulF32, w, 1, 0, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("mul-f64", nullptr, 0, "", mulF64, d, 1, 0, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("dot-int8", nullptr, 0, "", dotI8, w, 8, 0.5, rpTicksSlow);
  rows[n++] = RP_COMPUTE_ROW("dot-int16", nullptr, 0, "", dotI16, d, 8, 0.5, rpTicksSlow);
  rows[n++] = RP_COMPUTE_ROW("dot-bf16", nullptr, featureSveBf16, "svebf16", dotBf16, w, 4, 0x1p-12, rpTicksSlow);
  rows[n++] = RP_COMPUTE_ROW("fma-f16", nullptr, 0, "", fmaF16, h, 2, 0x1p-6, rpTicksFast);
  rows[n++] = RP_COMPUTE_ROW("divide-f32", nullptr, 0, "", divideF32, w, 1, 0, rpTicks48);
  rows[n++] = RP_COMPUTE_ROW("divide-f64", nullptr, 0, "", divideF64, d, 1, 0, rpTicks48);
  rows[n++] = RP_COMPUTE_ROW("sqrt-f32", nullptr, 0, "", sqrtF32, w, 1, 0, rpTicks48);
  rows[n++] = RP_COMPUTE_ROW("sqrt-f64", nullptr, 0, "", sqrtF64, d, 1, 0, rpTicks48);
  return n;
}

}  // namespace
}  // namespace RP_NS

// Call only where the operating system says that there is SVE.
const Variant* variantSve() {
  static bool made = false;
  static Variant v;
  if (!made) {
    v.isa = RP_NAME;
    v.vectorBytes = int(svcntb());
    v.computeCount = RP_NS::computeProbes(v.compute);
    v.computeCount += RP_NS::functionRows(v.compute + v.computeCount);
    v.memoryCount = RP_NS::memoryProbes(v.memory);
    const Variant& neon = variantNeon();
    memcpy(v.ops, neon.ops, sizeof v.ops);
    v.opCount = neon.opCount;
    RP_NS::replaceFunctions(v.ops, v.opCount);
    made = true;
  }
  return &v;
}

#else
const Variant* variantSve() { return nullptr; }
#endif

}  // namespace rp
#endif  // RP_ISA_SVE
