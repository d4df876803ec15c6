// LayerNorm and RMSNorm, alone and with the residual sum before them. dims: rows, cols.
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr float epsilon = 1e-5f;

RP_INLINE float joined(const f32v (&a)[4]) { return sumOf((a[0] + a[1]) + (a[2] + a[3])); }

// Most floats of a row, gamma and beta that stay in L1 together, beside the lines that pass through. Zen 4 (32 KiB), cycles a line in turn with
// rows of four bands: layernorm of 2048 columns (6144 floats) 10.2 and 11.2, rmsnorm of 3072 (6144) 11.8 and 11.1; add+layernorm of 1536 (4608)
// 21.9 and 24.2, of 2048 (6144) 27.4 and 22.4; add+rmsnorm of 2048 (4096) 22.6 and 23.1, of 3072 (6144) 28.4 and 24.2. Narrower
// vectors, whose arithmetic takes longer, lose 10 to 40 % in bands at those sizes.
template <bool layer, bool sum>
constexpr int64_t mostTurning = lanes < 16 || (layer && !sum) ? 6144 : 5120;

// A place in the queue of loads, and nothing else: the loads behind it then run less far ahead of stores past the caches.
RP_INLINE void holdBack(const float* p) {
#if defined(RP_ISA_AVX512)
  const f32v v = load(p);
  asm volatile("" : : "v"(v));
#else
  (void)p;
#endif
}

// Floats of a row that rowsInBlocks() writes at a time.
constexpr int64_t blockOfRow = 16 * line;

// layer: subtracts the mean and adds beta. sum: of h = x + residual, which is an output too. far: outputs are streamed. turns: a row waits in
// L1 for its sums, and the next one's elements take the place of those that were just written. nearby: lines are asked for as Intel's cores want it.
template <bool layer, bool sum, bool far, bool turns = false, bool nearby = false>
struct Norm {
  const float *x, *residual, *gamma, *beta;
  float *h, *y;
  float* kept;  // where rows wait: one row
  int64_t cols;
  static constexpr bool wide = false, inPlace = turns, alone = sum && !nearby;

  struct Sums {
    f32v shift, plain[4], square[4];
  };
  struct Facts {
    f32v mean, scale;
  };

  // Elements of a row that was summed. A sum that went past the caches is computed again: rows of it that waited in L2 took longer.
  RP_MEMBER f32v again(int64_t r, int64_t i, int n, float fill = 0) const {
    const float* const row = turns ? kept : sum && !far ? h + r * cols : x + r * cols;
    const f32v v = take(row + i, n, fill);
    return sum && far && !turns ? v + take(residual + r * cols + i, n) : v;
  }

