// Loops that the elementwise and row-wise operators share.
#pragma once
#include "../core/cores.h"
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {

constexpr int64_t line = 16;  // floats

RP_INLINE f32v take(const float* p, int count, float fill = 0) { return count == lanes ? load(p) : loadPart(p, count, fill); }
RP_INLINE void give(float* p, f32v v, int count) {
  if (count == lanes) store(p, v);
  else storePart(p, v, count);
}
// `v.size()` vectors from p on; `count` below `lanes` only where there is one.
template <int N>
RP_INLINE void takeAll(f32v (&v)[N], const float* p, int count, float fill = 0) {
  RP_STEP(N) v[i] = take(p + i * lanes, count, fill);
}

// A store past the caches, to an address aligned to the vector. drain() before another thread may read.
#if defined(RP_ISA_AVX512)
RP_INLINE void stream(float* p, f32v v) { _mm512_stream_ps(p, __m512(v)); }
#elif defined(RP_ISA_AVX2)
RP_INLINE void stream(float* p, f32v v) { _mm256_stream_ps(p, __m256(v)); }
#elif defined(RP_ISA_SSE) || defined(RP_ISA_SSE2)
RP_INLINE void stream(float* p, f32v v) { _mm_stream_ps(p, __m128(v)); }
#else
RP_INLINE void stream(float* p, f32v v) { store(p, v); }
#endif
template <bool far>
RP_INLINE void put(float* p, f32v v) {
  if (far) stream(p, v);
  else store(p, v);
}
RP_INLINE void drain(bool far) {
#if defined(__x86_64__)
  if (far) _mm_sfence();
#else
  (void)far;
#endif
}

// Asks for a line that is going to be written.
RP_INLINE void prefetchToWrite(const float* p) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*p));  // the builtin is a prefetch for reading without a flag of its own
#else
  __builtin_prefetch(p, 1, 3);
#endif
}

// Whether to stream an output of `count` floats, whose rows of `cols` then all begin at a cache line.
inline bool isFar(const float* out, int64_t count, int64_t cols = line) {
  return size_t(count) * sizeof(float) >= streamedBytes && reinterpret_cast<uintptr_t>(out) % (line * sizeof(float)) == 0 && cols % line == 0;
}

// body(v, i, count) leaves the results of elements i to i + N * lanes in v, of `count` below `lanes` elements at the end; they go to out.
template <bool far, int N, typename Body>
RP_INLINE void mapRange(int64_t from, int64_t to, float* out, Body body) {
  int64_t at = from;
  for (; at + N * lanes <= to; at += N * lanes) {
    f32v v[N];
    body(v, at, lanes);
    RP_STEP(N) put<far>(out + at + i * lanes, v[i]);
  }
  for (; at < to; at += lanes) {
    f32v v[1];
    if (at + lanes <= to) {
      body(v, at, lanes);
      put<far>(out + at, v[0]);
    } else {
      body(v, at, int(to - at));
      storePart(out + at, v[0], int(to - at));
    }
  }
}

// The same over a thread's share of a tensor of any shape. From memory a share is cut into runs that advance together: Zen 4 copies 46 GB/s
// in four runs and 41 in one, since each run has its own pages and its own stream of fetches.
constexpr int runs = 4;
// Floats of a run in turn, whole lines for every number of lanes. Zen 4, four, eight and sixteen lines: add 18.4, 17.9 and 18.6 cycles a line,
// bias and GELU 14.9, 12.8 and 14.8; GELU alone the same.
template <int N>
constexpr int64_t runStep = 2 * N * lanes;
template <int N, typename Body>
RP_INLINE void mapRuns(Span span, float* out, Body body) {
  constexpr int64_t step = runStep<N>;
  const int64_t steps = (span.to - span.from) / (runs * step);
  // An odd number, where that many are nothing beside the rest: with runs 32 MiB apart add took 10.0 to 10.5 ms, with these 9.5 to 9.7.
  const int64_t each = (steps >= 512 && steps % 2 == 0 ? steps - 1 : steps) * step;
  for (int64_t at = span.from; at < span.from + each; at += step)
    for (int run = 0; run < runs; run++) mapRange<true, N>(at + run * each, at + run * each + step, out, body);
  mapRange<true, N>(span.from + runs * each, span.to, out, body);
  drain(true);
}

