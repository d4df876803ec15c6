// The vocabulary of the ISA variants. Each kernel file is compiled once per variant with -DRP_ISA_<NAME>; this header gives it the
// vector types.
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
#elif defined(RP_ISA_SVE)
// the sve files alone; vectors of a fixed size are NEON's
#define RP_NAME "sve"
#define RP_NS sve
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

// Single instructions, whose choice and number must not be left to a compiler: asm.h. Independent accumulators: chains.h.
