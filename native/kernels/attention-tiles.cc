// Fused attention for many queries (Dao et al. 2022, arXiv:2205.14135), with the online softmax of Milakov & Gimelshein 2018
// (arXiv:1805.02867). Everything is transposed: a tile has 2 vectors of queries, so that maxima, exponentials, sums and corrections of
// the queries are vertical operations, and keys and values are broadcast from rows as they lie. The queries of a tile are those of all
// heads that share a key head, token after token.
//   scores[key, query] = K[key, :] · Q[:, query]      O[channel, query] += V[key, channel] P[key, query]
// A block of keys and one of values, copied into a row of their own each, serve some 256 queries; scores of a block stay in L1.
#include "attention.h"
#include "outer.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int64_t columns = tileColumns;
constexpr int64_t keyBlock = 96;  // a multiple of the tile's 12 and 6 rows; scores: 96 x 32 x 4 B = 12 KiB
constexpr int64_t mostTiles = 8;  // of queries per copy of a block: copying costs 1.5 % of the products at 64 channels
const float infinity = __builtin_inff();

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Floats of one tile's state: queries, outputs, maxima, sums, keys seen.
int64_t stateFloats(int64_t dim) { return (2 * dim + 3) * columns; }
int64_t blockFloats(int64_t dim) { return keyBlock * (2 * dim + columns); }

struct QueryTile {
  float *q, *o, *top, *total;
  int32_t* seen;
  int64_t first, count, end;  // first query, queries, and the keys that the last of them sees
  int64_t lowEnd;             // the keys that the last query of the first vector sees: of those behind, the second vector alone has scores
};

struct Block {
  float *keys, *values, *scores;
  int64_t from, count;
  bool finite;  // no value is NaN or infinite, so that a weight of 0 times it is 0
};

// Key rows and value rows of a block, each [key, channel]. Returns whether all values are finite.
bool copyBlock(const AttentionShape& s, const KeyRows& k, const KeyRows& v, int64_t b, int64_t kvHead, const Block& block) {
  f32v doubt = splat(0.0f);
  float rest = 0;
  for (int64_t j = 0; j < block.count; j++) {
    const float *key = k.row(s, b, block.from + j, kvHead), *value = v.row(s, b, block.from + j, kvHead);
    float *toKey = block.keys + j * s.dim, *toValue = block.values + j * s.dim;
    int64_t c = 0;
    for (; c + lanes <= s.dim; c += lanes) {
      const f32v x = load(value + c);
      store(toKey + c, load(key + c));
      store(toValue + c, x);
      doubt += x - x;
    }
    for (; c < s.dim; c++) {
      toKey[c] = key[c];
      toValue[c] = value[c];
      rest += value[c] - value[c];
    }
  }
  return sumOf(doubt) + rest == 0;
}

