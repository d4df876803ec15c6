// Softmax and what is made of it. dims: rows, cols.
#include "short-rows.h"
#include "softmax-bands.h"
#include "softmax-triangle.h"

namespace rp {
namespace RP_NS {
namespace {

// Exponentials of row r, and the division of a row before it, in one loop: the exponentials run while memory takes lines. Those of a row
// that is streamed wait in scratch, where the next row's take the place of what was just divided: a row of 16 KB stays in L1. Regular
// stores that miss L1 must not stand between stores past the caches: with four rows in turn the same loop took twice the time.
// loss: exponentials are not kept, and finish(row, shift, sum) gets their sum.
template <bool far, bool loss, bool scaled, typename Kept, typename Finish>
RP_INLINE void softmaxRows(const OpArgs& args, Span rows, float factor, Kept keptOf, Finish finish) {
  const int64_t cols = args.dims[1];
  if (rows.from >= rows.to || cols == 0) return;
  const float* x = input(args, 0);
  float* y = loss ? nullptr : output(args, 0);
  constexpr int step = inStep;
  // short rows are divided two rows later, so that nothing waits for the end of a sum
  const int behind = loss ? 0 : cols <= 1024 ? 2 : 1;
  const int64_t stride = (cols + line - 1) / line * line + 9 * line;
  const auto rowOf = [=](int64_t r) __attribute__((always_inline)) { return far ? args.scratch + r % behind * stride : y + r * cols; };
  const bool distant = size_t(args.dims[0]) * size_t(cols) * sizeof(float) >= streamedBytes;
  // Zen 4: beside stores 8 KiB ahead, where 4 takes a quarter more time. Lines that are asked for once are dropped while its queue is full:
  // cross-entropy of 8192 x 4096 6.0 ms, asked for 32 and again 16 KiB ahead 4.63, two threads 2.59; 16 and 6 KiB 4.58 and 2.39 (86 and 94 % of
  // reading in turn, medians of six), 16 and 2 or 8 and 2 KiB 5.3.
  const int64_t distance = loss ? 4096 : cols < 2048 ? cols : 2048;
  constexpr int64_t again = 1536;
  // A store that waits for its line holds up those behind it: Emerald Rapids, 64 x 768 from L2: 8.3 us, with lines to write asked for ahead 7.4, with those
  // to read too 5.5; the latter alone bring nothing.
  const int64_t ahead = !far && !loss && tunedFor() == Cores::intel ? 256 : 0;
  // A row to its end and then its division, where two rows and what is read do not stay in L1 together. Emerald Rapids (48 KiB), from L2: 4096 columns 12.6 to
  // 11.5 us, 5120 15.6 to 10.8, 8192 15.9 to 13.5 (17.4 where they wait in scratch); 3072 are the fastest in one loop.
  const bool apart = ahead > 0 && 3 * cols * int64_t(sizeof(float)) >= l1Bytes();
  // What was raised last is divided first, where L1 does not hold it all: 16384 columns 15.9 to 13.9 us; 8192 the same, 5120 2 % slower.
  const bool backwards = apart && cols * int64_t(sizeof(float)) >= l1Bytes();
  const Powers<scaled> powers{factor};
  float inverses[2] = {};
  bool masked = false;  // whether a row may have been unsound for its -infinity, and the next ones too
  for (int64_t r = rows.from; r < rows.to + behind; r++) {
    const bool raises = r < rows.to, divides = !loss && r - behind >= rows.from;
    const int64_t raised = raises ? keptOf(r) : 0, divided = divides ? keptOf(r - behind) : 0;
    const float* const here = raises ? x + r * cols : x;
    float* const e = loss || !raises ? nullptr : rowOf(r);
    const float* const last = divides ? rowOf(r - behind) : nullptr;
    float* const out = divides ? y + (r - behind) * cols : nullptr;
    const f32v scale = splat(divides ? inverses[r % behind] : 0.0f);
    const float shift = raises ? shiftOf(here, raised, factor) : 0.0f;
    const bool careful = shift != 0 || masked;
    const f32v top = splat(shift);
    f32v total[2] = {};

    const auto divide = [&](int64_t at, auto& v) __attribute__((always_inline)) {
      takeAll(v, last + at, lanes);
      constexpr int n = int(sizeof v / sizeof v[0]);
      RP_STEP(n) put<far>(out + at + i * lanes, v[i] * scale);
    };
    const auto raise = [&](int64_t at, int count, auto& v, auto careful) __attribute__((always_inline)) {
      takeAll(v, here + at, count, -infinity);
      constexpr int n = int(sizeof v / sizeof v[0]);
      if (decltype(careful)::value) RP_STEP(n) v[i] = v[i] - top;
      powers.template of<decltype(careful)::value>(v);
      RP_STEP(n) total[i % 2] += v[i];
      if (!loss) RP_STEP(n) give(e + at + i * lanes, v[i], count);
    };
    f32v v[step], one[1];
    const int64_t both = loss || apart ? 0 : (raised < divided ? raised : divided) / (step * lanes) * (step * lanes);
    const auto askAhead = [&](int64_t at) __attribute__((always_inline)) {
      if (!far && ahead > 0)
        RP_STEP(step) {
          prefetchToWrite(e + at + ahead + i * lanes);
          __builtin_prefetch(here + at + ahead + i * lanes, 0, 3);
        }
    };
    const auto raiseBoth = [&](auto careful) __attribute__((always_inline)) {
      for (int64_t at = 0; at < both; at += step * lanes) {
        if (distant) RP_STEP(step) {
          __builtin_prefetch(here + at + i * lanes + distance, 0, 2);
          __builtin_prefetch(here + at + i * lanes + 2 * distance, 0, 2);
        }
        askAhead(at);
        divide(at, v);
        raise(at, lanes, v, careful);
      }
    };
    const auto raiseRest = [&](auto careful) __attribute__((always_inline)) {
      int64_t at = both;
      for (; at + step * lanes <= raised; at += step * lanes) {
        if (loss && distant) RP_STEP(step) {
          __builtin_prefetch(here + at + i * lanes + distance, 0, 2);
          __builtin_prefetch(here + at + i * lanes + again, 0, 2);
        }
        if (!loss) askAhead(at);
        raise(at, lanes, v, careful);
      }
      for (; at < raised; at += lanes) raise(at, at + lanes <= raised ? lanes : int(raised - at), one, Yes());
    };
    if (careful) raiseBoth(Yes());
    else raiseBoth(No());
    if (divides) {
      int64_t at = both;
      if (backwards) {
        at = divided / (step * lanes) * (step * lanes);
        for (int64_t left = at - step * lanes; left >= 0; left -= step * lanes) divide(left, v);
      }
      for (; at + step * lanes <= divided; at += step * lanes) divide(at, v);
      for (; at + lanes <= divided; at += lanes) divide(at, one);
      // the last of a row, or the edge of its mask: whole vectors alone can be streamed, and what is masked is 0
      f32v edge = at < divided ? take(last + at, int(divided - at)) * scale : splat(0.0f);
      for (; at < cols; at += lanes) {
        if (at + lanes <= cols) put<far>(out + at, edge);
        else storePart(out + at, edge, int(cols - at));
        edge = splat(0.0f);
      }
    }
    // only now: where exponentials take the place of what was divided, all of it must have been
    if (careful) raiseRest(Yes());
    else raiseRest(No());
    if (!raises) continue;
    Raised result{shift, sumOf(total[0] + total[1])};
    if (!isSound(result.sum)) {
      result = raiseAgain<!loss>(here, e, raised, factor);
      masked = true;
    }
    if (loss) finish(r, result.shift, result.sum);
    else inverses[r % behind] = 1.0f / result.sum;
  }
  drain(far);
}

// The same for a causal mask, from memory: two rows in turn, of blocks that lie `apart` rows from one another, two lines each. Where rows are read in
// part a single stream ends at every mask's edge, and what fetches ahead begins anew: Zen 4 then reads a line in 4.7 ns, and in 2.1 where rows are whole
// or several are read in turn. With more than two rows exponentials and passing lines leave the 32 KiB of L1.
template <bool scaled>
RP_INLINE void maskedPairs(const OpArgs& args, int64_t from, int64_t apart, float factor, Triangle keptOf) {
  constexpr int pair = 2, block = 2 * int(line), n = block / lanes < inStep ? block / lanes : 4;
  const int64_t cols = args.dims[1], stride = (cols + line - 1) / line * line + 9 * line;
  // Lines are fetched whole rows ahead, so that none lies behind the edge and the next rows' beginnings are among them: at twice that distance, at it and
  // once more nearby, as a core drops what is asked for while too many are on their way.
  const int64_t distance = cols < 2048 ? 2048 / cols * cols : cols;
  constexpr int64_t nearby = 512;
  const float* const x = input(args, 0) + from * cols;
  float* const y = output(args, 0) + from * cols;
  const Powers<scaled> powers{factor};
  float inverses[pair] = {};
  for (int64_t r = 0; r <= apart; r++) {
    const int64_t raised = r < apart ? keptOf(from + r) : 0, divided = r > 0 ? keptOf(from + r - 1) : 0;
    const float* here[pair];
    float *e[pair], *out[pair], shift[pair];
    f32v scale[pair], total[pair] = {};
    RP_STEP(pair) {
      here[i] = x + (raised > 0 ? (r + i * apart) * cols : 0);
      e[i] = args.scratch + i * stride;
      out[i] = y + (divided > 0 ? (r - 1 + i * apart) * cols : 0);
      scale[i] = splat(inverses[i]);
      shift[i] = raised > 0 ? shiftOf(here[i], raised, factor) : 0.0f;
    }
    const auto divide = [&](int64_t at) __attribute__((always_inline)) {
      RP_STEP(pair) RP_UNROLL for (int u = 0; u < block; u += lanes) stream(out[i] + at + u, load(e[i] + at + u) * scale[i]);
    };
    const auto raise = [&](int64_t at, int count, auto& v, int i) __attribute__((always_inline)) {
      constexpr int vectors = int(sizeof v / sizeof v[0]);
      takeAll(v, here[i] + at, count, -infinity);
      RP_UNROLL for (int u = 0; u < vectors; u++) v[u] = v[u] - splat(shift[i]);
      powers.of(v);
      RP_UNROLL for (int u = 0; u < vectors; u++) total[i] += v[u];
      RP_UNROLL for (int u = 0; u < vectors; u++) give(e[i] + at + u * lanes, v[u], count);
    };
    const auto raiseBlock = [&](int64_t at) __attribute__((always_inline)) {
      RP_STEP(pair) {
        RP_UNROLL for (int u = 0; u < block; u += line) {
          RP_UNROLL for (int turns = 2; turns > 0; turns--) __builtin_prefetch(here[i] + at + u + turns * distance, 0, 2);
          if (at + nearby < raised) __builtin_prefetch(here[i] + at + u + nearby, 0, 2);
        }
        f32v v[n];
        for (int u = 0; u < block; u += n * lanes) raise(at + u, lanes, v, i);
      }
    };
    int64_t at = 0;
    for (const int64_t both = raised < divided ? raised : divided; at + block <= both; at += block) {
      divide(at);
      raiseBlock(at);
    }
    int64_t rest = at;
    if (divided > 0) {
      for (; at + block <= divided; at += block) divide(at);
      for (; at < divided; at += lanes) RP_STEP(pair) stream(out[i] + at, take(e[i] + at, at + lanes <= divided ? lanes : int(divided - at)) * scale[i]);
      for (; at < cols && at % block != 0; at += lanes) RP_STEP(pair) stream(out[i] + at, splat(0.0f));
      for (; at + block <= cols; at += block) RP_STEP(pair) RP_UNROLL for (int u = 0; u < block; u += lanes) stream(out[i] + at + u, splat(0.0f));
      for (; at < cols; at += lanes) RP_STEP(pair) stream(out[i] + at, splat(0.0f));
    }
    for (; rest + block <= raised; rest += block) raiseBlock(rest);
    for (f32v v[1]; rest < raised; rest += lanes) RP_STEP(pair) {
      if (rest % line == 0) RP_UNROLL for (int turns = 2; turns > 0; turns--) __builtin_prefetch(here[i] + rest + turns * distance, 0, 2);
      raise(rest, rest + lanes <= raised ? lanes : int(raised - rest), v, i);
    }
    if (raised > 0) RP_STEP(pair) {
      float sum = sumOf(total[i]);
      if (!isSound(sum)) sum = raiseAgain<true>(here[i], e[i], raised, factor).sum;
      inverses[i] = 1.0f / sum;
    }
  }
  drain(true);
}

// Rows of a share that pairs take, of those whose exponentials stay in L1, and not where vectors are so short that these bind, or, on Intel's cores,
// opposite rows of blocks, or, where no row is masked, bands; returns the first that they leave.
template <bool scaled>
RP_INLINE int64_t pairsOf(const OpArgs& args, Span rows, float factor, Triangle keptOf) {
  const int64_t cols = args.dims[1];
#if defined(RP_ISA_AVX512)
  const int64_t first = (rows.from + cols - 1) / cols * cols;  // whole blocks begin
  if (tunedFor() == Cores::intel && cols >= 1536 && cols <= 4096 && first + 2 * cols <= rows.to) {
    softmaxRows<true, false, scaled>(args, {rows.from, first}, factor, keptOf, [](int64_t, float, float) {});
    const int64_t second = cols <= 2048 ? trianglesOf<scaled, 3>(args, first, rows.to, factor) : first;
    return trianglesOf<scaled, 2>(args, second, rows.to, factor);
  }
#endif
  const int64_t apart = lanes < 8 || cols > 4096 ? 0 : (rows.to - rows.from) / 2 / cols * cols;
  if (apart > 0) maskedPairs<scaled>(args, rows.from, apart, factor, keptOf);
  return rows.from + 2 * apart;
}
template <bool scaled>
RP_INLINE int64_t pairsOf(const OpArgs& args, Span rows, float, All) {
  const int64_t band = scaled ? 0 : bandOfRows(args, rows);
  if (band > 0) raiseBands<false>(args, rows.from, band, [](int64_t, float, float) {});
  return rows.from + softmaxBands * band;
}

template <bool scaled, typename Kept>
RP_INLINE void softmaxOf(const OpArgs& args, float factor, Kept keptOf) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], 1, args.thread, args.threads);
  const auto nothing = [](int64_t, float, float) {};
  [[maybe_unused]] const FlushToZero flushing;
  if (isFar(output(args, 0), args.dims[0] * cols, cols) && cols + 9 * line <= int64_t(scratchFloats)) {
    softmaxRows<true, false, scaled>(args, {pairsOf<scaled>(args, rows, factor, keptOf), rows.to}, factor, keptOf, nothing);
  } else if (cols <= shortVectors * lanes) {
    shortOf<scaled>(args, rows, factor, keptOf);
  } else {
    softmaxRows<false, false, scaled>(args, rows, factor, keptOf, nothing);
  }
}

