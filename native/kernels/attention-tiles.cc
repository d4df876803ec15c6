// Fused attention for many queries (Dao et al. 2022, arXiv:2205.14135), with the online softmax of Milakov & Gimelshein 2018
// (arXiv:1805.02867). Scores are transposed: a tile has 2 vectors of queries, so that maxima, exponentials, sums and corrections of
// the queries are vertical operations, and keys are broadcast from rows as they lie. Outputs are not: weights are broadcast from scores as
// they lie, and values and outputs are vectors of channels. The queries of a tile are those of all heads that share a key head, token
// after token.
//   scores[key, query] = K[key, :] · Q[:, query]      O[query, channel] += P[key, query] V[key, channel]
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
// The same against the second vector alone, of keys that some of the first do not see.
template <int R>
__attribute__((noinline)) void scoreRowsHigh(const AttentionShape& s, const Block& block, int64_t j, const QueryTile& tile, f32v* tops) {
  f32v c[R] = {};
  accumulateOne(c, s.dim, block.keys + j * block.keyStep, block.keyStep, 1, tile.q + lanes, columns);
  float* const to = block.scores + j * columns + lanes;
  f32v top = tops[1];
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    c[i] = loadSeen(tile.seen + lanes) > int32_t(block.from + j + i) ? c[i] : splat(-infinity);
    store(to + i * columns, c[i]);
    top = max(c[i], top);
  }
  tops[1] = top;
}

