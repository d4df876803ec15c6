// A sparse matrix in compressed rows times a dense one: y[i] = sum over the edges e of row i of weight[e] x[column[e]].
// dims: nodes, edges, features, heads. Inputs: x, columns, row starts, and weights [edges, heads] where edges have them.
#include "../core/cores.h"
#include "loops.h"

namespace rp {
namespace RP_NS {
namespace {

// Rows of x lie at addresses that no prefetcher foresees, so they are asked for ahead, into L2, which has more misses in flight than L1.
enum Place { inL2, inL3, inMemory };  // of x; where it fits L2 asking costs more than it brings
constexpr int64_t nearBytes = 1 << 20;
// From L3, row by row (Zen 4, 400,000 rows of 512 B of 10 MB: 12 ms; in bursts 16).
constexpr int64_t edgesAhead = 10;
// From memory. Zen 4 forgets what it is asked for while its queue is full, so rows are asked for in bursts, between which those are summed
// that have arrived, far ahead, and once more later. Rows of 512 B: 27 to 29 GB/s, where reading in order takes 28 to 31; ten edges ahead
// of every one, 14; in bursts of 64 KiB, once, 18 to 21.
constexpr int64_t bytesAhead = 1 << 17;
constexpr int64_t burstBytes = 1 << 12;
constexpr int64_t againBytes = 1 << 15;
// Intel forgets nothing, and bursts make the row that is summed wait behind them: there a row is asked for with each that is summed, line by line.
// Emerald Rapids, 1,000,000 rows of 512 B, 10,000,000 edges, one and two threads: in bursts of 1 KiB, 64 KiB ahead, 427 and 216 ms, with each row
// 380 and 202, 24 to 40 KiB ahead 354 to 372 and 183 to 199.
constexpr int64_t bytesAheadIntel = 1 << 15;

// The first row that starts at or after an edge.
int64_t rowAt(const int32_t* rows, int64_t nodes, int64_t edge) {
  int64_t low = 0, high = nodes;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (rows[middle] < edge) low = middle + 1;
    else high = middle;
  }
  return low;
}

struct Edges {
  const int32_t* column;
  const float* weight;  // null: 1
  int64_t from, to, last;  // of a row, or a part of it; of the matrix
  int64_t heads;
  int64_t ahead;  // so many edges before its own a row of x is asked for; 0: in bursts (Ahead), or not at all
};

constexpr int most = inStep == 4 ? 8 : 4;  // vectors of a row that are summed together

// Rows that are no whole vectors, where loads take a mask: their last lanes, or all of a row narrower than a vector. Elsewhere by element.
#if defined(RP_ISA_AVX512)
constexpr bool masks = true;
struct First {
  __mmask16 mask;
  RP_MEMBER explicit First(int64_t count) : mask(__mmask16((1u << count) - 1)) {}
  RP_MEMBER f32v load(const float* p) const { return f32v(_mm512_maskz_loadu_ps(mask, p)); }
  RP_MEMBER void store(float* p, f32v v) const { _mm512_mask_storeu_ps(p, mask, __m512(v)); }
};
// Half a vector: of 64 bytes half of which are masked out a load still crosses into the next line.
struct Half {
  __mmask8 mask;
  RP_MEMBER explicit Half(int64_t count) : mask(__mmask8((1u << count) - 1)) {}
  RP_MEMBER __m256 load(const float* p) const { return _mm256_maskz_loadu_ps(mask, p); }
  RP_MEMBER void store(float* p, __m256 v) const { _mm256_mask_storeu_ps(p, mask, v); }
};
RP_INLINE f32v pick(f32v v, const int32_t* places) { return f32v(_mm512_permutexvar_ps(_mm512_loadu_si512(places), __m512(v))); }
#elif defined(RP_ISA_AVX2)
constexpr bool masks = true;
struct First {
  __m256i mask;
  int count;
  RP_MEMBER explicit First(int64_t n)
      : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))), count(int(n)) {}
  RP_MEMBER f32v load(const float* p) const { return f32v(_mm256_maskload_ps(p, mask)); }
  RP_MEMBER void store(float* p, f32v v) const { storePart(p, v, count); }
};
RP_INLINE f32v pick(f32v v, const int32_t* places) {
  return f32v(_mm256_permutevar8x32_ps(__m256(v), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(places))));
}
#else
constexpr bool masks = false;
struct First {
  RP_MEMBER explicit First(int64_t) {}
  RP_MEMBER f32v load(const float* p) const { return rp::RP_NS::load(p); }
  RP_MEMBER void store(float* p, f32v v) const { rp::RP_NS::store(p, v); }
};
RP_INLINE f32v pick(f32v v, const int32_t*) { return v; }
#endif

