// Attention of few queries against many keys, as in decoding: bound by reading keys and values, which it does once, in the order in which
// they lie: token after token, all key heads of a thread, each for the group of query heads that shares it.
#include "attention-halves.h"
#include "foresight.h"
#include "outer.h"

namespace rp {
namespace RP_NS {
namespace {

// Tokens whose scores are exponentiated together; more where they are near: outputs then pass once, and the end of a row of scores, which
// waits for one sum, comes half as often (Emerald Rapids, 128 tokens, 8 heads of 64: 3.28 us for 3.36).
constexpr int64_t tokenBlock = 64, tokenBlockNear = 256;
const float infinity = __builtin_inff();

// What a thread does: a range of (sequence, new token, head) triples, whole groups where there are enough.
struct Part {
  int64_t b, token, from, to;  // heads
};
template <typename Work>
void eachPart(const OpArgs& args, const AttentionShape& s, Work work) {
  const int64_t tokens = s.batch * s.seq;
  if (s.heads == 0) return;
  // Whole tokens read one stretch of memory; heads of one token share none; heads of one group read the same keys from a shared cache.
  const bool byToken = tokens % args.threads == 0 || tokens >= 8 * args.threads;
  const Span mine = byToken ? share(tokens * s.heads, s.heads, args.thread, args.threads)
                            : share(tokens * s.heads, s.kvHeads * tokens >= args.threads ? s.group() : 1, args.thread, args.threads);
  for (int64_t at = mine.from; at < mine.to;) {
    const int64_t token = at / s.heads, from = at % s.heads, to = least(s.heads, from + mine.to - at);
    work(Part{token / s.seq, token % s.seq, from, to});
    at += to - from;
  }
}

// Calls work(Stretch) for the part of tokens [from, from + count) in the cache and for the part that is new.
template <typename Work>
inline void eachStretch(const AttentionShape& s, const KeyRows& rows, int64_t b, int64_t from, int64_t count, Work work) {
  const int64_t old = from < s.cached ? least(count, s.cached - from) : 0;
  if (old > 0) work(Stretch{rows.row(s, b, from, 0), s.keyRow(), 0, old});
  if (old < count) work(Stretch{rows.row(s, b, from + old, 0), s.keyRow(), old, count - old});
}

// Whether keys and values lie in L2 from call to call: then nothing is to be asked for, and their order does not matter.
bool isNear(const AttentionShape& s) { return s.batch * s.keys() * s.keyRow() <= 1 << 16; }  // 512 KiB of both

// Query heads whose products with a key share its load: 16 sums in 32 registers, 8 in 16.
constexpr int headsInStep = RP_CHAINS == 24 ? 4 : 2;

#if !defined(RP_ISA_SCALAR)
// The sum of the quarters, or halves, of a vector.
typedef float f32x4 __attribute__((vector_size(16)));
inline f32x4 quarterOf(f32v v) {
#if RP_BYTES == 64
  const auto half = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#else
  const f32v half = v;
#endif
#if RP_BYTES >= 32
  return __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#else
  return half;
#endif
}
#endif

// Sums of the lanes of four vectors.
inline void sumFour(const f32v (&v)[keysInStep], float factor, float* to) {
#if defined(RP_ISA_SCALAR)
  for (int i = 0; i < keysInStep; i++) to[i] = v[i] * factor;
#else
  f32x4 quarter[keysInStep];
  RP_UNROLL for (int i = 0; i < keysInStep; i++) quarter[i] = quarterOf(v[i]);
  const f32x4 a = __builtin_shufflevector(quarter[0], quarter[1], 0, 4, 1, 5) + __builtin_shufflevector(quarter[0], quarter[1], 2, 6, 3, 7);
  const f32x4 b = __builtin_shufflevector(quarter[2], quarter[3], 0, 4, 1, 5) + __builtin_shufflevector(quarter[2], quarter[3], 2, 6, 3, 7);
  const f32x4 sum = (__builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7)) * factor;
  __builtin_memcpy(to, &sum, sizeof sum);
#endif
}

#if defined(RP_ISA_AVX512)
// Sums of the lanes of sixteen vectors, v[head][key], in fifteen additions; to[head * step + key].
inline void sumSixteen(const f32v (&v)[4][keysInStep], f32v factor, float* to, int64_t step) {
  // quarter h of w[key]: what is left of v[h][key]
  __m512 w[keysInStep];
  RP_UNROLL
  for (int j = 0; j < keysInStep; j++) {
    const __m512 a = __m512(v[0][j]), b = __m512(v[1][j]), c = __m512(v[2][j]), d = __m512(v[3][j]);
    const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x88), _mm512_shuffle_f32x4(c, d, 0xdd));
    w[j] = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  }
  sumQuarters(w, __m512(factor), to, step);
}
#endif

