/** Runs programs on this machine's processor: what is asked for is checked, threads and tensors are given back whatever happens. */

import {freemem} from 'node:os'
import {nearest} from '../analysis/catalog.ts'
import type {Machine} from '../analysis/document/machine.ts'
import {AnalysisError, quoted} from '../analysis/errors.ts'
import {checkDims} from './dims.ts'
import {readIdentity} from './identity.ts'
import {unavailable} from './isas.ts'
import {cancelAtExit, loadNative, type NativeAddon, type NativeSession} from './native.ts'
import {type Program, stagesOf, tensorBytes, tensorSpecs, tensorsOf} from './program.ts'
import type {KernelDef, KernelDType} from './registry.ts'
import {runRounds, type Series, type Task, throwIfAborted} from './rounds.ts'

export interface BenchOptions {
  /** in the order of the kernel's `dims`; default: a cache-resident and a DRAM-resident size */
  dims?: readonly number[] | undefined
  threads?: number | undefined
  isa?: string | undefined
  /** runs the kernels that compute in this type; default: each kernel in every type it has */
  dtype?: string | undefined
  /** run each definition at sizes from a core's cache to memory */
  sweep?: boolean | undefined
  machine: Machine
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** How long and how often programs are measured. */
export interface Effort {
  repetitionSeconds: number
  rounds: number
  extraRounds: number
  budgetSeconds: number
}

/** At least 20 repetitions where nothing disturbs. */
export const thorough: Effort = {repetitionSeconds: 0.002, rounds: 20, extraRounds: 10, budgetSeconds: 1.2}
/** One of many sizes. */
export const brief: Effort = {repetitionSeconds: 0.001, rounds: 9, extraRounds: 0, budgetSeconds: 0.25}

/** Hardware counts of one call of a program, all threads together. */
export interface Counts {
  instructions: number
  cycles: number
  lastLevelMisses: number
}

/** What was measured of one program. */
export interface Measured extends Series {
  /** `null` where this process may not read its counters, with the reason in `countersReason` */
  counters: Counts | null
  countersReason?: string
}

/** Where programs run. */
export interface Setup {
  addon: NativeAddon
  isa: string
  threads: number
}

/** @throws {AnalysisError} `no-addon`, `no-isa`, `bad-flag` */
export function setUp(options: BenchOptions): Setup {
  const addon = loadNative()
  const available = addon.cpu().isas
  const isa = options.isa ?? available.at(-1)!.name
  if (!available.some(({name}) => name === isa)) throw unavailable(isa, available)
  const cores = readIdentity().cores
  const threads = options.threads ?? cores
  if (!Number.isInteger(threads) || threads < 1 || threads > cores)
    throw new AnalysisError(
      'bad-flag',
      `threads ${threads} is not between 1 and ${cores}, the CPUs this process may use`,
      [`--threads ${cores}`],
    )
  return {addon, isa, threads}
}

/** Refuses before anything is allocated what would not fit. */
export function checkMemory(id: string, bytes: number): void {
  const free = Math.min(freemem(), readIdentity().memory)
  if (!Number.isSafeInteger(bytes) || bytes > 0.8 * free)
    throw new AnalysisError(
      'does-not-fit',
      `${id} needs ${(bytes / 1e9).toFixed(1)} GB of tensors; ${(free / 1e9).toFixed(1)} GB are free`,
      ['smaller --dims'],
    )
}

const programTask = (program: Program, tensors: ReadonlyMap<string, unknown>, {isa, threads}: Setup): Task => ({
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
  },
})

/** Measures programs over shared tensors, in turn. */
export async function measure(
  session: NativeSession,
  programs: readonly Program[],
  setup: Setup,
  signal: AbortSignal | undefined,
  effort: Effort = thorough,
): Promise<Map<string, Measured>> {
  const tensors = tensorsOf(programs)
  checkMemory(
    programs[0]!.id,
    [...tensors.values()].reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
  )
  await session.allocate(tensorSpecs(tensors))
  const tasks = programs.map((program) => programTask(program, tensors, setup))
  return measureTasks(session, tasks, effort, signal)
}