  // Squares are summed about the row's first element instead of its mean, which is not known yet; end() tells whether that was near enough.
  RP_MEMBER Sums begin(int64_t r) const {
    Sums sums{};
    if (layer && cols > 0) sums.shift = splat(x[r * cols] + (sum ? residual[r * cols] : 0.0f));
    return sums;
  }
  RP_MEMBER void gather(Sums& sums, int k, int64_t r, int64_t i, int n) const {
    // the missing lanes of a row's last vector hold the shift and add nothing
    f32v v = n == lanes ? load(x + r * cols + i) : loadPart(x + r * cols + i, n, firstOf(sums.shift));
    if (sum) {
      v += take(residual + r * cols + i, n);
      if (far) stream(h + r * cols + i, v);
    }
    if (turns) give(kept + i, v, n);
    else if (sum && !far) give(h + r * cols + i, v, n);
    const f32v d = layer ? v - sums.shift : v;
    if (layer) sums.plain[k] += d;
    sums.square[k] += d * d;
  }
  RP_MEMBER Facts end(const Sums& sums, int64_t r) const {
    const float count = float(cols);
    if (!layer) return {splat(0.0f), splat(1.0f / __builtin_sqrtf(joined(sums.square) / count + epsilon))};
    float shift = firstOf(sums.shift), off = joined(sums.plain) / count, variance = joined(sums.square) / count - off * off;
    // Where the shift lies more than four deviations off, the difference has lost bits: once more about the mean that is now known.
    if (off * off > 16 * variance) {
      Sums better{};
      better.shift = splat(shift + off);
      for (int64_t i = 0; i < cols; i += lanes) {
        const f32v d = again(r, i, i + lanes <= cols ? lanes : int(cols - i), shift + off) - better.shift;
        better.plain[0] += d;
        better.square[0] += d * d;
      }
      shift += off;
      off = joined(better.plain) / count;
      variance = joined(better.square) / count - off * off;
    }
    return {splat(shift + off), splat(1.0f / __builtin_sqrtf(variance + epsilon))};
  }
  template <int R, int N, bool asks = false>
  RP_MEMBER void emit(const Facts (&facts)[R], int64_t r, int64_t at, int n) const {
    f32v g[N], b[N];
    takeAll(g, gamma + at, n);
    if (layer) takeAll(b, beta + at, n);
    RP_UNROLL for (int k = 0; k < R; k++) {
      f32v v[N];
      RP_STEP(N) v[i] = again(r + k, at + i * lanes, n);
      RP_STEP(N) v[i] = layer ? (v[i] - facts[k].mean) * (facts[k].scale * g[i]) + b[i] : v[i] * facts[k].scale * g[i];
      float* const out = y + (r + k) * cols + at;
      if (asks) RP_STEP(N) prefetchToWrite(out + blockOfRow + i * lanes);
      if (n == lanes) RP_STEP(N) put<far>(out + i * lanes, v[i]);
      else storePart(out, v[0], n);
    }
  }
  // N whole vectors of one row from column `at`, element `from` of the tensor, on. Gamma and beta are loaded for each row anew: loads that hit
  // L1 hold back those of the next rows, which else take all places for misses, and stores past the caches wait. rmsnorm has one too few.
  template <int N>
  RP_MEMBER void emitRow(const Facts& facts, int64_t from, int64_t at) const {
    const float *g = gamma + at, *b = layer ? beta + at : g;
    asm("" : "+r"(g), "+r"(b));  // hides that other rows take the same
    RP_STEP(N) {
      const f32v v = again(0, from + i * lanes, lanes);
      if (!layer && !nearby) holdBack(gamma);
      put<far>(y + from + i * lanes, layer ? (v - facts.mean) * (facts.scale * load(g + i * lanes)) + load(b + i * lanes)
                                         : v * facts.scale * load(g + i * lanes));
    }
  }
  RP_MEMBER void ahead(int64_t r, int64_t at, int rows) const {
    if (!far) return;
    const int64_t then = at + 2048;
    const int64_t from = then < cols ? r * cols + then : (r + rows) * cols + then - cols;
    __builtin_prefetch(x + from, 0, 2);
    if (sum) __builtin_prefetch(residual + from, 0, 2);
  }
  // The lines 8 KiB and 16 KiB after element `from`, with a sum 4 and 8 KiB: Zen 4 drops fetches into L2 while its queue is full, so each line is asked for
  // twice. Nearby: once, 1 KiB ahead and into L1. Emerald Rapids, medians in turn: layernorm of 12288 x 4096 18.2 to 17.1 ms, rmsnorm 18.1 to 17.1, add+layernorm of
  // 8192 x 4096 26.1 to 22.6, add+rmsnorm 25.7 to 23.1. 2 KiB ahead, two lines of a row in turn or six bands are the same.
  RP_MEMBER void askAheadOf(int64_t from) const {
    if (nearby) {
      __builtin_prefetch(x + from + 16 * line, 0, 3);
      if (sum) __builtin_prefetch(residual + from + 16 * line, 0, 3);
      return;
    }
    constexpr int64_t near = sum ? 1024 : 2048;
    RP_UNROLL for (int64_t then = near; then <= 2 * near; then += near) {
      __builtin_prefetch(x + from + then, 0, 2);
      if (sum) __builtin_prefetch(residual + from + then, 0, 2);
    }
  }
};

