import {gradientOf, ofExtra, ofInput, ofOutput, productPart} from '../training/rules.ts'
import {type CrossDims, crossScores, crossUse} from './cross-scores.ts'
import {crossValues} from './cross-values.ts'
import {softmax} from './softmax.ts'
import {input, type OpDef, output} from './types.ts'

export const crossAttention: OpDef<'cross-attention', CrossDims> = {
  kind: 'cross-attention',
  title: 'fused attention of a decoder to an encoder: the scores never reach memory',
  trait: 'attention',
  formula: '4·batch·heads·seq·source·headDim + 5·batch·heads·seq·source',
  where: 'stored keys and values are read from the cache',
  source: 'Vaswani et al. 2017 (arXiv:1706.03762) §3.2.3; fused as in Dao et al. 2022 (arXiv:2205.14135)',
  cost(d) {
    const scores = d.batch * d.heads * d.seq * d.source
    const q = d.batch * d.seq * d.heads * d.headDim
    const matrix = 4 * scores * d.headDim
    return {
      macs: 2 * scores * d.headDim,
      flops: matrix + 5 * scores,
      matrix,
      vector: 5 * scores,
      special: scores,
      reads: [input('q', q), crossUse(d, 'k'), crossUse(d, 'v')],
      writes: [output('o', q)],
    }
  },
  reference(d, [q, k, v]) {
    const scores = crossScores.reference!(d, [q!, k!])[0]!
    const rows = d.batch * d.heads * d.seq
    const weights = softmax.reference!({rows, cols: d.source, kept: scores.length}, [scores])[0]!
    return crossValues.reference!(d, [weights, v!])
  },
  // as fused self-attention: S again from q and k, P from the kept log-sum-exp; what is computed again is no useful work
  backward(d) {
    const scores = d.batch * d.heads * d.seq * d.source
    const rows = d.batch * d.heads * d.seq
    const q = rows * d.headDim
    const k = d.batch * d.source * d.heads * d.headDim
    const part = productPart(
      '8·batch·heads·seq·source·headDim + 4·batch·heads·seq·source',
      4 * scores * d.headDim,
      {
        reads: [gradientOf(0, q), ofInput(0, q), ofInput(1, k), ofInput(2, k), ofOutput(0, q), ofExtra(0, rows)],
        writes: [
          {at: 0, elements: q},
          {at: 1, elements: k},
          {at: 2, elements: k},
        ],
      },
      4 * scores,
    )
    return {
      data: {...part, matrix: part.matrix + 2 * scores * d.headDim, vector: 4 * scores + 2 * q},
      weights: null,
      extra: [{name: 'log-sum-exp', elements: rows, dtype: 'f32'}],
    }
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, source: 1500, heads: 8, headDim: 64, stored: true},
      flops: 3_132_000,
      bytes: 6_148_096,
      source: 'Whisper base, one token: 4·8·1,500·64 + 5·8·1,500; 4 B × (2·512 + 2·1,500·512)',
    },
  ],
}
