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
  /** relative variation from run to run that its best rate may have; it is sampled until its rates promise that */
  limit?: number
  /** where its repetitions should be of another length than all others' */
  repetitionSeconds?: number
  /** passes that the sampler runs at most: what is shorter by then is as long as it can be */
  mostPasses?: number
  /** sampled to the end of the run, however well its rates agree: DRAM changes for seconds at a time, as neighbours and hosts do */
  drifts?: boolean
}

/** What the rounds found for one task: rates in work per second, in the order taken. */
export interface Series {
  rates: number[]
  clockHz: number[]
  /** whether it had a turn */
  tried: boolean
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
  /** seconds after which nothing more is sampled once every task has had its least rounds: a slow machine gets fewer */
  budgetSeconds: number
  /** extra rounds are all tasks' for as long as one is unsettled: they are compared with one another */
  together?: boolean
  /** rounds that every task gets although the budget is spent; default three, so that a maximum can be confirmed */
  leastRounds?: number
  /** seconds after which nothing more is sampled in any case; what had no turn by then has an empty series */
  hardSeconds?: number
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
  /** seconds on a steady clock; for tests */
  now?: () => number
}

/** Repetitions of a sample of the first round. */
const firstRepetitions = 3

/** Calibration steps before a probe whose clock stands still is given up: 16^11 times the first length. */
const calibrationSteps = 12

/** A sample that lasted so long by another clock, in milliseconds, and no time by its own: that one stands still. */
const standing = 100

/** @throws {AnalysisError} `interrupted` once the signal is aborted */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new AnalysisError('interrupted', 'The measurement was interrupted; the saved profile is as it was.')
}

/** What lasted this many targets, where one was aimed at, may have been held up for a few milliseconds: a scheduler's turn. */
const doubtful = {from: 1.5, to: 10}

/** A repetition's length. */
export interface Calibrated {
  passes: number
  /** one repetition of as many passes, where finding them took one */
  sample?: Sample
}

/**
 * Finds the passes that make one repetition last `target` seconds, or the `most` that the sampler runs.
 * @returns `undefined` where no number of passes takes a measurable time
 */
export async function calibrate(
  sampler: Sampler,
  spec: SampleSpec,
  target: number,
  signal?: AbortSignal,
  most = Number.POSITIVE_INFINITY,
): Promise<Calibrated | undefined> {
  let passes = Math.min(most, spec.passes)
  const sample = async () => {
    throwIfAborted(signal)
    return sampler({...spec, passes, repetitions: 1, clock: false})
  }
  for (let step = 0; step < calibrationSteps; step++) {
    const from = performance.now()
    let last = await sample()
    let took = last.seconds[0]
    if (took === undefined || (took <= 0 && performance.now() - from > standing)) return undefined
    // One sample that waited for another process would leave every repetition at a few passes, all of them start and end of the threads.
    if (took > doubtful.from * target && took < doubtful.to * target) {
      last = await sample()
      took = Math.min(took, last.seconds[0] ?? took)
    }
    if (took > target / 2) {
      const found = Math.max(1, Math.min(most, Math.round((passes * target) / took)))
      return {passes: found, ...(found === passes ? {sample: last} : {})}
    }
    if (passes === most) return took > 0 ? {passes, sample: last} : undefined
    // The first short runs hold cold caches and a waking clock: grow towards the target, by 16 at most.
    passes = Math.min(most, Math.ceil(passes * Math.min(16, took > 0 ? (target / took) * 1.1 : 16)))
  }
  return undefined
}

function keep(own: Series, {seconds, clockHz, work}: Sample): void {
  for (const took of seconds) if (took > 0) own.rates.push(work / took)
  for (const hertz of clockHz) if (hertz > 0) own.clockHz.push(hertz)
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
  const least = options.leastRounds ?? 3
  const started = now()
  const series = new Map<string, Series>(tasks.map(({id}) => [id, {rates: [], clockHz: [], tried: false, passes: 0}]))
  const total = tasks.length * rounds
  let done = 0
  const spent = (round: number) => {
    const seconds = now() - started
    return seconds > (options.hardSeconds ?? Number.POSITIVE_INFINITY) || (round >= least && seconds > budgetSeconds)
  }
  // One thread's passes are where another number of threads begins: three samples of calibration less.
  const passesOf = new Map<string, number>()
  const wants = ({id, limit, drifts}: Task) => drifts || !settled(series.get(id)!.rates, limit)
  let live: Task[] = [...tasks]
  for (let round = 0; round < rounds + extraRounds; round++) {
    const extra = round >= rounds
    const wanting = extra ? live.filter(wants) : live
    const todo = options.together && wanting.length > 0 ? live : wanting
    if (todo.length === 0) break
    const calibrated: Task[] = []
    for (let task of todo) {
      throwIfAborted(signal)
      if (spent(round)) return series
      onProgress?.(Math.min(done++, total), total, task.label)
      const own = series.get(task.id)!
      own.tried = true
      if (round === 0) {
        const {probe, isa, bytes} = task.spec
        const like = `${probe} ${isa} ${bytes}`
        const from = {...task.spec, passes: passesOf.get(like) ?? task.spec.passes}
        const found: Calibrated | undefined = task.calibrate
          ? await calibrate(sampler, from, task.repetitionSeconds ?? repetitionSeconds, signal, task.mostPasses)
          : {passes: task.spec.passes}
        if (found === undefined) continue
        const {passes, sample} = found
        passesOf.set(like, passes)
        own.passes = passes
        task = {...task, spec: {...task.spec, passes}}
        calibrated.push(task)
        // a repetition of that length is a first turn: a kernel of a tenth of a second has three
        if (sample && task.spec.repetitions === 1 && !task.spec.clock) {
          keep(own, sample)
          continue
        }
      }
      // The first round is short, so that also a slow machine comes round once.
      const repetitions = round === 0 ? Math.min(firstRepetitions, task.spec.repetitions) : task.spec.repetitions
      keep(own, await sampler({...task.spec, repetitions}))
    }
    if (round === 0) live = calibrated
  }
  onProgress?.(total, total, 'done')
  return series
}
