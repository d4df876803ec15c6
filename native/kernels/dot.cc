// Peaks of the dot-product instructions: int8 and int16 into int32, bf16 into f32, and FMA in f16. Their instruction sets are features of
// their own, so every kernel is compiled for its feature and its row says what it needs.
#include "chains.h"
#include "families.h"

// Compilers that know the instructions; older ones build the addon without these probes, and the rows say so.
#if defined(__clang__)
#define RP_KNOWS(gcc, clang) (__clang_major__ >= clang)
#else
#define RP_KNOWS(gcc, clang) (__GNUC__ >= gcc)
#endif

namespace rp {
namespace RP_NS {
namespace {

#if !defined(RP_ISA_SCALAR)
constexpr int int32Lanes = RP_BYTES / 4;
#define BYTES(x) spread<wordv, uint8_t>(x)
#define HALVES(x) spread<wordv, uint16_t>(x)
#define NO_ROW(ID, NEEDS, NEED_NAME) {ID, nullptr, NEEDS, NEED_NAME, nullptr, 0, 0, 0, 0, nullptr, 0}

// Sum of f16 lanes, without a compiler that has the type.
template <typename L, typename V>
inline double totalHalf(const V& v) {
  L lane[sizeof(V) / sizeof(L)];
  __builtin_memcpy(lane, &v, sizeof v);
  double sum = 0;
  for (const L bits : lane) {
    const int exponent = (bits >> 10) & 31;
    double value = exponent ? 1024.0 + (bits & 1023) : double(bits & 1023);
    for (int e = exponent ? exponent : 1; e < 25; e++) value /= 2;
    for (int e = 25; e < exponent; e++) value *= 2;
    sum += bits & 0x8000 ? -value : value;
  }
  return sum;
}
// i + 1 in f16: 1 to 24
template <typename L>
inline L halfOf(int i) {
  int exponent = 15, value = i + 1, top = 0;
  while ((value >> (top + 1)) > 0) top++;
  return L(((exponent + top) << 10) | ((value << (10 - top)) & 1023));
}
#endif

#if defined(__x86_64__) && !defined(RP_ISA_SCALAR)
#if defined(RP_ISA_AVX512)
#define VL ""
#else
#define VL ",avx512vl"
#endif

#if !defined(RP_ISA_SSE2)
// Without VNNI: products of 16 bits in pairs, and the sum apart.
#define MADD(a, b, c)                                           \
  do {                                                          \
    wordv pairs;                                                \
    RP_NEW3("vpmaddwd %2, %1, %0", pairs, b, c);                \
    RP_ASM2("vpaddd %1, %0, %0", a, pairs);                     \
  } while (0)
#define MADD8(a, b, c)                                          \
  do {                                                          \
    wordv pairs, quads;                                         \
    RP_NEW3("vpmaddubsw %2, %1, %0", pairs, b, c);              \
    RP_NEW3("vpmaddwd %2, %1, %0", quads, pairs, ones);         \
    RP_ASM2("vpaddd %1, %0, %0", a, quads);                     \
  } while (0)
#else
#define MADD(a, b, c)                                           \
  do {                                                          \
    wordv pairs;                                                \
    RP_NEW3("movaps %1, %0\n\tpmaddwd %2, %0", pairs, b, c);    \
    RP_ASM2("paddd %1, %0", a, pairs);                          \
  } while (0)
#endif
RP_COMPUTE(madd, static, wordv, int32_t, countUp, HALVES(1), HALVES(1), MADD, total, RP_TICKS_SLOW)
#if !defined(RP_ISA_SSE2)
#define OPERANDS8 BYTES(1); auto ones = HALVES(1)
RP_COMPUTE(madd8, static, wordv, int32_t, countUp, BYTES(1), OPERANDS8, MADD8, total, RP_TICKS_SLOW)

#if RP_KNOWS(8, 7)
#define VNNI __attribute__((target("avx512vnni" VL))) static
#define DPBUSD(a, b, c) RP_ASM3("vpdpbusd %1, %2, %0", a, b, c)
#define DPWSSD(a, b, c) RP_ASM3("vpdpwssd %1, %2, %0", a, b, c)
RP_COMPUTE(vnni8, VNNI, wordv, int32_t, countUp, BYTES(1), BYTES(1), DPBUSD, total, RP_TICKS_SLOW)
RP_COMPUTE(vnni16, VNNI, wordv, int32_t, countUp, HALVES(1), HALVES(1), DPWSSD, total, RP_TICKS_SLOW)
#endif

#if RP_KNOWS(11, 12) && !defined(RP_ISA_AVX512)
#define AVXVNNI __attribute__((target("avxvnni"))) static
#define DPBUSD_VEX(a, b, c) RP_ASM3("%{vex%} vpdpbusd %1, %2, %0", a, b, c)
#define DPWSSD_VEX(a, b, c) RP_ASM3("%{vex%} vpdpwssd %1, %2, %0", a, b, c)
RP_COMPUTE(avxvnni8, AVXVNNI, wordv, int32_t, countUp, BYTES(1), BYTES(1), DPBUSD_VEX, total, RP_TICKS_SLOW)
RP_COMPUTE(avxvnni16, AVXVNNI, wordv, int32_t, countUp, HALVES(1), HALVES(1), DPWSSD_VEX, total, RP_TICKS_SLOW)
#endif

#if RP_KNOWS(10, 9)
#define BF16 __attribute__((target("avx512bf16" VL))) static
#define DPBF16(a, b, c) RP_ASM3("vdpbf16ps %1, %2, %0", a, b, c)
// 0.5 and 2^-10 in bf16
RP_COMPUTE(bf16, BF16, wordv, float, countUp, HALVES(0x3f00), HALVES(0x3a80), DPBF16, total, RP_TICKS_SLOW)
#endif

#if RP_KNOWS(12, 14)
#define FP16 __attribute__((target("avx512fp16" VL))) static
#define FMA_F16(a, b, c) RP_ASM3("vfmadd231ph %1, %2, %0", a, b, c)
// 0.5 and 2^-4 in f16
RP_COMPUTE(fp16, FP16, wordv, uint16_t, halfOf, HALVES(0x3800), HALVES(0x2c00), FMA_F16, totalHalf, RP_TICKS_FAST)
#endif
#endif  // not SSE2

#elif defined(__aarch64__) && !defined(RP_ISA_SCALAR)
#define SMLAL(a, b, c) RP_ASM3("smlal %0.4s, %1.4h, %2.4h", a, b, c)
RP_COMPUTE(madd, static, wordv, int32_t, countUp, HALVES(1), HALVES(1), SMLAL, total, RP_TICKS_SLOW)
#if RP_KNOWS(10, 12)
#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod"))) static
#define SDOT(a, b, c) RP_ASM3("sdot %0.4s, %1.16b, %2.16b", a, b, c)
RP_COMPUTE(sdot, DOTPROD, wordv, int32_t, countUp, BYTES(1), BYTES(1), SDOT, total, RP_TICKS_SLOW)
#define ARM_FP16 __attribute__((target("arch=armv8.2-a+fp16"))) static
#define FMLA_F16(a, b, c) RP_ASM3("fmla %0.8h, %1.8h, %2.8h", a, b, c)
RP_COMPUTE(fp16, ARM_FP16, wordv, uint16_t, halfOf, HALVES(0x3800), HALVES(0x2c00), FMLA_F16, totalHalf, RP_TICKS_FAST)
#define ARM_BF16 __attribute__((target("arch=armv8.2-a+bf16"))) static
#define BFDOT(a, b, c) RP_ASM3("bfdot %0.4s, %1.8h, %2.8h", a, b, c)
RP_COMPUTE(bf16, ARM_BF16, wordv, float, countUp, HALVES(0x3f00), HALVES(0x3a80), BFDOT, total, RP_TICKS_SLOW)
#endif
#endif

}  // namespace

int dotProbes(ComputeProbe* rows) {
  int n = 0;
  (void)rows;
#if defined(__x86_64__) && !defined(RP_ISA_SCALAR)
#if !defined(RP_ISA_SSE2)
#if RP_KNOWS(8, 7)
  rows[n++] = RP_COMPUTE_ROW("dot-int8", nullptr, featureAvx512Vnni, "avx512_vnni", vnni8, int32Lanes, 8, 0.5, rpTicksSlow);
  rows[n++] = RP_COMPUTE_ROW("dot-int16", nullptr, featureAvx512Vnni, "avx512_vnni", vnni16, int32Lanes, 4, 0.5, rpTicksSlow);
#endif
#if RP_KNOWS(11, 12) && !defined(RP_ISA_AVX512)
  rows[n++] = RP_COMPUTE_ROW("dot-int8", nullptr, featureAvxVnni, "avx_vnni", avxvnni8, int32Lanes, 8, 0.5, rpTicksSlow);
  rows[n++] = RP_COMPUTE_ROW("dot-int16", nullptr, featureAvxVnni, "avx_vnni", avxvnni16, int32Lanes, 4, 0.5, rpTicksSlow);
#endif
  rows[n++] = RP_COMPUTE_ROW("dot-int8", nullptr, 0, "", madd8, int32Lanes, 8, 0.5, rpTicksSlow);
#endif
  rows[n++] = RP_COMPUTE_ROW("dot-int16", nullptr, 0, "", madd, int32Lanes, 4, 0.5, rpTicksSlow);
#if !defined(RP_ISA_SSE2)
#if RP_KNOWS(10, 9)
  rows[n++] = RP_COMPUTE_ROW("dot-bf16", nullptr, featureAvx512Bf16, "avx512_bf16", bf16, int32Lanes, 4, 0x1p-12, rpTicksSlow);
#else
  rows[n++] = NO_ROW("dot-bf16", featureAvx512Bf16, "avx512_bf16");
#endif
#if RP_KNOWS(12, 14)
  rows[n++] = RP_COMPUTE_ROW("fma-f16", nullptr, featureAvx512Fp16, "avx512_fp16", fp16, RP_BYTES / 2, 2, 0x1p-6, rpTicksFast);
#else
  rows[n++] = NO_ROW("fma-f16", featureAvx512Fp16, "avx512_fp16");
#endif
#endif
#elif defined(__aarch64__) && !defined(RP_ISA_SCALAR)
#if RP_KNOWS(10, 12)
  rows[n++] = RP_COMPUTE_ROW("dot-int8", nullptr, featureDotProduct, "asimddp", sdot, int32Lanes, 8, 0.5, rpTicksSlow);
  rows[n++] = RP_COMPUTE_ROW("dot-bf16", nullptr, featureArmBf16, "bf16", bf16, int32Lanes, 4, 0x1p-12, rpTicksSlow);
  rows[n++] = RP_COMPUTE_ROW("fma-f16", nullptr, featureArmFp16, "asimdhp", fp16, RP_BYTES / 2, 2, 0x1p-6, rpTicksFast);
#else
  rows[n++] = NO_ROW("dot-int8", featureDotProduct, "asimddp");
  rows[n++] = NO_ROW("dot-bf16", featureArmBf16, "bf16");
  rows[n++] = NO_ROW("fma-f16", featureArmFp16, "asimdhp");
#endif
  rows[n++] = RP_COMPUTE_ROW("dot-int16", nullptr, 0, "", madd, int32Lanes, 2, 0.5, rpTicksSlow);
#endif
  return n;
}

}  // namespace RP_NS
}  // namespace rp
