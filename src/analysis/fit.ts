/** What fits: the largest batch, context and prompt under the memory, and the largest batch under a latency. */
import {evaluateModel} from './analyze.ts'
import type {Machine} from './document/machine.ts'
import type {Dimension, Fit, FitLatency, FitSize} from './document/sweep.ts'
import {AnalysisError} from './errors.ts'
import type {Evaluation} from './evaluate.ts'
import {type ModelDef, traitsOf} from './models/types.ts'
import {prepareRoof} from './roofline.ts'
import {largestWhere} from './search.ts'
import type {SweepOptions} from './sweep.ts'
import {format, formatCount} from './units.ts'
import {MAX_SIZE, resolveWorkload, type Workload} from './workload.ts'

/** Seconds that a user allows. */
export interface LatencyLimits {
  maxTtft?: number | undefined
  maxTpot?: number | undefined
}

type Run = (work: Workload) => Evaluation | undefined

/** A run whose counts would leave the exact integers has no answer; that ends a search, it does not fail it. */
function runner(model: ModelDef, machine: Machine, launchOverhead: number | undefined): Run {
  const roof = prepareRoof(machine, launchOverhead)
  return (work) => {
    try {
      return evaluateModel(model, work, roof)
    } catch (error) {
      if (error instanceof AnalysisError && error.code === 'bad-dimension') return undefined
      throw error
    }
  }
}

function largestSize(run: Run, work: Workload, size: Dimension, machine: Machine, model: ModelDef): FitSize {
  const capacity = machine.memory?.capacity
  const at = (n: number) => run({...work, [size]: n})
  if (capacity === undefined)
    return {size, value: null, limitedBy: 'nothing', peak: null, reason: `${machine.id} states no memory: unbounded`}
  const {batch} = traitsOf(model)
  if (size === 'batch' && batch !== undefined)
    return {
      size,
      value: null,
      limitedBy: 'nothing',
      peak: null,
      reason: `the sizes of ${model.id} are for batch ${batch}`,
    }
  const least = size === 'context' ? 0 : 1
  const value = largestWhere((n) => (at(n)?.memory.peak ?? Number.POSITIVE_INFINITY) <= capacity, least, MAX_SIZE)
  if (value === undefined) {
    const over = (at(least)?.memory.peak ?? Number.POSITIVE_INFINITY) - capacity
    const reason = `not even ${size} ${least} fits ${format(capacity, 'B')}: ${formatCount(over)} bytes over`
    return {size, value: null, limitedBy: 'memory', peak: null, reason}
  }
  const peak = at(value)!.memory.peak
  if (value === MAX_SIZE)
    return {size, value: null, limitedBy: 'nothing', peak: null, reason: `${formatCount(MAX_SIZE)} fits: unbounded`}
  if (at(value + 1) === undefined)
    return {size, value, limitedBy: 'counts', peak, reason: `beyond it counts leave the exact integers (2^53)`}
  const reached = size === 'context' ? value + work.seq : size === 'seq' ? value + work.context : 0
  const positions = traitsOf(model).positions ?? Number.POSITIVE_INFINITY
  const beyond = reached > positions ? `; ${model.id} was made for ${formatCount(positions)} positions` : ''
  const reason = `${format(peak, 'B')} of ${format(capacity, 'B')}; one more does not fit${beyond}`
  return {size, value, limitedBy: 'memory', peak, reason}
}