// Rows from memory that do not stay in L1, R at a time from bands of `count` rows: the sums of a row of each band beside the results of the rows
// before, so many lines of each row in turn. A row's sums are the same to the bit for every R. Zen 4, 8192 x 4096, cycles a line: layernorm 14.7 to
// 9.9, a copy 9.3; each line asked for once 12.2, gamma and beta loaded once for all rows 11.7.
template <int R, int inTurn, typename K>
RP_INLINE void rowsInBands(const K& k, int64_t from, int64_t count, int64_t cols) {
  constexpr int64_t step = inTurn * line;
  constexpr int N = int(step / lanes);
  typename K::Facts facts[R] = {};
  for (int64_t r = from - 1; r < from + count; r++) {
    const bool gathers = r + 1 < from + count, emits = r >= from;
    typename K::Sums sums[R];
    RP_STEP(R) sums[i] = k.begin(gathers ? r + 1 + i * count : from);
    int64_t at = 0;
    if (gathers && emits) {
      for (; at + step <= cols; at += step) {
        // Hidden, so that the compiler keeps no pointer of each row and tensor: those it has no register for it would store in each turn, and a
        // regular store holds up stores past the caches (add+layernorm: 27 cycles for 22).
        int64_t next[R];
        RP_STEP(R) {
          next[i] = (r + 1 + i * count) * cols + at;
          asm("" : "+r"(next[i]));
        }
        RP_STEP(R) RP_UNROLL for (int u = 0; u < N; u++) {
          if (u * lanes % line == 0) k.askAheadOf(next[i] + u * lanes);
          k.gather(sums[i], u & 1, 0, next[i] + u * lanes, lanes);
          asm volatile("");  // or the compiler moves all fetches to the front
        }
        RP_STEP(R) k.template emitRow<N>(facts[i], next[i] - cols, at);
      }
    }
    if (emits)
      for (int64_t j = at; j < cols; j += lanes) RP_STEP(R) k.template emitRow<1>(facts[i], (r + i * count) * cols + j, j);
    if (!gathers) continue;
    for (; at < cols; at += step)
      RP_STEP(R) RP_UNROLL for (int u = 0; u < N; u++)
        if (at + u * lanes < cols) k.gather(sums[i], u & 1, r + 1 + i * count, at + u * lanes, lanes);
    RP_STEP(R) facts[i] = k.end(sums[i], r + 1 + i * count);
  }
}

// Rows with a sum, two inputs and two outputs, are one band outside of Intel's cores. Zen 4, 8192 x 4096, p10 of 66 in one process in turn: add+layernorm
// 13.3 ms in four bands, 12.4 so, add+rmsnorm 14.7 and 12.1, a copy 11.8; two bands 12.6 to 13.6, three 13.6 to 15, four lines in turn 13.4 and 12.8;
// rows of 16384 15.5 and 12.5, 15.8 and 12.4; two threads 8.1 and 7.5, 7.9 and 7.0. Layernorm with two bands 10.6 cycles a line for 9.8, with eight 14.1.
template <typename K>
RP_INLINE void inBands(const K& k, Span rows, int64_t cols) {
  constexpr int bands = K::alone ? 1 : 4, inTurn = K::alone ? 2 : 4;
  const int64_t each = (rows.to - rows.from) / bands, rest = rows.from + bands * each;
  if (each > 0) rowsInBands<bands, inTurn>(k, rows.from, each, cols);
  if (rest < rows.to) rowsInBands<1, inTurn>(k, rest, rows.to - rest, cols);
}

