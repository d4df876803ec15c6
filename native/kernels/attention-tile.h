// What attention-tiles.cc keeps between its products: queries and outputs as [channel, query], a block of keys and of values, and how they
// come there and back.
#pragma once
#include "attention.h"
#include "outer.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int64_t columns = tileColumns;
constexpr int64_t keyBlock = 192;  // a multiple of the tile's 12 and 6 rows; scores: 192 x 32 x 4 B = 24 KiB
// Tiles that share a copy of a block. With 8 of them a copy from L3 took 5 % of the time at 128 channels, with 16 of them 2 %; their state
// passes once per block and should stay in L2 beside the block.
constexpr int64_t mostTiles = 32, stateBytes = 9 << 16;
const float infinity = __builtin_inff();

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Floats of one tile's state: queries, outputs, maxima, sums, keys seen.
inline int64_t stateFloats(int64_t dim) { return (2 * dim + 3) * columns; }
inline int64_t blockFloats(int64_t dim) { return keyBlock * (2 * dim + columns); }

struct QueryTile {
  float *q, *o, *top, *total;
  int32_t* seen;
  int64_t first, count, end;  // first query, queries, and the keys that the last of them sees
  int64_t lowEnd;             // the keys that the last query of the first vector sees: of those behind, the second vector alone has scores
};

// Keys and values that come next, asked for into L2 a few rows at a time while others are multiplied: copied from farther away, a block took
// 14 cycles a line.
struct Ahead {
  const AttentionShape& s;
  const KeyRows &k, &v;
  int64_t b, kvHead, token, end, each;  // from `token` on to `end`, `each` rows a call
  void some() {
    for (int64_t i = 0; i < each && token < end; i++, token++) {
      const float *key = k.row(s, b, token, kvHead), *value = v.row(s, b, token, kvHead);
      for (int64_t c = 0; c < s.dim; c += 16) {
        __builtin_prefetch(key + c, 0, 2);
        __builtin_prefetch(value + c, 0, 2);
      }
    }
  }
};

struct Block {
  const float* keys;
  float *copied, *values, *scores;  // `copied`: room for keys
  int64_t from, count, keyStep;     // elements from key to key
  bool finite;  // no value is NaN or infinite, so that a weight of 0 times it is 0
};

// Keys are read where they lie if all are one block and the twelve of a tile leave L1 its room: rows 2 KiB apart share two of its 64 sets (2 %
// gained at 4 heads of 64 or 128 channels), rows 4 KiB apart one (1.5 % lost). A tile of queries reads each key once, but values once for
// every tile of channels: these are always copied.
inline bool keysStay(const AttentionShape& s, int64_t keys) { return s.cached == 0 && keys <= keyBlock && s.keyRow() <= 512; }

// Key rows, if they do not stay, and value rows of a block, each [key, channel]. Returns whether all values are finite.
inline bool copyBlock(const AttentionShape& s, const KeyRows& k, const KeyRows& v, int64_t b, int64_t kvHead, bool stay, Block& block) {
  f32v doubt = splat(0.0f);
  float rest = 0;
  block.keys = stay ? k.row(s, b, block.from, kvHead) : block.copied;
  block.keyStep = stay ? s.keyRow() : s.dim;
  for (int64_t j = 0; j < block.count; j++) {
    if (!stay) {
      const float* key = k.row(s, b, block.from + j, kvHead);
      float* to = block.copied + j * s.dim;
      int64_t c = 0;
      for (; c + lanes <= s.dim; c += lanes) store(to + c, load(key + c));
      for (; c < s.dim; c++) to[c] = key[c];
    }
    const float* value = v.row(s, b, block.from + j, kvHead);
    float* to = block.values + j * s.dim;
    int64_t c = 0;
    for (; c + lanes <= s.dim; c += lanes) {
      const f32v x = load(value + c);
      store(to + c, x);
      doubt += x - x;
    }
    for (; c < s.dim; c++) {
      to[c] = value[c];
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

// Where the queries of a tile, or their outputs, begin; lanes without a query stand at the first.
template <typename F>
inline void rowsOf(const AttentionShape& s, F* base, int64_t b, int64_t kvHead, const QueryTile& tile, F** rows) {
  const int64_t group = s.group();
  for (int64_t i = 0; i < columns; i++) {
    const int64_t at = tile.first + (i < tile.count ? i : 0);
    rows[i] = base + s.query(b, at / group, kvHead * group + at % group);
  }
}

// Queries of a tile as [channel, query], scaled for a softmax to the base 2; lanes without a query are 0 and see what the first sees.
inline void loadQueries(const AttentionShape& s, const float* q, int64_t b, int64_t kvHead, QueryTile& tile) {
  const float factor = 1.44269504f / __builtin_sqrtf(float(s.dim));
  const int64_t group = s.group();
  const float* rows[columns];
  rowsOf(s, q, b, kvHead, tile, rows);
  for (int64_t i = 0; i < columns; i++) {
    tile.top[i] = -infinity;
    tile.total[i] = 0;
    tile.seen[i] = int32_t(s.seen((tile.first + (i < tile.count ? i : 0)) / group));
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
  const auto seenBy = [&](int64_t query) { return s.seen((tile.first + query) / group); };
  tile.end = seenBy(tile.count - 1);
  tile.lowEnd = seenBy(least(lanes, tile.count) - 1);
}

inline void storeOutputs(const AttentionShape& s, float* o, int64_t b, int64_t kvHead, const QueryTile& tile) {
  float* rows[columns];
  float inverse[columns];
  rowsOf(s, o, b, kvHead, tile, rows);
  for (int64_t i = 0; i < tile.count; i++) inverse[i] = 1.0f / tile.total[i];
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

}  // namespace
}  // namespace RP_NS
}  // namespace rp
