import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {type CrossDims, crossUse} from './cross-scores.ts'
import {input, type OpDef, output} from './types.ts'

export const crossValues: OpDef<'cross-values', CrossDims> = {
  kind: 'cross-values',
  title: 'attention weights times encoder values, O = P·V',
  trait: 'attention',
  formula: '2·batch·heads·seq·source·headDim',
  where: 'stored values are read from the cache',
  source: 'Vaswani et al. 2017 (arXiv:1706.03762) §3.2.3',
  cost(d) {
    const scores = d.batch * d.heads * d.seq * d.source
    return {
      macs: scores * d.headDim,
      flops: 2 * scores * d.headDim,
      matrix: 2 * scores * d.headDim,
      vector: 0,
      special: 0,
      reads: [input('weights', scores), crossUse(d, 'v')],
      writes: [output('o', d.batch * d.seq * d.heads * d.headDim)],
    }
  },
  reference({batch, seq, source, heads, headDim}, [p, v]) {
    const o = new Float64Array(batch * seq * heads * headDim)
    for (let r = 0; r < batch * heads * seq * source; r++) {
      const j = r % source
      const i = Math.floor(r / source) % seq
      const h = Math.floor(r / source / seq) % heads
      const b = Math.floor(r / source / seq / heads)
      for (let c = 0; c < headDim; c++)
        o[((b * seq + i) * heads + h) * headDim + c]! += p![r]! * v![((b * source + j) * heads + h) * headDim + c]!
    }
    return [o]
  },
  // dP = dO·Vᵀ, dV = Pᵀ·dO
  backward(d) {
    const scores = d.batch * d.heads * d.seq * d.source
    const v = d.batch * d.source * d.heads * d.headDim
    const part = productPart('4·batch·heads·seq·source·headDim', 2 * scores * d.headDim, {
      reads: [gradientOf(0, d.batch * d.seq * d.heads * d.headDim), ofInput(0, scores), ofInput(1, v)],
      writes: [
        {at: 0, elements: scores},
        {at: 1, elements: v},
      ],
    })
    return {data: part, weights: null}
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, source: 1500, heads: 8, headDim: 64, stored: true},
      flops: 1_536_000,
      bytes: 3_122_048,
      source: 'Whisper base, one token: 2·8·1,500·64; 4 B × (8·1,500 + 1,500·512 + 512)',
    },
  ],
}