void softmax(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  softmaxOf<false>(args, 1.0f, All{cols});
}

// scale, causal mask of square blocks and softmax in one kernel; dims: rows, cols, head dimension
void scaleMaskSoftmax(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  softmaxOf<true>(args, 1.0f / __builtin_sqrtf(float(args.dims[2])), Triangle{cols});
}

// log of the sum of e^x, less the target's x: nothing of the softmax is written
void crossEntropy(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const float* logits = input(args, 0);
  const int32_t* targets = input<int32_t>(args, 1);
  float* losses = output(args, 0);
  const Span rows = share(args.dims[0], line, args.thread, args.threads);
  [[maybe_unused]] const FlushToZero flushing;
  const auto loss = [=](int64_t r, float top, float sum) { losses[r] = __builtin_logf(sum) + top - logits[r * cols + targets[r]]; };
  const int64_t band = bandOfRows(args, rows);
  if (band > 0) raiseBands<true>(args, rows.from, band, loss);
  softmaxRows<false, true, false>(args, {rows.from + softmaxBands * band, rows.to}, 1.0f, All{cols}, loss);
}

// -log of the target's probability
void negativeLog(const OpArgs& args) {
  const int64_t cols = args.dims[1];
  const Span rows = share(args.dims[0], line, args.thread, args.threads);
  const int32_t* targets = input<int32_t>(args, 1);
  for (int64_t r = rows.from; r < rows.to; r++)
    output(args, 0)[r] = -__builtin_logf(input(args, 0)[r * cols + targets[r]]);
}

}  // namespace

int rowsOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"softmax", softmax, 2, 1, 1};
  rows[n++] = {"scale+mask+softmax", scaleMaskSoftmax, 3, 1, 1};
  rows[n++] = {"cross-entropy", crossEntropy, 2, 2, 1};
  rows[n++] = {"negative-log", negativeLog, 2, 2, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
