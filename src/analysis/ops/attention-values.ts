import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {type AttentionDims, gradientFormula, keptPairs, keyAt, pairsOf, pairsRule} from './pairs.ts'
import {input, kv, type OpDef, output} from './types.ts'

export const attentionValues: OpDef<'attention-values', AttentionDims> = {
  kind: 'attention-values',
  title: 'attention weights times values, O = P·V',
  trait: 'attention',
  formula: '2·batch·heads·pairs·headDim',
  where: pairsRule,
  derived: pairsOf,
  source: 'Vaswani et al. 2017 (arXiv:1706.03762) eq. 1; grouped heads: Ainslie et al. 2023 (arXiv:2305.13245)',
  cost(d) {
    const macs = d.batch * d.heads * keptPairs(d.seq, d.cached, d.causal, d.window, d.chunk) * d.headDim
    const rectangle = d.batch * d.heads * d.seq * (d.cached + d.seq)
    const reads = [input('weights', rectangle), input('v', d.batch * d.seq * d.kvHeads * d.headDim)]
    if (d.cached > 0) reads.push(kv('v cache', d.batch * d.cached * d.kvHeads * d.headDim))
    const out = d.batch * d.seq * d.heads * d.headDim
    return {
      macs,
      flops: 2 * macs,
      matrix: 2 * rectangle * d.headDim,
      vector: 0,
      special: 0,
      reads,
      writes: [output('o', out)],
    }
  },
  reference(d, [p, v, cache]) {
    const keys = d.cached + d.seq
    const o = new Float64Array(d.batch * d.seq * d.heads * d.headDim)
    for (let b = 0; b < d.batch; b++) {
      for (let head = 0; head < d.heads; head++) {
        for (let i = 0; i < d.seq; i++) {
          for (let c = 0; c < d.headDim; c++) {
            let sum = 0
            for (let j = 0; j < keys; j++) {
              const w = p![((b * d.heads + head) * d.seq + i) * keys + j]!
              if (w !== 0) sum += w * keyAt(d, v!, cache, b, j, head, c)
            }
            o[((b * d.seq + i) * d.heads + head) * d.headDim + c] = sum
          }
        }
      }
    }
    return [o]
  },
  // dP = dO·Vᵀ over all pairs, dV = Pᵀ·dO over the pairs of new values; cached values take no gradient
  backward(d) {
    const heads = d.batch * d.heads
    const rectangle = heads * d.seq * (d.cached + d.seq)
    const out = d.batch * d.seq * d.heads * d.headDim
    const v = d.batch * d.seq * d.kvHeads * d.headDim
    const reads = [gradientOf(0, out), ofInput(0, rectangle), ofInput(1, v)]
    if (d.cached > 0) reads.push(ofInput(2, d.batch * d.cached * d.kvHeads * d.headDim))
    const pairs =
      keptPairs(d.seq, d.cached, d.causal, d.window, d.chunk) + keptPairs(d.seq, 0, d.causal, d.window, d.chunk)
    const part = productPart(gradientFormula, heads * pairs * d.headDim, {
      reads,
      writes: [
        {at: 0, elements: rectangle},
        {at: 1, elements: v},
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
  ],
}
