// Matrix product: a register tile of MR x 2 vectors, A and B packed so that the inner loop reads both in order.
// Blocks: B panel 256 x 512 (512 KiB, L2), A block 144 x 256 (144 KiB, L2), one B sliver 256 x 2 vectors (32 KiB with AVX-512).
#include "gemm.h"

#include "chains.h"
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {
namespace {

// Accumulators: 24 of 32 registers, 12 of 16; the rest hold two B vectors and one broadcast of A.
constexpr int MR = RP_CHAINS / 2;
constexpr int NR = 2 * lanes;
constexpr int64_t MC = 144, NC = 512, KC = 256;  // MC is a multiple of both tile heights, 12 and 6

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Panels of MR rows, k-major: element (i, p) of a panel at p * MR + i; rows beyond m are zero.
void packA(const View& a, int64_t m, int64_t k, float* to) {
  for (int64_t i0 = 0; i0 < m; i0 += MR)
    for (int64_t p = 0; p < k; p++)
      for (int64_t i = 0; i < MR; i++) *to++ = i0 + i < m ? a.data[(i0 + i) * a.row + p * a.column] : 0.0f;
}

// Panels of NR columns, k-major; columns beyond n are zero.
void packB(const View& b, int64_t k, int64_t n, float* to) {
  for (int64_t j0 = 0; j0 < n; j0 += NR) {
    const bool whole = j0 + NR <= n && b.column == 1;
    for (int64_t p = 0; p < k; p++, to += NR) {
      const float* from = b.data + p * b.row + j0 * b.column;
      if (whole) {
        store(to, load(from));
        store(to + lanes, load(from + lanes));
      } else {
        for (int64_t j = 0; j < NR; j++) to[j] = j0 + j < n ? from[j * b.column] : 0.0f;
      }
    }
  }
}

// One tile: MR x NR of c from packed panels. `rows` and `columns` cut it at the matrix's edge.
void tile(int64_t k, const float* a, const float* b, float* c, int64_t rowC, int64_t rows, int64_t columns, float alpha, bool add) {
  f32v low[MR], high[MR];
  RP_UNROLL
  for (int i = 0; i < MR; i++) low[i] = high[i] = f32v{};
  for (int64_t p = 0; p < k; p++, a += MR, b += NR) {
    const f32v left = load(b), right = load(b + lanes);
    RP_UNROLL
    for (int i = 0; i < MR; i++) {
      low[i] += a[i] * left;
      high[i] += a[i] * right;
    }
  }
  if (rows == MR && columns == NR) {
    RP_UNROLL
    for (int i = 0; i < MR; i++) {
      float* row = c + i * rowC;
      store(row, (add ? load(row) : f32v{}) + alpha * low[i]);
      store(row + lanes, (add ? load(row + lanes) : f32v{}) + alpha * high[i]);
    }
    return;
  }
  float edge[MR * NR];
  RP_UNROLL
  for (int i = 0; i < MR; i++) {
    store(edge + i * NR, alpha * low[i]);
    store(edge + i * NR + lanes, alpha * high[i]);
  }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) c[i * rowC + j] = (add ? c[i * rowC + j] : 0.0f) + edge[i * NR + j];
}

// c[m,n] = a[m,k] b[k,n]: threads take blocks of columns, of rows where there are too few columns to go round.
void gemm(const OpArgs& args) {
  const int64_t m = args.dims[0], n = args.dims[1], k = args.dims[2];
  const bool byColumns = n >= int64_t(NR) * args.threads;
  const Span columns = byColumns ? share(n, NR, args.thread, args.threads) : Span{0, n};
  const Span rows = byColumns ? Span{0, m} : share(m, MR, args.thread, args.threads);
  if (columns.from >= columns.to || rows.from >= rows.to) return;
  gemmBlock(rows.to - rows.from, columns.to - columns.from, k, {input(args, 0) + rows.from * k, k, 1},
            {input(args, 1) + columns.from, n, 1}, output(args, 0) + rows.from * n + columns.from, n, 1.0f, false, args.scratch);
}

}  // namespace

void gemmBlock(int64_t m, int64_t n, int64_t k, View a, View b, float* c, int64_t rowC, float alpha, bool accumulate, float* scratch) {
  float* packedA = scratch;
  float* packedB = scratch + MC * KC;
  if (k == 0 && !accumulate)
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j++) c[i * rowC + j] = 0.0f;
  for (int64_t jc = 0; jc < n; jc += NC) {
    const int64_t nc = least(NC, n - jc);
    for (int64_t pc = 0; pc < k; pc += KC) {
      const int64_t kc = least(KC, k - pc);
      const bool add = accumulate || pc > 0;
      packB({b.data + pc * b.row + jc * b.column, b.row, b.column}, kc, nc, packedB);
      for (int64_t ic = 0; ic < m; ic += MC) {
        const int64_t mc = least(MC, m - ic);
        packA({a.data + ic * a.row + pc * a.column, a.row, a.column}, mc, kc, packedA);
        for (int64_t jr = 0; jr < nc; jr += NR)
          for (int64_t ir = 0; ir < mc; ir += MR)
            tile(kc, packedA + ir * kc, packedB + jr * kc, c + (ic + ir) * rowC + jc + jr, rowC, least(MR, mc - ir),
                 least(NR, nc - jr), alpha, add);
      }
    }
  }
}

int gemmOps(OpKernel* rows) {
  rows[0] = {"gemm", gemm, 3, 2, 1};
  return 1;
}

}  // namespace RP_NS
}  // namespace rp
