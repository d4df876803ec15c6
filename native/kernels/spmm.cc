// A sparse matrix in compressed rows times a dense one: y[i] = sum over the edges e of row i of weight[e] x[column[e]].
// dims: nodes, edges, features, heads. Inputs: x, columns, row starts, and weights [edges, heads] where edges have them.
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
};

constexpr int most = inStep == 4 ? 8 : 4;  // vectors of a row that are summed together

// Begins N vectors of one row of y, or adds to them.
template <int N, bool weighted, Place place, bool far>
inline void sumRow(const Edges& edges, bool begins, const float* x, int64_t width, int64_t head, float* y) {
  const int32_t* const column = edges.column;
  const float* const weight = weighted ? edges.weight + head : nullptr;
  const int64_t to = edges.to, last = edges.last, heads = edges.heads;
  f32v sum[N] = {};
  if (!begins) RP_STEP(N) sum[i] = load(y + i * lanes);
  for (int64_t e = edges.from; e < to; e++) {
    if (place == inL3 && e + edgesAhead < last) {
      const float* const next = x + column[e + edgesAhead] * width;
      RP_UNROLL for (int i = 0; i < N * lanes; i += 16) __builtin_prefetch(next + i, 0, 2);
    }
    const float* const from = x + column[e] * width;
    if (weighted) {
      const f32v factor = splat(weight[e * heads]);
      RP_STEP(N) sum[i] += factor * load(from + i * lanes);
    } else {
      RP_STEP(N) sum[i] += load(from + i * lanes);
    }
  }
  RP_STEP(N) put<far>(y + i * lanes, sum[i]);
}

// The channels [from, to) of one head.
template <bool weighted, Place place, bool far>
inline void sumHead(const Edges& edges, bool begins, const float* x, int64_t width, int64_t head, int64_t from, int64_t to, float* y) {
  int64_t c = from;
  for (; c + most * lanes <= to; c += most * lanes) sumRow<most, weighted, place, far>(edges, begins, x + c, width, head, y + c);
  for (; c + 2 * lanes <= to; c += 2 * lanes) sumRow<2, weighted, place, far>(edges, begins, x + c, width, head, y + c);
  for (; c + lanes <= to; c += lanes) sumRow<1, weighted, place, far>(edges, begins, x + c, width, head, y + c);
  for (; c < to; c++) {
    float sum = begins ? 0 : y[c];
    for (int64_t e = edges.from; e < edges.to; e++)
      sum += (weighted ? edges.weight[e * edges.heads + head] : 1.0f) * x[edges.column[e] * width + c];
    y[c] = sum;
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

template <bool weighted, Place place, bool far>
void sumRows(const OpArgs& args, int64_t from, int64_t to) {
  const int64_t features = args.dims[2], heads = args.dims[3], width = features * heads;
  const int32_t* rows = input<int32_t>(args, 2);
  const int64_t rowBytes = atLeastOne(width * int64_t(sizeof(float))), distance = atLeastOne(bytesAhead / rowBytes);
  const Edges all{input<int32_t>(args, 1), weighted ? input(args, 3) : nullptr, rows[from], rows[to], rows[args.dims[0]], heads};
  Ahead ahead{all, input(args, 0), width, all.from, distance, atLeastOne(burstBytes / rowBytes), atLeastOne(againBytes / rowBytes)};
  for (int64_t i = from; i < to; i++) {
    Edges edges = all;
    edges.from = rows[i];
    do {
      // long rows in parts, so that L2 holds what is asked for ahead
      edges.to = place == inMemory && edges.from + distance < rows[i + 1] ? edges.from + distance : rows[i + 1];
      if (place == inMemory) ahead.upTo(edges.to);
      const bool begins = place != inMemory || edges.from == rows[i];
      float* const y = output(args, 0) + i * width;
      // without weights all heads are one
      for (int64_t h = 0; h < (weighted ? heads : 1); h++)
        sumHead<weighted, place, far>(edges, begins, input(args, 0), width, h, h * features, weighted ? (h + 1) * features : width, y);
      edges.from = edges.to;
    } while (place == inMemory && edges.to < rows[i + 1]);
  }
}

// Whether rows are few blocks: of many, lines of x that two share come from L2 twice (AVX2, 150 floats: 10 % slower than row by row).
inline bool isNarrow(int64_t features, int64_t heads) { return features * heads <= 2 * most * lanes && features >= lanes; }

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
