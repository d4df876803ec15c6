#include "cores.h"

#include <stdlib.h>
#include <string.h>

#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace rp {

namespace {

Cores maker() {
#if defined(__x86_64__)
  uint32_t a, name[3];
  if (__get_cpuid(0, &a, name, name + 2, name + 1)) {
    if (memcmp(name, "GenuineIntel", 12) == 0) return Cores::intel;
    if (memcmp(name, "AuthenticAMD", 12) == 0) return Cores::amd;
  }
#endif
  return Cores::other;
}

Cores named() {
  const char* const name = getenv("RIDGEPOINT_CORES");
  if (!name) return maker();
  return strcmp(name, "intel") == 0 ? Cores::intel : strcmp(name, "amd") == 0 ? Cores::amd : strcmp(name, "other") == 0 ? Cores::other : maker();
}

// Intel SDM vol. 2A, CPUID, leaf 4; AMD APM vol. 3, E.4.15, leaf 0x8000001d, which has the same fields: a cache for each number until the type is 0.
int64_t cacheHere([[maybe_unused]] uint32_t level) {
#if defined(__x86_64__)
  const Cores cores = maker();
  if (cores == Cores::other) return 0;
  const uint32_t leaf = cores == Cores::intel ? 4 : 0x8000001d;
  uint32_t a, b, c, d;
  for (uint32_t i = 0; i < 16 && __get_cpuid_count(leaf, i, &a, &b, &c, &d) && (a & 31) != 0; i++) {
    const bool instructionsAlone = (a & 31) == 2;
    if ((a >> 5 & 7) != level || instructionsAlone) continue;
    const int64_t ways = (b >> 22) + 1, partitions = (b >> 12 & 1023) + 1, line = (b & 4095) + 1;
    return ways * partitions * line * (int64_t(c) + 1);
  }
#endif
  return 0;
}

int64_t l2Named() {
  const char* const bytes = getenv("RIDGEPOINT_L2");
  const int64_t wanted = bytes ? strtoll(bytes, nullptr, 10) : 0;
  return wanted > 0 ? wanted : cacheHere(2);
}

std::atomic<Cores>& tuned() {
  static std::atomic<Cores> cores{named()};
  return cores;
}

std::atomic<int64_t>& l2() {
  static std::atomic<int64_t> bytes{l2Named()};
  return bytes;
}

}  // namespace

Cores tunedFor() { return tuned().load(std::memory_order_relaxed); }

void tuneFor(Cores cores) { tuned().store(cores, std::memory_order_relaxed); }

int64_t l1Bytes() {
  static const int64_t bytes = cacheHere(1);
  return bytes > 0 ? bytes : 32 << 10;
}

int64_t l2Bytes() { return l2().load(std::memory_order_relaxed); }

void tuneForL2(int64_t bytes) { l2().store(bytes > 0 ? bytes : l2Named(), std::memory_order_relaxed); }

}  // namespace rp
