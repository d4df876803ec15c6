import {kv, type OpDef, output} from './types.ts'

export type KvReadDims = {
  readonly batch: number
  readonly cached: number
  readonly kvHeads: number
  readonly headDim: number
}

export const kvRead: OpDef<'kv-read', KvReadDims> = {
  kind: 'kv-read',
  title: 'gathers cached keys and values into contiguous tensors (a paged cache); no arithmetic',
  trait: 'gather',
  formula: '0',
  where: 'attention operators read the cache themselves; this is the separate copy some runtimes make first',
  source: 'Kwon et al. 2023 (arXiv:2309.06180) §4.1',
  cost({batch, cached, kvHeads, headDim}) {
    const elements = batch * cached * kvHeads * headDim
    return {
      macs: 0,
      flops: 0,
      matrix: 0,
      vector: 0,
      special: 0,
      reads: [kv('k cache', elements), kv('v cache', elements)],
      writes: [output('k', elements), output('v', elements)],
    }
  },
  reference: (_, [k, v]) => [Float64Array.from(k!), Float64Array.from(v!)],
  examples: [
    {
      dims: {batch: 1, cached: 2048, kvHeads: 8, headDim: 128},
      flops: 0,
      bytes: 33_554_432,
      source: '4 B × 4·2048·8·128',
    },
  ],
}