// Products of H queries, `dim` apart, with four keys, whose lines are followed by as many that come; to[head * step + key].
template <int H>
inline void dots(Foresight* ahead, const float* q, const float* key, int64_t step, int64_t dim, float factor, float* to, int64_t stepTo) {
  f32v sum[H][keysInStep];
  RP_STEP(H) RP_UNROLL for (int j = 0; j < keysInStep; j++) sum[i][j] = splat(0.0f);
  int64_t c = 0;
  for (; c + lanes <= dim; c += lanes) {
    f32v k[keysInStep];
    RP_UNROLL for (int j = 0; j < keysInStep; j++) k[j] = load(key + j * step + c);
    if (ahead) ahead->lines(key + c, step);
    RP_STEP(H) {
      const f32v x = load(q + i * dim + c);
      RP_UNROLL for (int j = 0; j < keysInStep; j++) sum[i][j] += x * k[j];
    }
  }
#if defined(RP_ISA_AVX512)
  if constexpr (H == 4) sumSixteen(sum, splat(factor), to, stepTo);
  else
#endif
    RP_STEP(H) sumFour(sum[i], factor, to + i * stepTo);
  for (; c < dim; c++)
    for (int i = 0; i < H; i++)
      for (int j = 0; j < keysInStep; j++) to[i * stepTo + j] += q[i * dim + c] * key[j * step + c] * factor;
}

inline float dot(const float* q, const float* key, int64_t dim) {
  f32v sum = splat(0.0f);
  int64_t c = 0;
  for (; c + lanes <= dim; c += lanes) sum += load(q + c) * load(key + c);
  float rest = 0;
  for (; c < dim; c++) rest += q[c] * key[c];
  return sumOf(sum) + rest;
}

// Calls work(kvHead, from, to) for the heads of a part that share a key head: `group` of them, from key head `kvHead` on. Divided anew for
// every four keys these took 8 % of decoding from the caches.
template <typename Work>
inline void eachGroup(const Part& part, int64_t group, int64_t kvHead, Work work) {
  for (int64_t head = part.from; head < part.to; kvHead++) {
    const int64_t end = least(part.to, (kvHead + 1) * group);
    work(kvHead, head, end);
    head = end;
  }
}

// Products of H queries with `count` keys `step` apart, four at a time; the last of them twice where they are no multiple of four.
template <int H>
inline void dotsOfTokens(const float* q, const float* key, int64_t step, int64_t count, int64_t dim, float factor, float* to, int64_t stepTo) {
  if (count < keysInStep) {
    for (int64_t j = 0; j < count; j++) {
      float same[H * keysInStep];
      dots<H>(nullptr, q, key + j * step, 0, dim, factor, same, keysInStep);
      RP_STEP(H) to[i * stepTo + j] = same[i * keysInStep];
    }
    return;
  }
  Foresight next(keysInStep * step);
  for (int64_t j = 0; j < count; j += keysInStep) {
    j = least(j, count - keysInStep);
    dots<H>(&next, q, key + j * step, step, dim, factor, to + j, stepTo);
  }
}

