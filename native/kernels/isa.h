// The vocabulary of the ISA variants. Each kernel file is compiled once per variant with -DRP_ISA_<NAME>; this header gives it the
// vector types and the single instructions whose choice must not be left to a compiler (GCC before 15 serialises such chains).
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(RP_ISA_AVX512)
#define RP_NAME "avx512"
#define RP_NS avx512
#define RP_VARIANT variantAvx512
#define RP_BYTES 64
#elif defined(RP_ISA_AVX2)
#define RP_NAME "avx2"
#define RP_NS avx2
#define RP_VARIANT variantAvx2
#define RP_BYTES 32
#elif defined(RP_ISA_SSE)
#define RP_NAME "sse"
#define RP_NS sse
#define RP_VARIANT variantSse
#define RP_BYTES 16
#elif defined(RP_ISA_SSE2)
#define RP_NAME "sse2"
#define RP_NS sse2
#define RP_VARIANT variantSse2
#define RP_BYTES 16
#elif defined(RP_ISA_NEON)
#define RP_NAME "neon"
#define RP_NS neon
#define RP_VARIANT variantNeon
#define RP_BYTES 16
#elif defined(RP_ISA_SCALAR)
#define RP_NAME "scalar"
#define RP_NS scalar
#define RP_VARIANT variantScalar
#define RP_BYTES 8
#else
#error "compile with -DRP_ISA_<NAME>"
#endif

namespace rp {
namespace RP_NS {

#if defined(RP_ISA_SCALAR)
typedef float f32v;
typedef double f64v;
typedef uint64_t wordv;
constexpr int f32Lanes = 1;
constexpr int f64Lanes = 1;
#else
typedef float f32v __attribute__((vector_size(RP_BYTES)));
typedef double f64v __attribute__((vector_size(RP_BYTES)));
typedef uint64_t wordv __attribute__((vector_size(RP_BYTES)));
constexpr int f32Lanes = RP_BYTES / 4;
constexpr int f64Lanes = RP_BYTES / 8;
#endif
constexpr int wordLanes = RP_BYTES / 8;
constexpr size_t lineBytes = 64;

}  // namespace RP_NS
}  // namespace rp

// a += b * c, and acc ^= memory: one instruction each where the ISA has it. `volatile` keeps their order and their number.
#if defined(__x86_64__)
#if defined(RP_ISA_SSE2)
// Without FMA a multiplication and an addition in place: a = a * b + c, which settles at c / (1 - b).
#define RP_FMA_F32(a, b, c) __asm__ volatile("mulps %1, %0\n\taddps %2, %0" : "+x"(a) : "x"(b), "x"(c))
#define RP_FMA_F64(a, b, c) __asm__ volatile("mulpd %1, %0\n\taddpd %2, %0" : "+x"(a) : "x"(b), "x"(c))
#elif defined(RP_ISA_SCALAR)
#define RP_FMA_F32(a, b, c) __asm__ volatile("vfmadd231ss %1, %2, %0" : "+x"(a) : "x"(b), "x"(c))
#define RP_FMA_F64(a, b, c) __asm__ volatile("vfmadd231sd %1, %2, %0" : "+x"(a) : "x"(b), "x"(c))
#else
#define RP_FMA_F32(a, b, c) __asm__ volatile("vfmadd231ps %1, %2, %0" : "+v"(a) : "v"(b), "v"(c))
#define RP_FMA_F64(a, b, c) __asm__ volatile("vfmadd231pd %1, %2, %0" : "+v"(a) : "v"(b), "v"(c))
#endif
#if defined(RP_ISA_SCALAR)
#define RP_XOR(acc, memory) __asm__ volatile("xorq %1, %0" : "+r"(acc) : "m"(memory))
#elif defined(RP_ISA_AVX512)
#define RP_XOR(acc, memory) __asm__ volatile("vpxorq %1, %0, %0" : "+v"(acc) : "m"(memory))
#elif defined(RP_ISA_SSE2)
#define RP_XOR(acc, memory) __asm__ volatile("pxor %1, %0" : "+x"(acc) : "m"(memory))
#else
#define RP_XOR(acc, memory) __asm__ volatile("vpxor %1, %0, %0" : "+x"(acc) : "m"(memory))
#endif
// Register plus register: Golden Cove folds dependent additions of constants at rename, and the chain would not count cycles.
#define RP_TICK(chain, one) __asm__ volatile("addq %1, %0" : "+r"(chain) : "r"(one))
#else  // aarch64
#if defined(RP_ISA_SCALAR)
#define RP_FMA_F32(a, b, c) __asm__ volatile("fmadd %s0, %s1, %s2, %s0" : "+w"(a) : "w"(b), "w"(c))
#define RP_FMA_F64(a, b, c) __asm__ volatile("fmadd %d0, %d1, %d2, %d0" : "+w"(a) : "w"(b), "w"(c))
#define RP_XOR(acc, memory)                                               \
  do {                                                                    \
    rp::RP_NS::wordv loaded;                                              \
    __asm__ volatile("ldr %0, %1" : "=r"(loaded) : "m"(memory));          \
    acc ^= loaded;                                                        \
  } while (0)
#else
#define RP_FMA_F32(a, b, c) __asm__ volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(a) : "w"(b), "w"(c))
#define RP_FMA_F64(a, b, c) __asm__ volatile("fmla %0.2d, %1.2d, %2.2d" : "+w"(a) : "w"(b), "w"(c))
#define RP_XOR(acc, memory)                                               \
  do {                                                                    \
    rp::RP_NS::wordv loaded;                                              \
    __asm__ volatile("ldr %q0, %1" : "=w"(loaded) : "m"(memory));         \
    acc ^= loaded;                                                        \
  } while (0)
#endif
#define RP_TICK(chain, one) __asm__ volatile("add %0, %0, %1" : "+r"(chain) : "r"(one))
#endif

// Independent accumulators. A port needs as many chains as its latency: 4 cycles x 2 ports = 8 on Intel since Skylake and on Zen,
// 4 x 4 = 16 on Apple's cores. 24 of 32 registers, 12 of 16: multiples of both, with room for the operands.
#if defined(RP_ISA_AVX512) || defined(__aarch64__)
#define RP_CHAINS 24
#define RP_EACH_CHAIN(X)                                                                                                         \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) \
      X(23)
#else
#define RP_CHAINS 12
#define RP_EACH_CHAIN(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#endif