/** Measures tasks in turn, then counts what one repetition of each does. */
export async function measureTasks(
  session: NativeSession,
  tasks: readonly Task[],
  effort: Effort,
  signal: AbortSignal | undefined,
): Promise<Map<string, Measured>> {
  const series = await runRounds(session.sample.bind(session), tasks, {...effort, signal})
  const measured = new Map<string, Measured>()
  for (const {id, spec} of tasks) {
    const found = series.get(id)!
    const passes = Math.max(1, found.passes)
    const {counters, counterProblem} = await session.sample({...spec, passes, repetitions: 1, counters: true})
    const [instructions, cycles, lastLevelMisses] = [...counters].map((value) => value / passes)
    measured.set(id, {
      ...found,
      counters: instructions === undefined ? null : {instructions, cycles: cycles!, lastLevelMisses: lastLevelMisses!},
      ...(counterProblem === null ? {} : {countersReason: counterProblem}),
    })
  }
  return measured
}

/** Opens a session without probe memory, runs `work`, and gives threads and tensors back whatever happens. */
export async function withSession<T>(
  setup: Setup,
  signal: AbortSignal | undefined,
  work: (session: NativeSession) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  const session = new setup.addon.Session()
  const forget = cancelAtExit(setup.addon, session)
  const abort = () => session.cancel()
  signal?.addEventListener('abort', abort, {once: true})
  try {
    const none = Array<number>(setup.threads)
    await session.open([...none.fill(64)], [...none.fill(0)])
    return await work(session)
  } catch (error) {
    throwIfAborted(signal)
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
    forget()
    session.close()
  }
}

/** @throws {AnalysisError} `unknown-kernel` */
export function choose<K extends string>(names: readonly string[] | undefined, all: readonly K[], what: string): K[] {
  if (!names || names.length === 0) return [...all]
  return names.map((name) => {
    const known = all.find((id) => id === name)
    if (known) return known
    throw new AnalysisError(
      'unknown-kernel',
      `${what} ${quoted(name)} is not known; there are ${all.join(', ')}`,
      nearest(name, all),
    )
  })
}

/** Most sizes of a sweep. */
const sweepPoints = 8

/**
 * The sizes that a definition lists for its sweep, else sizes from a core's own cache to memory: one dimension grows by the same factor,
 * four or more, up to its size in memory.
 * @returns the dimension's name, and all dims of every size
 */
export function sweepOf(def: Pick<KernelDef, 'dims' | 'sizes' | 'sweep'>): {
  dim: string
  sizes: readonly (readonly number[])[]
} {
  if (def.sweep && 'sizes' in def.sweep) return def.sweep
  const {cache, dram} = def.sizes
  const dim = def.sweep?.dim ?? def.dims.find((_, i) => dram[i]! > cache[i]!) ?? def.dims[0]!
  const at = def.dims.indexOf(dim)
  const to = dram[at]!
  const from = Math.min(to, def.sweep?.from ?? 1)
  const factor = Math.max(4, (to / from) ** (1 / (sweepPoints - 1)))
  const steps = Math.floor(Math.log(to / from) / Math.log(factor) + 1e-9)
  const values = Array.from({length: steps + 1}, (_, i) => Math.round(to / factor ** (steps - i)))
  return {dim, sizes: [...new Set(values)].map((value) => dram.map((size, i) => (i === at ? value : size)))}
}

const sizesOf = (
  def: Pick<KernelDef, 'id' | 'dims' | 'sizes' | 'sweep'>,
  {dims, sweep}: BenchOptions,
): readonly (readonly number[])[] => {
  if (sweep) return sweepOf(def).sizes
  if (!dims) return [def.sizes.cache, def.sizes.dram]
  checkDims(def, dims)
  return [dims]
}

/** A definition at one size in one type. */
export interface Run<D> {
  def: D
  dims: readonly number[]
  dtype: KernelDType
}

/**
 * What is to run: each definition at its sizes, in every type it has or in the one that is asked for.
 * @throws {AnalysisError} `bad-flag` where nothing computes in that type
 */
export function runsOf<D extends Omit<KernelDef, 'program'>>(defs: readonly D[], options: BenchOptions): Run<D>[] {
  const {dtype} = options
  const typesOf = (def: D): readonly KernelDType[] => def.dtypes ?? ['f32']
  const runs = defs.flatMap((def) =>
    typesOf(def)
      .filter((type) => dtype === undefined || type === dtype)
      .flatMap((type) => sizesOf(def, options).map((size) => ({def, dims: size, dtype: type}))),
  )
  if (runs.length > 0) return runs
  const types = [...new Set(defs.flatMap(typesOf))]
  const names = defs.map(({id}) => id).join(', ')
  throw new AnalysisError(
    'bad-flag',
    `${names} has no kernel in ${quoted(dtype ?? '')}; there is ${types.join(', ')}`,
    [`--dtype ${types[0]}`],
  )
}
