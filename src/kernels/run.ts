/** Runs programs on this machine's processor: what is asked for is checked, threads and tensors are given back whatever happens. */

import type {Machine} from '../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../analysis/errors.ts'
import {format} from '../analysis/units.ts'
import {type ClaimedCache, freeMemory, readIdentity} from './identity.ts'
import {unavailable} from './isas.ts'
import {issueTurn, perCycle} from './issue.ts'
import {assumedCaches, type MemoryPlan} from './levels.ts'
import {type IsaRow, loadNative, type NativeAddon, type NativeSession} from './native.ts'
import {allocate, leastMemory, openBare, openMeasuring} from './opening.ts'
import type {CeilingTask} from './plan.ts'
import {type Program, stagesOf, tensorSpecs, tensorsOf} from './program.ts'
import {runRounds, type Series, type Task, throwIfAborted} from './rounds.ts'
import {decidingCeilings, type TurnCeiling, turnCeilings, turnSeconds, turnTasks} from './turns.ts'

export interface BenchOptions {
  /** each in the order of the kernel's `dims`; default: a cache-resident and a DRAM-resident size */
  sizes?: readonly (readonly number[])[] | undefined
  threads?: number | undefined
  isa?: string | undefined
  /** runs the kernels that compute in this type; default: each kernel in every type it has */
  dtype?: string | undefined
  /** run each definition at sizes from a core's cache to memory */
  sweep?: boolean | undefined
  /** seconds after which a loaded kernel that gives no sign is given up; default 60 */
  timeout?: number | undefined
  machine: Machine
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** What of them says which sizes and types run. */
export type RunOptions = Pick<BenchOptions, 'sizes' | 'dtype' | 'sweep' | 'threads'>

/** How long and how often programs are measured. */
export interface Effort {
  repetitionSeconds: number
  rounds: number
  extraRounds: number
  budgetSeconds: number
  /** rounds although the budget is spent; default three */
  leastRounds?: number
}

/** What was asked for by name: at least 20 repetitions of what takes up to 30 ms. */
export const thorough: Effort = {repetitionSeconds: 0.002, rounds: 20, extraRounds: 10, budgetSeconds: 2.5}
/** Each of all pairs. */
export const fair: Effort = {repetitionSeconds: 0.002, rounds: 20, extraRounds: 0, budgetSeconds: 0.8}
/** One of many sizes. */
export const brief: Effort = {repetitionSeconds: 0.001, rounds: 9, extraRounds: 0, budgetSeconds: 0.2}

/** Seconds that all kernels, or all pairs, may take together: a minute with the start of the program, and with a run that is under way when they are over. */
const wholeSeconds = 50
/** Seconds that one of all kernels takes on an idle machine, with filling its tensors. */
const usualSeconds = 0.3

/** What is left for one of all kernels: on a busy machine fewer rounds, so that all of them still come within a minute. */
export function effortInTime(elapsedSeconds: number, runsLeft: number): Effort {
  const each = (wholeSeconds - elapsedSeconds) / Math.max(1, runsLeft)
  if (each >= usualSeconds) return brief
  return {...brief, budgetSeconds: Math.max(0, each / 2), leastRounds: 1}
}

/** Seconds that a pair at one size takes on an idle machine with its share of a sweep: the longest four, most of them less than one. */
const usualPairSeconds = 1

/** As `effortInTime`, of a pair at one size, and of each size of its sweep. */
export function pairEffortInTime(elapsedSeconds: number, runsLeft: number): {run: Effort; point: Effort} {
  const each = (wholeSeconds - elapsedSeconds) / Math.max(1, runsLeft)
  if (each >= usualPairSeconds) return {run: fair, point: brief}
  const left = Math.max(0, each / usualPairSeconds)
  const less = (effort: Effort): Effort => ({...effort, budgetSeconds: left * effort.budgetSeconds, leastRounds: 1})
  return {run: less(fair), point: less(brief)}
}

/** Says which of all kernels or pairs had less than their time, if any, and which command gives them more. */
export function hurriedWarning(hurried: readonly string[], runs: number, command: string): Warning[] {
  if (hurried.length === 0) return []
  const first = hurried.slice(0, 3).join(', ')
  const message = `${hurried.length} of ${runs} runs had fewer repetitions than usual (${first}${hurried.length > 3 ? ' …' : ''}): all together have ${wholeSeconds} s, which this machine, or what else it does, used up; ${command} NAME gives one its time`
  return [{code: 'time-short', message}]
}

/** Hardware counts of one call of a program, all threads together. */
export interface Counts {
  instructions: number
  cycles: number
  lastLevelMisses: number
}

/** What was measured of one program. */
export interface Measured extends Series {
  /** the ceilings that decide, during the same rounds; none without memory for their probes */
  turn: TurnCeiling[]
  /** instructions per cycle and thread, turn by turn; none where the profile knows no most of them */
  issued: number[]
  /** `null` where this process may not read its counters, with the reason in `countersReason` */
  counters: Counts | null
  countersReason?: string
}

/** Where programs run. */
export interface Setup {
  addon: NativeAddon
  isa: string
  threads: number
  /** instruction sets of the probes of ceilings, narrowest first */
  isas: readonly IsaRow[]
  caches: readonly ClaimedCache[]
}

/** @throws {AnalysisError} `no-addon`, `no-isa`, `bad-flag` */
export function setUp(options: BenchOptions): Setup {
  const addon = loadNative()
  const available = addon.cpu().isas
  const isa = options.isa ?? available.at(-1)!.name
  if (!available.some(({name}) => name === isa)) throw unavailable(isa, available)
  const {cores, caches} = readIdentity()
  const threads = options.threads ?? cores
  if (!Number.isInteger(threads) || threads < 1 || threads > cores)
    throw new AnalysisError(
      'bad-flag',
      `--threads ${threads} is not between 1 and ${cores}, the CPUs this process may use`,
      [`--threads ${cores}`],
    )
  return {addon, isa, threads, isas: available, caches: caches.length > 0 ? caches : assumedCaches}
}

/** Share of the free memory that tensors and probes may take. */
const usable = 0.8

/**
 * Refuses before anything is allocated what would not fit.
 * @returns bytes that the probes of ceilings may be planned in beside the largest set of tensors
 */
export function checkMemory(runs: readonly {id: string; bytes: number}[]): number {
  const free = freeMemory()
  for (const {id, bytes} of runs)
    if (!Number.isSafeInteger(bytes) || bytes > usable * free)
      throw new AnalysisError(
        'does-not-fit',
        `${id} needs ${format(bytes, 'B')} of tensors; ${format(free, 'B')} are free`,
        ['smaller --dims'],
      )
  return usable * free - Math.max(0, ...runs.map(({bytes}) => bytes))
}

const programTask = (
  program: Program,
  tensors: ReadonlyMap<string, unknown>,
  {isa, threads}: Setup,
  meets: boolean,
): Task => ({
  id: program.id,
  label: program.id,
  calibrate: true,
  spec: {
    probe: 'program',
    isa,
    threads,
    bytes: 0,
    roam: false,
    passes: 1,
    repetitions: 1,
    clock: false,
    stages: stagesOf(program, tensors),
    meets,
  },
})

/** The probes of the ceilings that decide the programs' roof, and of instructions per cycle; none without memory for them, or where no time is left. */
export function probesOf(
  {memory}: Pick<Opened, 'memory'>,
  programs: readonly Program[],
  setup: Setup,
  machine: Machine,
  {repetitionSeconds, budgetSeconds}: Pick<Effort, 'repetitionSeconds' | 'budgetSeconds'>,
): CeilingTask[] {
  if (!memory || budgetSeconds <= 0) return []
  const seconds = turnSeconds(machine, programs, setup.threads, repetitionSeconds)
  const deciding = turnTasks(decidingCeilings(machine, programs, setup.threads), seconds, setup, memory)
  return [...deciding, ...issueTurn(machine, setup.isa, setup.threads)]
}

/** Measures programs over shared tensors in turn, and with them the ceilings that decide their roof. */
export async function measure(
  {session, memory}: Opened,
  programs: readonly Program[],
  setup: Setup,
  {machine, signal}: Pick<BenchOptions, 'machine' | 'signal'>,
  effort: Effort = thorough,
): Promise<Map<string, Measured>> {
  const tensors = tensorsOf(programs)
  await allocate(session, tensorSpecs(tensors))
  // an unfused chain's threads meet after every operator: so do those of the fused one beside it
  const tasks = programs.map((program) => programTask(program, tensors, setup, programs.length > 1))
  const probes = probesOf({memory}, programs, setup, machine, effort)
  return measureTasks(session, tasks, probes, effort, signal)
}

/** Measures tasks and the probes of ceilings in turn, then counts what one repetition of each task does. */
export async function measureTasks(
  session: Pick<NativeSession, 'sample'>,
  tasks: readonly Task[],
  probes: readonly CeilingTask[],
  effort: Effort,
  signal: AbortSignal | undefined,
  onProgress?: BenchOptions['onProgress'],
): Promise<Map<string, Measured>> {
  const all = [...tasks, ...probes.flatMap(({tasks}) => tasks)]
  const series = await runRounds(session.sample.bind(session), all, {
    ...effort,
    together: probes.length > 0,
    onProgress,
    signal,
  })
  const turn = turnCeilings(
    probes.filter(({ceiling}) => ceiling.kind !== 'issue'),
    series,
  )
  const issued = probes
    .filter(({ceiling}) => ceiling.kind === 'issue')
    .flatMap(({tasks}) => tasks)
    .flatMap(({id, spec}) => perCycle(series.get(id)!, spec.repetitions, spec.threads))
  const measured = new Map<string, Measured>()
  for (const {id, spec} of tasks) {
    const found = series.get(id)!
    const passes = Math.max(1, found.passes)
    const {counters, counterProblem} = await session.sample({...spec, passes, repetitions: 1, counters: true})
    const [instructions, cycles, lastLevelMisses] = [...counters].map((value) => value / passes)
    measured.set(id, {
      ...found,
      turn,
      issued,
      counters: instructions === undefined ? null : {instructions, cycles: cycles!, lastLevelMisses: lastLevelMisses!},
      ...(counterProblem === null ? {} : {countersReason: counterProblem}),
    })
  }
  return measured
}

/** Threads, and memory for the probes of ceilings where they have any. */
export interface Opened {
  session: Pick<NativeSession, 'allocate' | 'sample'>
  memory: MemoryPlan | undefined
}

/** Seconds that touching the probes' memory may take before less of it is enough. */
const touchSeconds = 0.6

/**
 * Opens a session, runs `work`, and gives threads and memory back whatever happens.
 * @param room bytes that probes of ceilings may be planned in; 0 where there are none
 */
export async function withSession<T>(
  {addon, threads, caches}: Setup,
  signal: AbortSignal | undefined,
  room: number,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  const opened =
    room < leastMemory
      ? await openBare(addon, threads, signal)
      : await openMeasuring(addon, caches, threads, touchSeconds, signal, room)
  const {session, info} = opened
  // probes are planned in what there was time to touch
  const memory = opened.memory && {...opened.memory, bytesPerThread: [...info.touched]}
  try {
    return await work({session, memory})
  } catch (error) {
    throwIfAborted(signal)
    throw error
  } finally {
    opened.close()
  }
}
