import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {input, kv, type OpDef, output} from './types.ts'

/** Attention of a decoder to the output of an encoder. */
export type CrossDims = {
  readonly batch: number
  /** queries: tokens of the decoder */
  readonly seq: number
  /** keys: tokens of the encoder */
  readonly source: number
  readonly heads: number
  readonly headDim: number
  /** keys and values come from the cache: later steps compute none */
  readonly stored: boolean
}

/** Keys or values of the encoder's tokens, from the cache or fresh. */
export const crossUse = (d: CrossDims, name: string) =>
  (d.stored ? kv : input)(name, d.batch * d.source * d.heads * d.headDim)

export const crossScores: OpDef<'cross-scores', CrossDims> = {
  kind: 'cross-scores',
  title: 'decoder queries times encoder keys, S = Q·Kᵀ/√d; no mask',
  trait: 'attention',
  formula: '2·batch·heads·seq·source·headDim',
  where: 'the scale 1/√d is folded into the query projection; stored keys are read from the cache',
  source: 'Vaswani et al. 2017 (arXiv:1706.03762) §3.2.3',
  cost(d) {
    const scores = d.batch * d.heads * d.seq * d.source
    return {
      macs: scores * d.headDim,
      flops: 2 * scores * d.headDim,
      matrix: 2 * scores * d.headDim,
      vector: 0,
      special: 0,
      reads: [input('q', d.batch * d.seq * d.heads * d.headDim), crossUse(d, 'k')],
      writes: [output('scores', scores)],
    }
  },
  reference({batch, seq, source, heads, headDim}, [q, k]) {
    const scores = new Float64Array(batch * heads * seq * source)
    for (let r = 0; r < scores.length; r++) {
      const j = r % source
      const i = Math.floor(r / source) % seq
      const h = Math.floor(r / source / seq) % heads
      const b = Math.floor(r / source / seq / heads)
      let sum = 0
      for (let c = 0; c < headDim; c++)
        sum += q![((b * seq + i) * heads + h) * headDim + c]! * k![((b * source + j) * heads + h) * headDim + c]!
      scores[r] = sum / Math.sqrt(headDim)
    }
    return [scores]
  },
  // dQ = dS·K, dK = dSᵀ·Q
  backward(d) {
    const scores = d.batch * d.heads * d.seq * d.source
    const q = d.batch * d.seq * d.heads * d.headDim
    const k = d.batch * d.source * d.heads * d.headDim
    const part = productPart('4·batch·heads·seq·source·headDim', 2 * scores * d.headDim, {
      reads: [gradientOf(0, scores), ofInput(0, q), ofInput(1, k)],
      writes: [
        {at: 0, elements: q},
        {at: 1, elements: k},
      ],
    })
    return {data: part, weights: null}
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, source: 1500, heads: 8, headDim: 64, stored: true},
      flops: 1_536_000,
      bytes: 3_122_048,
      source: 'Whisper base, one token: 2·8·1,500·64; 4 B × (512 + 1,500·512 + 8·1,500)',
    },
  ],
}