function largestBatch(run: Run, work: Workload, limit: 'ttft' | 'tpot', seconds: number, machine: Machine): FitLatency {
  const capacity = machine.memory?.capacity ?? Number.POSITIVE_INFINITY
  const at = (batch: number) => run({...work, batch})
  const latency = (evaluation: Evaluation) => evaluation.time.lower / (limit === 'tpot' ? work.seq : 1)
  const verdict = (batch: number): 'ok' | 'memory' | 'counts' | 'ttft' | 'tpot' => {
    const evaluation = at(batch)
    if (!evaluation) return 'counts'
    if (latency(evaluation) > seconds) return limit
    return evaluation.memory.peak > capacity ? 'memory' : 'ok'
  }
  const where = {phase: work.phase, seq: work.seq, context: work.context}
  const batch = largestWhere((n) => verdict(n) === 'ok', 1, MAX_SIZE)
  const limitedBy = batch === MAX_SIZE ? 'ok' : verdict((batch ?? 0) + 1)
  const base = {limit, seconds, at: where, limitedBy: limitedBy === 'ok' ? 'nothing' : limitedBy} as const
  if (batch === undefined) {
    const alone = at(1)
    const time = alone ? latency(alone) : null
    const reason =
      limitedBy === 'memory' ? 'not even batch 1 fits the memory' : `batch 1 takes ${format(time, 's')} at least`
    return {...base, batch: null, time, reason}
  }
  const words = {
    ttft: `batch ${batch + 1} takes longer than ${format(seconds, 's')}`,
    tpot: `batch ${batch + 1} takes longer than ${format(seconds, 's')}`,
    memory: `batch ${batch + 1} does not fit ${format(capacity, 'B')}`,
    counts: 'beyond it counts leave the exact integers (2^53)',
    ok: `${formatCount(MAX_SIZE)} holds the limit: unbounded`,
  }
  return {...base, batch, time: latency(at(batch)!), reason: words[limitedBy]}
}

function checkLimit(flag: string, seconds: number | undefined, phase: string, model: ModelDef): void {
  if (seconds === undefined) return
  if (!Number.isFinite(seconds) || seconds <= 0)
    throw new AnalysisError('bad-flag', `${flag} ${seconds} is not a positive number of seconds`, [`write ${flag} 0.2`])
  if (phase === 'forward' || phase === 'train')
    throw new AnalysisError(
      'bad-flag',
      `${flag} does not apply to ${phase === 'train' ? 'training' : model.id}: it does not generate`,
      [`leave ${flag} out`],
    )
}

/**
 * The largest batch, context and sequence that fit the memory of one device, each with the others as given, and the
 * largest batch whose time to first token or time per later token (both lower bounds) stays below a limit and that
 * fits as well. Exact: the next whole number does not fit, or takes longer.
 *
 * TTFT is a prefill of `seq` tokens after `context`; asked with a decode workload, a prefill of its `context`. TPOT is
 * a decode step; asked with a prefill workload, one after all its tokens.
 * @throws AnalysisError `bad-flag` for a limit that is not positive or does not apply
 */
export function findFit(model: ModelDef, machine: Machine, options: SweepOptions, limits: LatencyLimits = {}): Fit {
  const work = resolveWorkload(model, options)
  checkLimit('--max-ttft', limits.maxTtft, work.phase, model)
  checkLimit('--max-tpot', limits.maxTpot, work.phase, model)
  const run = runner(model, machine, options.launchOverhead)
  const decode = work.phase === 'decode'
  // an image and a graph have no tokens
  const tokens = traitsOf(model).positions !== null
  const sizes: Dimension[] = decode
    ? ['batch', 'context']
    : !tokens
      ? ['batch']
      : work.phase === 'forward' || work.phase === 'train'
        ? ['batch', 'seq']
        : ['batch', 'context', 'seq']
  const prefill: Workload = decode ? {...work, phase: 'prefill', seq: Math.max(1, work.context), context: 0} : work
  const step: Workload = decode ? work : {...work, phase: 'decode', seq: 1, context: work.context + work.seq}
  const latency = [
    ...(limits.maxTtft === undefined ? [] : [largestBatch(run, prefill, 'ttft', limits.maxTtft, machine)]),
    ...(limits.maxTpot === undefined ? [] : [largestBatch(run, step, 'tpot', limits.maxTpot, machine)]),
  ]
  return {
    memory: machine.memory?.capacity ?? null,
    sizes: sizes.map((size) => largestSize(run, work, size, machine, model)),
    latency,
  }
}
