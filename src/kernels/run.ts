/** Runs programs on this machine's processor: what is asked for is checked, threads and tensors are given back whatever happens. */

import type {Machine} from '../analysis/document/machine.ts'
import {AnalysisError, quoted, type Warning} from '../analysis/errors.ts'
import {format} from '../analysis/units.ts'
import {checkDims} from './dims.ts'
import {beyondCaches, type FromMemory, type Room, type SetBytes, sizeFromMemory} from './from-memory.ts'
import {type ClaimedCache, freeMemory, readIdentity} from './identity.ts'
import {unavailable} from './isas.ts'
import {issueTurn, perCycle} from './issue.ts'
import {assumedCaches, type MemoryPlan} from './levels.ts'
import {type IsaRow, loadNative, type NativeAddon, type NativeSession} from './native.ts'
import {leastMemory, openBare, openMeasuring} from './opening.ts'
import type {CeilingTask} from './plan.ts'
import {keptBytes, type Program, stagesOf, tensorBytes, tensorSpecs, tensorsOf} from './program.ts'
import type {KernelDef, KernelDType} from './registry.ts'
import {runRounds, type Series, type Task, throwIfAborted} from './rounds.ts'
import {decidingCeilings, type TurnCeiling, turnCeilings, turnSeconds, turnTasks} from './turns.ts'
import {unknownKernel} from './unknown.ts'