template <Place place>
RP_INLINE void askFor(const Edges& edges, const float* x, int64_t width, int64_t e, int64_t floats) {
  if (place == inL2 || edges.ahead == 0 || e + edges.ahead >= edges.last) return;
  const float* const next = x + edges.column[e + edges.ahead] * width;
  RP_UNROLL for (int64_t i = 0; i < floats; i += 16) __builtin_prefetch(next + i, 0, 2);
}

// Begins N vectors of one row of y, or adds to them.
template <int N, bool weighted, Place place, bool far>
inline void sumRow(const Edges& edges, bool begins, const float* x, int64_t width, int64_t head, float* y) {
  const int32_t* const column = edges.column;
  const float* const weight = edges.weight;
  const int64_t to = edges.to, heads = edges.heads;
  f32v sum[N] = {};
  if (!begins) RP_STEP(N) sum[i] = load(y + i * lanes);
  for (int64_t e = edges.from; e < to; e++) {
    askFor<place>(edges, x, width, e, N * lanes);
    const float* const from = x + column[e] * width;
    if (weighted) {
      const f32v factor = splat(weight[e * heads + head]);
      RP_STEP(N) sum[i] += factor * load(from + i * lanes);
    } else {
      RP_STEP(N) sum[i] += load(from + i * lanes);
    }
  }
  RP_STEP(N) put<far>(y + i * lanes, sum[i]);
}

// The same of the first lanes of one vector, or of half of one. What is left of a row has mostly been asked for with its last vector.
template <bool weighted, Place place, typename Part>
__attribute__((noinline)) void sumPart(const Edges& edges, bool begins, bool alone, const float* x, int64_t width, int64_t head, Part part,
                                       float* y) {
  decltype(part.load(y)) sum = {};
  if (!begins) sum = part.load(y);
  for (int64_t e = edges.from; e < edges.to; e++) {
    if (alone || place == inMemory) askFor<place>(edges, x, width, e, line);
    const auto from = part.load(x + edges.column[e] * width);
    sum += weighted ? edges.weight[e * edges.heads + head] * from : from;
  }
  part.store(y, sum);
}

// The channels [from, to) of one head.
template <bool weighted, Place place, bool far>
inline void sumHead(const Edges& edges, bool begins, const float* x, int64_t width, int64_t head, int64_t from, int64_t to, float* y) {
  int64_t c = from;
  for (; c + most * lanes <= to; c += most * lanes) sumRow<most, weighted, place, far>(edges, begins, x + c, width, head, y + c);
  for (; c + 2 * lanes <= to; c += 2 * lanes) sumRow<2, weighted, place, far>(edges, begins, x + c, width, head, y + c);
  for (; c + lanes <= to; c += lanes) sumRow<1, weighted, place, far>(edges, begins, x + c, width, head, y + c);
  if (masks && to - c > 1) {
#if defined(RP_ISA_AVX512)
    if (to - c <= lanes / 2) return sumPart<weighted, place>(edges, begins, c == from, x + c, width, head, Half(to - c), y + c);
#endif
    return sumPart<weighted, place>(edges, begins, c == from, x + c, width, head, First(to - c), y + c);
  }
  for (; c < to; c++) {
    float sum = begins ? 0 : y[c];
    for (int64_t e = edges.from; e < edges.to; e++)
      sum += (weighted ? edges.weight[e * edges.heads + head] : 1.0f) * x[edges.column[e] * width + c];
    y[c] = sum;
  }
}