#if !defined(RP_ISA_SCALAR)
typedef float f32x4 __attribute__((vector_size(16)));
inline f32x4 four(const float* p) {
  f32x4 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
// Turns a square: row r of `v` becomes lane r.
inline void turnSquare(f32x4 (&v)[4]) {
  const f32x4 a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
  const f32x4 c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}
#endif

#if defined(RP_ISA_AVX512)
// Four elements from `c` on of rows 0, 4, 8 and 12, and back: sixteen queries turn in 20 shuffles for four channels.
inline f32v quartersOf(const float* const* rows, int64_t c) {
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(rows[0] + c));
  v = _mm512_insertf32x4(v, _mm_loadu_ps(rows[4] + c), 1);
  v = _mm512_insertf32x4(v, _mm_loadu_ps(rows[8] + c), 2);
  return f32v(_mm512_insertf32x4(v, _mm_loadu_ps(rows[12] + c), 3));
}
inline void storeQuarters(float* const* rows, int64_t c, f32v v) {
  _mm_storeu_ps(rows[0] + c, _mm512_castps512_ps128(__m512(v)));
  _mm_storeu_ps(rows[4] + c, _mm512_extractf32x4_ps(__m512(v), 1));
  _mm_storeu_ps(rows[8] + c, _mm512_extractf32x4_ps(__m512(v), 2));
  _mm_storeu_ps(rows[12] + c, _mm512_extractf32x4_ps(__m512(v), 3));
}
// turnSquare() in each quarter: of rows r, r + 4, r + 8 and r + 12 in v[r], element r of all sixteen in v[r].
inline void turnQuarters(f32v (&v)[4]) {
  const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(__m512(v[0]), __m512(v[1]))), b = _mm512_castps_pd(_mm512_unpackhi_ps(__m512(v[0]), __m512(v[1])));
  const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(__m512(v[2]), __m512(v[3]))), d = _mm512_castps_pd(_mm512_unpackhi_ps(__m512(v[2]), __m512(v[3])));
  v[0] = f32v(_mm512_unpacklo_pd(a, c));
  v[1] = f32v(_mm512_unpackhi_pd(a, c));
  v[2] = f32v(_mm512_unpacklo_pd(b, d));
  v[3] = f32v(_mm512_unpackhi_pd(b, d));
}
#endif

// Queries of a tile as [channel, query], scaled for a softmax to the base 2; lanes without a query are 0 and see what the first sees.
void loadQueries(const AttentionShape& s, const float* q, int64_t b, int64_t kvHead, QueryTile& tile) {
  const float factor = 1.44269504f / __builtin_sqrtf(float(s.dim));
  const int64_t group = s.group();
  const float* rows[columns];
  for (int64_t i = 0; i < columns; i++) {
    const int64_t at = tile.first + (i < tile.count ? i : 0);
    rows[i] = q + s.query(b, at / group, kvHead * group + at % group);
    tile.top[i] = -infinity;
    tile.total[i] = 0;
    tile.seen[i] = int32_t(s.seen(at / group));
  }
  int64_t i = 0;
#if defined(RP_ISA_AVX512)
  for (; s.dim % 4 == 0 && i + lanes <= tile.count; i += lanes)
    for (int64_t c = 0; c < s.dim; c += 4) {
      f32v v[4];
      RP_UNROLL
      for (int j = 0; j < 4; j++) v[j] = quartersOf(rows + i + j, c) * factor;
      turnQuarters(v);
      RP_UNROLL
      for (int j = 0; j < 4; j++) store(tile.q + (c + j) * columns + i, v[j]);
    }
#endif
#if !defined(RP_ISA_SCALAR)
  for (; i + 4 <= tile.count; i += 4) {
    int64_t c = 0;
    for (; c + 4 <= s.dim; c += 4) {
      f32x4 v[4];
      RP_UNROLL
      for (int j = 0; j < 4; j++) v[j] = four(rows[i + j] + c) * factor;
      turnSquare(v);
      RP_UNROLL
      for (int j = 0; j < 4; j++) __builtin_memcpy(tile.q + (c + j) * columns + i, &v[j], sizeof v[j]);
    }
    for (; c < s.dim; c++)
      for (int j = 0; j < 4; j++) tile.q[c * columns + i + j] = rows[i + j][c] * factor;
  }
#endif
  for (; i < columns; i++)
    for (int64_t c = 0; c < s.dim; c++) tile.q[c * columns + i] = i < tile.count ? rows[i][c] * factor : 0.0f;
  for (int64_t c = 0; c < s.dim * columns; c++) tile.o[c] = 0;
  const auto seenBy = [&](int64_t query) { return s.seen((tile.first + query) / group); };
  tile.end = seenBy(tile.count - 1);
  tile.lowEnd = seenBy(least(lanes, tile.count) - 1);
}