export interface BenchOptions {
  /** in the order of the kernel's `dims`; default: a cache-resident and a DRAM-resident size */
  dims?: readonly number[] | undefined
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
export type RunOptions = Pick<BenchOptions, 'dims' | 'dtype' | 'sweep' | 'threads'>

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

/** Seconds that all kernels may take together: a minute with the start of the program. */
const wholeSeconds = 55
/** Seconds that one of all kernels takes on an idle machine, with filling its tensors. */
const usualSeconds = 0.3

/** What is left for one of all kernels: on a busy machine fewer rounds, so that all of them still come within a minute. */
export function effortInTime(elapsedSeconds: number, runsLeft: number): Effort {
  const each = (wholeSeconds - elapsedSeconds) / Math.max(1, runsLeft)
  if (each >= usualSeconds) return brief
  return {...brief, budgetSeconds: Math.max(0, each / 2), leastRounds: 1}
}

/** Seconds that all pairs may take together: two minutes with the start of the program and the run that is under way. */
const pairSeconds = 100
/** Seconds that a pair at one size takes on an idle machine with its share of a sweep: the longest five, most of them less than two. */
const usualPairSeconds = 1.5

/** As `effortInTime`, of a pair at one size, and of each size of its sweep. */
export function pairEffortInTime(elapsedSeconds: number, runsLeft: number): {run: Effort; point: Effort} {
  const each = (pairSeconds - elapsedSeconds) / Math.max(1, runsLeft)
  if (each >= usualPairSeconds) return {run: fair, point: brief}
  const left = Math.max(0, each / usualPairSeconds)
  const less = (effort: Effort): Effort => ({...effort, budgetSeconds: left * effort.budgetSeconds, leastRounds: 1})
  return {run: less(fair), point: less(brief)}
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

/** Bytes of the tensors that programs share. */
export const bytesOf = (programs: readonly Program[]): number =>
  [...tensorsOf(programs).values()].reduce((sum, tensor) => sum + tensorBytes(tensor), 0)

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
  await session.allocate(tensorSpecs(tensors))
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
  try {
    return await work(opened)
  } catch (error) {
    throwIfAborted(signal)
    throw error
  } finally {
    opened.close()
  }
}

/** @throws {AnalysisError} `unknown-kernel` */
export function choose<K extends string>(
  names: readonly string[] | undefined,
  all: readonly K[],
  what: 'kernel' | 'pair',
): K[] {
  if (!names || names.length === 0) return [...all]
  return names.map((name) => {
    const known = all.find((id) => id === name)
    if (known) return known
    throw unknownKernel(what, name, 'is not known', all)
  })
}

/** Most sizes of a sweep. */
const sweepPoints = 8

/**
 * The sizes that a definition lists for its sweep, else sizes from a core's own cache to memory: one dimension grows by the same factor,
 * four or more, up to its size in memory.
 * @param dram that size where caches made it grow
 * @returns the dimension's name, and all dims of every size
 */
export function sweepOf(
  def: Pick<KernelDef, 'dims' | 'sizes' | 'sweep'>,
  dram: readonly number[] = def.sizes.dram,
): {dim: string; sizes: readonly (readonly number[])[]} {
  if (def.sweep && 'sizes' in def.sweep) return def.sweep
  const {cache} = def.sizes
  const dim = def.sweep?.dim ?? def.dims.find((_, i) => dram[i]! > cache[i]!) ?? def.dims[0]!
  const at = def.dims.indexOf(dim)
  const to = dram[at]!
  const from = Math.min(to, def.sweep?.from ?? 1)
  const factor = Math.max(4, (to / from) ** (1 / (sweepPoints - 1)))
  const steps = Math.floor(Math.log(to / from) / Math.log(factor) + 1e-9)
  const values = Array.from({length: steps + 1}, (_, i) => Math.round(to / factor ** (steps - i)))
  return {dim, sizes: [...new Set(values)].map((value) => dram.map((size, i) => (i === at ? value : size)))}
}

/** Share of the free memory that default sizes may grow into. */
const growth = 0.25

/**
 * Bytes that they may grow to in any case, of what is asked for by name and of all in one run, which have a minute: an Emerald Rapids guest is
 * handed memory at 0.3 GB/s by its host.
 */
const mostRoom = {named: 3 * 2 ** 30, all: 1.5 * 2 ** 30}

/** This machine, for default sizes. */
function roomHere(threads: number | undefined, most: number): Room {
  const {caches, cores} = readIdentity()
  return {caches, threads: threads ?? cores, bytes: Math.min(most, growth * freeMemory())}
}

/** The size from memory of what is run there, each program by itself. */
function largestOf(
  def: Pick<KernelDef, 'dims' | 'sizes' | 'grows'>,
  room: Room,
  programs: (size: readonly number[]) => readonly Program[],
): FromMemory {
  const bytes = (size: readonly number[]): SetBytes => {
    const sides = programs(size)
    return {kept: Math.min(...sides.map(keptBytes)), all: bytesOf(sides)}
  }
  return sizeFromMemory(def, bytes, room)
}

/** A definition at one size in one type. */
export interface Run<D> {
  def: D
  dims: readonly number[]
  dtype: KernelDType
  /** its size from memory; `undefined` where one size was asked for */
  largest?: FromMemory
}

/** All runs, and what is to be said of their sizes. */
export interface Planned<D> {
  runs: Run<D>[]
  warnings: Warning[]
}

/** Says where sizes from memory are not beyond the caches, since no more room is given to them. */
function sizeWarnings(runs: readonly Run<{id: string}>[], room: Room): Warning[] {
  const short = [...new Set(runs.flatMap(({def, largest}) => (largest?.isShort ? [def.id] : [])))]
  if (short.length === 0) return []
  const names = `${short.slice(0, 3).join(', ')}${short.length > 3 ? ` and ${short.length - 3} more` : ''}`
  const message = `${names}: the size from memory ends at ${format(room.bytes, 'B')} of tensors, before it is twice the caches (${format(beyondCaches(room), 'B')}): they may hold a part of it. Asked for by name a kernel has ${format(mostRoom.named, 'B')}, all in one run ${format(mostRoom.all, 'B')}, and none more than a quarter of the free memory`
  return [{code: 'size-short', message}]
}

/**
 * What is to run: each definition at its sizes, in every type it has or in the one that is asked for.
 * @param isNamed they were asked for by name
 * @param programs what is run at a size, each by itself
 * @param room the machine; default this one
 * @throws {AnalysisError} `bad-flag` where nothing computes in that type
 */
export function runsOf<D extends Omit<KernelDef, 'program'>>(
  defs: readonly D[],
  options: RunOptions,
  isNamed: boolean,
  programs: (def: D, dims: readonly number[], dtype: KernelDType) => readonly Program[],
  room: Room = roomHere(options.threads, isNamed ? mostRoom.named : mostRoom.all),
): Planned<D> {
  const {dims, dtype, sweep} = options
  const typesOf = (def: D): readonly KernelDType[] => def.dtypes ?? ['f32']
  const runsIn = (def: D, type: KernelDType): Run<D>[] => {
    if (dims) {
      checkDims(def, dims)
      return [{def, dims, dtype: type}]
    }
    const largest = largestOf(def, room, (size) => programs(def, size, type))
    const sizes = sweep ? sweepOf(def, largest.dims).sizes : [def.sizes.cache, largest.dims]
    return sizes.map((size) => ({def, dims: size, dtype: type, largest}))
  }
  const runs = defs.flatMap((def) =>
    typesOf(def)
      .filter((type) => dtype === undefined || type === dtype)
      .flatMap((type) => runsIn(def, type)),
  )
  if (runs.length > 0) return {runs, warnings: sizeWarnings(runs, room)}
  const types = [...new Set(defs.flatMap(typesOf))]
  const names = defs.map(({id}) => id).join(', ')
  throw new AnalysisError(
    'bad-flag',
    `${names} has no kernel in ${quoted(dtype ?? '')}; there is ${types.join(', ')}`,
    [`--dtype ${types[0]}`],
  )
}
