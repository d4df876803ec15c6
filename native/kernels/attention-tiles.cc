// Fused attention for many queries (Dao et al. 2022, arXiv:2205.14135), with the online softmax of Milakov & Gimelshein 2018
// (arXiv:1805.02867). Everything is transposed: a tile has 2 vectors of queries, so that maxima, exponentials, sums and corrections of
// the queries are vertical operations, and keys and values are broadcast from rows as they lie. The queries of a tile are those of all
// heads that share a key head, token after token.
//   scores[key, query] = K[key, :] · Q[:, query]      O[channel, query] += V[key, channel] P[key, query]
// A block of keys and one of values, copied into rows of their own, serve up to 1024 queries; scores of a block stay in L1.
#include "attention-tile.h"

namespace rp {
namespace RP_NS {
namespace {

inline i32v loadSeen(const int32_t* p) {
  i32v v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

// Scores of R keys from `j` on against both vectors of a tile. The running maxima are handed back as values: in memory they would be a
// chain of stores and loads behind every tile (5 % of the products at 128 channels).
template <int R, bool masked>
__attribute__((noinline)) void scoreRows(const AttentionShape& s, const Block& block, int64_t j, const QueryTile& tile, f32v* tops) {
  Tile<R> c = {};
  accumulate(c, s.dim, block.keys + j * block.keyStep, block.keyStep, 1, tile.q, columns);
  float* const to = block.scores + j * columns;
  f32v top = tops[0], topHigh = tops[1];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    if (masked) {
      const int32_t key = int32_t(block.from + j + i);
      c.low[i] = loadSeen(tile.seen) > key ? c.low[i] : splat(-infinity);
      c.high[i] = loadSeen(tile.seen + lanes) > key ? c.high[i] : splat(-infinity);
    }
    store(to + i * columns, c.low[i]);
    store(to + i * columns + lanes, c.high[i]);
    top = max(c.low[i], top);
    topHigh = max(c.high[i], topHigh);
  }
  tops[0] = top;
  tops[1] = topHigh;
}
// The same against the second vector alone.
template <int R, bool masked>
__attribute__((noinline)) void scoreRowsHigh(const AttentionShape& s, const Block& block, int64_t j, const QueryTile& tile, f32v* tops) {
  f32v c[R] = {};
  accumulateOne(c, s.dim, block.keys + j * block.keyStep, block.keyStep, 1, tile.q + lanes, columns);
  float* const to = block.scores + j * columns + lanes;
  f32v top = tops[1];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    if (masked) c[i] = loadSeen(tile.seen + lanes) > int32_t(block.from + j + i) ? c[i] : splat(-infinity);
    store(to + i * columns, c[i]);
    top = max(c[i], top);
  }
  tops[1] = top;
}

// Scores of `keys` keys of the block against a tile, of those from `both` on against its second vector alone; raises the running maxima.
template <bool masked>
void scoresOf(const AttentionShape& s, const Block& block, int64_t both, int64_t keys, const QueryTile& tile, f32v* tops, Ahead& ahead) {
  for (int64_t j = 0, next; j < keys; j = next) {
    const int64_t end = j < both ? both : keys;
    next = least(end, j + tileRows);
    ahead.some();
    withRows(next - j, [&](auto rows) {
      constexpr int R = decltype(rows)::value;
      if (end == both) scoreRows<R, masked>(s, block, j, tile, tops);
      else scoreRowsHigh<R, masked>(s, block, j, tile, tops);
    });
  }
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

// O = O * correction + V P for R channels from `c` on; keys from `both` on have weights in the second vector alone.
template <int R, bool first>
__attribute__((noinline)) void valueRows(const AttentionShape& s, const Block& block, int64_t both, int64_t keys, float* o, int64_t c,
                                         const f32v* correct) {
  Tile<R> t = {};
  o += c * columns;
  if (!first) {
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      t.low[i] = load(o + i * columns) * correct[0];
      t.high[i] = load(o + i * columns + lanes) * correct[1];
    }
  }
  accumulate(t, both, block.values + c, 1, s.dim, block.scores, columns);
  if (both < keys)
    accumulateOne(t.high, keys - both, block.values + both * s.dim + c, 1, s.dim, block.scores + both * columns + lanes, columns);
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    store(o + i * columns, t.low[i]);
    store(o + i * columns + lanes, t.high[i]);
  }
}
template <bool first>
void addValues(const AttentionShape& s, const Block& block, int64_t both, int64_t keys, const QueryTile& tile, const f32v* correct) {
  for (int64_t c = 0; c < s.dim; c += tileRows)
    withRows(least(tileRows, s.dim - c), [&](auto rows) {
      valueRows<decltype(rows)::value, first>(s, block, both, keys, tile.o, c, correct);
    });
}

// The same where a value is NaN or infinite: a query must not meet values that it does not see.
void addValuesSeen(const AttentionShape& s, const Block& block, int64_t keys, const QueryTile& tile, const float* correct) {
  for (int64_t c = 0; c < s.dim; c++)
    for (int64_t i = 0; i < columns; i++) {
      float sum = block.from == 0 ? 0.0f : tile.o[c * columns + i] * correct[i];
      for (int64_t j = 0; j < keys && block.from + j < tile.seen[i]; j++) {
        const float weight = block.scores[j * columns + i];
        if (weight != 0) sum += weight * block.values[j * s.dim + c];
      }
      tile.o[c * columns + i] = sum;
    }
}

void attend(const AttentionShape& s, const Block& block, const QueryTile& tile, Ahead& ahead) {
  const int64_t keys = least(block.count, tile.end - block.from);
  if (keys <= 0) return;
  const f32v before = load(tile.top), beforeHigh = load(tile.top + lanes);
  f32v tops[2] = {before, beforeHigh};
  const int64_t low = tile.lowEnd - block.from, both = low <= 0 ? 0 : least(low, keys);
  if (s.causal && block.from + keys > tile.seen[0]) scoresOf<true>(s, block, both, keys, tile, tops, ahead);
  else scoresOf<false>(s, block, both, keys, tile, tops, ahead);
  const f32v shift = shiftOf(tops[0]), shiftHigh = shiftOf(tops[1]);
  f32v sum, sumHigh;
  weightsOf(block.scores, both, keys, shift, shiftHigh, sum, sumHigh);
  f32v correct[2] = {before - shift, beforeHigh - shiftHigh};
  powersOf(correct);
  store(tile.top, tops[0]);
  store(tile.top + lanes, tops[1]);
  store(tile.total, load(tile.total) * correct[0] + sum);
  store(tile.total + lanes, load(tile.total + lanes) * correct[1] + sumHigh);
  if (block.finite && block.from == 0) return addValues<true>(s, block, both, keys, tile, correct);
  if (block.finite) return addValues<false>(s, block, both, keys, tile, correct);
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
  block.copied = at;
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
    block.finite = copyBlock(s, k, v, b, kvHead, keysStay(s, end), block);
    const int64_t next = block.from + block.count, calls = used * ((block.count + tileRows - 1) / tileRows);
    Ahead ahead{s, k, v, b, kvHead, next, least(end, next + keyBlock), (keyBlock + calls - 1) / calls};
    for (int64_t t = 0; t < used; t++) attend(s, block, tiles[t], ahead);
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
  const int64_t near = stateBytes / int64_t(sizeof(float)) / stateFloats(s.dim);
  int64_t rows = columns * least(least(mostTiles, fitting), near > 0 ? near : 1);
  const int64_t heads = s.batch * s.kvHeads;
  const bool wholeHeads = queries <= rows && heads % args.threads == 0;
  while (!wholeHeads && rows > columns && heads * ((queries + rows - 1) / rows) < 4 * args.threads) rows -= columns;
  const int64_t blocks = (queries + rows - 1) / rows;
  if (blocks > 1) rows = ((queries + blocks - 1) / blocks + columns - 1) / columns * columns;  // as long as one another
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