// rowBlocks() for rows from a cache, with the sums `lead` floats ahead of the results: where the sums of R rows are complete, as much of the rows
// before is still to be written, and additions over lanes, root and division, a chain of a hundred cycles, go on beside it. Zen 4, 64 rows of
// 768 from L2: layernorm 4.8 to 4.3 us, rmsnorm 4.8 to 3.6. `cols` is at least the lead. Not inlined, it took 10 to 15 % longer.
constexpr int lead = 64;
template <int R, typename K>
RP_INLINE void rowsLed(const K& k, int64_t from, int64_t to, int64_t cols) {
  constexpr int U = R == 1 ? 4 : 2;
  constexpr int64_t step = U * lanes;
  static_assert(lead % step == 0, "");
  typename K::Facts facts[R] = {};
  typename K::Sums sums[R];
  const int64_t whole = cols / step * step, turn = whole - lead;
  const auto begin = [&](int64_t r) __attribute__((always_inline)) { RP_STEP(R) sums[i] = k.begin(r + i); };
  const auto gather = [&](int64_t r, int64_t at) __attribute__((always_inline)) {
    RP_STEP(R) RP_UNROLL for (int u = 0; u < U; u++) k.gather(sums[i], u, r + i, at + u * lanes, lanes);
  };
  const auto end = [&](typename K::Facts (&known)[R], int64_t r) __attribute__((always_inline)) {
    for (int64_t at = whole; at < cols; at += lanes) {
      const int n = at + lanes <= cols ? lanes : int(cols - at);
      RP_STEP(R) k.gather(sums[i], 0, r + i, at, n);
    }
    RP_STEP(R) known[i] = k.end(sums[i], r + i);
  };
  begin(from);
  for (int64_t at = 0; at < whole; at += step) gather(from, at);
  end(facts, from);
  if (from + R < to) {
    begin(from + R);
    for (int64_t at = 0; at < lead; at += step) gather(from + R, at);
  }
  for (int64_t r = from; r < to; r += R) {
    typename K::Facts next[R] = {};
    int64_t at = 0;
    if (r + R < to) {
      for (; at < turn; at += step) {
        gather(r + R, at + lead);
        k.template emit<R, U>(facts, r, at, lanes);
      }
      end(next, r + R);
    }
    if (r + 2 * R < to) {
      begin(r + 2 * R);
      for (; at < whole; at += step) {
        gather(r + 2 * R, at - turn);
        k.template emit<R, U>(facts, r, at, lanes);
      }
    }
    for (; at < whole; at += step) k.template emit<R, U>(facts, r, at, lanes);
    for (; at < cols; at += lanes) k.template emit<R, 1>(facts, r, at, at + lanes <= cols ? lanes : int(cols - at));
    RP_STEP(R) facts[i] = next[i];
  }
}

template <int R, typename K>
RP_INLINE void ledByRow(const K& k, Span rows, int64_t cols) {
  const int64_t to = rows.to - (rows.to - rows.from) % R;
  if (rows.from < to) rowsLed<R>(k, rows.from, to, cols);
  if (to < rows.to) rowBlocks<1>(k, to, rows.to, cols);
}

// Rows from a cache, R at a time: the sums of one after the other, and then their results, a block of columns of each row in turn, so that gamma and beta
// come from L1 for all but the first. Lines to write are asked for a block ahead.
template <int R, typename K>
RP_INLINE void rowsInBlocks(const K& k, Span rows, int64_t cols) {
  constexpr int U = 4;
  constexpr int64_t step = U * lanes;
  for (int64_t from = rows.from; from < rows.to; from += R) {
    const int64_t count = from + R < rows.to ? R : rows.to - from;
    typename K::Facts facts[R][1];
    for (int64_t i = 0; i < count; i++) {
      typename K::Sums sums = k.begin(from + i);
      int64_t at = 0;
      for (; at + step <= cols; at += step) RP_UNROLL for (int u = 0; u < U; u++) k.gather(sums, u, from + i, at + u * lanes, lanes);
      for (; at < cols; at += lanes) k.gather(sums, 0, from + i, at, at + lanes <= cols ? lanes : int(cols - at));
      facts[i][0] = k.end(sums, from + i);
    }
    for (int64_t left = 0; left < cols; left += blockOfRow)
      for (int64_t i = 0; i < count; i++) {
        const int64_t right = left + blockOfRow < cols ? left + blockOfRow : cols;
        int64_t at = left;
        for (; at + step <= right; at += step) k.template emit<1, U, true>(facts[i], from + i, at, lanes);
        for (; at < right; at += lanes) k.template emit<1, 1>(facts[i], from + i, at, at + lanes <= right ? lanes : int(right - at));
      }
  }
}

