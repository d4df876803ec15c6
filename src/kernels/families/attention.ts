/** Attention: materialized scores against an online softmax. */
import {attention} from '../../analysis/ops/attention.ts'
import {attentionScores} from '../../analysis/ops/attention-scores.ts'
import {attentionValues} from '../../analysis/ops/attention-values.ts'
import type {AttentionDims} from '../../analysis/ops/pairs.ts'
import type {Program} from '../program.ts'
import {softmaxPart} from './rows.ts'
import {evaluating, type KernelDef, one, operator, type PairDef} from './types.ts'

function attentionPrograms([batch, seq, heads, headDim]: readonly number[]): {unfused: Program; fused: Program} {
  const d: AttentionDims = {
    batch: batch!,
    seq: seq!,
    cached: 0,
    heads: heads!,
    kvHeads: heads!,
    headDim: headDim!,
    causal: true,
  }
  const native = [batch!, seq!, heads!, heads!, headDim!, 1]
  const rows = batch! * heads! * seq!
  const kept = (batch! * heads! * seq! * (seq! + 1)) / 2
  return {
    unfused: {
      id: 'attention-scores, softmax, attention-values',
      parts: [
        operator(attentionScores, 'attention-scores', d, native, ['q', 'k'], ['scores']),
        softmaxPart(rows, seq!, kept, 'scores', 'weights'),
        operator(attentionValues, 'attention-values', d, native, ['weights', 'v'], ['o']),
      ],
    },
    fused: one('attention', evaluating('exp', operator(attention, 'attention', d, native, ['q', 'k', 'v'], ['o']))),
  }
}

export const kernels = {
  attention: {
    id: 'attention',
    op: 'attention',
    title: 'causal attention with an online softmax',
    dims: ['batch', 'seq', 'heads', 'headDim'],
    sizes: {cache: [1, 128, 4, 64], dram: [1, 2048, 12, 64]},
    check: [2, 101, 3, 20],
    cases: [
      [1, 1, 1, 1],
      [2, 5, 3, 7],
      [1, 33, 2, 16],
      [1, 95, 1, 8],
      [1, 96, 1, 8],
      [1, 97, 1, 8],
      [1, 255, 1, 5],
      [1, 256, 1, 5],
      [1, 257, 2, 33],
      [1, 600, 1, 4],
    ],
    program: (dims) => attentionPrograms(dims).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  attention: {
    ...kernels.attention,
    unfused: (d) => attentionPrograms(d).unfused,
    fused: (d) => attentionPrograms(d).fused,
  },
} as const satisfies Record<string, PairDef>
