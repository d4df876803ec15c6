import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

export type MlaKeysDims = {readonly rows: number; readonly heads: number; readonly nope: number; readonly rope: number}

export const mlaKeys: OpDef<'mla-keys', MlaKeysDims> = {
  kind: 'mla-keys',
  title: 'joins the expanded keys of every head with the one rotated key that they share; no arithmetic',
  trait: 'gather',
  formula: '0',
  source: 'DeepSeek-AI 2024 (arXiv:2405.04434) §2.1.3 eq. 17',
  cost({rows, heads, nope, rope}) {
    return {
      macs: 0,
      flops: 0,
      matrix: 0,
      vector: 0,
      special: 0,
      reads: [input('keys', rows * heads * nope), input('shared key', rows * rope)],
      writes: [output('k', rows * heads * (nope + rope))],
    }
  },
  reference({rows, heads, nope, rope}, [keys, shared]) {
    const width = nope + rope
    const y = new Float64Array(rows * heads * width)
    for (let i = 0; i < rows * heads; i++) {
      y.set(keys!.subarray(i * nope, (i + 1) * nope), i * width)
      const r = Math.floor(i / heads)
      y.set(shared!.subarray(r * rope, (r + 1) * rope), i * width + nope)
    }
    return [y]
  },
  // the key that all heads share takes the sum over them
  backward: ({rows, heads, nope, rope}) => ({
    data: vectorPart('rows·heads·rope', rows * heads * rope, {
      reads: [gradientOf(0, rows * heads * (nope + rope))],
      writes: [
        {at: 0, elements: rows * heads * nope},
        {at: 1, elements: rows * rope},
      ],
    }),
    weights: null,
  }),
  examples: [
    {
      dims: {rows: 1, heads: 128, nope: 128, rope: 64},
      flops: 0,
      bytes: 164_096,
      source: 'DeepSeek-V3, one token: 4 B × (128·128 + 64 + 128·192)',
    },
  ],
}
