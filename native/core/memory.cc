#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

namespace rp {

namespace {
constexpr size_t hugePage = size_t(2) << 20;
}

size_t wholePages(size_t bytes) { return (bytes + hugePage - 1) / hugePage * hugePage; }

Region reserve(size_t bytes) {
  Region region;
  const size_t rounded = wholePages(bytes);
  // Over-reserve by one huge page and trim, since mmap aligns to the base page only.
  void* raw = mmap(nullptr, rounded + hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return region;
  const uintptr_t start = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (start + hugePage - 1) / hugePage * hugePage;
  if (aligned > start) munmap(raw, aligned - start);
  const size_t behind = start + hugePage - aligned;
  if (behind > 0) munmap(reinterpret_cast<void*>(aligned + rounded), behind);
  region.data = reinterpret_cast<char*>(aligned);
  region.bytes = rounded;
#if defined(MADV_HUGEPAGE)
  madvise(region.data, region.bytes, MADV_HUGEPAGE);  // a refusal costs speed, not correctness; hugeBytes() tells
#endif
  return region;
}

void release(Region& region) {
  if (region.data) munmap(region.data, region.bytes);
  region = Region{};
}

void fill(Region& region, size_t from, size_t to) {
  for (size_t i = from; i + 8 <= to; i += 8) {
    uint64_t word = (i + 8) * 0x9e3779b97f4a7c15ull;  // 2^64 / golden ratio: neighbouring words share no bytes
    word ^= word >> 29;
    word = (word & 0x9fffffff9fffffffull) | 0x2000000020000000ull;  // exponents of f32 from 2^-63 to 2^0, of f64 from 2^-511
    memcpy(region.data + i, &word, 8);
  }
}

bool linkLines(Region& region, size_t bytes, const std::atomic<bool>& stop) {
  constexpr size_t line = 64, often = size_t(1) << 14;  // at a miss of 100 ns each, 2 ms between two looks
  const size_t count = bytes / line;
  auto word = [&](size_t i) -> uint64_t& { return *reinterpret_cast<uint64_t*>(region.data + i * line); };
  for (size_t i = 0; i < count; i++) {
    if (i % often == 0 && stop.load()) return false;
    word(i) = i;
  }
  // Sattolo 1986: every permutation it makes is a single cycle. xorshift64* (Vigna 2016) is random enough for no prefetcher to follow.
  uint64_t state = 0x9e3779b97f4a7c15ull;
  for (size_t i = count; i-- > 1;) {
    if (i % often == 0 && stop.load()) return false;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    const size_t j = size_t((uint64_t((state * 0x2545f4914f6cdd1dull) >> 32) * i) >> 32);
    const uint64_t other = word(j);
    word(j) = word(i);
    word(i) = other;
  }
  for (size_t i = 0; i < count; i++) {
    if (i % often == 0 && stop.load()) return false;
    word(i) = reinterpret_cast<uintptr_t>(region.data + word(i) * line);
  }
  return true;
}

bool severalNodes() {
  // as "0", "0-1" or "0,2": nodes need not be numbered one after another
  FILE* const file = fopen("/sys/devices/system/node/has_memory", "r");
  if (!file) return false;
  char nodes[64];
  const bool several = fgets(nodes, sizeof nodes, file) && strpbrk(nodes, "-,");
  fclose(file);
  return several;
}

size_t hugeBytes(const Region& region) {
#if defined(__linux__)
  FILE* file = fopen("/proc/self/smaps", "r");
  if (!file) return 0;
  char line[512];
  size_t total = 0;
  bool inside = false;
  const unsigned long long low = reinterpret_cast<uintptr_t>(region.data), high = low + region.bytes;
  while (fgets(line, sizeof line, file)) {
    unsigned long long from, to, kilobytes;
    char dash;
    if (sscanf(line, "%llx%c%llx", &from, &dash, &to) == 3 && dash == '-') inside = from < high && to > low;
    else if (inside && sscanf(line, "AnonHugePages: %llu kB", &kilobytes) == 1) total += kilobytes * 1024;
  }
  fclose(file);
  return total < region.bytes ? total : region.bytes;  // a mapping may have grown together with its neighbour
#else
  (void)region;
  return 0;
#endif
}

}  // namespace rp
