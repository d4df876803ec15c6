#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

namespace rp {

namespace {
constexpr size_t hugePage = size_t(2) << 20;
}

Region reserve(size_t bytes) {
  Region region;
  const size_t rounded = (bytes + hugePage - 1) / hugePage * hugePage;
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
    memcpy(region.data + i, &word, 8);
  }
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