// Where the work on a line is long, Intel's cores look no further ahead than a line or two of the few hundred instructions that they hold, and
// what fetches by itself does not make up for it. The inputs are then asked for this many floats ahead, into L1. Emerald Rapids, share of
// a copy from memory: silu 80 %, so 96, 8 or 64 lines ahead the same, 128 lines 92; into L2 88 to 92; gelu 79 and 96, swiglu 82 and 96. Work of
// one or two instructions loses 3 to 5 % by it, as do bias and GELU by L1 in place of L2 (93 and 83 %; why is not known).
constexpr int64_t askedAhead = 32 * line;
template <int N, typename... Inputs>
RP_INLINE void askAhead(int64_t at, Inputs... inputs) {
  RP_STEP(N) if (i * lanes % line == 0) (__builtin_prefetch(inputs + at + i * lanes + askedAhead, 0, 3), ...);
}
template <int N, bool isLong = false, typename Body, typename... Inputs>
inline void mapTensor(const OpArgs& args, int64_t count, float* out, Body body, [[maybe_unused]] Inputs... inputs) {
  const Span span = share(count, line, args.thread, args.threads);
  if (!isFar(out, count)) return mapRange<false, N>(span.from, span.to, out, body);
  if constexpr (isLong) {
    if (tunedFor() == Cores::intel)
      return mapRuns<N>(span, out, [=](auto& v, int64_t at, int n) __attribute__((always_inline)) {
        askAhead<int(sizeof v / sizeof v[0])>(at, inputs...);
        body(v, at, n);
      });
  }
  mapRuns<N>(span, out, body);
}

// Row operators need a row's statistics before its first result. The statistics of the next rows are gathered in the same loop that writes
// the results of these: memory or L2 then delivers and takes lines all the time, and the end of one row's sums does not hold up the next.
// R rows go together, and share what is loaded for a column. K: Sums, Facts; begin(row), gather(Sums&, k, row, i, count) with k below 4 for
// as many independent sums, end(Sums&, row), emit<R, N>(Facts[R], row, i, count), ahead(row, i, cols, R); `wide` where a row wants all four
// vectors of one step; `inPlace` where emit() must come before gather(), whose elements take the place of what it read.
template <int R, typename K>
inline void rowBlocks(const K& k, int64_t from, int64_t to, int64_t cols) {
  constexpr int U = K::wide || R == 1 ? 4 : 2;  // sums of two rows and of four are the same to the bit
  typename K::Facts facts[R] = {};
  for (int64_t r = from - R; r < to; r += R) {
    const bool gathers = r + R < to, emits = r >= from;
    typename K::Sums sums[R];
    RP_STEP(R) sums[i] = k.begin(gathers ? r + R + i : from);
    int64_t at = 0;
    if (gathers && emits)
      for (; at + U * lanes <= cols; at += U * lanes) {
        if (K::inPlace) k.template emit<R, U>(facts, r, at, lanes);
        RP_STEP(R) RP_UNROLL for (int u = 0; u < U; u++) k.gather(sums[i], u, r + R + i, at + u * lanes, lanes);
        RP_STEP(R) RP_UNROLL for (int u = 0; u < U; u++) k.ahead(r + R + i, at + u * lanes, R);
        if (!K::inPlace) k.template emit<R, U>(facts, r, at, lanes);
      }
    const int64_t both = at;
    if (emits) {
      for (; at + U * lanes <= cols; at += U * lanes) k.template emit<R, U>(facts, r, at, lanes);
      for (; at < cols; at += lanes) k.template emit<R, 1>(facts, r, at, at + lanes <= cols ? lanes : int(cols - at));
    }
    if (gathers) {
      int64_t j = both;
      for (; j + U * lanes <= cols; j += U * lanes)
        RP_STEP(R) RP_UNROLL for (int u = 0; u < U; u++) k.gather(sums[i], u, r + R + i, j + u * lanes, lanes);
      for (; j < cols; j += lanes) {
        const int n = j + lanes <= cols ? lanes : int(cols - j);
        RP_STEP(R) k.gather(sums[i], 0, r + R + i, j, n);
      }
    }
    if (gathers) RP_STEP(R) facts[i] = k.end(sums[i], r + R + i);
  }
}

template <int R = 2, typename K>
inline void rowByRow(const K& k, Span rows, int64_t cols) {
  const int64_t together = (rows.to - rows.from) / R * R;
  if (together > 0) rowBlocks<R>(k, rows.from, rows.from + together, cols);
  if (rows.from + together < rows.to) rowBlocks<1>(k, rows.from + together, rows.to, cols);
}

}  // namespace RP_NS
}  // namespace rp
