// Peaks of AMX: products of 16 x 64-byte tiles, four accumulators against two tiles from each side. A tile product takes 16 cycles and
// answers after 52 (Intel SDM and optimization manual): four in flight keep the unit busy.
#include <string.h>

#include "families.h"

namespace rp {
namespace RP_NS {
namespace {

#if defined(__x86_64__) && defined(RP_ISA_AVX512) && \
    ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
#define RP_HAS_AMX 1
// Palette 1: eight tiles of 16 rows of 64 bytes (SDM vol. 1, 18.2).
struct alignas(64) TileConfig {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

#define LOAD(t) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t ::"r"(operand), "r"(stride))
#define ZERO(t) __asm__ volatile("tilezero %%tmm" #t ::)
#define PRODUCTS(OP)                                        \
  __asm__ volatile(OP " %%tmm6, %%tmm4, %%tmm0\n\t"         \
                   OP " %%tmm7, %%tmm4, %%tmm1\n\t"         \
                   OP " %%tmm6, %%tmm5, %%tmm2\n\t"         \
                   OP " %%tmm7, %%tmm5, %%tmm3" ::)

#define TILES(NAME, TARGET, OP, L, FILL)                                              \
  __attribute__((target(TARGET))) double NAME(uint64_t passes) {                      \
    const TileConfig config;                                                          \
    alignas(64) uint8_t operand[1024], result[1024];                                  \
    const int64_t stride = 64;                                                        \
    for (int i = 0; i < 1024; i += 2) {                                               \
      const uint16_t bits = FILL;                                                     \
      memcpy(operand + i, &bits, 2);                                                  \
    }                                                                                 \
    __asm__ volatile("ldtilecfg %0" ::"m"(config));                                   \
    ZERO(0); ZERO(1); ZERO(2); ZERO(3);                                               \
    __asm__ volatile("" ::: "memory");                                                \
    LOAD(4); LOAD(5); LOAD(6); LOAD(7);                                               \
    for (uint64_t p = 0; p < passes; p++) {                                           \
      PRODUCTS(OP); PRODUCTS(OP); PRODUCTS(OP); PRODUCTS(OP);                         \
    }                                                                                 \
    double sum = 0;                                                                   \
    for (int t = 0; t < 4; t++) {                                                     \
      if (t == 0) __asm__ volatile("tilestored %%tmm0, (%0,%1,1)" ::"r"(result), "r"(stride) : "memory"); \
      if (t == 1) __asm__ volatile("tilestored %%tmm1, (%0,%1,1)" ::"r"(result), "r"(stride) : "memory"); \
      if (t == 2) __asm__ volatile("tilestored %%tmm2, (%0,%1,1)" ::"r"(result), "r"(stride) : "memory"); \
      if (t == 3) __asm__ volatile("tilestored %%tmm3, (%0,%1,1)" ::"r"(result), "r"(stride) : "memory"); \
      for (int i = 0; i < 1024; i += int(sizeof(L))) {                                \
        L lane;                                                                       \
        memcpy(&lane, result + i, sizeof lane);                                       \
        sum += double(lane);                                                          \
      }                                                                               \
    }                                                                                 \
    __asm__ volatile("tilerelease" ::);                                               \
    return sum;                                                                       \
  }
TILES(runInt8, "amx-tile,amx-int8", "tdpbssd", int32_t, 0x0101)
// 2^-10 in bf16, squared per product
TILES(runBf16, "amx-tile,amx-bf16", "tdpbf16ps", float, 0x3a80)
#endif

}  // namespace

int tileProbes(ComputeProbe* rows) {
  (void)rows;
#if defined(__x86_64__) && defined(RP_ISA_AVX512)
#if defined(RP_HAS_AMX)
  // 256 results, each the dot product of 64 bytes. No clock twin: the scalar adds beside the tiles would not slow them.
  rows[0] = {"dot-int8", "amx", featureAmxInt8, "amx_int8", runInt8, 16, 256, 128, 0.5, nullptr, 0};
  rows[1] = {"dot-bf16", "amx", featureAmxBf16, "amx_bf16", runBf16, 16, 256, 64, 0x1p-21, nullptr, 0};
#else
  rows[0] = {"dot-int8", "amx", featureAmxInt8, "amx_int8", nullptr, 0, 0, 0, 0, nullptr, 0};
  rows[1] = {"dot-bf16", "amx", featureAmxBf16, "amx_bf16", nullptr, 0, 0, 0, 0, nullptr, 0};
#endif
  return 2;
#else
  return 0;
#endif
}

}  // namespace RP_NS
}  // namespace rp
