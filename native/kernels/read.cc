// Read bandwidth. One stream with a straight-line body of 2 KiB for the caches; for DRAM, whose bandwidth from one core is bound by outstanding
// misses, also several streams at once: eight gain 14 to 16 % over one on Cascade Lake; on Zen 4 two and four read 32.5 and 32.3 GB/s, one
// and eight 30.9 and 29.8 (best of 340 on a shared host).
// Each load is the memory operand of an xor: one micro-operation, never the limit, and the result proves that all bytes were read.
#include "asm.h"
#include "each.h"
#include "families.h"

namespace rp {
namespace RP_NS {
namespace {

#define W RP_BYTES
#define AT(p, offset) (*reinterpret_cast<const wordv*>((p) + (offset)))
#define X(i, o) RP_XOR(a##i, AT(p, o));
#define X8(o) X(0, (o)) X(1, (o) + W) X(2, (o) + 2 * W) X(3, (o) + 3 * W) X(4, (o) + 4 * W) X(5, (o) + 5 * W) X(6, (o) + 6 * W) X(7, (o) + 7 * W)
#define X16(o) X8(o) X8((o) + 8 * W)
#define X32(o) X16(o) X16((o) + 16 * W)
#define X64(o) X32(o) X32((o) + 32 * W)
#define X128(o) X64(o) X64((o) + 64 * W)
#define X256(o) X128(o) X128((o) + 128 * W)
#if RP_BYTES == 64
#define BODY X32(0)
#elif RP_BYTES == 32
#define BODY X64(0)
#elif RP_BYTES == 16
#define BODY X128(0)
#else
#define BODY X256(0)
#endif
constexpr size_t bodyLines = 32;  // 2 KiB

#define DECLARE wordv a0 = {}, a1 = {}, a2 = {}, a3 = {}, a4 = {}, a5 = {}, a6 = {}, a7 = {};
#define JOIN ((a0 ^ a1) ^ (a2 ^ a3)) ^ ((a4 ^ a5) ^ (a6 ^ a7))

uint64_t fold(const wordv& v) {
  uint64_t total = 0;
  for (int i = 0; i < wordLanes; i++) total ^= reinterpret_cast<const uint64_t*>(&v)[i];
  return total;
}

inline wordv readTail(const char* p, const char* end, wordv a) {
  for (; p < end; p += W) RP_XOR(a, AT(p, 0));
  return a;
}

uint64_t run(void* base, size_t lines, uint64_t passes) {
  const char* const first = static_cast<const char*>(base);
  const char* const bodyEnd = first + lines / bodyLines * bodyLines * lineBytes;
  const char* const end = first + lines * lineBytes;
  DECLARE
  for (uint64_t pass = 0; pass < passes; pass++) {
    const char* p = first;
    for (; p < bodyEnd; p += bodyLines * lineBytes) {
      BODY
    }
    a0 = readTail(p, end, a0);
  }
  return fold(JOIN);
}

// 5 dependent adds per 4 loads: the chain is the limit wherever a core loads at least one vector per cycle from L1.
#define T(i, o)            \
  RP_XOR(a##i, AT(p, o));  \
  RP_TICK(chain, one);     \
  if (i % 4 == 0) RP_TICK(chain, one);
#define T8(o) T(0, (o)) T(1, (o) + W) T(2, (o) + 2 * W) T(3, (o) + 3 * W) T(4, (o) + 4 * W) T(5, (o) + 5 * W) T(6, (o) + 6 * W) T(7, (o) + 7 * W)
constexpr size_t tickedLines = 8 * W / lineBytes;  // one turn of T8

uint64_t clock(void* base, size_t lines, uint64_t passes) {
  const char* const first = static_cast<const char*>(base);
  const char* const end = first + lines / tickedLines * tickedLines * lineBytes;
  uint64_t chain = 0, one = 1;
  DECLARE
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (const char* p = first; p < end; p += tickedLines * lineBytes) {
      T8(0)
    }
  }
  return fold(JOIN) ^ chain;
}

// `streams` streams with `turn` lines of each in turn.
template <int streams, int turn>
uint64_t sweep(void* base, size_t lines, uint64_t passes) {
  const size_t stride = lines / streams / turn * turn * lineBytes;
  const char* s[streams];
  for (int i = 0; i < streams; i++) s[i] = static_cast<const char*>(base) + i * stride;
  const char* const end = static_cast<const char*>(base) + lines * lineBytes;
  wordv a[streams] = {};
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < stride; at += turn * lineBytes)
      each<streams>(RP_EACH(i) { each<turn * int(lineBytes / W)>(RP_EACH(v) { RP_XOR(a[i], AT(s[i] + at, v * W)); }); });
    a[0] = readTail(s[0] + streams * stride, end, a[0]);
  }
  uint64_t all = 0;
  for (const wordv& one : a) all ^= fold(one);
  return all;
}

size_t payload(size_t lines) { return lines * lineBytes; }

}  // namespace

int readProbes(MemoryProbe* rows) {
  rows[0] = {"read", run, payload, clock, 1.25 / W};
  rows[1] = {"read-8x2", sweep<8, 2>, payload, nullptr, 0};
  rows[2] = {"read-4x2", sweep<4, 2>, payload, nullptr, 0};
  rows[3] = {"read-2x2", sweep<2, 2>, payload, nullptr, 0};
  return 4;
}

}  // namespace RP_NS
}  // namespace rp
