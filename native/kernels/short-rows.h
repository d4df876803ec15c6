// Softmax of rows that fit in registers, with and without a causal mask.
#pragma once
#include "mirrored.h"

namespace rp {
namespace RP_NS {
namespace {

static __attribute__((noinline)) void divideAgain(const float* x, float* y, int64_t kept, int64_t cols, float factor) {
  const float scale = 1.0f / raiseAgain<true>(x, y, kept, factor).sum;
  for (int64_t i = 0; i < cols; i++) y[i] = i < kept ? y[i] * scale : 0.0f;
}

// Rows that fit in registers: no exponential waits in memory for its sum. A row is divided when the next one's exponentials are under way, so that
// nothing waits for the joining of its sum and the division.
constexpr int shortVectors = 8;
template <bool scaled>
struct ShortRows {
  const float* x;
  float* y;
  int64_t cols;
  float factor;
  uint32_t plain;  // the bits of the largest magnitude of a first element that wants no shift: a comparison that keeps no vector unit busy

  template <int N>
  RP_MEMBER float raise(int64_t r, int64_t kept, f32v (&v)[N]) const {
    f32v total[2] = {};
    const float* const row = x + r * cols;
    uint32_t first;
    __builtin_memcpy(&first, row, sizeof first);
    const float shift = (first & 0x7fffffff) <= plain ? 0.0f : shiftOf(row, kept, factor);
    const int last = int(kept) - (N - 1) * lanes;
    const auto part = [&](auto& e, int from) __attribute__((always_inline)) {
      constexpr int n = int(sizeof e / sizeof e[0]);
      RP_STEP(n) e[i] = from + i < N - 1 ? load(row + (from + i) * lanes) : loadPart(row + (N - 1) * lanes, last, -infinity);
      if (shift != 0) RP_STEP(n) e[i] = e[i] - splat(shift);
      Powers<scaled>{factor}.of(e);
      RP_STEP(n) total[i % 2] += e[i];
      RP_STEP(n) v[from + i] = e[i];
    };
    f32v four[4], rest[N % 4 + (N % 4 == 0)];
    RP_UNROLL for (int from = 0; from + 4 <= N; from += 4) part(four, from);
    if (N % 4 > 0) part(rest, N / 4 * 4);
    return sumOf(N > 1 ? total[0] + total[1] : total[0]);
  }
  template <int N>
  RP_MEMBER void divide(int64_t r, int64_t kept, const f32v (&v)[N], float sum) const {
    float* const out = y + r * cols;
    if (!isSound(sum)) return divideAgain(x + r * cols, out, kept, cols, factor);
    const f32v scale = splat(1.0f / sum);
    RP_STEP(N - 1) store(out + i * lanes, v[i] * scale);
    if (N * lanes <= cols) store(out + (N - 1) * lanes, v[N - 1] * scale);
    else storePart(out + (N - 1) * lanes, v[N - 1] * scale, int(cols) - (N - 1) * lanes);
    for (int64_t at = N * lanes; at < cols; at += lanes) give(out + at, splat(0.0f), at + lanes <= cols ? lanes : int(cols - at));
  }
  // Rows of N vectors from `r` on; returns the first that has another number.
  template <int N, typename Kept>
  RP_MEMBER int64_t run(int64_t r, int64_t to, Kept keptOf) const {
    f32v last[N];
    int64_t kept = keptOf(r);
    float sum = raise(r, kept, last);
    for (;;) {
      const int64_t next = r + 1 < to ? keptOf.after(kept) : 0;
      const bool more = next > (N - 1) * lanes && next <= N * lanes;
      if (!more) break;
      f32v v[N];
      const float total = raise(r + 1, next, v);
      divide(r, kept, last, sum);
      RP_STEP(N) last[i] = v[i];
      sum = total;
      kept = next;
      r++;
    }
    divide(r, kept, last, sum);
    return r + 1;
  }
  template <int N = 1, typename Kept>
  RP_MEMBER int64_t runOf(int64_t vectors, int64_t r, int64_t to, Kept keptOf) const {
    if constexpr (N < shortVectors) {
      if (vectors != N) return runOf<N + 1>(vectors, r, to, keptOf);
    }
    return run<N>(r, to, keptOf);
  }
};

template <bool scaled>
RP_INLINE ShortRows<scaled> shortRowsOf(const OpArgs& args, float factor) {
  const float most = -leastPlain / factor;
  uint32_t bits;
  __builtin_memcpy(&bits, &most, sizeof bits);
  return {input(args, 0), output(args, 0), args.dims[1], factor, bits};
}

template <bool scaled, typename Kept>
RP_INLINE void shortRows(const OpArgs& args, Span rows, float factor, Kept keptOf) {
  const ShortRows<scaled> all = shortRowsOf<scaled>(args, factor);
  if (all.cols == 0) return;
  for (int64_t r = rows.from; r < rows.to;) r = all.runOf((keptOf(r) + lanes - 1) / lanes, r, rows.to, keptOf);
}

// The same for a causal mask. What mirrored pairs leave of a block lies in one piece between them.
template <bool scaled>
RP_INLINE void shortOf(const OpArgs& args, Span rows, float factor, Triangle) {
#if defined(RP_ISA_AVX512)
  const int64_t cols = args.dims[1];
  const auto rest = [&](int64_t from, int64_t to) __attribute__((noinline)) { shortRows<scaled>(args, {from, to}, factor, Triangle{cols}); };
  if (cols == Mirrored::whole && rows.to > rows.from) {
    const ShortRows<scaled> all = shortRowsOf<scaled>(args, factor);
    int64_t at = rows.from;
    if (at % cols != 0) at += cols - at % cols;
    if (at > rows.to) at = rows.to;
    rest(rows.from, at);
    for (; at + cols <= rows.to; at += cols) {
      const float rate = float(factor * 1.4426950408889634);
      const Mirrored block{all.x + at * cols, all.y + at * cols, cols, rate, leastSum, mostSum, all.plain, tunedFor() == Cores::intel};
      const int64_t left = block.run([&](int64_t r) __attribute__((always_inline)) { rest(at + r, at + r + 1); });
      rest(at + left - 1, at + cols - left);
      rest(at + cols - 1, at + cols);
    }
    rows.from = at;
  }
  rest(rows.from, rows.to);
#else
  shortRows<scaled>(args, rows, factor, Triangle{args.dims[1]});
#endif
}

template <bool scaled>
RP_INLINE void shortOf(const OpArgs& args, Span rows, float factor, All all) {
  shortRows<scaled>(args, rows, factor, all);
}

}  // namespace
}  // namespace RP_NS
}  // namespace rp
