// What attention-tiles.cc keeps between its products: queries as [channel, query], outputs as [query, channel], a block of keys and of
// values, and how they come there and back.
#pragma once
#include "attention.h"
#include "outer.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int64_t columns = tileColumns;
constexpr int64_t keyBlock = 128;  // scores: 128 x 32 x 4 B = 16 KiB, beside 32 KiB of values of 64 channels
// Tiles that share a copy of a block. With 8 of them a copy from L3 took 5 % of the time at 128 channels, with 16 of them 2 %; their state
// passes once per block and should stay in L2 beside the block.
constexpr int64_t mostTiles = 32, stateBytes = 9 << 16;
const float infinity = __builtin_inff();

// Channels of an output, or of a copied value, in whole vectors.
inline int64_t wholeVectors(int64_t dim) { return (dim + lanes - 1) / lanes * lanes; }
// Floats of one tile's state: queries, outputs, maxima, sums, keys seen.
inline int64_t stateFloats(int64_t dim) { return (dim + wholeVectors(dim) + 3) * columns; }
inline int64_t blockFloats(int64_t dim) { return keyBlock * (dim + wholeVectors(dim) + columns); }

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
  const float *keys, *values;
  float *copiedKeys, *copiedValues, *scores;  // room for what does not stay
  int64_t from, count, keyStep, valueStep;    // elements from key to key
  bool finite;  // no value is NaN or infinite, so that a weight of 0 times it is 0
};

// Keys are read where they lie if all are one block and the twelve of a tile leave L1 its room: rows 2 KiB apart share two of its 64 sets (2 %
// gained at 4 heads of 64 or 128 channels), rows 4 KiB apart one (1.5 % lost).
inline bool keysStay(const AttentionShape& s, int64_t keys) { return s.cached == 0 && keys <= keyBlock && s.keyRow() <= 512; }

// A row of whole vectors, zeros behind `dim`; adds what is no number unless all elements are finite.
inline void copyRow(const float* from, int64_t dim, float* to, f32v& doubt) {
  int64_t c = 0;
  for (; c + lanes <= dim; c += lanes) {
    const f32v x = load(from + c);
    store(to + c, x);
    doubt += x - x;
  }
  if (c == dim) return;
  const f32v x = loadPart(from + c, int(dim - c), 0.0f);
  store(to + c, x);
  doubt += x - x;
}

