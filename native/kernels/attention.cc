// Attention on [batch, tokens, heads, headDim]: the two products with materialized scores, and the fused form with an online softmax.
// dims: batch, seq, heads, kvHeads, headDim, causal. Scores are scaled by 1/sqrt(headDim).
#include "families.h"
#include "gemm.h"
#include "vec.h"

namespace rp {
namespace RP_NS {
namespace {

struct Shape {
  int64_t batch, seq, heads, kvHeads, dim;
  bool causal;
  explicit Shape(const int64_t* d) : batch(d[0]), seq(d[1]), heads(d[2]), kvHeads(d[3]), dim(d[4]), causal(d[5] != 0) {}
  // First row of head `head` of sequence `b`, and the step from token to token.
  const float* query(const float* q, int64_t b, int64_t head) const { return q + (b * seq * heads + head) * dim; }
  const float* key(const float* k, int64_t b, int64_t head) const {
    return k + (b * seq * kvHeads + head / (heads / kvHeads)) * dim;
  }
  int64_t queryRow() const { return heads * dim; }
  int64_t keyRow() const { return kvHeads * dim; }
};

constexpr int64_t rowBlock = 96;   // query rows at a time: a multiple of the register tile's 12 and 6
constexpr int64_t keyBlock = 256;  // keys at a time: scores of a block stay in L1 and L2 (96 x 256 x 4 B = 96 KiB)
const float infinity = __builtin_inff();

int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// Calls work(batch, head, first row, rows) for this thread's share of the row blocks of all heads.
template <typename Work>
inline void eachBlock(const OpArgs& args, const Shape& s, Work work) {
  const int64_t blocks = (s.seq + rowBlock - 1) / rowBlock;
  const Span mine = share(s.batch * s.heads * blocks, 1, args.thread, args.threads);
  for (int64_t i = mine.from; i < mine.to; i++) {
    const int64_t head = i / blocks, first = i % blocks * rowBlock;
    work(head / s.heads, head % s.heads, first, least(rowBlock, s.seq - first));
  }
}

// s[b,h,i,j] = q·k / sqrt(headDim), -infinity where masked: whole rectangles, as an implementation without fusion computes them.
void scores(const OpArgs& args) {
  const Shape s(args.dims);
  const float factor = 1.0f / __builtin_sqrtf(float(s.dim));
  eachBlock(args, s, [&](int64_t b, int64_t head, int64_t first, int64_t rows) {
    float* out = output(args, 0) + ((b * s.heads + head) * s.seq + first) * s.seq;
    gemmBlock(rows, s.seq, s.dim, {s.query(input(args, 0), b, head) + first * s.queryRow(), s.queryRow(), 1},
              {s.key(input(args, 1), b, head), 1, s.keyRow()}, out, s.seq, factor, false, args.scratch);
    if (!s.causal) return;
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = first + i + 1; j < s.seq; j++) out[i * s.seq + j] = -infinity;
  });
}

// o[b,i,h,:] = sum over j of p[b,h,i,j] v[b,j,h,:]
void values(const OpArgs& args) {
  const Shape s(args.dims);
  eachBlock(args, s, [&](int64_t b, int64_t head, int64_t first, int64_t rows) {
    const float* weights = input(args, 0) + ((b * s.heads + head) * s.seq + first) * s.seq;
    float* out = const_cast<float*>(s.query(output(args, 0), b, head)) + first * s.queryRow();
    gemmBlock(rows, s.dim, s.seq, {weights, s.seq, 1}, {s.key(input(args, 1), b, head), s.keyRow(), 1}, out, s.queryRow(), 1.0f, false,
              args.scratch);
  });
}

// One row of an online softmax (Milakov & Gimelshein 2018, arXiv:1805.02867): replaces `count` scores by their exponentials under the
// running maximum, zeroes up to `width`, and returns the factor that the row's earlier sums must be multiplied with.
inline float onlineRow(float* row, int64_t count, int64_t width, float& top, float& total) {
  f32v peak = splat(-infinity);
  int64_t j = 0;
  for (; j + lanes <= count; j += lanes) peak = max(peak, load(row + j));
  float next = maxOf(peak);
  for (; j < count; j++) next = row[j] > next ? row[j] : next;
  next = next > top ? next : top;
  const f32v shift = splat(next);
  f32v sum = splat(0.0f);
  for (j = 0; j + lanes <= count; j += lanes) {
    const f32v e = expOf(load(row + j) - shift);
    store(row + j, e);
    sum += e;
  }
  if (j < count) {
    const f32v e = expOf(loadPart(row + j, int(count - j), -infinity) - shift);
    storePart(row + j, e, int(count - j));
    sum += e;
  }
  for (j = count; j < width; j++) row[j] = 0.0f;
  const float correction = top == -infinity ? 0.0f : firstOf(expOf(splat(top) - shift));
  top = next;
  total = total * correction + sumOf(sum);
  return correction;
}

// Row blocks against key blocks; blocks that the causal mask discards are skipped (Dao et al. 2022, arXiv:2205.14135).
void fused(const OpArgs& args) {
  const Shape s(args.dims);
  const float factor = 1.0f / __builtin_sqrtf(float(s.dim));
  float* const block = args.scratch + gemmScratch;
  float* const top = block + rowBlock * keyBlock;
  float* const total = top + rowBlock;
  eachBlock(args, s, [&](int64_t b, int64_t head, int64_t first, int64_t rows) {
    const View q{s.query(input(args, 0), b, head) + first * s.queryRow(), s.queryRow(), 1};
    float* const out = const_cast<float*>(s.query(output(args, 0), b, head)) + first * s.queryRow();
    for (int64_t i = 0; i < rows; i++) {
      top[i] = -infinity;
      total[i] = 0;
    }
    const int64_t end = s.causal ? least(s.seq, first + rows) : s.seq;
    for (int64_t from = 0; from < end; from += keyBlock) {
      const int64_t keys = least(keyBlock, end - from);
      gemmBlock(rows, keys, s.dim, q, {s.key(input(args, 1), b, head) + from * s.keyRow(), 1, s.keyRow()}, block, keys, factor, false,
                args.scratch);
      for (int64_t i = 0; i < rows; i++) {
        const int64_t seen = s.causal ? first + i + 1 - from : keys;
        const int64_t count = seen < 0 ? 0 : least(seen, keys);
        const float correction = onlineRow(block + i * keys, count, keys, top[i], total[i]);
        if (from > 0)
          for (int64_t c = 0; c < s.dim; c++) out[i * s.queryRow() + c] *= correction;
      }
      gemmBlock(rows, s.dim, keys, {block, keys, 1}, {s.key(input(args, 2), b, head) + from * s.keyRow(), s.keyRow(), 1}, out,
                s.queryRow(), 1.0f, from > 0, args.scratch);
    }
    for (int64_t i = 0; i < rows; i++) {
      const float inverse = 1.0f / total[i];
      for (int64_t c = 0; c < s.dim; c++) out[i * s.queryRow() + c] *= inverse;
    }
  });
}

}  // namespace

int attentionOps(OpKernel* rows) {
  rows[0] = {"attention-scores", scores, 6, 2, 1};
  rows[1] = {"attention-values", values, 6, 2, 1};
  rows[2] = {"attention", fused, 6, 3, 1};
  return 3;
}

}  // namespace RP_NS
}  // namespace rp