// Heads narrower than a vector: rows are taken across their heads. One load has an edge's weights for a block of vectors, no more of them than a
// head has channels, so that these are of no more heads than a vector has lanes, and each lane picks that of its own (Zen 4, 3000 edges, 8 heads
// of 8 channels: 9 us, channel by channel 115, 16 heads of 4 9.3 and 118).
inline int64_t vectorsOf(int64_t features) { return features >= 4 ? 4 : features >= 2 ? 2 : 1; }

// For every channel of a row its head, counted from the first of its block.
void placeHeads(int64_t features, int64_t width, int32_t* places) {
  const int64_t block = vectorsOf(features) * lanes;
  for (int64_t c = 0; c < width; c++) places[c] = int32_t(c / features - c / block * block / features);
  for (int64_t c = width; c % lanes != 0; c++) places[c] = 0;
}

// N vectors of a row, from channel `at` on, the last of which may be a part.
template <int N, Place place>
inline void sumSpread(const Edges& edges, bool begins, const float* x, int64_t width, int64_t at, const int32_t* places, float* y) {
  const int64_t features = width / edges.heads, head = at / features, end = at + N * lanes < width ? at + N * lanes : width;
  const First heads((end - 1) / features + 1 - head), part(end - at - (N - 1) * lanes);
  constexpr int last = (N - 1) * lanes;
  f32v sum[N] = {};
  if (!begins) {
    RP_STEP(N - 1) sum[i] = load(y + i * lanes);
    sum[N - 1] = part.load(y + last);
  }
  for (int64_t e = edges.from; e < edges.to; e++) {
    askFor<place>(edges, x + at, width, e, N * lanes);
    const float* const from = x + edges.column[e] * width + at;
    const f32v weights = heads.load(edges.weight + e * edges.heads + head);
    RP_STEP(N - 1) sum[i] += pick(weights, places + i * lanes) * load(from + i * lanes);
    sum[N - 1] += pick(weights, places + last) * part.load(from + last);
  }
  RP_STEP(N - 1) store(y + i * lanes, sum[i]);
  part.store(y + last, sum[N - 1]);
}

template <Place place>
void sumSpreadRow(const Edges& edges, bool begins, const float* x, int64_t width, const int32_t* places, float* y) {
  const int64_t block = vectorsOf(width / edges.heads) * lanes;
  for (int64_t c = 0; c < width; c += block) {
    const int64_t left = width - c < block ? width - c : block;
    const auto whole = left > 3 * lanes ? sumSpread<4, place> : sumSpread<3, place>, part = left > lanes ? sumSpread<2, place> : sumSpread<1, place>;
    (left > 2 * lanes ? whole : part)(edges, begins, x, width, c, places + c, y + c);
  }
}

// N vectors of each of the rows [from, to) of y, x in L2. The loop holds nothing but these rows: with what else a row may need around it,
// spilled and loaded again, 256 rows of eight edges of 64 floats took 6.4 us where their loads and stores alone take 5.0, and this 5.1 (Zen 4).
template <int N, bool weighted>
__attribute__((noinline)) void sumBlock(const int32_t* rows, int64_t from, int64_t to, const int32_t* column, const float* weight, int64_t heads,
                                        const float* x, int64_t width, float* y) {
  for (int64_t i = from; i < to; i++) {
    f32v sum[N] = {};
    const int64_t end = rows[i + 1];
    for (int64_t e = rows[i]; e < end; e++) {
      const float* const row = x + column[e] * width;
      if (weighted) {
        const f32v factor = splat(weight[e * heads]);
        RP_STEP(N) sum[i] += factor * load(row + i * lanes);
      } else {
        RP_STEP(N) sum[i] += load(row + i * lanes);
      }
    }
    RP_STEP(N) store(y + i * lanes, sum[i]);
    y += width;
  }
}

