import {input, kv, type OpDef} from './types.ts'

export type MlaWriteDims = {readonly batch: number; readonly seq: number; readonly rank: number; readonly rope: number}

export const mlaWrite: OpDef<'mla-write', MlaWriteDims> = {
  kind: 'mla-write',
  title: 'appends the new latent vectors and rotated keys to the cache of latent attention; no arithmetic',
  trait: 'elementwise',
  formula: '0',
  source: 'DeepSeek-AI 2024 (arXiv:2405.04434) §2.1.2: only the latent and the shared key are cached',
  cost({batch, seq, rank, rope}) {
    const elements = batch * seq * (rank + rope)
    return {
      macs: 0,
      flops: 0,
      matrix: 0,
      vector: 0,
      special: 0,
      reads: [input('latent and key', elements)],
      writes: [kv('cache', elements)],
    }
  },
  reference: (_, [x]) => [Float64Array.from(x!)],
  examples: [
    {
      dims: {batch: 1, seq: 1, rank: 512, rope: 64},
      flops: 0,
      bytes: 4608,
      source: 'DeepSeek-V3, one token and layer: 2·576·4 B',
    },
  ],
}
