import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {index, input, type OpDef, output, weight} from './types.ts'

/** One product per expert on the rows that chose it: y[i] = x[i]·W[expert of i]. */
export type MoeLinearDims = {
  /** rows of all experts together: tokens × choices */
  readonly assigned: number
  readonly experts: number
  readonly n: number
  readonly k: number
  readonly bias: boolean
  /**
   * rows that every expert computes, padded; what is beyond is dropped. 0: no padding, nothing is dropped.
   * A capacity factor c makes it ⌈c·assigned/experts⌉.
   */
  readonly slots: number
  /** rows of the busiest expert, whose time the others wait for; they share the rest evenly. 0: all alike, or none waits */
  readonly busiest: number
}

/** Rows that are computed: all, or those that find a slot, the busiest expert having fewest for its rows. */
const keptRows = (assigned: number, experts: number, slots: number, busiest: number): number =>
  slots === 0 ? assigned : Math.min(experts * slots, assigned - Math.max(0, Math.min(busiest, assigned) - slots))

/** Rows that take time: experts side by side are done when the fullest is. */
const executedRows = ({assigned, experts, slots, busiest}: MoeLinearDims): number =>
  slots === 0 ? Math.max(assigned, experts * Math.min(busiest, assigned)) : experts * slots

/** Rows of one expert at `factor` times the mean; 0 where there is no factor. */
export const slotsOf = (assigned: number, experts: number, factor: number | undefined): number =>
  factor === undefined ? 0 : Math.max(1, Math.ceil((factor * assigned) / experts))

export const moeLinear: OpDef<'moe-linear', MoeLinearDims> = {
  kind: 'moe-linear',
  title: 'matrix products of a mixture of experts (a grouped GEMM): each row with the weights of its expert',
  trait: 'contraction',
  formula: '2·kept·n·k + bias·kept·n',
  where:
    'kept = assigned rows; where slots bound them at most experts·slots, less what the busiest expert gets beyond its slots. Executed: experts·slots, or experts·busiest, since experts side by side (expert parallelism, one batched product) wait for the fullest; a grouped product without padding on one device (busiest = 0) does not. Weights are read of min(experts, assigned) experts: every one that a row can reach, the most that routing can touch (the mean over uniform routing, experts·(1 − (1 − topK/experts)^tokens), is no whole number and at most this)',
  derived: (d) => ({kept: keptRows(d.assigned, d.experts, d.slots, d.busiest)}),
  source: 'Gale et al. 2022 (arXiv:2211.15841) §3; capacity: Lepikhin et al. 2020 (arXiv:2006.16668) §2.2',
  cost(dims) {
    const {assigned, experts, n, k, bias, slots, busiest} = dims
    const kept = keptRows(assigned, experts, slots, busiest)
    const touched = Math.min(experts, kept)
    const executed = executedRows(dims)
    const macs = kept * n * k
    const reads = [input('x', kept * k), index('experts', assigned), weight('w', touched * k * n)]
    if (bias) reads.push(weight('bias', touched * n))
    return {
      macs,
      flops: 2 * macs + (bias ? kept * n : 0),
      matrix: 2 * executed * n * k,
      vector: bias ? executed * n : 0,
      special: 0,
      reads,
      writes: [output('y', kept * n)],
    }
  },
  // weights of the touched experts alone are given, and dropped rows have left x already
  reference({assigned, experts, n, k, bias, slots, busiest}, [x, expertOf, w, b]) {
    const kept = keptRows(assigned, experts, slots, busiest)
    const y = new Float64Array(kept * n)
    for (let i = 0; i < kept; i++) {
      const e = expertOf![i]!
      for (let j = 0; j < n; j++) {
        let sum = bias ? b![e * n + j]! : 0
        for (let l = 0; l < k; l++) sum += x![i * k + l]! * w![(e * k + l) * n + j]!
        y[i * n + j] = sum
      }
    }
    return [y]
  },
  // padded slots are executed in both gradients as in forward; experts that no row chose have no gradient
  backward(dims) {
    const {assigned, experts, n, k, bias, slots, busiest} = dims
    const kept = keptRows(assigned, experts, slots, busiest)
    const touched = Math.min(experts, kept)
    const executed = executedRows(dims)
    const matrix = 2 * executed * n * k
    const data = productPart('2·kept·n·k', kept * n * k, {
      reads: [gradientOf(0, kept * n), ofInput(1, assigned), ofInput(2, touched * k * n)],
      writes: [{at: 0, elements: kept * k}],
    })
    const writes = [{at: 2, elements: touched * k * n}]
    if (bias) writes.push({at: 3, elements: touched * n})
    const reads = [ofInput(0, kept * k), ofInput(1, assigned), gradientOf(0, kept * n)]
    const weights = productPart('2·kept·n·k + bias·kept·n', kept * n * k, {reads, writes}, bias ? kept * n : 0)
    return {data: {...data, matrix}, weights: {...weights, matrix, vector: bias ? executed * n : 0}}
  },
  examples: [
    {
      dims: {assigned: 2, experts: 8, n: 14_336, k: 4096, bias: false, slots: 0, busiest: 0},
      flops: 234_881_024,
      bytes: 469_909_520,
      source:
        'Mixtral 8x7B, one token, 2 of 8 experts: 4·14,336·4,096; 4 B × (2·4,096 + 2·4,096·14,336 + 2·14,336) + 2·8 B',
    },
    {
      dims: {assigned: 10, experts: 4, n: 3, k: 2, bias: true, slots: 2, busiest: 0},
      flops: 120,
      bytes: 384,
      source: 'by hand: 8 of 10 rows fit, 2·8·3·2 + 8·3; 4 B × (8·2 + 4·2·3 + 4·3 + 8·3) + 10·8 B',
    },
  ],
}