void storeOutputs(const AttentionShape& s, float* o, int64_t b, int64_t kvHead, const QueryTile& tile) {
  const int64_t group = s.group();
  float* rows[columns];
  float inverse[columns];
  for (int64_t i = 0; i < tile.count; i++) {
    const int64_t at = tile.first + i;
    rows[i] = o + s.query(b, at / group, kvHead * group + at % group);
    inverse[i] = 1.0f / tile.total[i];
  }
  int64_t i = 0;
#if defined(RP_ISA_AVX512)
  for (; s.dim % 4 == 0 && i + lanes <= tile.count; i += lanes)
    for (int64_t c = 0; c < s.dim; c += 4) {
      f32v v[4];
      RP_UNROLL
      for (int j = 0; j < 4; j++) v[j] = load(tile.o + (c + j) * columns + i) * load(inverse + i);
      turnQuarters(v);
      RP_UNROLL
      for (int j = 0; j < 4; j++) storeQuarters(rows + i + j, c, v[j]);
    }
#endif
#if !defined(RP_ISA_SCALAR)
  for (; i + 4 <= tile.count; i += 4) {
    const f32x4 by = four(inverse + i);
    int64_t c = 0;
    for (; c + 4 <= s.dim; c += 4) {
      f32x4 v[4];
      RP_UNROLL
      for (int j = 0; j < 4; j++) v[j] = four(tile.o + (c + j) * columns + i) * by;
      turnSquare(v);
      RP_UNROLL
      for (int j = 0; j < 4; j++) __builtin_memcpy(rows[i + j] + c, &v[j], sizeof v[j]);
    }
    for (; c < s.dim; c++)
      for (int j = 0; j < 4; j++) rows[i + j][c] = tile.o[c * columns + i + j] * inverse[i + j];
  }
#endif
  for (; i < tile.count; i++)
    for (int64_t c = 0; c < s.dim; c++) rows[i][c] = tile.o[c * columns + i] * inverse[i];
}

inline i32v loadSeen(const int32_t* p) {
  i32v v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

// Scores of `keys` keys of the block against a tile, of those from `both` on against its second vector alone; raises the running maxima.
template <bool masked>
void scoresOf(const AttentionShape& s, const Block& block, int64_t both, int64_t keys, const QueryTile& tile, f32v& top, f32v& topHigh) {
  const i32v seen = loadSeen(tile.seen), seenHigh = loadSeen(tile.seen + lanes);
  f32v a = top, b = topHigh;
  for (int64_t j = 0; j < both; j += tileRows) {
    withRows(least(tileRows, both - j), [&](auto rows) {
      constexpr int R = decltype(rows)::value;
      Tile<R> c = {};
      accumulate(c, s.dim, block.keys + j * s.dim, s.dim, 1, tile.q, columns);
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        if (masked) {
          const int32_t key = int32_t(block.from + j + i);
          c.low[i] = seen > key ? c.low[i] : splat(-infinity);
          c.high[i] = seenHigh > key ? c.high[i] : splat(-infinity);
        }
        store(block.scores + (j + i) * columns, c.low[i]);
        store(block.scores + (j + i) * columns + lanes, c.high[i]);
        a = max(c.low[i], a);
        b = max(c.high[i], b);
      }
    });
  }
  for (int64_t j = both; j < keys; j += tileRows) {
    withRows(least(tileRows, keys - j), [&](auto rows) {
      constexpr int R = decltype(rows)::value;
      f32v c[R] = {};
      accumulateOne(c, s.dim, block.keys + j * s.dim, s.dim, 1, tile.q + lanes, columns);
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        if (masked) c[i] = seenHigh > int32_t(block.from + j + i) ? c[i] : splat(-infinity);
        store(block.scores + (j + i) * columns + lanes, c[i]);
        b = max(c[i], b);
      }
    });
  }
  top = a;
  topHigh = b;
}