// The same of the first lanes of one vector, or of half of one.
template <bool weighted, typename Part>
__attribute__((noinline)) void sumLast(const int32_t* rows, int64_t from, int64_t to, const int32_t* column, const float* weight, int64_t heads,
                                       const float* x, int64_t width, Part part, float* y) {
  for (int64_t i = from; i < to; i++, y += width) {
    decltype(part.load(x)) sum = {};
    const int64_t end = rows[i + 1];
    for (int64_t e = rows[i]; e < end; e++) {
      const auto row = part.load(x + column[e] * width);
      sum += weighted ? weight[e * heads] * row : row;
    }
    part.store(y, sum);
  }
}

// The rows of x that edges [first, last) need, asked for in their order.
struct Ahead {
  const Edges all;
  const float* x;
  int64_t width, asked;
  int64_t distance, burst, again;  // edges

  RP_MEMBER void ask(int64_t edge) const {
    const float* const row = x + all.column[edge] * width;
    for (int64_t i = 0; i < width; i += line) __builtin_prefetch(row + i, 0, 2);
    if (all.weight) __builtin_prefetch(all.weight + edge * all.heads, 0, 2);  // among such rows its stream is not seen: 43 ms for 58
  }
  // Before edges up to `edge` are summed.
  RP_MEMBER void upTo(int64_t edge) {
    while (asked < all.to && asked < edge + distance) {
      const int64_t end = asked + burst < all.to ? asked + burst : all.to;
      for (; asked < end; asked++) {
        ask(asked);
        if (asked - again >= all.from) ask(asked - again);
      }
    }
  }
};

inline int64_t atLeastOne(int64_t n) { return n > 0 ? n : 1; }

template <bool weighted, Place place, bool far, bool spread = false>
void sumRows(const OpArgs& args, int64_t from, int64_t to) {
  const int64_t features = args.dims[2], heads = args.dims[3], width = features * heads;
  const int32_t* rows = input<int32_t>(args, 2);
  const bool bursts = place == inMemory && tunedFor() != Cores::intel;
  const int64_t rowBytes = atLeastOne(width * int64_t(sizeof(float))), part = atLeastOne(bytesAhead / rowBytes);
  const Edges all{input<int32_t>(args, 1), weighted ? input(args, 3) : nullptr, rows[from], rows[to], rows[args.dims[0]], heads,
                  place == inL3 ? edgesAhead : bursts ? 0 : atLeastOne(bytesAheadIntel / rowBytes)};
  Ahead ahead{all, input(args, 0), width, all.from, part, atLeastOne(burstBytes / rowBytes), atLeastOne(againBytes / rowBytes)};
  int32_t* const places = reinterpret_cast<int32_t*>(args.scratch);
  if (spread) placeHeads(features, width, places);
  for (int64_t i = from; i < to; i++) {
    Edges edges = all;
    edges.from = rows[i];
    do {
      // long rows in parts, so that L2 holds what is asked for ahead
      edges.to = place == inMemory && edges.from + part < rows[i + 1] ? edges.from + part : rows[i + 1];
      if (bursts) ahead.upTo(edges.to);
      const bool begins = place != inMemory || edges.from == rows[i];
      float* const y = output(args, 0) + i * width;
      // without weights all heads are one
      for (int64_t h = 0; !spread && h < (weighted ? heads : 1); h++)
        sumHead<weighted, place, far>(edges, begins, input(args, 0), width, h, h * features, weighted ? (h + 1) * features : width, y);
      if (spread) sumSpreadRow<place>(edges, begins, input(args, 0), width, places, y);
      edges.from = edges.to;
    } while (place == inMemory && edges.to < rows[i + 1]);
  }
}

// Whether rows are few blocks: of many, lines of x that two share come from L2 twice (AVX2, 150 floats: 10 % slower than row by row).
inline bool isNarrow(int64_t features, int64_t heads) { return features * heads <= 2 * most * lanes && (masks || features >= lanes); }

