// A step of an LSTM: gates = x W + h U + biases, in the order input, forget, cell, output; c' = f c + i g, h' = o tanh c'.
// dims: batch, input, hidden. Inputs: x, w[input, 4 hidden], u[hidden, 4 hidden], biases[4 hidden], h, c. Threads take channels of the state.
#include "few-rows.h"
#include "loops.h"
#include "outer.h"

namespace rp {
namespace RP_NS {
namespace {

constexpr int64_t channelBlock = 256;  // channels of the state whose four gates are computed together
constexpr int64_t rowBlock = 512;      // rows of the batch: 4 x 512 x 256 sums are 2 MiB of scratch memory
constexpr int64_t depthBlock = 8;      // rows of weights that are read side by side from memory
constexpr int64_t nearFloats = 1 << 16;  // weights that L2 holds: there the sums stay in registers
constexpr int gates = 4;

// Channels together for batches of no more rows than `broadRows`, too many for the sums to stay in L1: weights are then read in pieces of 4 KiB.
// Emerald Rapids, 1024 x 1024, one thread beside other work, shares of multiply-adds: 32 rows 0.42 to 0.70, 40 0.47 to 0.56, 64 0.56 to 0.65.
constexpr int64_t broadRows = 64, broadBlock = 1024;
static_assert(gates * broadRows * broadBlock <= gates * rowBlock * channelBlock, "sums in scratch memory");

struct Shape {
  int64_t batch, input, hidden, wide;
  explicit Shape(const int64_t* d) : batch(d[0]), input(d[1]), hidden(d[2]), wide(gates * d[2]) {}
};

// What four sums of a block of gates are written to: from gate to gate, and from row to row.
struct Sums {
  float* gate[gates];
  int64_t row;
};

// Few rows: weights pass once, in order, and are all that is read from memory; sums of `count` channels stay in L1.
template <int R>
void addProduct(const float* x, int64_t depth, const float* w, int64_t wide, int64_t count, float* sums, int64_t row) {
  const int64_t block = depth * wide <= nearFloats ? depth : depthBlock;
  for (int64_t p = 0; p < depth; p += block) {
    const int64_t k = least(block, depth - p);
    int64_t j = 0;
    for (; j + tileColumns <= count; j += tileColumns) {
      Tile<R> t;
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        t.low[i] = load(sums + i * row + j);
        t.high[i] = load(sums + i * row + j + lanes);
      }
      accumulate(t, k, x + p, depth, 1, w + p * wide + j, wide);
      RP_UNROLL
      for (int i = 0; i < R; i++) {
        store(sums + i * row + j, t.low[i]);
        store(sums + i * row + j + lanes, t.high[i]);
      }
    }
    for (; j < count; j++)
      for (int i = 0; i < R; i++)
        for (int64_t e = 0; e < k; e++) sums[i * row + j] += x[i * depth + p + e] * w[(p + e) * wide + j];
  }
}

bool isBroad([[maybe_unused]] int64_t batch) {
#if defined(RP_ISA_AVX512)
  return batch > tileRows && batch <= broadRows;
#else
  return false;
#endif
}

// The same for more rows. Up to 64 of them, of a broad block or the last of a batch, read weights that lie far as they pass: 1024 x 1024, one thread, in
// turn, shares of the ceiling: 64 rows 0.726 to 0.778, 48 0.665 to 0.761, 40 0.629 to 0.637, 33 0.634 to 0.713; two threads as before. 64 rows of 512
// channels 0.668 to 0.720; of 256, which lie near, 0.78 to 0.67 (Emerald Rapids). Zen 4: 64 rows of 1024 channels 11.0 to 10.5 ms.
void addProduct(int64_t rows, const float* x, int64_t depth, const float* w, int64_t wide, int64_t count, float* sums, int64_t row, float* scratch) {
#if defined(RP_ISA_AVX512)
  static_assert(broadRows <= fewRowsFar, "sums of the loop of few rows in scratch memory");
  if (isBroad(rows) && depth * wide * int64_t(sizeof *w) > spanNear())
    return productOfFewRows(rows, count, depth, View{x, depth, 1}, w, wide, sums, row, true, scratch, [](auto...) {});
#endif
  gemmBlock(rows, count, depth, {x, depth, 1}, {w, wide, 1}, sums, row, 1.0f, true, scratch);
}

// Sums of channels [from, from + count) of all gates, for rows [first, first + rows) of the batch.
void products(const OpArgs& args, const Shape& s, int64_t first, int64_t rows, int64_t from, int64_t count, const Sums& to) {
  const float *x = input(args, 0) + first * s.input, *h = input(args, 4) + first * s.hidden;
  for (int gate = 0; gate < gates; gate++) {
    const int64_t column = gate * s.hidden + from;
    const float *w = input(args, 1) + column, *u = input(args, 2) + column, *bias = input(args, 3) + column;
    float* const sums = to.gate[gate];
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < count; j++) sums[i * to.row + j] = bias[j];
    if (rows <= tileRows) {
      withRows(rows, [&](auto size) {
        addProduct<decltype(size)::value>(x, s.input, w, s.wide, count, sums, to.row);
        addProduct<decltype(size)::value>(h, s.hidden, u, s.wide, count, sums, to.row);
      });
    } else {
      addProduct(rows, x, s.input, w, s.wide, count, sums, to.row, args.scratch);
      addProduct(rows, h, s.hidden, u, s.wide, count, sums, to.row, args.scratch);
    }
  }
}

int64_t channelsTogether(int64_t batch) { return isBroad(batch) ? broadBlock : channelBlock; }

// Calls work(first row, rows, first channel, channels) for a thread's share.
template <typename Work>
void eachBlock(const OpArgs& args, const Shape& s, Work work) {
  const Span mine = share(s.hidden, tileColumns, args.thread, args.threads);
  const int64_t rows = least(rowBlock, s.batch), channels = channelsTogether(s.batch);
  for (int64_t first = 0; first < s.batch; first += rows)
    for (int64_t from = mine.from; from < mine.to; from += channels)
      work(first, least(rows, s.batch - first), from, least(channels, mine.to - from));
}

template <int N>
inline void sigmoidAll(f32v (&x)[N]) {
  RP_STEP(N) x[i] = -x[i];
  expAll(x);
  RP_STEP(N) x[i] = 1.0f / (1.0f + x[i]);
}

void lstm(const OpArgs& args) {
  const Shape s(args.dims);
  const int64_t pitch = channelsTogether(s.batch);
  eachBlock(args, s, [&](int64_t first, int64_t rows, int64_t from, int64_t count) {
    Sums sums;
    for (int g = 0; g < gates; g++) sums.gate[g] = args.scratch + gemmScratch + g * rows * pitch;
    sums.row = pitch;
    products(args, s, first, rows, from, count, sums);
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < count; j += lanes) {
        const int here = int(least(lanes, count - j));
        const int64_t at = i * pitch + j, state = (first + i) * s.hidden + from + j;
        f32v gate[3] = {take(sums.gate[0] + at, here), take(sums.gate[1] + at, here), take(sums.gate[3] + at, here)};
        f32v cell[1] = {take(sums.gate[2] + at, here)};
        sigmoidAll(gate);
        tanhAll(cell);
        const f32v c = gate[1] * take(input(args, 5) + state, here) + gate[0] * cell[0];
        give(output(args, 1) + state, c, here);
        cell[0] = c;
        tanhAll(cell);
        give(output(args, 0) + state, gate[2] * cell[0], here);
      }
  });
}

