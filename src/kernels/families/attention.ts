/** Attention: materialized scores against an online softmax; prefill, grouped heads, decoding with a cache. */
import {attention} from '../../analysis/ops/attention.ts'
import {attentionScores} from '../../analysis/ops/attention-scores.ts'
import {attentionValues} from '../../analysis/ops/attention-values.ts'
import {type AttentionDims, keptPairs} from '../../analysis/ops/pairs.ts'
import {multiplications} from '../functions.ts'
import type {Program} from '../program.ts'
import {softmaxPart} from './softmax.ts'
import {evaluating, type KernelDef, one, operator, type PairDef} from './types.ts'

/** Both forms. With a cache the kernels have a name, a dimension and inputs more. */
function programs(d: AttentionDims): {unfused: Program; fused: Program} {
  const cached = d.cached > 0
  const suffix = cached ? '-cached' : ''
  const plain = [d.batch, d.seq, d.heads, d.kvHeads, d.headDim, d.causal ? 1 : 0]
  const native = cached ? [...plain, d.cached] : plain
  const [keys, values] = cached
    ? [
        ['k', 'k cache'],
        ['v', 'v cache'],
      ]
    : [['k'], ['v']]
  const heads = d.batch * d.heads
  const rows = heads * d.seq
  const kept = heads * keptPairs(d.seq, d.cached, d.causal)
  const whole = operator(attention, `attention${suffix}`, d, native, ['q', ...keys!, ...values!], ['o'])
  return {
    unfused: {
      id: 'attention-scores, softmax, attention-values',
      parts: [
        operator(attentionScores, `attention-scores${suffix}`, d, native, ['q', ...keys!], ['scores']),
        softmaxPart(rows, d.cached + d.seq, kept, 'scores', 'weights'),
        operator(attentionValues, `attention-values${suffix}`, d, native, ['weights', ...values!], ['o']),
      ],
    },
    fused: one(`attention${suffix}`, {
      ...evaluating('exp', whole),
      // dividing by the sum is one more multiplication of each weight or, where those are fewer, of each output
      multiplies: multiplications.exp2 * whole.cost.special + Math.min(kept, rows * d.headDim),
    }),
  }
}

const prefill = ([batch, seq, heads, headDim]: readonly number[]) =>
  programs({
    batch: batch!,
    seq: seq!,
    cached: 0,
    heads: heads!,
    kvHeads: heads!,
    headDim: headDim!,
    causal: true,
  })

const grouped = ([batch, seq, heads, kvHeads, headDim, causal]: readonly number[]) =>
  programs({
    batch: batch!,
    seq: seq!,
    cached: 0,
    heads: heads!,
    kvHeads: kvHeads!,
    headDim: headDim!,
    causal: causal === 1,
  })

const decode = ([batch, seq, cached, heads, kvHeads, headDim]: readonly number[]) =>
  programs({
    batch: batch!,
    seq: seq!,
    cached: cached!,
    heads: heads!,
    kvHeads: kvHeads!,
    headDim: headDim!,
    causal: true,
  })

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
      [1, 9, 1, 16],
      [1, 33, 2, 16],
      [1, 95, 1, 8],
      [1, 96, 1, 12],
      [1, 97, 1, 13],
      [1, 255, 1, 5],
      [1, 257, 2, 33],
      [1, 600, 1, 4],
    ],
    program: (dims) => prefill(dims).fused,
  },
  'attention-gqa': {
    id: 'attention-gqa',
    op: 'attention',
    title: 'attention with an online softmax and grouped heads',
    dims: ['batch', 'seq', 'heads', 'kvHeads', 'headDim', 'causal'],
    sizes: {cache: [1, 128, 4, 2, 64, 1], dram: [1, 2048, 32, 8, 128, 1]},
    check: [2, 67, 6, 2, 20, 0],
    cases: [
      [1, 1, 2, 1, 3, 1],
      [1, 2, 4, 2, 16, 0],
      [3, 1, 7, 7, 17, 0],
      [1, 31, 8, 1, 9, 1],
      [2, 50, 6, 3, 5, 1],
      [1, 130, 4, 4, 64, 0],
      [1, 101, 5, 1, 33, 1],
    ],
    program: (dims) => grouped(dims).fused,
  },
  'attention-decode': {
    id: 'attention-decode',
    op: 'attention',
    title: 'attention of new tokens to a cache of keys and values',
    dims: ['batch', 'seq', 'cached', 'heads', 'kvHeads', 'headDim'],
    sizes: {cache: [1, 1, 127, 8, 2, 64], dram: [8, 1, 4095, 32, 8, 128]},
    grows: ['batch'],
    check: [2, 1, 130, 6, 2, 20],
    cases: [
      [1, 1, 1, 1, 1, 1],
      [1, 1, 63, 2, 1, 16],
      [3, 1, 64, 3, 3, 7],
      [1, 1, 65, 8, 1, 33],
      [2, 3, 70, 2, 2, 17],
      [1, 5, 100, 4, 2, 8],
      [1, 40, 97, 3, 1, 12],
      // products by halves of vectors: keys no multiple of four, and too few; heads left over
      [1, 1, 127, 8, 2, 64],
      [2, 2, 5, 7, 1, 64],
      [1, 1, 2, 4, 1, 64],
      // keys and values beyond L2
      [1, 1, 1200, 8, 2, 32],
      [2, 1, 600, 6, 3, 20],
      [1, 3, 2100, 4, 2, 17],
      [1, 1, 602, 5, 5, 33],
    ],
    program: (dims) => decode(dims).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  attention: {...kernels.attention, unfused: (d) => prefill(d).unfused, fused: (d) => prefill(d).fused},
  'attention-gqa': {...kernels['attention-gqa'], unfused: (d) => grouped(d).unfused, fused: (d) => grouped(d).fused},
  'attention-decode': {
    ...kernels['attention-decode'],
    unfused: (d) => decode(d).unfused,
    fused: (d) => decode(d).fused,
  },
} as const satisfies Record<string, PairDef>
