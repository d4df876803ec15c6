#include "variants.h"

#include <string.h>

#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__)
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#endif

namespace rp {

#if defined(__x86_64__)
const Variant& variantSse2();
const Variant& variantScalar();
const Variant& variantSse();
const Variant& variantAvx2();
const Variant& variantAvx512();

namespace {

struct Features {
  bool fma = false;
  bool avx2 = false;
  bool avx512 = false;
  uint32_t extra = 0;
};

// Linux hands tile registers out on request (arch_prctl ARCH_REQ_XCOMP_PERM, feature 18), for the whole process.
bool tilePermission() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

uint64_t xgetbv0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t(high) << 32) | low;
}

// Intel SDM vol. 1, 14.3 and 15.2: a feature counts only where the operating system saves its registers (XCR0).
Features detect() {
  Features f;
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return f;
  const bool osxsave = c & (1u << 27);
  if (!osxsave) return f;
  const uint64_t xcr0 = xgetbv0();
  const bool ymm = (xcr0 & 0x6) == 0x6;
  const bool zmm = (xcr0 & 0xe6) == 0xe6;
  f.fma = ymm && (c & (1u << 28)) && (c & (1u << 12));
  uint32_t b7 = 0;
  if (__get_cpuid_count(7, 0, &a, &b7, &c, &d)) {
    f.avx2 = f.fma && (b7 & (1u << 5));
    const uint32_t skylake = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);  // F, DQ, BW, VL
    f.avx512 = f.avx2 && zmm && (b7 & skylake) == skylake;
    const uint32_t c7 = c, d7 = d;
    uint32_t a1 = 0;
    if (!__get_cpuid_count(7, 1, &a1, &b, &c, &d)) a1 = 0;
    if (f.avx512 && (c7 & (1u << 11))) f.extra |= featureAvx512Vnni;
    if (f.avx512 && (c7 & (1u << 1))) f.extra |= featureAvx512Vbmi;
    if (f.avx2 && (a1 & (1u << 4))) f.extra |= featureAvxVnni;
    if (f.avx512 && (a1 & (1u << 5))) f.extra |= featureAvx512Bf16;
    if (f.avx512 && (d7 & (1u << 23))) f.extra |= featureAvx512Fp16;
    const uint32_t tile = 1u << 24, tileInt8 = 1u << 25, tileBf16 = 1u << 22;
    if ((d7 & tile) && (xcr0 & 0x60000) == 0x60000 && tilePermission()) {
      if (d7 & tileInt8) f.extra |= featureAmxInt8;
      if (d7 & tileBf16) f.extra |= featureAmxBf16;
    }
  }
  return f;
}

const Features& detected() {
  static const Features f = detect();
  return f;
}

Variants collect() {
  const Features& f = detected();
  Variants v{};
  if (f.fma) {
    v.list[v.count++] = &variantScalar();
    v.list[v.count++] = &variantSse();
  }
  if (f.avx2) v.list[v.count++] = &variantAvx2();
  if (f.avx512) v.list[v.count++] = &variantAvx512();
  v.list[v.count] = &variantSse2();
  v.runnable = v.count + 1;
  if (v.count == 0) v.count = 1;
  return v;
}

}  // namespace

uint32_t features() { return detected().extra; }

const char* cpuBrand() {
  static char brand[49];
  if (brand[0]) return brand;
  uint32_t words[12];
  for (uint32_t leaf = 0; leaf < 3; leaf++) {
    uint32_t* w = words + 4 * leaf;
    if (!__get_cpuid(0x80000002u + leaf, w, w + 1, w + 2, w + 3)) return "";
  }
  memcpy(brand, words, 48);
  return brand;
}

#elif defined(__aarch64__)
const Variant& variantScalar();
const Variant& variantNeon();
#if defined(__linux__)
const Variant* variantSve();
#endif

namespace {
// Advanced SIMD is part of the ARMv8-A baseline that every aarch64 operating system requires. SVE may be as wide as NEON (Neoverse V2)
// or wider; asm/hwcap.h: HWCAP_SVE
Variants collect() {
  Variants v{};
  v.list[v.count++] = &variantScalar();
  v.list[v.count++] = &variantNeon();
#if defined(__linux__)
  if (getauxval(AT_HWCAP) & (1ul << 22))
    if (const Variant* sve = variantSve()) v.list[v.count++] = sve;
#endif
  v.runnable = v.count;
  return v;
}

uint32_t detectExtra() {
  uint32_t extra = 0;
#if defined(__linux__)
  // asm/hwcap.h: HWCAP_ASIMDHP, HWCAP_ASIMDDP; HWCAP2_BF16, HWCAP2_SVEBF16
  const unsigned long first = getauxval(AT_HWCAP), second = getauxval(26);
  if (first & (1ul << 10)) extra |= featureArmFp16;
  if (first & (1ul << 20)) extra |= featureDotProduct;
  if (second & (1ul << 14)) extra |= featureArmBf16;
  if (second & (1ul << 12)) extra |= featureSveBf16;
#elif defined(__APPLE__)
  const struct {
    const char* name;
    uint32_t bit;
  } names[] = {{"hw.optional.arm.FEAT_FP16", featureArmFp16}, {"hw.optional.arm.FEAT_DotProd", featureDotProduct},
               {"hw.optional.arm.FEAT_BF16", featureArmBf16}};
  for (const auto& entry : names) {
    int value = 0;
    size_t size = sizeof value;
    if (sysctlbyname(entry.name, &value, &size, nullptr, 0) == 0 && value) extra |= entry.bit;
  }
#endif
  return extra;
}
}  // namespace

uint32_t features() {
  static const uint32_t extra = detectExtra();
  return extra;
}

const char* cpuBrand() { return ""; }
#else
#error "ridgepoint measures x86-64 and aarch64"
#endif

const Variants& variants() {
  static const Variants v = collect();
  return v;
}

const Variant* findVariant(const char* isa) {
  const Variants& v = variants();
  for (int i = 0; i < v.runnable; i++)
    if (strcmp(v.list[i]->isa, isa) == 0) return v.list[i];
  return nullptr;
}

const ComputeProbe* findCompute(const Variant& variant, const char* id) {
  for (int i = 0; i < variant.computeCount; i++) {
    const ComputeProbe& probe = variant.compute[i];
    const char* name = id;
    if (probe.engine) {
      const size_t length = strlen(probe.engine);
      if (strncmp(name, probe.engine, length) != 0 || name[length] != '/') continue;
      name += length + 1;
    }
    if (strcmp(probe.id, name) == 0 && canRun(probe)) return &probe;
  }
  return nullptr;
}

const MemoryProbe* findMemory(const Variant& variant, const char* id) {
  for (int i = 0; i < variant.memoryCount; i++)
    if (strcmp(variant.memory[i].id, id) == 0) return &variant.memory[i];
  return nullptr;
}

static std::atomic<bool> beyond{true};

bool usesFeatures() { return beyond.load(std::memory_order_relaxed); }

void useFeatures(bool wanted) { beyond.store(wanted, std::memory_order_relaxed); }

const OpKernel* findOp(const Variant& variant, const char* id) {
  const uint32_t there = usesFeatures() ? features() : 0;
  for (int i = 0; i < variant.opCount; i++)
    if (strcmp(variant.ops[i].id, id) == 0 && (variant.ops[i].needs & there) == variant.ops[i].needs) return &variant.ops[i];
  return nullptr;
}

}  // namespace rp
