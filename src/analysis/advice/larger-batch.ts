import type {Evaluation} from '../evaluate.ts'
import {traitsOf} from '../models/types.ts'
import {largestWhere, smallestWhere} from '../search.ts'
import {format} from '../units.ts'
import {attempt, isArithmetic, LARGEST_BATCH, tokensOf, waitsFor, worthwhile} from './shared.ts'
import type {AdviceContext, AdviceRule} from './types.ts'

interface Target {
  readonly batch: number
  readonly why: string
}

/** Evaluations by batch, each made once. */
function memo(context: AdviceContext): (batch: number) => Evaluation | undefined {
  const made = new Map<number, Evaluation | undefined>([[context.work.batch, context.evaluation]])
  return (batch) => {
    if (!made.has(batch)) made.set(batch, attempt(context, {batch}))
    return made.get(batch)
  }
}

/**
 * The batch to go for: where the pass becomes bound by arithmetic; where it never does (a long KV cache grows with the
 * batch), where no product waits for its weights any more; at most what fits.
 */
function target(context: AdviceContext, at: (batch: number) => Evaluation | undefined): Target | undefined {
  const {batch} = context.work
  const capacity = context.roof.machine.memory?.capacity ?? Number.POSITIVE_INFINITY
  const limit = largestWhere((b) => (at(b)?.memory.peak ?? Number.POSITIVE_INFINITY) <= capacity, batch, LARGEST_BATCH)
  if (limit === undefined || limit === batch) return undefined
  const ridge = smallestWhere((b) => isArithmetic(context, at(b)!.bound), batch, limit)
  if (ridge !== undefined) {
    const today = context.evaluation.bound === context.roof.launch?.id ? 'the start of operators or memory' : 'memory'
    return {batch: ridge, why: `the smallest at which the pass is no longer bound by ${today}`}
  }
  const shared = smallestWhere(
    (b) => !at(b)!.operators.some((op) => op.macs > 0 && waitsFor(context, op, 'weight')),
    batch,
    limit,
  )
  if (shared !== undefined) {
    return {batch: shared, why: 'the smallest at which no product waits for its weights; the rest grows with the batch'}
  }
  if (limit === LARGEST_BATCH) return undefined
  return {batch: limit, why: `the largest that fits ${format(capacity, 'B')}; the ridge lies beyond`}
}

export const largerBatch: AdviceRule = {
  id: 'larger-batch',
  title: 'a larger batch shares each read of the weights and each launch, up to the ridge',
  apply(context) {
    const {work, evaluation} = context
    // the sizes of a file with a graph of its own are for one batch
    if (traitsOf(context.model).batch !== undefined) return []
    if (isArithmetic(context, evaluation.bound)) return []
    const at = memo(context)
    const found = target(context, at)
    if (!found || found.batch === work.batch) return []
    const then = at(found.batch)!
    const tokens = tokensOf(work)
    const now = evaluation.time.lower / tokens
    const later = then.time.lower / (found.batch * work.seq)
    const saves = (now - later) * tokens
    if (!worthwhile(saves, evaluation)) return []
    const unit = work.image || work.graph ? 'sample' : 'token'
    const message = `Larger batch: ${found.batch} instead of ${work.batch} (${found.why}) takes ${format(later, 's')} per ${unit} instead of ${format(now, 's')}; over the ${tokens} ${unit}${tokens === 1 ? '' : 's'} of this workload that is ${format(saves, 's')}. One pass then takes ${format(then.time.lower, 's')}.`
    return [{rule: 'larger-batch', operator: null, message, saves}]
  },
  example: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'decode', context: 128}},
  counterExample: {model: 'llama-3-8b', machine: 'h100-sxm', options: {phase: 'prefill', seq: 2048}},
}