template <bool layer, bool sum, bool far, bool turns = false, bool nearby = false>
void runRows(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const int weights = sum ? 2 : 1;
  const Norm<layer, sum, far, turns, nearby> norm{input(args, 0), sum ? input(args, 1) : nullptr, input(args, weights),
                                   layer ? input(args, weights + 1) : nullptr, sum ? output(args, 0) : nullptr,
                                   output(args, sum ? 1 : 0), args.scratch, cols};
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  // Lines of each column that L1 is asked to keep, where rows come from a cache: with more than it holds, a lead costs up to 20 %. Narrow vectors, whose
  // sums themselves take the time, gain nothing. Emerald Rapids (48 KiB), from L2, in turn with two rows at a time: layernorm of 2048 columns 11.9 to 9.4 us,
  // rmsnorm of 3072 11.7 to 9.1, add+layernorm of 1536 22.7 to 16.7, add+rmsnorm of 2048 19.1 to 16.6.
  constexpr int ofRow = sum ? 5 : 3, ofAll = layer ? 2 : 1;
  const int64_t inL1 = l1Bytes() / int64_t(sizeof(float));
  const bool leads = !far && lanes >= 8 && cols >= 4 * lead, onIntel = leads && tunedFor() == Cores::intel;
  const auto fits = [=](int together) { return leads && (together * ofRow + ofAll) * cols <= (together == 1 ? inL1 : 6144); };
  // Two rows of layernorm share the loads of gamma and beta; elsewhere one row more takes longer than the loads that it saves.
  if (layer && !sum && fits(2)) ledByRow<2>(norm, rows, cols);
  else if (fits(1)) ledByRow<1>(norm, rows, cols);
  // Longer rows, Emerald Rapids: add+rmsnorm with a lead all the same, of 3072 to 16384 columns 4 to 10 % shorter than two rows at a time.
  else if (onIntel && sum && !layer) ledByRow<2>(norm, rows, cols);
  else if (onIntel && sum) rowsInBlocks<4>(norm, rows, cols);
  else if (onIntel && (layer ? 4 : 2) * cols <= inL1) rowsInBlocks<1>(norm, rows, cols);
  else if (far && !turns && lanes > 1) inBands(norm, rows, cols);
  else rowByRow<turns ? 1 : far ? 4 : 2>(norm, rows, cols);
  drain(far);
}

template <bool layer, bool sum>
void norm(const OpArgs& args) {
  const int64_t cols = args.dims[1], count = args.dims[0] * cols;
  const bool fits = !sum || isFar(output(args, 0), count, cols);
  const bool streams = fits && isFar(output(args, sum ? 1 : 0), count, cols);
  if (streams && (layer ? 3 : 2) * cols <= mostTurning<layer, sum>) runRows<layer, sum, true, true>(args);
  else if (streams && tunedFor() == Cores::intel) runRows<layer, sum, true, false, true>(args);
  else if (streams) runRows<layer, sum, true>(args);
  else runRows<layer, sum, false>(args);
}

}  // namespace

int normsOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"layernorm", norm<true, false>, 2, 3, 1};
  rows[n++] = {"rmsnorm", norm<false, false>, 2, 2, 1};
  rows[n++] = {"add+layernorm", norm<true, true>, 2, 4, 2};
  rows[n++] = {"add+rmsnorm", norm<false, true>, 2, 3, 2};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
