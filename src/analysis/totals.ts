/** Rates, latencies, cost and energy from an evaluation. */
import type {Totals} from './document/analysis.ts'
import type {Machine} from './document/machine.ts'
import type {Evaluation, PlacedOperator} from './evaluate.ts'
import type {Graph} from './graph.ts'
import type {ComputeRoof, Roof} from './roofline.ts'
import type {Flops, Seconds} from './units.ts'
import type {Workload} from './workload.ts'

/** The peak that most of the products run under: the dense one of their type, the sparse one where their weights are 2:4. */
export function mainPeak(evaluation: Evaluation, roof: Roof): ComputeRoof | null {
  const products = evaluation.operators.filter((op) => op.macs > 0)
  if (products.length === 0) return null
  const main = products.reduce((a, b) => (b.macs * b.repeat > a.macs * a.repeat ? b : a))
  return (main.sparsity ? roof.sparse(main.computes) : null) ?? roof.compute('matrix', main.computes)
}

/**
 * Seconds that the products of a pass take where each runs at the dense peak of its own type (2:4 weights: at that of their structure).
 * @param flopsOf FLOPs of products of one instance of the operator at this position
 */
function atPeak(evaluation: Evaluation, roof: Roof, flopsOf: (op: PlacedOperator, position: number) => Flops): Seconds {
  let seconds = 0
  evaluation.operators.forEach((op, i) => {
    const flops = flopsOf(op, i)
    if (flops === 0) return
    const peak = (op.sparsity ? roof.sparse(op.computes) : null) ?? roof.compute('matrix', op.computes)
    seconds += (flops * op.repeat) / peak.rate
  })
  return seconds
}

/**
 * Useful FLOPs of products over what their peaks allow in the same time (Chowdhery et al. 2022, appendix B): never above 1. Work of
 * vector units runs beside a product and has a peak of its own, so it is left out; each type counts at its own peak.
 */
function mfuOf(evaluation: Evaluation, roof: Roof): number | null {
  const {time, macs} = evaluation
  return macs > 0 && time.lower > 0 ? atPeak(evaluation, roof, (op) => 2 * op.macs) / time.lower : null
}

/** The same with what is computed a second time or thrown away: FLOPs that the product units execute. */
export function hfuOf(evaluation: Evaluation, roof: Roof, graph: Graph): number | null {
  const {time, macs} = evaluation
  return macs > 0 && time.lower > 0
    ? atPeak(evaluation, roof, (op, i) => Math.max(graph.nodes[i]!.cost.matrix, 2 * op.macs)) / time.lower
    : null
}

/**
 * Totals of one device, rates of all devices together.
 * @param sequence whether a sample is a sequence of tokens
 * @param complete whether the cost of every operator is known
 */
export function totalsOf(
  evaluation: Evaluation,
  work: Workload,
  machine: Machine,
  roof: Roof,
  sequence = true,
  complete = true,
): Totals {
  const {phase, batch, seq, count, tp} = work
  const seconds = evaluation.time.lower
  const samplesPerSecond = seconds > 0 ? (batch * (count / tp)) / seconds : null
  const tokensPerSecond = sequence && samplesPerSecond !== null ? samplesPerSecond * seq : null
  const reasons: Record<string, string> = {}
  if (tokensPerSecond === null) reasons.tokensPerSecond = sequence ? 'no time' : 'a sample is no sequence of tokens'
  const perMillion = (perSecond: number | undefined, field: string, missing: string): number | null => {
    if (perSecond !== undefined && tokensPerSecond !== null) return ((perSecond * count) / tokensPerSecond) * 1e6
    reasons[field] = tokensPerSecond === null ? 'a sample is no sequence of tokens' : missing
    return null
  }
  const costPerMillionTokens = perMillion(
    machine.price ? machine.price.perHour / 3600 : undefined,
    'costPerMillionTokens',
    `${machine.id} states no price`,
  )
  const energyPerMillionTokens = perMillion(
    machine.power?.watts,
    'energyPerMillionTokens',
    `${machine.id} states no power`,
  )
  const ttft = phase === 'prefill' ? seconds : null
  if (ttft === null) reasons.ttft = 'only a prefill has a first token'
  const tpot = phase === 'decode' ? seconds / seq : null
  if (tpot === null) reasons.tpot = 'only a decode step has later tokens'
  const mfu = mfuOf(evaluation, roof)
  if (mfu === null) reasons.mfu = 'no matrix product'
  if (evaluation.intensity === null) reasons.intensity = 'no byte moves'
  reasons['time.predicted'] = evaluation.time.reason
  return {
    macs: evaluation.macs,
    flops: evaluation.flops,
    executedFlops: evaluation.executedFlops,
    special: evaluation.special,
    bytes: evaluation.bytes as Totals['bytes'],
    intensity: evaluation.intensity,
    bound: evaluation.bound,
    time: evaluation.time,
    isBound: evaluation.time.predicted === null,
    complete,
    memory: evaluation.memory,
    tokensPerSecond,
    samplesPerSecond,
    ttft,
    tpot,
    mfu,
    costPerMillionTokens,
    currency: machine.price?.currency ?? null,
    energyPerMillionTokens,
    reasons,
  }
}
