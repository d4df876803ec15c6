/** The three questions a reader has, answered in words: what limits, how far from the roof, what to change first. */
import type {Advice, Totals} from './document/analysis.ts'
import type {Evaluation} from './evaluate.ts'
import {type ComputeRoof, type Roof, ridgePoint} from './roofline.ts'
import {mainPeak} from './totals.ts'
import {OFFLOAD_LINK} from './training/offload.ts'
import {format, formatShare, rateUnit} from './units.ts'

/** Share of the time that is bound by arithmetic, by each memory level, and by latency. */
export function timeByLimiter(evaluation: Evaluation, roof: Roof): {compute: number; memory: number; latency: number} {
  const kinds = new Map(roof.machine.ceilings.map((c) => [c.id, c.kind]))
  const shares = {compute: 0, memory: 0, latency: 0}
  for (const op of evaluation.operators) {
    if (op.bound === null) continue
    const kind = kinds.get(op.bound)
    shares[kind === 'compute' ? 'compute' : kind === 'bandwidth' ? 'memory' : 'latency'] += op.share
  }
  return shares
}

/** A list of weights without operators (a safetensors file alone). */
const unknownOperators = {
  limit: 'Unknown: the file lists weights and no operators.',
  distance: 'Memory is known, arithmetic, traffic and time are not.',
  first: 'Give the config.json of the model: it tells the operators.',
}

/** What a share of the peak is of: of the one type, or of those that the products run in. */
function peakOf({operators}: Evaluation, {ceiling, dtype}: ComputeRoof): string {
  const types = new Set(operators.filter((op) => op.macs > 0).map((op) => op.computes))
  if (types.size > 1) return `the peaks of ${[...types].sort().join(' and ')}`
  return `the ${ceiling.sparsity ? `${ceiling.sparsity} ` : ''}${dtype} peak`
}

export function summarize(
  evaluation: Evaluation,
  roof: Roof,
  totals: Totals,
  advice: readonly Advice[],
): {limit: string; distance: string; first: string} {
  if (evaluation.operators.length === 0) return unknownOperators
  const shares = timeByLimiter(evaluation, roof)
  const ceiling = roof.machine.ceilings.find((c) => c.id === evaluation.bound)
  const outer = roof.levels[0]!
  const largest = evaluation.operators.reduce((a, b) => (b.share > a.share ? b : a))
  const peak = mainPeak(evaluation, roof) ?? roof.compute('matrix', largest.computes)
  const ridge = ridgePoint(peak.rate, outer.rate)
  const intensity = evaluation.intensity ?? 0
  const at = `${format(intensity, 'FLOP/B')} against a ridge of ${format(ridge, 'FLOP/B')}`
  let limit: string
  if (ceiling?.kind === 'bandwidth') {
    limit = `Memory: ${formatShare(shares.memory)} of the time is bound by ${ceiling.level ?? 'memory'} bandwidth (${format(ceiling.value, 'B/s')}); intensity ${at}.`
  } else if (ceiling?.kind === 'compute') {
    const type = ceiling.dtype ?? peak.dtype
    limit = `Arithmetic: ${formatShare(shares.compute)} of the time is bound by compute (${ceiling.sparsity ? `${ceiling.sparsity} ` : ''}${type}, ${format(ceiling.value, rateUnit(type))}); intensity ${at}.`
  } else if (evaluation.link && evaluation.bound === OFFLOAD_LINK) {
    const {seconds, bandwidth, operators} = evaluation.link
    limit = `Link: offloaded activations take ${format(seconds, 's')} there and back at ${format(bandwidth, 'B/s')}, the operators ${format(operators, 's')}; intensity ${at}.`
  } else {
    const start = format(roof.launch?.seconds ?? null, 's')
    const {sequential} = largest
    const steps = sequential && sequential.steps > 1 && largest.bound === evaluation.bound ? sequential.steps : 0
    const what =
      steps > 0
        ? `steps that follow one another, each of which starts anew (${largest.id}: ${steps.toLocaleString('en-US')} steps, ${start} each)`
        : `the start of operators (${start} each)`
    limit = `Latency: ${formatShare(shares.latency)} of the time is ${what}; intensity ${at}.`
  }
  limit += ` Largest: ${largest.id}, ${formatShare(largest.share)}.`
  const distance =
    totals.mfu === null
      ? `At best ${format(evaluation.time.lower, 's')}; without any overlap ${format(evaluation.time.upper, 's')}.`
      : `At best ${format(evaluation.time.lower, 's')}, which is ${formatShare(totals.mfu)} of ${peakOf(evaluation, peak)}; without any overlap ${format(evaluation.time.upper, 's')}. Both are bounds from the model, not measurements.`
  const best = advice[0]
  const first = best ? best.message : 'Nothing in this model of the machine saves time: the workload sits at its roof.'
  return {limit, distance, first}
}
