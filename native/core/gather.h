// Rows of a table in no order, as a gather takes them: a ceiling of memory that reading in order says nothing of. A row's lines follow one another,
// its neighbours do not, so that only what is asked for ahead of its turn arrives in time.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace rp {

// How rows are asked for before they are read, in bytes of rows.
struct Asking {
  size_t ahead = 0;
  size_t burst = 0;  // 0: with every row another; else so many at once
  size_t again = 0;  // and once more so far ahead, for cores that forget what they are asked for while their queue is full; 0: never
  bool stores = false;  // a row is written past the caches for each `perStore` that are read
};

// A node's neighbours in a graph are about as many.
constexpr size_t perStore = 8;
// Where rows are written: behind the table, in turn.
constexpr size_t writtenBytes = size_t(4) << 20;

// Bytes of rows that a pass reads.
constexpr size_t gatherBytes = size_t(4) << 20;

// Lengths of rows.
constexpr size_t rowLengths[] = {64, 512, 4096};

// Draw `i` of rows, with repeats, each about as likely as any other: steps of 2^64 / golden ratio, mixed by a shift and a product (as hashes of integers
// end), so that neither lines nor pages come in any order. A function of `i`, since what is asked for ahead is drawn twice.
inline size_t drawn(uint64_t i, size_t rows) {
  uint64_t bits = (i + 1) * 0x9e3779b97f4a7c15ull;
  bits = (bits ^ (bits >> 32)) * 0xd6e8feb86659fd93ull;
  return size_t(((bits >> 32) * uint64_t(rows)) >> 32);
}

// 1.0f all over, which arithmetic of other probes can read.
inline void writeRow(char* row, size_t length) {
#if defined(__x86_64__)
  const __m128i ones = _mm_set1_epi32(0x3f800000);
  for (size_t i = 0; i < length; i += 16) _mm_stream_si128(reinterpret_cast<__m128i*>(row + i), ones);
#elif defined(__aarch64__)
  const uint64_t ones = 0x3f8000003f800000ull;
  for (size_t i = 0; i < length; i += 16) __asm__ volatile("stnp %1, %1, [%0]" : : "r"(row + i), "r"(ones) : "memory");
#endif
}

// One word of a line moves all of it; more would measure the core. Rows are written behind the table's bytes.
template <size_t length>
uint64_t gatherRows(char* table, size_t bytes, const Asking& asking, uint64_t from, uint64_t count) {
  constexpr size_t line = 64;
  const size_t rows = bytes / length, ahead = asking.ahead / length, again = asking.again / length;
  const size_t burst = asking.burst > length ? asking.burst / length : asking.burst > 0;
  const auto at = [&](uint64_t i) { return table + drawn(i, rows) * length; };
  const auto ask = [](const char* row) {
    for (size_t l = 0; l < length; l += line) __builtin_prefetch(row + l, 0, 2);
  };
  uint64_t word = 0;
  for (uint64_t i = from; i < from + count; i++) {
    if (burst > 0 && i % burst == 0) {
      for (uint64_t k = i; k < i + burst; k++) {
        ask(at(k + ahead));
        if (again > 0) ask(at(k + again));
      }
    }
    // lines of both rows in turn: 4 KiB asked for at once fill the queue, and the row to be read waits behind it (Emerald Rapids: 13.3 GB/s for 14.5)
    const char* const row = at(i);
    const char* const next = burst > 0 ? row : at(i + ahead);
    for (size_t l = 0; l < length; l += line) {
      if (burst == 0) __builtin_prefetch(next + l, 0, 2);
      word ^= *reinterpret_cast<const volatile uint64_t*>(row + l);
    }
    if (asking.stores && i % perStore == 0) writeRow(table + bytes + i / perStore * length % writtenBytes, length);
  }
  return word;
}

// Bytes that a pass reads and writes.
inline double gatherPayload(const Asking& asking) { return double(gatherBytes) * (asking.stores ? 1 + 1.0 / perStore : 1); }

// `passes` times gatherBytes of rows of that length; `from` is the number of the next row to be drawn, and goes on.
inline uint64_t gather(char* table, size_t bytes, size_t length, const Asking& asking, uint64_t& from, uint64_t passes) {
  const uint64_t count = gatherBytes / length * passes, first = from;
  from += count;
  if (length == 64) return gatherRows<64>(table, bytes, asking, first, count);
  if (length == 512) return gatherRows<512>(table, bytes, asking, first, count);
  return gatherRows<4096>(table, bytes, asking, first, count);
}

}  // namespace rp
