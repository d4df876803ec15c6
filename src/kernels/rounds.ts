/**
 * The measuring protocol: short repetitions of different probes in turn, round after round over the whole run, so that a neighbour's
 * burst cannot hit one ceiling alone; extra rounds only for what is still unsettled. Independent of the addon: it asks a sampler.
 */
import {AnalysisError} from '../analysis/errors.ts'
import type {Sample, SampleSpec} from './native.ts'
import {settled} from './statistics.ts'

export type Sampler = (spec: SampleSpec) => Promise<Sample>

/** One thing to measure. `passes` is where calibration starts. */
export interface Task {
  id: string
  label: string
  spec: SampleSpec
  /** `false` where a repetition has a fixed length (a roaming read) */
  calibrate: boolean
}

/** What the rounds found for one task: rates in work per second, in the order taken. */
export interface Series {
  rates: number[]
  clockHz: number[]
  /** passes per repetition after calibration */
  passes: number
}

export interface RoundOptions {
  /** seconds that one repetition should take */
  repetitionSeconds: number
  /** rounds that every task gets */
  rounds: number
  /** further rounds that unsettled tasks may get */
  extraRounds: number
  /** seconds after which no further round starts */
  budgetSeconds: number
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
  /** seconds on a steady clock; for tests */
  now?: () => number
}

/** Calibration steps before a probe whose clock stands still is given up: 16^12 times the first length. */
const calibrationSteps = 12

/** @throws {AnalysisError} `interrupted` once the signal is aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new AnalysisError('interrupted', 'The measurement was interrupted; the saved profile is as it was.')
}

/**
 * Finds the passes that make one repetition last `target` seconds.
 * @returns `undefined` where no number of passes takes a measurable time
 */
export async function calibrate(
  sampler: Sampler,
  spec: SampleSpec,
  target: number,
  signal?: AbortSignal,
): Promise<number | undefined> {
  let passes = spec.passes
  for (let step = 0; step < calibrationSteps; step++) {
    throwIfAborted(signal)
    const {seconds} = await sampler({...spec, passes, repetitions: 1, clock: false})
    const took = seconds[0] ?? 0
    if (took > target / 2) return Math.max(1, Math.round((passes * target) / took))
    // The first short runs hold cold caches and a waking clock: grow towards the target, by 16 at most.
    passes = Math.ceil(passes * Math.min(16, took > 0 ? (target / took) * 1.1 : 16))
  }
  return undefined
}

/**
 * Measures all tasks.
 * @returns one series per task id; a task whose repetitions take no measurable time has an empty one
 * @throws {AnalysisError} `interrupted` when the signal is aborted
 */
export async function runRounds(
  sampler: Sampler,
  tasks: readonly Task[],
  options: RoundOptions,
): Promise<Map<string, Series>> {
  const {repetitionSeconds, rounds, extraRounds, budgetSeconds, onProgress, signal} = options
  const now = options.now ?? (() => performance.now() / 1000)
  const started = now()
  const series = new Map<string, Series>(tasks.map(({id}) => [id, {rates: [], clockHz: [], passes: 0}]))
  const total = tasks.length * (rounds + 1)
  let done = 0
  const live: Task[] = []
  for (const task of tasks) {
    onProgress?.(done++, total, task.label)
    const passes = task.calibrate ? await calibrate(sampler, task.spec, repetitionSeconds, signal) : task.spec.passes
    if (passes === undefined) continue
    series.get(task.id)!.passes = passes
    live.push({...task, spec: {...task.spec, passes}})
  }
  for (let round = 0; round < rounds + extraRounds; round++) {
    const extra = round >= rounds
    const todo = extra ? live.filter(({id}) => !settled(series.get(id)!.rates)) : live
    if (todo.length === 0) break
    for (const task of todo) {
      throwIfAborted(signal)
      // Every task gets three rounds, so that a maximum can be confirmed; beyond them the budget decides.
      if (round >= 3 && now() - started > budgetSeconds) return series
      if (!extra) onProgress?.(done++, total, task.label)
      const {seconds, clockHz, work} = await sampler(task.spec)
      const own = series.get(task.id)!
      for (const took of seconds) if (took > 0) own.rates.push(work / took)
      for (const hertz of clockHz) if (hertz > 0) own.clockHz.push(hertz)
    }
  }
  onProgress?.(total, total, 'done')
  return series
}