// Key rows, if they do not stay, and value rows of a block, each [key, channel].
inline void copyBlock(const AttentionShape& s, const KeyRows& k, const KeyRows& v, int64_t b, int64_t kvHead, bool stay, Block& block) {
  block.keys = stay ? k.row(s, b, block.from, kvHead) : block.copiedKeys;
  block.keyStep = stay ? s.keyRow() : s.dim;
  block.values = block.copiedValues;
  block.valueStep = wholeVectors(s.dim);
  f32v doubt = splat(0.0f);
  for (int64_t j = 0; j < block.count; j++) {
    if (!stay) {
      const float* key = k.row(s, b, block.from + j, kvHead);
      float* to = block.copiedKeys + j * s.dim;
      int64_t c = 0;
      for (; c + lanes <= s.dim; c += lanes) store(to + c, load(key + c));
      for (; c < s.dim; c++) to[c] = key[c];
    }
    copyRow(v.row(s, b, block.from + j, kvHead), s.dim, block.copiedValues + j * block.valueStep, doubt);
  }
  block.finite = sumOf(doubt) == 0;
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
// Eight elements from `c` on of two rows.
inline __m512 halvesOf(const float* low, const float* high) {
  return _mm512_castpd_ps(_mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_castps_pd(_mm256_loadu_ps(low))), _mm256_castps_pd(_mm256_loadu_ps(high)), 1));
}
// turnSquare() in each quarter.
inline void turnQuarters(__m512 (&v)[4]) {
  const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(v[0], v[1])), b = _mm512_castps_pd(_mm512_unpackhi_ps(v[0], v[1]));
  const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(v[2], v[3])), d = _mm512_castps_pd(_mm512_unpackhi_ps(v[2], v[3]));
  v[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
  v[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
  v[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
  v[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
}
// Eight elements from `c` on of sixteen rows, element e of all of them in v[e]: three shuffles, two loads and an insertion a vector, where
// quarters of four rows take two, four and three.
inline void turnSixteen(const float* const* rows, int64_t c, __m512 (&v)[8]) {
  __m512 low[4], high[4];
  RP_UNROLL
  for (int j = 0; j < 4; j++) {
    low[j] = halvesOf(rows[j] + c, rows[j + 4] + c);
    high[j] = halvesOf(rows[j + 8] + c, rows[j + 12] + c);
  }
  turnQuarters(low);
  turnQuarters(high);
  RP_UNROLL
  for (int j = 0; j < 4; j++) {
    v[j] = _mm512_shuffle_f32x4(low[j], high[j], 0x88);
    v[j + 4] = _mm512_shuffle_f32x4(low[j], high[j], 0xdd);
  }
}
#endif

// Calls work(query, token, head) for the queries of a tile, with one division for all.
template <typename Work>
inline void eachQuery(const AttentionShape& s, int64_t kvHead, const QueryTile& tile, Work work) {
  const int64_t group = s.group(), from = kvHead * group;
  int64_t token = tile.first / group, head = tile.first % group;
  for (int64_t i = 0; i < tile.count; i++) {
    work(i, token, from + head);
    if (++head == group) {
      head = 0;
      token++;
    }
  }
}

// Asks for the rows of a tile's queries, or of its outputs.
inline void askForRows(const AttentionShape& s, const float* base, int64_t b, int64_t kvHead, const QueryTile& tile) {
  eachQuery(s, kvHead, tile, [&](int64_t, int64_t token, int64_t head) {
    const float* const row = base + s.query(b, token, head);
    for (int64_t c = 0; c < s.dim; c += 16) __builtin_prefetch(row + c);
  });
}

// Queries of a tile as [channel, query], scaled for a softmax to the base 2; lanes without a query are 0 and see what the first sees.
inline void loadQueries(const AttentionShape& s, const float* q, int64_t b, int64_t kvHead, QueryTile& tile) {
  const float factor = 1.44269504f / __builtin_sqrtf(float(s.dim));
  const float* rows[columns];
  eachQuery(s, kvHead, tile, [&](int64_t i, int64_t token, int64_t head) {
    rows[i] = q + s.query(b, token, head);
    tile.seen[i] = int32_t(s.seen(token));
  });
  for (int64_t i = tile.count; i < columns; i++) tile.seen[i] = tile.seen[0];
  for (int64_t i = 0; i < columns; i++) {
    tile.top[i] = -infinity;
    tile.total[i] = 0;
  }
  int64_t i = 0;
#if defined(RP_ISA_AVX512)
  for (; s.dim % 8 == 0 && i + lanes <= tile.count; i += lanes)
    for (int64_t c = 0; c < s.dim; c += 8) {
      __m512 v[8];
      turnSixteen(rows + i, c, v);
      RP_UNROLL
      for (int j = 0; j < 8; j++) store(tile.q + (c + j) * columns + i, f32v(v[j]) * factor);
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
}

inline void storeOutputs(const AttentionShape& s, float* o, int64_t b, int64_t kvHead, const QueryTile& tile) {
  eachQuery(s, kvHead, tile, [&](int64_t i, int64_t token, int64_t head) {
    float* const to = o + s.query(b, token, head);
    const float* const from = tile.o + i * wholeVectors(s.dim);
    const f32v inverse = splat(1.0f / tile.total[i]);
    int64_t c = 0;
    for (; c + lanes <= s.dim; c += lanes) store(to + c, load(from + c) * inverse);
    if (c < s.dim) storePart(to + c, load(from + c) * inverse, int(s.dim - c));
  });
}

}  // namespace
}  // namespace RP_NS
}  // namespace rp
