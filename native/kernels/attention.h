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

// 2^x for x <= 0
template <int N>
RP_INLINE void powersOf(f32v (&x)[N]) {
  exp2All<N, true, false>(x);
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
