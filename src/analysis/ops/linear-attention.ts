import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {input, kv, type OpDef, output} from './types.ts'

export type LinearAttentionDims = {
  readonly batch: number
  readonly seq: number
  readonly heads: number
  readonly keyDim: number
  readonly valueDim: number
}

export const linearAttention: OpDef<'linear-attention', LinearAttentionDims> = {
  kind: 'linear-attention',
  title: 'attention without a softmax, as a running sum S += kᵀ·v and o = q·S: linear in the sequence, constant state',
  trait: 'rowwise',
  formula: '4·batch·seq·heads·keyDim·valueDim',
  where:
    'in its recurrent form; feature maps of queries and keys are operators of their own. The state of keyDim·valueDim per head takes the place of a KV cache; seq steps follow one another in this form alone: the sum is associative, a scan takes ⌈log₂ seq⌉ rounds and a chunked form trades FLOPs for parallel work',
  source: 'Katharopoulos et al. 2020 (arXiv:2006.16236) eq. 18–20, without the normalizer',
  cost({batch, seq, heads, keyDim, valueDim}) {
    const rows = batch * seq * heads
    const macs = 2 * rows * keyDim * valueDim
    const state = batch * heads * keyDim * valueDim
    return {
      macs,
      flops: 2 * macs,
      matrix: 2 * macs,
      vector: 0,
      special: 0,
      reads: [input('q', rows * keyDim), input('k', rows * keyDim), input('v', rows * valueDim), kv('state', state)],
      writes: [output('o', rows * valueDim), kv('state', state)],
    }
  },
  reference({batch, seq, heads, keyDim, valueDim}, [q, k, v, state]) {
    const s = Float64Array.from(state!)
    const o = new Float64Array(batch * seq * heads * valueDim)
    for (let b = 0; b < batch; b++) {
      for (let t = 0; t < seq; t++) {
        for (let h = 0; h < heads; h++) {
          const row = (b * seq + t) * heads + h
          const base = (b * heads + h) * keyDim * valueDim
          for (let i = 0; i < keyDim; i++) {
            for (let j = 0; j < valueDim; j++) {
              s[base + i * valueDim + j]! += k![row * keyDim + i]! * v![row * valueDim + j]!
              o[row * valueDim + j]! += q![row * keyDim + i]! * s[base + i * valueDim + j]!
            }
          }
        }
      }
    }
    return [o, s]
  },
  // each of the two products (k·vᵀ into the state, q·state) has two factors; the states are computed again
  backward({batch, seq, heads, keyDim, valueDim}) {
    const rows = batch * seq * heads
    const macs = 4 * rows * keyDim * valueDim
    const part = productPart('8·batch·seq·heads·keyDim·valueDim', macs, {
      reads: [
        ...[gradientOf(0, rows * valueDim), ofInput(0, rows * keyDim)],
        ...[ofInput(1, rows * keyDim), ofInput(2, rows * valueDim)],
      ],
      writes: [
        {at: 0, elements: rows * keyDim},
        {at: 1, elements: rows * keyDim},
        {at: 2, elements: rows * valueDim},
      ],
    })
    return {data: {...part, matrix: part.matrix + 2 * rows * keyDim * valueDim}, weights: null}
  },
  examples: [
    {
      dims: {batch: 1, seq: 10, heads: 2, keyDim: 4, valueDim: 8},
      flops: 2560,
      bytes: 2432,
      source: 'by hand: 4·10·2·32; 4 B × (20·(4 + 4 + 8 + 8) + 2·64)',
    },
  ],
}
