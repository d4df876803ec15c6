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
  void operator()(float* c, int64_t rowC, int64_t, int64_t column, int64_t rows, int64_t columns) const {
    const float* const b = bias + column;
    if (columns == NR<F32>) {
      const f32v low = load(b), high = load(b + lanes);
      int64_t r = 0;
      for (; r + 2 <= rows; r += 2) {
        float* const first = c + r * rowC;
        float* const second = first + rowC;
        f32v x[4] = {load(first) + low, load(first + lanes) + high, load(second) + low, load(second + lanes) + high};
        Act::apply(x);
        store(first, x[0]);
        store(first + lanes, x[1]);
        store(second, x[2]);
        store(second + lanes, x[3]);
      }
      for (; r < rows; r++) {
        float* const row = c + r * rowC;
        f32v x[2] = {load(row) + low, load(row + lanes) + high};
        Act::apply(x);
        store(row, x[0]);
        store(row + lanes, x[1]);
      }
      return;
    }
    for (int64_t r = 0; r < rows; r++)
      for (int64_t j = 0; j < columns; j += lanes) {
        const int count = int(least(lanes, columns - j));
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
  product<F32>(blocksF32, mine.height(), mine.width(), k, PackWords<float, MR>{{input(args, 0) + mine.rows.from * k, k, 1}},
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