// scores[head - part.from][token - from] of the tokens [from, from + count), times `factor`; `step` scores per head.
void scoreRows(const AttentionShape& s, const float* q, const KeyRows& k, const Part& part, int64_t from, int64_t count, float factor,
               float* scores, int64_t step) {
  const float* const queries = q + s.query(part.b, part.token, 0);
  const int64_t group = s.group(), first = part.from / group, heads = (part.to - 1) / group + 1 - first;
  eachStretch(s, k, part.b, from, count, [&](const Stretch& stretch) {
    // Near, head after head: nothing is to be read in order then, and the next tokens of a head need no more than their address. Emerald Rapids, 128 tokens
    // (127 and a new one), 8 heads of 64, 2 of keys: 2.71 us for 3.35 (Zen 4 3.0 for 3.7); the next rows asked for alone 3.05. Asking for values too: the same.
    if (lanes == 16 && isNear(s))
      return eachGroup(part, group, first, [&](int64_t kvHead, int64_t head, int64_t end) {
        const float* const key = stretch.rows + kvHead * s.dim;
        for (int64_t h = head; h < end;) {
          const float* const query = queries + h * s.dim;
          float* const to = scores + (h - part.from) * step + stretch.from;
#if defined(RP_ISA_AVX512)
          if (h + headsInStep <= end && s.dim == channelsOfHalves && stretch.count >= keysInStep) {
            dotsOfHalves(query, key, stretch.step, stretch.count, factor, to, step);
            h += headsInStep;
            continue;
          }
#endif
          if (h + headsInStep <= end) dotsOfTokens<headsInStep>(query, key, stretch.step, stretch.count, s.dim, factor, to, step), h += headsInStep;
          else dotsOfTokens<1>(query, key, stretch.step, stretch.count, s.dim, factor, to, step), h++;
        }
      });
    Foresight ahead(s, stretch, first, heads), *const far = isNear(s) ? nullptr : &ahead;
    for (int64_t j = 0; j < stretch.count;) {
      const int64_t keys = j + keysInStep <= stretch.count ? keysInStep : 1;
      eachGroup(part, group, first, [&](int64_t kvHead, int64_t head, int64_t end) {
        const float* key = stretch.rows + j * stretch.step + kvHead * s.dim;
        Foresight* asks = far;  // once for all heads of the group
        if (far) far->standAt((kvHead - first) * s.dim);
        while (head < end) {
          const float* query = queries + head * s.dim;
          float* to = scores + (head - part.from) * step + stretch.from + j;
          if (keys == 1) to[0] = dot(query, key, s.dim) * factor, head++;
          else if (head + headsInStep <= end) dots<headsInStep>(asks, query, key, stretch.step, s.dim, factor, to, step), head += headsInStep;
          else dots<1>(asks, query, key, stretch.step, s.dim, factor, to, step), head++;
          asks = nullptr;
        }
      });
      j += keys;
    }
  });
}

// o = o * correction (0 where nothing was added before) + sum of N weights times values, for H heads `dim` apart, weights[head * step].
template <int H, int N>
inline void addRows(Foresight* ahead, const float* weights, int64_t step, const float* value, int64_t stepValue, int64_t dim, const float* corrections,
                    bool add, float* o) {
  f32v w[H][N], correct[H];
  RP_STEP(H) {
    correct[i] = splat(corrections ? corrections[i] : 1.0f);
    RP_UNROLL for (int j = 0; j < N; j++) w[i][j] = splat(weights[i * step + j]);
  }
  int64_t c = 0;
  for (; c + lanes <= dim; c += lanes) {
    f32v v[N];
    RP_UNROLL for (int j = 0; j < N; j++) v[j] = load(value + j * stepValue + c);
    if (ahead) ahead->lines(value + c, stepValue);
    RP_STEP(H) {
      f32v sum = add ? load(o + i * dim + c) * correct[i] : splat(0.0f);
      RP_UNROLL for (int j = 0; j < N; j++) sum += w[i][j] * v[j];
      store(o + i * dim + c, sum);
    }
  }
  for (; c < dim; c++)
    for (int i = 0; i < H; i++) {
      float sum = add ? o[i * dim + c] * (corrections ? corrections[i] : 1.0f) : 0.0f;
      for (int j = 0; j < N; j++) sum += weights[i * step + j] * value[j * stepValue + c];
      o[i * dim + c] = sum;
    }
}

