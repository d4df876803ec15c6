import {gradientOf, ofExtra, ofInput, ofOutput, productPart} from '../training/rules.ts'
import {attentionScores} from './attention-scores.ts'
import {attentionValues} from './attention-values.ts'
import {type AttentionDims, gradientFormula, keptPairs, pairsOf, pairsRule} from './pairs.ts'
import {softmax} from './softmax.ts'
import {input, kv, type OpDef, output} from './types.ts'

export const attention: OpDef<'attention', AttentionDims> = {
  kind: 'attention',
  title: 'fused attention with an online softmax: the scores never reach memory, masked blocks are skipped',
  trait: 'attention',
  formula: '4·batch·heads·pairs·headDim + 5·batch·heads·pairs',
  where: pairsRule,
  derived: pairsOf,
  source: 'Dao et al. 2022 (arXiv:2205.14135): Q, K, V read once, O written once while a tile of K and V fits on chip',
  cost(d) {
    const pairs = d.batch * d.heads * keptPairs(d.seq, d.cached, d.causal, d.window, d.chunk)
    const fresh = d.batch * d.seq * d.kvHeads * d.headDim
    const cached = d.batch * d.cached * d.kvHeads * d.headDim
    const q = d.batch * d.seq * d.heads * d.headDim
    const reads =
      d.cached > 0
        ? [input('q', q), input('k', fresh), kv('k cache', cached), input('v', fresh), kv('v cache', cached)]
        : [input('q', q), input('k', fresh), input('v', fresh)]
    const matrix = 4 * pairs * d.headDim
    return {
      macs: 2 * pairs * d.headDim,
      flops: matrix + 5 * pairs,
      matrix,
      vector: 5 * pairs,
      special: pairs,
      reads,
      writes: [output('o', q)],
    }
  },
  reference(d, inputs) {
    const [q, k] = inputs
    const cached = d.cached > 0
    const scores = attentionScores.reference!(d, cached ? [q!, k!, inputs[2]!] : [q!, k!])[0]!
    const keys = d.cached + d.seq
    const weights = softmax.reference!({rows: d.batch * d.heads * d.seq, cols: keys, kept: scores.length}, [scores])[0]!
    return attentionValues.reference!(d, cached ? [weights, inputs[3]!, inputs[4]!] : [weights, inputs[2]!])
  },
  /**
   * Dao et al. 2022, algorithm 4: S is computed again (the fifth product, 2.5 times forward's in all), P from the kept
   * log-sum-exp (subtract, exp), dS = P·(dP − rowsum(dO·O)). What is computed again is executed, not useful work.
   */
  backward(d) {
    const heads = d.batch * d.heads
    const all = heads * keptPairs(d.seq, d.cached, d.causal, d.window, d.chunk)
    const fresh = heads * keptPairs(d.seq, 0, d.causal, d.window, d.chunk)
    const q = d.batch * d.seq * d.heads * d.headDim
    const k = d.batch * d.seq * d.kvHeads * d.headDim
    const rows = heads * d.seq
    const cached = d.batch * d.cached * d.kvHeads * d.headDim
    const vAt = d.cached > 0 ? 3 : 2
    const caches = d.cached > 0 ? [ofInput(2, cached), ofInput(4, cached)] : []
    const macs = 2 * (all + fresh) * d.headDim
    const part = productPart(
      `2·${gradientFormula} + 4·batch·heads·pairs`,
      macs,
      {
        reads: [
          ...[gradientOf(0, q), ofInput(0, q), ofInput(1, k), ofInput(vAt, k), ...caches],
          ...[ofOutput(0, q), ofExtra(0, rows)],
        ],
        writes: [
          {at: 0, elements: q},
          {at: 1, elements: k},
          {at: vAt, elements: k},
        ],
      },
      4 * all,
    )
    return {
      // per pair: subtract and exp for P, subtract and multiply for dS; per output element multiply and add
      data: {...part, matrix: part.matrix + 2 * all * d.headDim, vector: 4 * all + 2 * q},
      weights: null,
      extra: [{name: 'log-sum-exp', elements: rows, dtype: 'f32'}],
    }
  },
  examples: [
    {
      dims: {batch: 1, seq: 64, cached: 0, heads: 12, kvHeads: 12, headDim: 64, causal: false},
      flops: 12_582_912 + 5 * 12 * 64 * 64,
      bytes: 4 * 12 * 64 * 64 * 4,
      source: 'pytorch/pytorch issue #195460 (12,582,912 for the two products) and 5 per score',
    },
  ],
}
