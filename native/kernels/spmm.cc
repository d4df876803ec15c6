// A sparse matrix in compressed rows times a dense one: y[i] = sum over the edges e of row i of weight[e] x[column[e]].
// dims: nodes, edges, features, heads. Inputs: x, columns, row starts, and weights [edges, heads] where edges have them.
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {
namespace {

// Rows that are asked for ahead of their use: the next are at addresses that no prefetcher foresees. They are asked into L2, which has more
// misses in flight than L1 (Zen 4, rows of 512 B from DRAM: 8 to 10 GB/s against 5 to 7 into L1, with 10 rows ahead as with 20 and 40).
// Where x fits L2 asking costs more than it brings.
constexpr int64_t ahead = 10;
constexpr int64_t nearBytes = 1 << 20;

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
  int64_t from, to, last;  // of a row; of the matrix
  int64_t heads;
};

// N vectors of one row of y.
template <int N, bool far>
inline void sumRow(const Edges& edges, const float* x, int64_t width, int64_t head, float* y) {
  f32v sum[N] = {};
  for (int64_t e = edges.from; e < edges.to; e++) {
    if (far && e + ahead < edges.last) {
      const float* next = x + edges.column[e + ahead] * width;
      RP_UNROLL for (int i = 0; i < N * lanes; i += 16) __builtin_prefetch(next + i, 0, 2);
    }
    const float* from = x + edges.column[e] * width;
    if (edges.weight) {
      const f32v weight = splat(edges.weight[e * edges.heads + head]);
      RP_STEP(N) sum[i] += weight * load(from + i * lanes);
    } else {
      RP_STEP(N) sum[i] += load(from + i * lanes);
    }
  }
  RP_STEP(N) store(y + i * lanes, sum[i]);
}

// The channels [from, to) of one head.
template <bool far>
inline void sumHead(const Edges& edges, const float* x, int64_t width, int64_t head, int64_t from, int64_t to, float* y) {
  constexpr int most = inStep == 4 ? 8 : 4;
  int64_t c = from;
  for (; c + most * lanes <= to; c += most * lanes) sumRow<most, far>(edges, x + c, width, head, y + c);
  for (; c + 2 * lanes <= to; c += 2 * lanes) sumRow<2, far>(edges, x + c, width, head, y + c);
  for (; c + lanes <= to; c += lanes) sumRow<1, far>(edges, x + c, width, head, y + c);
  for (; c < to; c++) {
    float sum = 0;
    for (int64_t e = edges.from; e < edges.to; e++)
      sum += (edges.weight ? edges.weight[e * edges.heads + head] : 1.0f) * x[edges.column[e] * width + c];
    y[c] = sum;
  }
}

// Threads take rows with equally many edges.
template <bool weighted>
void spmm(const OpArgs& args) {
  const int64_t nodes = args.dims[0], features = args.dims[2], heads = args.dims[3], width = features * heads;
  const int32_t *columns = input<int32_t>(args, 1), *rows = input<int32_t>(args, 2);
  const int64_t all = rows[nodes];
  const bool far = nodes * width * int64_t(sizeof(float)) > nearBytes;
  const bool last = args.thread + 1 == args.threads;
  const int64_t from = args.thread == 0 ? 0 : rowAt(rows, nodes, all * args.thread / args.threads);
  const int64_t to = last ? nodes : rowAt(rows, nodes, all * (args.thread + 1) / args.threads);
  for (int64_t i = from; i < to; i++) {
    const Edges edges{columns, weighted ? input(args, 3) : nullptr, rows[i], rows[i + 1], all, heads};
    float* y = output(args, 0) + i * width;
    // without weights all heads are one
    for (int64_t h = 0; h < (weighted ? heads : 1); h++) {
      const int64_t first = h * features, end = weighted ? first + features : width;
      if (far) sumHead<true>(edges, input(args, 0), width, h, first, end, y);
      else sumHead<false>(edges, input(args, 0), width, h, first, end, y);
    }
  }
}

}  // namespace

int spmmOps(OpKernel* rows) {
  rows[0] = {"spmm", spmm<false>, 4, 3, 1};
  rows[1] = {"spmm-weighted", spmm<true>, 4, 4, 1};
  return 2;
}

}  // namespace RP_NS
}  // namespace rp
