// Matrix products of f32 and f64: plain, with either operand transposed, of parts of larger matrices, batched, and with block sizes that the caller chooses.
#include "gemm.h"

#include "../core/cores.h"
#include "product.h"

namespace rp {
namespace RP_NS {
namespace {

template <typename T>
struct Of;
template <>
struct Of<float> {
  typedef F32 Policy;
};
template <>
struct Of<double> {
  typedef F64 Policy;
};
static_assert(blocksF32.kc * (blocksF32.mc + blocksF32.nc) <= int64_t(scratchFloats), "scratch of f32");
static_assert(blocksF64.kc * (blocksF64.mc + blocksF64.nc) * 2 <= int64_t(scratchFloats), "scratch of f64");

template <typename T>
void block(int64_t m, int64_t n, int64_t k, Strided<T> a, Strided<T> b, T* c, int64_t rowC, T alpha, bool accumulate,
           T* scratch, bool stream = false) {
  typedef typename Of<T>::Policy P;
  product<P>(m, n, k, PackWords<T, MR>{a}, PackWords<T, NR<P>>{{b.data, b.column, b.row}}, c, rowC, alpha, accumulate, scratch,
             NothingMore{}, stream);
}

template <typename T>
T* scratchOf(const OpArgs& args) {
  return reinterpret_cast<T*>(args.scratch);
}

// This thread's part of c[m,n] = a b, whose rows lie `rowC` elements apart.
template <typename T>
void part(const OpArgs& args, int64_t m, int64_t n, int64_t k, Strided<T> a, Strided<T> b, T* c, int64_t rowC) {
  const Part mine = partOf<typename Of<T>::Policy>(m, n, args.thread, args.threads);
  if (mine.empty()) return;
  block<T>(mine.height(), mine.width(), k, {a.data + mine.rows.from * a.row, a.row, a.column},
           {b.data + mine.columns.from * b.column, b.row, b.column}, c + mine.rows.from * rowC + mine.columns.from, rowC, T(1), false,
           scratchOf<T>(args));
}

// dims: m, n, k. A is [m,k], or [k,m] where it comes transposed; B is [k,n] or [n,k].
template <typename T, bool turnA, bool turnB>
void gemm(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2];
  part<T>(args, m, n, k, {input<T>(args, 0), turnA ? 1 : k, turnA ? m : 1}, {input<T>(args, 1), turnB ? 1 : n, turnB ? k : 1},
          output<T>(args, 0), n);
}

// dims: m, n, k, lda, ldb, ldc. Rows lie that many elements apart: views of parts of larger matrices. What lies between is left alone.
template <typename T>
void strided(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2];
  part<T>(args, m, n, k, {input<T>(args, 0), args.dims[3], 1}, {input<T>(args, 1), args.dims[4], 1}, output<T>(args, 0),
          args.dims[5]);
}

// dims: batch, m, n, k. Threads take whole products while there are enough of them, else parts of each.
template <typename T>
void batched(const OpArgs& args) {
  const int64_t batch = args.dims[0], m = args.dims[1], n = args.dims[2], k = args.dims[3];
  const bool apart = batch >= args.threads;
  const bool far = isFar<typename Of<T>::Policy>(output<T>(args, 0), batch * m * n, n);
  const Span mine = apart ? share(batch, 1, args.thread, args.threads) : Span{0, batch};
  for (int64_t i = mine.from; i < mine.to; i++) {
    const Strided<T> a = {input<T>(args, 0) + i * m * k, k, 1}, b = {input<T>(args, 1) + i * k * n, n, 1};
    T* const c = output<T>(args, 0) + i * m * n;
    if (apart) block<T>(m, n, k, a, b, c, n, T(1), false, scratchOf<T>(args), far);
    else part<T>(args, m, n, k, a, b, c, n);
  }
  if (far) RP_DRAIN();
}

// dims: m, n, k, mc, nc, kc. mc and nc are made whole tiles; kc is cut where the block and the panel would exceed the scratch memory.
void inBlocks(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2];
  const auto within = [](int64_t size, int64_t low, int64_t high) { return size < low ? low : least(size, high); };
  const int64_t room = int64_t(scratchFloats);
  Blocks blocks = {within(args.dims[3], MR, 4096) / MR * MR, within(args.dims[4], NR<F32>, 16384) / NR<F32> * NR<F32>, 0};
  blocks.kc = within(args.dims[5], 1, room / (blocks.mc + blocks.nc));
  const Part mine = partOf<F32>(m, n, args.thread, args.threads);
  if (mine.empty()) return;
  blocked<F32>(blocks, mine.height(), mine.width(), k, PackWords<float, MR>{{input(args, 0) + mine.rows.from * k, k, 1}},
               PackWords<float, NR<F32>>{{input(args, 1) + mine.columns.from, 1, n}}, output(args, 0) + mine.rows.from * n + mine.columns.from, n,
               1.0f, false, args.scratch);
}

}  // namespace

void gemmBlock(int64_t m, int64_t n, int64_t k, View a, View b, float* c, int64_t rowC, float alpha, bool accumulate, float* scratch) {
  block<float>(m, n, k, a, b, c, rowC, alpha, accumulate, scratch);
}

int gemmOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"gemm", gemm<float, false, false>, 3, 2, 1};
  rows[n++] = {"gemm-f64", gemm<double, false, false>, 3, 2, 1};
  rows[n++] = {"gemm-nt", gemm<float, false, true>, 3, 2, 1};
  rows[n++] = {"gemm-nt-f64", gemm<double, false, true>, 3, 2, 1};
  rows[n++] = {"gemm-tn", gemm<float, true, false>, 3, 2, 1};
  rows[n++] = {"gemm-tn-f64", gemm<double, true, false>, 3, 2, 1};
  rows[n++] = {"gemm-strided", strided<float>, 6, 2, 1};
  rows[n++] = {"gemm-strided-f64", strided<double>, 6, 2, 1};
  rows[n++] = {"gemm-batched", batched<float>, 4, 2, 1};
  rows[n++] = {"gemm-batched-f64", batched<double>, 4, 2, 1};
  rows[n++] = {"gemm-blocked", inBlocks, 6, 2, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