// Scores become weights 2^(score - shift), whose sums over the keys are returned.
void weightsOf(float* scores, int64_t both, int64_t keys, f32v shift, f32v shiftHigh, f32v& sum, f32v& sumHigh) {
  f32v a = splat(0.0f), b = splat(0.0f);
  int64_t j = 0;
  for (; j + 2 <= both; j += 2, scores += 2 * columns) {
    f32v x[4] = {load(scores) - shift, load(scores + lanes) - shiftHigh, load(scores + columns) - shift,
                 load(scores + columns + lanes) - shiftHigh};
    powersOf(x);
    RP_STEP(4) store(scores + i * lanes, x[i]);
    a += x[0] + x[2];
    b += x[1] + x[3];
  }
  if (j < both) {
    f32v x[2] = {load(scores) - shift, load(scores + lanes) - shiftHigh};
    powersOf(x);
    RP_STEP(2) store(scores + i * lanes, x[i]);
    a += x[0];
    b += x[1];
    j++;
    scores += columns;
  }
  for (scores += lanes; j + 4 <= keys; j += 4, scores += 4 * columns) {
    f32v x[4];
    RP_STEP(4) x[i] = load(scores + i * columns) - shiftHigh;
    powersOf(x);
    RP_STEP(4) store(scores + i * columns, x[i]);
    b += (x[0] + x[1]) + (x[2] + x[3]);
  }
  for (; j < keys; j++, scores += columns) {
    f32v x[1] = {load(scores) - shiftHigh};
    powersOf(x);
    store(scores, x[0]);
    b += x[0];
  }
  sum = a;
  sumHigh = b;
}

// O = O * correction + V P, channel by channel; keys from `both` on have weights in the second vector alone.
template <bool split>
void addValues(const AttentionShape& s, const Block& block, int64_t both, int64_t keys, const QueryTile& tile, f32v correct, f32v correctHigh) {
  for (int64_t c = 0; c < s.dim; c += tileRows) {
    withRows(least(tileRows, s.dim - c), [&](auto rows) {
      constexpr int R = decltype(rows)::value;
      Tile<R> t;
      float* o = tile.o + c * columns;
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        t.low[i] = load(o + i * columns) * correct;
        t.high[i] = load(o + i * columns + lanes) * correctHigh;
      }
      accumulate(t, both, block.values + c, 1, s.dim, block.scores, columns);
      if (split)
        accumulateOne(t.high, keys - both, block.values + both * s.dim + c, 1, s.dim, block.scores + both * columns + lanes, columns);
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        store(o + i * columns, t.low[i]);
        store(o + i * columns + lanes, t.high[i]);
      }
    });
  }
}

// The same where a value is NaN or infinite: a query must not meet values that it does not see.
void addValuesSeen(const AttentionShape& s, const Block& block, int64_t keys, const QueryTile& tile, const float* correct) {
  for (int64_t c = 0; c < s.dim; c++)
    for (int64_t i = 0; i < columns; i++) {
      float sum = tile.o[c * columns + i] * correct[i];
      for (int64_t j = 0; j < keys && block.from + j < tile.seen[i]; j++) {
        const float weight = block.scores[j * columns + i];
        if (weight != 0) sum += weight * block.values[j * s.dim + c];
      }
      tile.o[c * columns + i] = sum;
    }
}

