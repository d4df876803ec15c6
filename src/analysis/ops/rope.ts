import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {constant, input, type OpDef, output} from './types.ts'

/** Rotates queries and keys; `headDim` is even. */
export type RopeDims = {
  readonly batch: number
  readonly seq: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
}

function rotate(x: Float64Array, table: Float64Array, d: RopeDims, heads: number): Float64Array {
  const half = d.headDim / 2
  const y = new Float64Array(x.length)
  for (let row = 0; row < d.batch * d.seq * heads; row++) {
    const at = (Math.floor(row / heads) % d.seq) * d.headDim
    for (let i = 0; i < half; i++) {
      const [cos, sin] = [table[at + i]!, table[at + half + i]!]
      const [a, b] = [x[row * d.headDim + i]!, x[row * d.headDim + half + i]!]
      y[row * d.headDim + i] = a * cos - b * sin
      y[row * d.headDim + half + i] = b * cos + a * sin
    }
  }
  return y
}

export const rope: OpDef<'rope', RopeDims> = {
  kind: 'rope',
  title: 'rotary position encoding of queries and keys, halves rotated against each other',
  trait: 'elementwise',
  formula: '3·batch·seq·(heads + kvHeads)·headDim',
  where: 'per pair of elements 4 multiplies and 2 adds; cosines and sines come from a table of seq·headDim elements',
  source: 'Su et al. 2021 (arXiv:2104.09864) eq. 34',
  cost({batch, seq, heads, kvHeads, headDim}) {
    const q = batch * seq * heads * headDim
    const k = batch * seq * kvHeads * headDim
    const flops = 3 * (q + k)
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('q', q), input('k', k), constant('cos, sin', seq * headDim)],
      writes: [output('q', q), output('k', k)],
    }
  },
  reference: (d, [q, k, table]) => [rotate(q!, table!, d, d.heads), rotate(k!, table!, d, d.kvHeads)],
  // the inverse rotation: nothing but the table is needed
  backward({batch, seq, heads, kvHeads, headDim}) {
    const q = batch * seq * heads * headDim
    const k = batch * seq * kvHeads * headDim
    const part = vectorPart('3·batch·seq·(heads + kvHeads)·headDim', 3 * (q + k), {
      reads: [gradientOf(0, q), gradientOf(1, k), ofInput(2, seq * headDim)],
      writes: [
        {at: 0, elements: q},
        {at: 1, elements: k},
      ],
    })
    return {data: part, weights: null}
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, heads: 32, kvHeads: 8, headDim: 128},
      flops: 15_360,
      bytes: 41_472,
      source: 'Llama 3 8B, one token: 3·40·128; 4 B × (2·40·128 + 128)',
    },
  ],
}