// The products alone; outputs are the sums of the four gates.
void lstmProducts(const OpArgs& args) {
  const Shape s(args.dims);
  eachBlock(args, s, [&](int64_t first, int64_t rows, int64_t from, int64_t count) {
    Sums sums;
    for (int g = 0; g < gates; g++) sums.gate[g] = output(args, g) + first * s.hidden + from;
    sums.row = s.hidden;
    products(args, s, first, rows, from, count, sums);
  });
}

// dims: elements, 1
void sigmoid(const OpArgs& args) {
  const Span mine = share(args.dims[0] * args.dims[1], 16, args.thread, args.threads);
  const float* x = input(args, 0);
  float* y = output(args, 0);
  int64_t at = mine.from;
  for (; at + inStep * lanes <= mine.to; at += inStep * lanes) {
    f32v v[inStep];
    RP_STEP(inStep) v[i] = load(x + at + i * lanes);
    sigmoidAll(v);
    RP_STEP(inStep) store(y + at + i * lanes, v[i]);
  }
  for (; at < mine.to; at += lanes) {
    const int here = int(least(lanes, mine.to - at));
    f32v v[1] = {take(x + at, here)};
    sigmoidAll(v);
    give(y + at, v[0], here);
  }
}

}  // namespace

int lstmOps(OpKernel* rows) {
  rows[0] = {"lstm", lstm, 3, 6, 2};
  rows[1] = {"lstm-products", lstmProducts, 3, 6, 4};
  rows[2] = {"sigmoid", sigmoid, 2, 1, 1};
  return 3;
}

}  // namespace RP_NS
}  // namespace rp
