// The shape of attention on [batch, tokens, heads, headDim], and where its rows stand.
#pragma once
#include "families.h"
#include "vec.h"

namespace rp {
namespace RP_NS {

// dims: batch, seq, heads, kvHeads, headDim, causal, and tokens in the cache where a kernel takes one: the first `cached` keys.
struct AttentionShape {
  int64_t batch, seq, heads, kvHeads, dim;
  bool causal;
  int64_t cached;
  AttentionShape(const int64_t* d, bool withCache)
      : batch(d[0]), seq(d[1]), heads(d[2]), kvHeads(d[3]), dim(d[4]), causal(d[5] != 0), cached(withCache ? d[6] : 0) {}
  int64_t keys() const { return cached + seq; }
  // query heads that share a key head
  int64_t group() const { return kvHeads > 0 ? heads / kvHeads : 0; }
  // keys that a new token sees
  int64_t seen(int64_t token) const { return causal ? cached + token + 1 : keys(); }
  // offset of a query, or of an output
  int64_t query(int64_t b, int64_t token, int64_t head) const { return ((b * seq + token) * heads + head) * dim; }
  int64_t keyRow() const { return kvHeads * dim; }
};

// Keys or values: the first from the cache, the others new.
struct KeyRows {
  const float *fresh, *cache;
  const float* row(const AttentionShape& s, int64_t b, int64_t token, int64_t kvHead) const {
    return token < s.cached ? cache + ((b * s.cached + token) * s.kvHeads + kvHead) * s.dim
                            : fresh + ((b * s.seq + token - s.cached) * s.kvHeads + kvHead) * s.dim;
  }
};

// 2^x for x <= 0, relative error below 3e-7: 2^n times a polynomial in x - n, fitted to the least largest relative error (7.5e-8). Below
// -126 the result is 0. NaN stays NaN: max hands on its second operand.
template <int N>
static inline __attribute__((always_inline)) void exp2All(f32v (&x)[N]) {
  const f32v magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  f32v n[N], r[N], p[N];
  RP_STEP(N) r[i] = max(splat(-127.0f), x[i]);
  RP_STEP(N) n[i] = (r[i] + magic) - magic;
  RP_STEP(N) r[i] = r[i] - n[i];
  RP_STEP(N) p[i] = r[i] * 0.001327647151868282f + 0.009675541330666455f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.05550713274963622f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.24022119723934307f;
  RP_STEP(N) p[i] = p[i] * r[i] + 0.6931469670638624f;
  RP_STEP(N) p[i] = p[i] * r[i] + 1.000000071654655f;
#if defined(RP_ISA_AVX512)
  RP_STEP(N) x[i] = f32v(_mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(__m512(x[i]), _mm512_set1_ps(-126.0f), _CMP_NLT_UQ), __m512(p[i]), __m512(n[i])));
#else
  RP_STEP(N) x[i] = x[i] < splat(-126.0f) ? splat(0.0f) : timesPowerOfTwo(p[i], n[i]);
#endif
}

// The largest score of a row, or 0 where it has none above -infinity: what its scores are measured from, so that -infinity minus itself
// does not make a weight of NaN before a larger score comes.
static inline f32v shiftOf(f32v top) { return top == splat(-__builtin_inff()) ? splat(0.0f) : top; }

// Tile kernel for many queries, row kernel for few: attention-tiles.cc and attention-rows.cc.
void attentionTiles(const OpArgs& args, const AttentionShape& s, const KeyRows& k, const KeyRows& v);
void attentionRows(const OpArgs& args, const AttentionShape& s, const KeyRows& k, const KeyRows& v);
void attentionScoreRows(const OpArgs& args, const AttentionShape& s, const KeyRows& k, float* scores);
void attentionValueRows(const OpArgs& args, const AttentionShape& s, const float* weights, const KeyRows& v);
// Whether the row kernel serves a shape better: its time goes by queries, that of a tile by tiles.
static inline bool fewQueries(const AttentionShape& s) { return s.seq * s.group() <= 8; }
// Whether the state of one tile fits the scratch memory.
bool attentionTileFits(const AttentionShape& s);

}  // namespace RP_NS
}  // namespace rp
