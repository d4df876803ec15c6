import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {type AttentionDims, gradientFormula, keptPairs, keyAt, pairsOf, pairsRule, sees} from './pairs.ts'
import {input, kv, type OpDef, output} from './types.ts'

export const attentionScores: OpDef<'attention-scores', AttentionDims> = {
  kind: 'attention-scores',
  title: 'queries times keys, S = Q·Kᵀ/√d; masked pairs are −∞',
  trait: 'attention',
  formula: '2·batch·heads·pairs·headDim',
  where: `${pairsRule}; the scale 1/√d is folded into the query projection`,
  derived: pairsOf,
  source: 'Vaswani et al. 2017 (arXiv:1706.03762) eq. 1; grouped heads: Ainslie et al. 2023 (arXiv:2305.13245)',
  cost(d) {
    const macs = d.batch * d.heads * keptPairs(d.seq, d.cached, d.causal, d.window, d.chunk) * d.headDim
    const rectangle = d.batch * d.heads * d.seq * (d.cached + d.seq)
    const reads = [
      input('q', d.batch * d.seq * d.heads * d.headDim),
      input('k', d.batch * d.seq * d.kvHeads * d.headDim),
    ]
    if (d.cached > 0) reads.push(kv('k cache', d.batch * d.cached * d.kvHeads * d.headDim))
    // a materializing implementation multiplies and stores the whole rectangle, masked half included
    return {
      macs,
      flops: 2 * macs,
      matrix: 2 * rectangle * d.headDim,
      vector: 0,
      special: 0,
      reads,
      writes: [output('scores', rectangle)],
    }
  },
  reference(d, [q, k, cache]) {
    const keys = d.cached + d.seq
    const scores = new Float64Array(d.batch * d.heads * d.seq * keys).fill(Number.NEGATIVE_INFINITY)
    for (let b = 0; b < d.batch; b++) {
      for (let head = 0; head < d.heads; head++) {
        for (let i = 0; i < d.seq; i++) {
          for (let j = 0; j < keys; j++) {
            if (!sees(d, i, j)) continue
            let sum = 0
            for (let c = 0; c < d.headDim; c++) {
              sum += q![((b * d.seq + i) * d.heads + head) * d.headDim + c]! * keyAt(d, k!, cache, b, j, head, c)
            }
            scores[((b * d.heads + head) * d.seq + i) * keys + j] = sum / Math.sqrt(d.headDim)
          }
        }
      }
    }
    return [scores]
  },
  // dQ = dS·K over all pairs, dK = dSᵀ·Q over the pairs of new keys; cached keys take no gradient
  backward(d) {
    const heads = d.batch * d.heads
    const rectangle = heads * d.seq * (d.cached + d.seq)
    const q = d.batch * d.seq * d.heads * d.headDim
    const k = d.batch * d.seq * d.kvHeads * d.headDim
    const reads = [gradientOf(0, rectangle), ofInput(0, q), ofInput(1, k)]
    if (d.cached > 0) reads.push(ofInput(2, d.batch * d.cached * d.kvHeads * d.headDim))
    const pairs =
      keptPairs(d.seq, d.cached, d.causal, d.window, d.chunk) + keptPairs(d.seq, 0, d.causal, d.window, d.chunk)
    const part = productPart(gradientFormula, heads * pairs * d.headDim, {
      reads,
      writes: [
        {at: 0, elements: q},
        {at: 1, elements: k},
      ],
    })
    return {data: {...part, matrix: 2 * heads * d.seq * (d.cached + 2 * d.seq) * d.headDim}, weights: null}
  },
  examples: [
    {
      dims: {batch: 1, seq: 64, cached: 0, heads: 12, kvHeads: 12, headDim: 64, causal: false},
      flops: 6_291_456,
      bytes: 589_824,
      source: 'pytorch/pytorch issue #195460: half of 12,582,912',
    },
    {
      dims: {batch: 1, seq: 2, cached: 3, heads: 4, kvHeads: 2, headDim: 8, causal: true},
      flops: 576,
      bytes: 736,
      source: 'by hand: pairs 2·3 + 3 = 9; 4 B × (64 + 32 + 48 + 40)',
    },
  ],
}
