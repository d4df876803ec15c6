// Attention: the two products with materialized scores, and the fused form. Without a cache the inputs are q, k, v; with one, q, k, its
// keys, v, its values.
#include "attention.h"

#include "gemm.h"

namespace rp {
namespace RP_NS {
namespace {

const float infinity = __builtin_inff();

// Query rows of one product: packing the keys for it is 1/768 of its work.
constexpr int64_t productRows = 768;

// Calls work(batch, head, first row, rows) for this thread's share of blocks of rows of all heads.
template <typename Work>
inline void eachBlock(const OpArgs& args, const AttentionShape& s, Work work) {
  int64_t rows = productRows;
  while (rows > 96 && s.batch * s.heads * ((s.seq + rows - 1) / rows) < 4 * args.threads) rows /= 2;
  const int64_t blocks = (s.seq + rows - 1) / rows;
  const Span mine = share(s.batch * s.heads * blocks, 1, args.thread, args.threads);
  for (int64_t i = mine.from; i < mine.to; i++) {
    const int64_t head = i / blocks, first = i % blocks * rows;
    work(head / s.heads, head % s.heads, first, least(rows, s.seq - first));
  }
}

// s[b,h,i,j] = q·k / sqrt(headDim), -infinity where masked: whole rectangles, as an implementation without fusion computes them.
template <bool withCache>
void scores(const OpArgs& args) {
  const AttentionShape s(args.dims, withCache);
  const KeyRows k{input(args, 1), withCache ? input(args, 2) : nullptr};
  if (fewQueries(s)) return attentionScoreRows(args, s, k, output(args, 0));
  const float factor = 1.0f / __builtin_sqrtf(float(s.dim));
  const int64_t keys = s.keys();
  eachBlock(args, s, [&](int64_t b, int64_t head, int64_t first, int64_t rows) {
    float* out = output(args, 0) + ((b * s.heads + head) * s.seq + first) * keys;
    const View q{input(args, 0) + s.query(b, first, head), s.heads * s.dim, 1};
    const int64_t kvHead = head / s.group();
    if (s.cached > 0)
      gemmBlock(rows, s.cached, s.dim, q, {k.row(s, b, 0, kvHead), 1, s.keyRow()}, out, keys, factor, false, args.scratch);
    gemmBlock(rows, s.seq, s.dim, q, {k.row(s, b, s.cached, kvHead), 1, s.keyRow()}, out + s.cached, keys, factor, false, args.scratch);
    if (!s.causal) return;
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = s.seen(first + i); j < keys; j++) out[i * keys + j] = -infinity;
  });
}

// o[b,i,h,:] = sum over j of p[b,h,i,j] v[b,j,h,:]
template <bool withCache>
void values(const OpArgs& args) {
  const AttentionShape s(args.dims, withCache);
  const KeyRows v{input(args, 1), withCache ? input(args, 2) : nullptr};
  if (fewQueries(s)) return attentionValueRows(args, s, input(args, 0), v);
  const int64_t keys = s.keys();
  eachBlock(args, s, [&](int64_t b, int64_t head, int64_t first, int64_t rows) {
    const float* weights = input(args, 0) + ((b * s.heads + head) * s.seq + first) * keys;
    float* out = output(args, 0) + s.query(b, first, head);
    const int64_t kvHead = head / s.group();
    if (s.cached > 0)
      gemmBlock(rows, s.dim, s.cached, {weights, keys, 1}, {v.row(s, b, 0, kvHead), s.keyRow(), 1}, out, s.heads * s.dim, 1.0f, false,
                args.scratch);
    gemmBlock(rows, s.dim, s.seq, {weights + s.cached, keys, 1}, {v.row(s, b, s.cached, kvHead), s.keyRow(), 1}, out, s.heads * s.dim,
              1.0f, s.cached > 0, args.scratch);
  });
}

template <bool withCache>
void fused(const OpArgs& args) {
  const AttentionShape s(args.dims, withCache);
  const KeyRows k{input(args, 1), withCache ? input(args, 2) : nullptr};
  const KeyRows v{input(args, withCache ? 3 : 2), withCache ? input(args, 4) : nullptr};
  if (fewQueries(s) || !attentionTileFits(s)) attentionRows(args, s, k, v);
  else attentionTiles(args, s, k, v);
}

}  // namespace

int attentionOps(OpKernel* rows) {
  int n = 0;
  rows[n++] = {"attention-scores", scores<false>, 6, 2, 1};
  rows[n++] = {"attention-values", values<false>, 6, 2, 1};
  rows[n++] = {"attention", fused<false>, 6, 3, 1};
  rows[n++] = {"attention-scores-cached", scores<true>, 7, 3, 1};
  rows[n++] = {"attention-values-cached", values<true>, 7, 3, 1};
  rows[n++] = {"attention-cached", fused<true>, 7, 5, 1};
  return n;
}

}  // namespace RP_NS
}  // namespace rp
