import {input, kv, type OpDef} from './types.ts'

export type KvWriteDims = {
  readonly batch: number
  readonly seq: number
  readonly kvHeads: number
  readonly headDim: number
}

export const kvWrite: OpDef<'kv-write', KvWriteDims> = {
  kind: 'kv-write',
  title: 'appends the new keys and values to the KV cache; no arithmetic',
  trait: 'elementwise',
  formula: '0',
  source: 'Shazeer 2019 (arXiv:1911.02150) §2.4: incremental decoding keeps keys and values',
  cost({batch, seq, kvHeads, headDim}) {
    const elements = batch * seq * kvHeads * headDim
    return {
      macs: 0,
      flops: 0,
      matrix: 0,
      vector: 0,
      special: 0,
      reads: [input('k', elements), input('v', elements)],
      writes: [kv('k cache', elements), kv('v cache', elements)],
    }
  },
  reference: (_, [k, v]) => [Float64Array.from(k!), Float64Array.from(v!)],
  examples: [
    {
      dims: {batch: 1, seq: 1, kvHeads: 8, headDim: 128},
      flops: 0,
      bytes: 16_384,
      source: 'Llama 3 8B, one token: 4 B × 4·8·128',
    },
  ],
}
