import {gradientOf, vectorPart} from '../training/rules.ts'
import {keptPairs, pairsRule} from './pairs.ts'
import {input, type OpDef, output, weight} from './types.ts'

export type RelativeBiasDims = {
  readonly batch: number
  readonly seq: number
  readonly cached: number
  readonly heads: number
  /** rows of the learned table: distances share buckets, logarithmically far away */
  readonly buckets: number
  readonly causal: boolean
}

/** The bucket of a distance: half of them for one token each, the rest logarithmically to 128 tokens (T5's rule). */
function bucketOf(distance: number, buckets: number, causal: boolean): number {
  const far = 128
  const count = causal ? buckets : Math.floor(buckets / 2)
  const ahead = !causal && distance < 0 ? count : 0
  const d = causal ? Math.max(0, distance) : Math.abs(distance)
  const exact = Math.floor(count / 2)
  if (d < exact || count < 2) return Math.min(ahead + Math.min(d, Math.max(0, count - 1)), buckets - 1)
  const log = exact + Math.floor((Math.log(d / exact) / Math.log(far / exact)) * (count - exact))
  return Math.min(ahead + Math.min(log, count - 1), buckets - 1)
}

export const relativeBias: OpDef<'relative-bias', RelativeBiasDims> = {
  kind: 'relative-bias',
  title: 'adds a learned number to every score, by head and bucketed distance',
  trait: 'elementwise',
  formula: 'batch·heads·pairs',
  where: `${pairsRule}; one add per pair; the table is read once, its gather is index arithmetic`,
  derived: (d) => ({pairs: keptPairs(d.seq, d.cached, d.causal)}),
  source: 'Raffel et al. 2020 (arXiv:1910.10683) §2.1',
  cost({batch, seq, cached, heads, buckets, causal}) {
    const all = batch * heads * seq * (cached + seq)
    return {
      macs: 0,
      flops: batch * heads * keptPairs(seq, cached, causal),
      matrix: 0,
      vector: all,
      special: 0,
      reads: [input('scores', all), weight('table', buckets * heads)],
      writes: [output('biased scores', all)],
    }
  },
  reference({batch, seq, cached, heads, buckets, causal}, [scores, table]) {
    const keys = cached + seq
    const y = new Float64Array(scores!.length)
    for (let r = 0; r < batch * heads * seq; r++) {
      const head = Math.floor(r / seq) % heads
      for (let j = 0; j < keys; j++) {
        const bucket = bucketOf(cached + (r % seq) - j, buckets, causal)
        y[r * keys + j] = scores![r * keys + j]! + table![bucket * heads + head]!
      }
    }
    return [y]
  },
  // scores take dy as it is, a row of the table the sum over its pairs
  backward({batch, seq, cached, heads, buckets, causal}) {
    const all = batch * heads * seq * (cached + seq)
    const part = vectorPart('batch·heads·pairs', batch * heads * keptPairs(seq, cached, causal), {
      reads: [gradientOf(0, all)],
      writes: [{at: 1, elements: buckets * heads}],
    })
    return {data: null, passes: [0], weights: {...part, vector: all}}
  },
  examples: [
    {
      dims: {batch: 1, seq: 512, cached: 0, heads: 12, buckets: 32, causal: false},
      flops: 3_145_728,
      bytes: 25_167_360,
      source: 'T5 base encoder, 512 tokens: 12·512²; 4 B × (2·12·512² + 32·12)',
    },
  ],
}