// The same of any number of tokens, for N vectors of channels, whose sums stay in registers meanwhile.
template <int H, int N>
inline void addTokens(const float* weights, int64_t step, const float* value, int64_t stepValue, int64_t count, int64_t dim,
                      const float* corrections, bool add, float* o) {
  f32v sum[H][N];
  RP_STEP(H) RP_UNROLL for (int n = 0; n < N; n++)
    sum[i][n] = add ? load(o + i * dim + n * lanes) * splat(corrections ? corrections[i] : 1.0f) : splat(0.0f);
  for (int64_t j = 0; j < count; j++, value += stepValue) {
    f32v v[N];
    RP_UNROLL for (int n = 0; n < N; n++) v[n] = load(value + n * lanes);
    RP_STEP(H) {
      const f32v weight = splat(weights[i * step + j]);
      RP_UNROLL for (int n = 0; n < N; n++) sum[i][n] += weight * v[n];
    }
  }
  RP_STEP(H) RP_UNROLL for (int n = 0; n < N; n++) store(o + i * dim + n * lanes, sum[i][n]);
}
template <int H>
inline void addAllTokens(const float* weights, int64_t step, const float* value, int64_t stepValue, int64_t count, int64_t dim,
                         const float* corrections, bool add, float* o) {
  int64_t c = 0;
  for (; c + 4 * lanes <= dim; c += 4 * lanes) addTokens<H, 4>(weights, step, value + c, stepValue, count, dim, corrections, add, o + c);
  for (; c + lanes <= dim; c += lanes) addTokens<H, 1>(weights, step, value + c, stepValue, count, dim, corrections, add, o + c);
  for (; c < dim; c++)
    for (int i = 0; i < H; i++) {
      float sum = add ? o[i * dim + c] * (corrections ? corrections[i] : 1.0f) : 0.0f;
      for (int64_t j = 0; j < count; j++) sum += weights[i * step + j] * value[j * stepValue + c];
      o[i * dim + c] = sum;
    }
}

// Adds the values of the tokens [from, from + count) under weights[head - part.from][token - from] to the outputs, which are first
// multiplied by corrections[head - part.from], if there are any; outputs start at 0 where from is 0.
void valueRows(const AttentionShape& s, const float* weights, int64_t step, const KeyRows& v, const Part& part, int64_t from,
               int64_t count, const float* corrections, float* o) {
  float* const outputs = o + s.query(part.b, part.token, 0);
  const int64_t group = s.group(), first = part.from / group, heads = (part.to - 1) / group + 1 - first;
  eachStretch(s, v, part.b, from, count, [&](const Stretch& stretch) {
    if (isNear(s)) {
      const bool add = from + stretch.from > 0;
      return eachGroup(part, group, first, [&](int64_t kvHead, int64_t head, int64_t end) {
        const float* const value = stretch.rows + kvHead * s.dim;
        while (head < end) {
          const int64_t h = head - part.from;
          const float *weight = weights + h * step + stretch.from, *correct = stretch.from == 0 && corrections ? corrections + h : nullptr;
          float* const to = outputs + head * s.dim;
          if (head + headsInStep <= end)
            addAllTokens<headsInStep>(weight, step, value, stretch.step, stretch.count, s.dim, correct, add, to), head += headsInStep;
          else addAllTokens<1>(weight, step, value, stretch.step, stretch.count, s.dim, correct, add, to), head++;
        }
      });
    }
    Foresight ahead(s, stretch, first, heads);
    for (int64_t j = 0; j < stretch.count;) {
      const int64_t keys = j + keysInStep <= stretch.count ? keysInStep : 1, token = stretch.from + j;
      const bool add = from + token > 0;
      eachGroup(part, group, first, [&](int64_t kvHead, int64_t head, int64_t end) {
        const float* value = stretch.rows + j * stretch.step + kvHead * s.dim;
        Foresight* asks = &ahead;
        ahead.standAt((kvHead - first) * s.dim);
        while (head < end) {
          const int64_t h = head - part.from;
          const float *weight = weights + h * step + token, *correct = token == 0 && corrections ? corrections + h : nullptr;
          float* to = outputs + head * s.dim;
          if (keys == 1) addRows<1, 1>(nullptr, weight, step, value, stretch.step, s.dim, correct, add, to), head++;
          else if (head + headsInStep <= end)
            addRows<headsInStep, keysInStep>(asks, weight, step, value, stretch.step, s.dim, correct, add, to), head += headsInStep;
          else addRows<1, keysInStep>(asks, weight, step, value, stretch.step, s.dim, correct, add, to), head++;
          asks = nullptr;
        }
      });
      j += keys;
    }
  });
}

