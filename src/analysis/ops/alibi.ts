import {keptPairs, pairsRule} from './pairs.ts'
import {constant, input, type OpDef, output} from './types.ts'

export type ScoreBiasDims = {
  readonly batch: number
  readonly seq: number
  readonly cached: number
  readonly heads: number
  readonly causal: boolean
  /** as in attention */
  readonly window?: number
  readonly chunk?: number
}

export const alibi: OpDef<'alibi', ScoreBiasDims> = {
  kind: 'alibi',
  title: 'adds −slope·distance to every score, one slope per head: positions without an encoding',
  trait: 'elementwise',
  formula: '2·batch·heads·pairs',
  where: `${pairsRule}; per pair: multiply, add; distances are index arithmetic`,
  derived: (d) => ({pairs: keptPairs(d.seq, d.cached, d.causal, d.window, d.chunk)}),
  source: 'Press et al. 2021 (arXiv:2108.12409) §3',
  cost({batch, seq, cached, heads, causal, window, chunk}) {
    const all = batch * heads * seq * (cached + seq)
    return {
      macs: 0,
      flops: 2 * batch * heads * keptPairs(seq, cached, causal, window, chunk),
      matrix: 0,
      vector: 2 * all,
      special: 0,
      reads: [input('scores', all), constant('slopes', heads)],
      writes: [output('biased scores', all)],
    }
  },
  reference({batch, seq, cached, heads}, [scores, slopes]) {
    const keys = cached + seq
    const y = new Float64Array(scores!.length)
    for (let r = 0; r < batch * heads * seq; r++) {
      const slope = slopes![Math.floor(r / seq) % heads]!
      for (let j = 0; j < keys; j++) y[r * keys + j] = scores![r * keys + j]! - slope * Math.abs(cached + (r % seq) - j)
    }
    return [y]
  },
  backward: () => ({data: null, passes: [0], weights: null}),
  examples: [
    {
      dims: {batch: 1, seq: 2, cached: 3, heads: 4, causal: true},
      flops: 72,
      bytes: 336,
      source: 'by hand: 2·4·(2·3 + 3); 4 B × (2·4·2·5 + 4)',
    },
  ],
}
