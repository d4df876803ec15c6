// Read bandwidth. One stream with a straight-line body of 2 KiB for the caches; eight concurrent streams for DRAM, whose bandwidth
// from one core is bound by outstanding misses: eight prefetch streams gain 14-16 % over one.
// Each load is the memory operand of an xor: one micro-operation, never the limit, and the result proves that all bytes were read.
#include "asm.h"
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

// Two lines of each of the eight streams in turn; accumulator i belongs to stream i.
#define Y(i, o) RP_XOR(a##i, AT(s##i + at, o));
#if RP_BYTES == 64
#define STEP(i) Y(i, 0) Y(i, 64)
#elif RP_BYTES == 32
#define STEP(i) Y(i, 0) Y(i, 32) Y(i, 64) Y(i, 96)
#elif RP_BYTES == 16
#define STEP(i) Y(i, 0) Y(i, 16) Y(i, 32) Y(i, 48) Y(i, 64) Y(i, 80) Y(i, 96) Y(i, 112)
#else
#define STEP8(i, o) Y(i, (o)) Y(i, (o) + 8) Y(i, (o) + 16) Y(i, (o) + 24) Y(i, (o) + 32) Y(i, (o) + 40) Y(i, (o) + 48) Y(i, (o) + 56)
#define STEP(i) STEP8(i, 0) STEP8(i, 64)
#endif
constexpr size_t stepLines = 2;

uint64_t runStreams(void* base, size_t lines, uint64_t passes) {
  const size_t stride = lines / 8 / stepLines * stepLines * lineBytes;
  const char* const s0 = static_cast<const char*>(base);
  const char *const s1 = s0 + stride, *const s2 = s1 + stride, *const s3 = s2 + stride, *const s4 = s3 + stride,
             *const s5 = s4 + stride, *const s6 = s5 + stride, *const s7 = s6 + stride;
  const char* const end = s0 + lines * lineBytes;
  DECLARE
  for (uint64_t pass = 0; pass < passes; pass++) {
    for (size_t at = 0; at < stride; at += stepLines * lineBytes) {
      STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7)
    }
    a0 = readTail(s7 + stride, end, a0);
  }
  return fold(JOIN);
}

size_t payload(size_t lines) { return lines * lineBytes; }

}  // namespace

int readProbes(MemoryProbe* rows) {
  rows[0] = {"read", run, payload, clock, 1.25 / W};
  rows[1] = {"read-streams", runStreams, payload, nullptr, 0};
  return 2;
}

}  // namespace RP_NS
}  // namespace rp