// Scores of `keys` keys of the block against a tile, of those from `both` on against its second vector alone; raises the running maxima.
// Tiles of about as many rows: a last one of four would wait for its few sums.
void scoresOf(const AttentionShape& s, const Block& block, int64_t both, int64_t keys, const QueryTile& tile, f32v* tops, Ahead& ahead) {
  for (int64_t j = 0, next; j < keys; j = next) {
    const int64_t end = j < both ? both : keys, tiles = (end - j + tileRows - 1) / tileRows;
    next = j + (end - j + tiles - 1) / tiles;
    const bool masked = block.from + next > tile.seen[0];
    ahead.some();
    withRows(next - j, [&](auto rows) {
      constexpr int R = decltype(rows)::value;
      if (end == both && masked) scoreRows<R, true>(s, block, j, tile, tops);
      else if (end == both) scoreRows<R, false>(s, block, j, tile, tops);
      else scoreRowsHigh<R>(s, block, j, tile, tops);
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

// O = O * correction + P V for R queries and N vectors of channels.
template <int R, int N>
__attribute__((noinline)) void valueRows(const float* weights, int64_t keys, const float* values, int64_t step, bool first, float* o,
                                         int64_t stepO, const float* correct) {
  f32v sum[R][N] = {};
  if (!first) {
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      const f32v by = splat(correct[i]);
      RP_UNROLL
      for (int n = 0; n < N; n++) sum[i][n] = load(o + i * stepO + n * lanes) * by;
    }
  }
  for (int64_t j = 0; j < keys; j++, weights += columns, values += step) {
    f32v v[N];
    RP_UNROLL
    for (int n = 0; n < N; n++) v[n] = load(values + n * lanes);
    RP_UNROLL
    for (int i = 0; i < R; i++) {
      const f32v weight = splat(weights[i]);
      RP_UNROLL
      for (int n = 0; n < N; n++) sum[i][n] += weight * v[n];
    }
  }
  RP_UNROLL
  for (int i = 0; i < R; i++) {
    RP_UNROLL
    for (int n = 0; n < N; n++) store(o + i * stepO + n * lanes, sum[i][n]);
  }
}

// Queries and vectors of channels whose sums stay in registers. Six by four take 36 instructions for 24 multiply-adds, twelve by two 43: on
// Emerald Rapids 99.7 % of the ceiling in L1 and 99.3 %, but 88 % and 81 % where the other thread of the core is busy and this one gets three
// instructions a cycle. Groups of queries do not span two vectors of a tile: of the first of these there are no weights of keys that its
// queries do not see.
constexpr int queryGroup = lanes >= 16 ? 6 : lanes >= 4 ? 4 : lanes;
constexpr int channelVectors = RP_CHAINS / queryGroup;

template <int R>
void addGroup(const AttentionShape& s, const Block& block, int64_t keys, const QueryTile& tile, int64_t i, const float* correct) {
  const int64_t step = wholeVectors(s.dim);
  for (int64_t c = 0; c < step; c += channelVectors * lanes)
    withRows<channelVectors>(least(channelVectors, (step - c) / lanes), [&](auto vectors) {
      valueRows<R, decltype(vectors)::value>(block.scores + i, keys, block.values + c, block.valueStep, block.from == 0,
                                             tile.o + i * step + c, step, correct + i);
    });
}
void addValues(const AttentionShape& s, const Block& block, int64_t keys, const QueryTile& tile, const float* correct) {
  for (int64_t vector = 0; vector < tile.count; vector += lanes)
    for (int64_t i = 0; i < lanes && vector + i < tile.count; i += queryGroup) {
      const int64_t last = least(vector + least(i + queryGroup, lanes), tile.count) - 1;
      const int64_t here = least(keys, tile.seen[last] - block.from);
      if (i + queryGroup <= lanes) addGroup<queryGroup>(s, block, here, tile, vector + i, correct);
      else if constexpr (lanes % queryGroup > 0) addGroup<lanes % queryGroup>(s, block, here, tile, vector + i, correct);
    }
}

// The same where a value is NaN or infinite: a query must not meet values that it does not see.
void addValuesSeen(const AttentionShape& s, const Block& block, int64_t keys, const QueryTile& tile, const float* correct) {
  const int64_t step = wholeVectors(s.dim);
  for (int64_t i = 0; i < tile.count; i++)
    for (int64_t c = 0; c < s.dim; c++) {
      float sum = block.from == 0 ? 0.0f : tile.o[i * step + c] * correct[i];
      for (int64_t j = 0; j < keys && block.from + j < tile.seen[i]; j++) {
        const float weight = block.scores[j * columns + i];
        if (weight != 0) sum += weight * block.values[j * block.valueStep + c];
      }
      tile.o[i * step + c] = sum;
    }
}

void attend(const AttentionShape& s, const Block& block, const QueryTile& tile, Ahead& ahead) {
  const int64_t keys = least(block.count, tile.end - block.from);
  const f32v before = load(tile.top), beforeHigh = load(tile.top + lanes);
  f32v tops[2] = {before, beforeHigh};
  const int64_t low = tile.lowEnd - block.from, both = low <= 0 ? 0 : least(low, keys);
  scoresOf(s, block, both, keys, tile, tops, ahead);
  const f32v shift = shiftOf(tops[0]), shiftHigh = shiftOf(tops[1]);
  f32v sum, sumHigh;
  weightsOf(block.scores, both, keys, shift, shiftHigh, sum, sumHigh);
  f32v correct[2] = {before - shift, beforeHigh - shiftHigh};
  powersOf(correct);
  store(tile.top, tops[0]);
  store(tile.top + lanes, tops[1]);
  store(tile.total, load(tile.total) * correct[0] + sum);
  store(tile.total + lanes, load(tile.total + lanes) * correct[1] + sumHigh);
  float lane[columns];
  store(lane, correct[0]);
  store(lane + lanes, correct[1]);
  if (block.finite) addValues(s, block, keys, tile, lane);
  else addValuesSeen(s, block, keys, tile, lane);
}

// Queries [first, first + count) of all heads that share a key head, against all keys that they see.
void attendTo(const OpArgs& args, const AttentionShape& s, const KeyRows& k, const KeyRows& v, int64_t b, int64_t kvHead, int64_t first,
              int64_t count) {
  const auto seenBy = [&](int64_t query) { return s.seen((first + query) / s.group()); };
  const int64_t end = seenBy(count - 1);
  float* at = args.scratch;
  Block block;
  block.copiedKeys = at;
  block.copiedValues = at += keyBlock * s.dim;
  block.scores = at += keyBlock * wholeVectors(s.dim);
  at += keyBlock * columns;
  QueryTile tiles[mostTiles];
  int64_t used = 0;
  for (int64_t from = 0; from < count; from += columns) {
    QueryTile& tile = tiles[used++];
    tile.q = at;
    tile.o = tile.q + s.dim * columns;
    tile.top = tile.o + wholeVectors(s.dim) * columns;
    tile.total = tile.top + columns;
    tile.seen = reinterpret_cast<int32_t*>(tile.total + columns);
    tile.first = first + from;
    tile.count = least(columns, count - from);
    tile.end = seenBy(from + tile.count - 1);
    tile.lowEnd = seenBy(from + least(lanes, tile.count) - 1);
    if (end > keyBlock) at += stateFloats(s.dim);  // with one block a tile is done before the next begins, and its state stays in L1
  }
  for (block.from = 0; block.from < end; block.from += keyBlock) {
    block.count = least(keyBlock, end - block.from);
    copyBlock(s, k, v, b, kvHead, keysStay(s, end), block);
    const int64_t next = block.from + block.count, calls = used * ((block.count + tileRows - 1) / tileRows);
    Ahead ahead{s, k, v, b, kvHead, next, least(end, next + keyBlock), (keyBlock + calls - 1) / calls};
    for (int64_t t = 0; t < used; t++) {
      if (tiles[t].end <= block.from) continue;
      if (block.from == 0) {
        loadQueries(s, input(args, 0), b, kvHead, tiles[t]);
        if (t + 1 < used) askForRows(s, input(args, 0), b, kvHead, tiles[t + 1]);
      }
      if (tiles[t].end <= next) askForRows(s, output(args, 0), b, kvHead, tiles[t]);
      attend(s, block, tiles[t], ahead);
      if (tiles[t].end <= next) storeOutputs(s, output(args, 0), b, kvHead, tiles[t]);
    }
  }
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
