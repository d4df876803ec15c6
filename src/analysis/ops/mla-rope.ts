import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {rope} from './rope.ts'
import {constant, input, type OpDef, output} from './types.ts'

export type MlaRopeDims = {
  readonly batch: number
  readonly seq: number
  readonly heads: number
  /** channels of a head without positions */
  readonly nope: number
  /** channels that turn, even */
  readonly headDim: number
  /** channels of the compressed keys and values */
  readonly rank: number
}

export const mlaRope: OpDef<'mla-rope', MlaRopeDims> = {
  kind: 'mla-rope',
  title: 'rotary positions of latent attention: the last channels of every query head and the one shared key',
  trait: 'elementwise',
  formula: '3·batch·seq·(heads + 1)·headDim',
  where: 'as rope on headDim channels; the other channels of queries and latent are moved along with them',
  source: 'DeepSeek-AI 2024 (arXiv:2405.04434) §2.1.3 eq. 14–19',
  cost({batch, seq, heads, nope, headDim, rank}) {
    const rows = batch * seq
    const q = rows * heads * (nope + headDim)
    const flops = 3 * rows * (heads + 1) * headDim
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [
        input('q', q),
        input('latent', rows * rank),
        input('key', rows * headDim),
        constant('cos, sin', seq * headDim),
      ],
      writes: [output('q', q), output('latent and key', rows * (rank + headDim))],
    }
  },
  reference({batch, seq, heads, nope, headDim, rank}, [q, latent, key, table]) {
    const width = nope + headDim
    const part = q!.filter((_, i) => i % width >= nope)
    const [turnedQ, turnedK] = rope.reference!({batch, seq, heads, kvHeads: 1, headDim}, [part, key!, table!])
    const q2 = q!.map((v, i) =>
      i % width < nope ? v : turnedQ![Math.floor(i / width) * headDim + ((i % width) - nope)]!,
    )
    const joined = new Float64Array(batch * seq * (rank + headDim))
    for (let r = 0; r < batch * seq; r++) {
      joined.set(latent!.subarray(r * rank, (r + 1) * rank), r * (rank + headDim))
      joined.set(turnedK!.subarray(r * headDim, (r + 1) * headDim), r * (rank + headDim) + rank)
    }
    return [q2, joined]
  },
  // the inverse rotation
  backward({batch, seq, heads, nope, headDim, rank}) {
    const rows = batch * seq
    const q = rows * heads * (nope + headDim)
    const part = vectorPart('3·batch·seq·(heads + 1)·headDim', 3 * rows * (heads + 1) * headDim, {
      reads: [gradientOf(0, q), gradientOf(1, rows * (rank + headDim)), ofInput(3, seq * headDim)],
      writes: [
        {at: 0, elements: q},
        {at: 1, elements: rows * rank},
        {at: 2, elements: rows * headDim},
      ],
    })
    return {data: part, weights: null}
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, heads: 128, nope: 128, headDim: 64, rank: 512},
      flops: 24_768,
      bytes: 201_472,
      source: 'DeepSeek-V3, one token: 3·129·64; 4 B × (2·128·192 + 2·576 + 64)',
    },
  ],
}