// Rows [from, to) of y from an x in L2, all rows of some channels before those of the next.
template <bool weighted>
void sumNear(const OpArgs& args, int64_t from, int64_t to) {
  if (from == to) return;
  const int64_t features = args.dims[2], heads = args.dims[3], width = features * heads;
  const int32_t* const column = input<int32_t>(args, 1);
  const int32_t* const rows = input<int32_t>(args, 2);
  for (int64_t h = 0; h < (weighted ? heads : 1); h++) {
    const float* const weight = weighted && args.dims[1] > 0 ? input(args, 3) + h : nullptr;
    const int64_t end = weighted ? (h + 1) * features : width;
    const auto sum = [&](auto block, int64_t c) {
      block(rows, from, to, column, weight, heads, input(args, 0) + c, width, output(args, 0) + from * width + c);
    };
    int64_t c = weighted ? h * features : 0;
    if (most > 4)
      for (; c + most * lanes <= end; c += most * lanes) sum(sumBlock<most, weighted>, c);
    for (; c + 4 * lanes <= end; c += 4 * lanes) sum(sumBlock<4, weighted>, c);
    for (; c + 2 * lanes <= end; c += 2 * lanes) sum(sumBlock<2, weighted>, c);
    for (; c + lanes <= end; c += lanes) sum(sumBlock<1, weighted>, c);
    if (c == end) continue;
    if (masks && end - c > 1) {  // one alone by element: rows of 33 floats 6.0 us, by a mask 6.5
      const auto sumPart = [&](auto part) {
        sumLast<weighted>(rows, from, to, column, weight, heads, input(args, 0) + c, width, part, output(args, 0) + from * width + c);
      };
#if defined(RP_ISA_AVX512)
      if (end - c <= lanes / 2) sumPart(Half(end - c));
      else
#endif
        sumPart(First(end - c));
      continue;
    }
    for (int64_t i = from; i < to; i++)
      for (int64_t k = c; k < end; k++) {
        float total = 0;
        for (int64_t e = rows[i]; e < rows[i + 1]; e++)
          total += (weighted ? weight[e * heads] : 1.0f) * input(args, 0)[column[e] * width + k];
        output(args, 0)[i * width + k] = total;
      }
  }
}

// Threads take rows with equally many edges.
template <bool weighted>
void spmm(const OpArgs& args) {
  const int64_t nodes = args.dims[0], features = args.dims[2], heads = args.dims[3];
  const int32_t* rows = input<int32_t>(args, 2);
  const int64_t all = rows[nodes];
  const bool last = args.thread + 1 == args.threads;
  const int64_t from = args.thread == 0 ? 0 : rowAt(rows, nodes, all * args.thread / args.threads);
  const int64_t to = last ? nodes : rowAt(rows, nodes, all * (args.thread + 1) / args.threads);
  const int64_t bytes = nodes * features * heads * int64_t(sizeof(float));
  // parts of a long row are read again: that costs less than reading every line of y before it is written
  const bool far = isFar(output(args, 0), nodes * features * heads, features);
  if (masks && weighted && heads > 1 && features < lanes && features > 0 && features * heads + lanes <= int64_t(scratchFloats)) {
    if (bytes <= nearBytes) sumRows<weighted, inL2, false, true>(args, from, to);
    else if (bytes < int64_t(streamedBytes)) sumRows<weighted, inL3, false, true>(args, from, to);
    else sumRows<weighted, inMemory, false, true>(args, from, to);
    return;
  }
  if (bytes <= nearBytes && isNarrow(features, heads)) sumNear<weighted>(args, from, to);
  else if (bytes <= nearBytes) sumRows<weighted, inL2, false>(args, from, to);
  else if (bytes < int64_t(streamedBytes)) sumRows<weighted, inL3, false>(args, from, to);
  else if (far) sumRows<weighted, inMemory, true>(args, from, to);
  else sumRows<weighted, inMemory, false>(args, from, to);
  drain(far);
}

}  // namespace

int spmmOps(OpKernel* rows) {
  rows[0] = {"spmm", spmm<false>, 4, 3, 1};
  rows[1] = {"spmm-weighted", spmm<true>, 4, 4, 1};
  return 2;
}

}  // namespace RP_NS
}  // namespace rp