// Scores of a head become weights 2^(score - maximum); returns what earlier sums must be multiplied with.
float weigh(float* row, int64_t count, float& top, float& total) {
  f32v peak = splat(top);
  int64_t j = 0;
  for (; j + lanes <= count; j += lanes) peak = max(load(row + j), peak);
  float next = maxOf(peak);
  for (; j < count; j++) next = row[j] > next ? row[j] : next;
  const f32v shift = shiftOf(splat(next));
  f32v sum = splat(0.0f);
  constexpr int many = 4;
  for (j = 0; j + many * lanes <= count; j += many * lanes) {
    f32v x[many];
    RP_STEP(many) x[i] = load(row + j + i * lanes) - shift;
    powersOf(x);
    RP_STEP(many) store(row + j + i * lanes, x[i]);
    sum += (x[0] + x[1]) + (x[2] + x[3]);
  }
  for (; j < count; j += lanes) {
    const int here = int(least(lanes, count - j));
    f32v x[1] = {loadPart(row + j, here, -infinity) - shift};
    powersOf(x);
    storePart(row + j, x[0], here);
    sum += x[0];
  }
  f32v correct[1] = {splat(top) - shift};
  powersOf(correct);
  const float correction = firstOf(correct[0]);
  top = next;
  total = total * correction + sumOf(sum);
  return correction;
}

}  // namespace

void attentionRows(const OpArgs& args, const AttentionShape& s, const KeyRows& k, const KeyRows& v) {
  const float factor = 1.44269504f / __builtin_sqrtf(float(s.dim));  // for a softmax to the base 2
  float* const o = output(args, 0);
  const int64_t block = isNear(s) ? tokenBlockNear : tokenBlock;
  // as many heads at a time as the scratch memory has room for
  const int64_t most = int64_t(scratchFloats) / (block + 3);
  eachPart(args, s, [&](Part whole) {
    for (Part part = whole; part.from < whole.to; part.from = part.to) {
      part.to = least(whole.to, part.from + most);
      const int64_t heads = part.to - part.from, end = s.seen(part.token);
      float *scores = args.scratch, *top = scores + heads * block, *total = top + heads, *corrections = total + heads;
      for (int64_t h = 0; h < heads; h++) {
        top[h] = -infinity;
        total[h] = 0;
      }
      for (int64_t from = 0; from < end; from += block) {
        const int64_t count = least(block, end - from);
        scoreRows(s, input(args, 0), k, part, from, count, factor, scores, block);
        for (int64_t h = 0; h < heads; h++) corrections[h] = weigh(scores + h * block, count, top[h], total[h]);
        valueRows(s, scores, block, v, part, from, count, corrections, o);
      }
      for (int64_t h = 0; h < heads; h++) {
        float* row = o + s.query(part.b, part.token, part.from + h);
        const float inverse = 1.0f / total[h];
        for (int64_t c = 0; c < s.dim; c++) row[c] *= inverse;
      }
    }
  });
}

void attentionScoreRows(const OpArgs& args, const AttentionShape& s, const KeyRows& k, float* scores) {
  eachPart(args, s, [&](Part part) {
    // [batch, heads, seq, keys]: from head to head are seq rows
    float* const to = scores + ((part.b * s.heads + part.from) * s.seq + part.token) * s.keys();
    const int64_t end = s.seen(part.token), step = s.seq * s.keys();
    scoreRows(s, input(args, 0), k, part, 0, end, 1.0f / __builtin_sqrtf(float(s.dim)), to, step);
    for (int64_t head = 0; head < part.to - part.from; head++)
      for (int64_t j = end; j < s.keys(); j++) to[head * step + j] = -infinity;
  });
}

void attentionValueRows(const OpArgs& args, const AttentionShape& s, const float* weights, const KeyRows& v) {
  eachPart(args, s, [&](Part part) {
    const float* const from = weights + ((part.b * s.heads + part.from) * s.seq + part.token) * s.keys();
    valueRows(s, from, s.seq * s.keys(), v, part, 0, s.seen(part.token), nullptr, output(args, 0));
  });
}

}  // namespace RP_NS
}  // namespace rp
