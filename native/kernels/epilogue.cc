// Matrix product, bias and activation in one: y[m,n] = act(x[m,k] w[k,n] + bias[n]). Each tile gets its bias and activation when its last
// block along k is in, while it is in L1.
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

// Every activation takes N vectors in step.
struct Gelu {
  template <int N>
  static inline void apply(f32v (&x)[N]) {
    geluAll(x);
  }
};
struct Relu {
  // NaN stays: max hands on its second operand
  template <int N>
  static inline void apply(f32v (&x)[N]) {
    RP_STEP(N) x[i] = max(splat(0.0f), x[i]);
  }
};
struct Silu {
  template <int N>
  static inline void apply(f32v (&x)[N]) {
    siluAll(x);
  }
};

template <typename Act>
struct BiasAct {
  const float* bias;  // of this thread's first column
  // `across` vectors of every row, as many rows at a time as make four vectors
  template <int across>
  static inline void rowsOf(float* c, int64_t rowC, int64_t rows, const float* b) {
    constexpr int step = 4, down = step / across;
    f32v biases[across];
    RP_STEP(across) biases[i] = load(b + i * lanes);
    int64_t r = 0;
    for (; r + down <= rows; r += down) {
      float* const at = c + r * rowC;
      f32v x[step];
      RP_STEP(step) x[i] = load(at + i / across * rowC + i % across * lanes) + biases[i % across];
      Act::apply(x);
      RP_STEP(step) store(at + i / across * rowC + i % across * lanes, x[i]);
    }
    for (; r < rows; r++) {
      float* const at = c + r * rowC;
      f32v x[across];
      RP_STEP(across) x[i] = load(at + i * lanes) + biases[i];
      Act::apply(x);
      RP_STEP(across) store(at + i * lanes, x[i]);
    }
  }
  void operator()(float* c, int64_t rowC, int64_t, int64_t column, int64_t rows, int64_t columns) const {
    const float* const b = bias + column;
    int64_t j = 0;
    if constexpr (tileVectors == 4)
      for (; j + 4 * lanes <= columns; j += 4 * lanes) rowsOf<4>(c + j, rowC, rows, b + j);
    for (; j + 2 * lanes <= columns; j += 2 * lanes) rowsOf<2>(c + j, rowC, rows, b + j);
    for (; j + lanes <= columns; j += lanes) rowsOf<1>(c + j, rowC, rows, b + j);
    if (j == columns) return;
    const int count = int(columns - j);
    for (int64_t r = 0; r < rows; r++) {
      float* const at = c + r * rowC + j;
      f32v x[1] = {loadPart(at, count, 0.0f) + loadPart(b + j, count, 0.0f)};
      Act::apply(x);
      storePart(at, x[0], count);
    }
  }
};

// dims: m, n, k; x, w, bias
template <typename Act>
void gemm(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2];
  const Part mine = partOf<F32>(m, n, args.thread, args.threads);
  if (mine.empty()) return;
  product<F32>(mine.height(), mine.width(), k, PackWords<float, MR>{{input(args, 0) + mine.rows.from * k, k, 1}},
               PackWords<float, NR<F32>>{{input(args, 1) + mine.columns.from, 1, n}},
               output(args, 0) + mine.rows.from * n + mine.columns.from, n, 1.0f, false, args.scratch,
               BiasAct<Act>{input(args, 2) + mine.columns.from});
}

}  // namespace

int epilogueOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"gemm+bias+gelu", gemm<Gelu>, 3, 3, 1};
  rows[n++] = {"gemm+bias+relu", gemm<Relu>, 3, 3, 1};
  rows[n++] = {"gemm+bias+silu", gemm<Silu>, 3, 3, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