void attend(const AttentionShape& s, const Block& block, const QueryTile& tile) {
  const int64_t keys = least(block.count, tile.end - block.from);
  if (keys <= 0) return;
  const f32v before = load(tile.top), beforeHigh = load(tile.top + lanes);
  f32v top = before, topHigh = beforeHigh;
  const int64_t low = tile.lowEnd - block.from, both = low <= 0 ? 0 : least(low, keys);
  if (s.causal && block.from + keys > tile.seen[0]) scoresOf<true>(s, block, both, keys, tile, top, topHigh);
  else scoresOf<false>(s, block, both, keys, tile, top, topHigh);
  const f32v shift = shiftOf(top), shiftHigh = shiftOf(topHigh);
  f32v sum, sumHigh;
  weightsOf(block.scores, both, keys, shift, shiftHigh, sum, sumHigh);
  f32v correct[2] = {before - shift, beforeHigh - shiftHigh};
  powersOf(correct);
  store(tile.top, top);
  store(tile.top + lanes, topHigh);
  store(tile.total, load(tile.total) * correct[0] + sum);
  store(tile.total + lanes, load(tile.total + lanes) * correct[1] + sumHigh);
  if (block.finite && both < keys) return addValues<true>(s, block, both, keys, tile, correct[0], correct[1]);
  if (block.finite) return addValues<false>(s, block, keys, keys, tile, correct[0], correct[1]);
  float lane[columns];
  store(lane, correct[0]);
  store(lane + lanes, correct[1]);
  addValuesSeen(s, block, keys, tile, lane);
}

// Queries [first, first + count) of all heads that share a key head, against all keys that they see.
void attendTo(const OpArgs& args, const AttentionShape& s, const KeyRows& k, const KeyRows& v, int64_t b, int64_t kvHead, int64_t first,
              int64_t count) {
  float* at = args.scratch;
  Block block;
  block.keys = at;
  block.values = at += keyBlock * s.dim;
  block.scores = at += keyBlock * s.dim;
  at += keyBlock * columns;
  QueryTile tiles[mostTiles];
  int64_t used = 0, end = 0;
  for (int64_t from = 0; from < count; from += columns, at += stateFloats(s.dim)) {
    QueryTile& tile = tiles[used++];
    tile.q = at;
    tile.o = tile.q + s.dim * columns;
    tile.top = tile.o + s.dim * columns;
    tile.total = tile.top + columns;
    tile.seen = reinterpret_cast<int32_t*>(tile.total + columns);
    tile.first = first + from;
    tile.count = least(columns, count - from);
    loadQueries(s, input(args, 0), b, kvHead, tile);
    if (tile.end > end) end = tile.end;
  }
  for (block.from = 0; block.from < end; block.from += keyBlock) {
    block.count = least(keyBlock, end - block.from);
    block.finite = copyBlock(s, k, v, b, kvHead, block);
    for (int64_t t = 0; t < used; t++) attend(s, block, tiles[t]);
  }
  for (int64_t t = 0; t < used; t++) storeOutputs(s, output(args, 0), b, kvHead, tiles[t]);
}

}  // namespace

bool attentionTileFits(const AttentionShape& s) {
  return blockFloats(s.dim) + stateFloats(s.dim) <= int64_t(scratchFloats);
}

void attentionTiles(const OpArgs& args, const AttentionShape& s, const KeyRows& k, const KeyRows& v) {
  const int64_t fitting = (int64_t(scratchFloats) - blockFloats(s.dim)) / stateFloats(s.dim);
  const int64_t queries = s.seq * s.group();
  // as many blocks as keep the threads equally busy
  int64_t rows = columns * least(mostTiles, fitting);
  const int64_t heads = s.batch * s.kvHeads;
  const bool wholeHeads = queries <= rows && heads % args.threads == 0;
  while (!wholeHeads && rows > columns && heads * ((queries + rows - 1) / rows) < 4 * args.threads) rows -= columns;
  const int64_t blocks = (queries + rows - 1) / rows;
  // Under a causal mask later blocks take longer: back and forth over the threads, so that each gets as many long ones as short ones.
  for (int64_t i = 0; i < heads * blocks; i++) {
    const int64_t turn = i % (2 * args.threads);
    if ((turn < args.threads ? turn : 2 * args.threads - 1 - turn) != args.thread) continue;
    const int64_t head = i / blocks, first = i % blocks * rows;
    attendTo(args, s, k, v, head / s.kvHeads, head % s.kvHeads, first, least(rows, queries - first));
  }
}

}  // namespace RP_NS
}  // namespace rp
