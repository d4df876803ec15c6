/** Runs operator kernels, checks them against their oracle, and places them under the measured roof. */
import {freemem} from 'node:os'
import {nearest} from '../analysis/catalog.ts'
import type {Machine, Verdict} from '../analysis/document/machine.ts'
import {AnalysisError, quoted, type Warning} from '../analysis/errors.ts'
import {defaultTolerance} from './families/types.ts'
import {readIdentity} from './identity.ts'
import {loadNative, type NativeAddon, type NativeSession} from './native.ts'
import {programTime, roofFor} from './place.ts'
import {type Program, partBytes, stagesOf, tensorBytes, tensorSpecs, tensorsOf} from './program.ts'
import {
  type KernelDef,
  type KernelDType,
  type KernelId,
  kernelIds,
  kernels,
  type PairDef,
  type PairId,
  pairIds,
  pairs,
} from './registry.ts'
import {runRounds, type Series, type Task, throwIfAborted} from './rounds.ts'
import {judge, type Summary, summarize} from './statistics.ts'
import {checkProgram} from './verify.ts'

/** One measured program: an entry of `bench@1`. Base units; rates are those of the fastest repetition. */
export interface BenchEntry {
  id: string
  op: string
  dims: Record<string, number>
  dtype: KernelDType
  isa: string
  threads: number
  flops: number
  bytes: number
  seconds: Omit<Summary, 'samples'>
  flopsPerSecond: number
  bytesPerSecond: number
  /** FLOP/B */
  intensity: number
  /** id of the ceiling that decides `attainable` */
  bound: string | null
  /** FLOP/s that the roof allows; B/s where the operator has no FLOPs; `null` where the machine has no fitting ceilings */
  attainable: number | null
  /** attainable time ÷ fastest time */
  efficiency: number | null
  /** attainable time ÷ median time */
  efficiencyMedian: number | null
  /** largest error against the f64 oracle at a small awkward size, absolute below 1 and relative above */
  maxError: number
  verdict: Verdict
  reason?: string
}

/** An unfused chain against its fused form: an entry of `comparison@1`. */
export interface PairEntry {
  id: string
  dims: Record<string, number>
  unfused: BenchEntry & {parts: string[]}
  fused: BenchEntry
  /** compulsory bytes of the chain less those of the fused form */
  bytesSaved: number
  /** medians: unfused time ÷ fused time */
  speedup: number
  /** the same of the times that the roof allows; `null` without fitting ceilings */
  predictedSpeedup: number | null
}

export interface BenchOptions {
  /** in the order of the kernel's `dims`; default: a cache-resident and a DRAM-resident size */
  dims?: readonly number[] | undefined
  threads?: number | undefined
  isa?: string | undefined
  /** runs the kernels that compute in this type; default: each kernel in every type it has */
  dtype?: string | undefined
  machine: Machine
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

/** A kernel this far above its roof means that the roof or the count is wrong. */
const aboveRoof = 1.01
const rounds = {repetitionSeconds: 0.002, rounds: 15, extraRounds: 15, budgetSeconds: 1.2}

interface Setup {
  addon: NativeAddon
  isa: string
  threads: number
}

function setUp(options: BenchOptions): Setup {
  const addon = loadNative()
  const isas = addon.cpu().isas.map(({name}) => name)
  const isa = options.isa ?? isas.at(-1)!
  if (!isas.includes(isa))
    throw new AnalysisError('bad-flag', `isa '${isa}' is not available on this CPU, which has ${isas.join(', ')}`, [
      `--isa ${isas.at(-1)}`,
    ])
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

function checkDims(def: Pick<KernelDef, 'id' | 'dims'>, dims: readonly number[]): void {
  const form = def.dims.join('x')
  if (dims.length !== def.dims.length)
    throw new AnalysisError(
      'bad-dimension',
      `${def.id} has the dimensions ${form}, not ${dims.length} of them (${dims.join('x')})`,
      [`--dims ${form}`],
    )
  for (const [i, dim] of dims.entries())
    if (!Number.isInteger(dim) || dim < 1 || dim > 2 ** 31)
      throw new AnalysisError(
        'bad-dimension',
        `${def.id}: ${def.dims[i]} = ${dim} is not a whole number from 1 to 2147483648`,
        [`--dims ${form}`],
      )
}

/** Refuses before anything is allocated what would not fit. */
function checkMemory(id: string, bytes: number): void {
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
async function measure(
  session: NativeSession,
  programs: readonly Program[],
  setup: Setup,
  signal: AbortSignal | undefined,
): Promise<Map<string, Series>> {
  const tensors = tensorsOf(programs)
  checkMemory(
    programs[0]!.id,
    [...tensors.values()].reduce((sum, tensor) => sum + tensorBytes(tensor), 0),
  )
  await session.allocate(tensorSpecs(tensors))
  const tasks = programs.map((program) => programTask(program, tensors, setup))
  return runRounds(session.sample.bind(session), tasks, {...rounds, signal})
}

const total = (program: Program, pick: (part: Program['parts'][number]) => number): number =>
  program.parts.reduce((sum, part) => sum + pick(part), 0)

/** What a measured program amounts to under the roof. */
export function entryOf(
  def: Pick<KernelDef, 'id' | 'op' | 'dims' | 'tolerance'>,
  dims: readonly number[],
  program: Program,
  rates: readonly number[],
  maxError: number,
  setup: {isa: string; threads: number},
  machine: Machine,
): BenchEntry {
  const dtype = program.parts[0]!.computes ?? 'f32'
  const flops = total(program, ({cost}) => cost.flops)
  const bytes = total(program, partBytes)
  const {samples: _, ...seconds} = summarize(rates.map((rate) => 1 / rate)) ?? {
    samples: 0,
    min: 0,
    max: 0,
    median: 0,
    cv: 0,
  }
  const roof = roofFor(machine, [program], setup.threads)
  const allowed = roof ? programTime(program, roof) : undefined
  const work = flops > 0 ? flops : bytes
  const efficiency = allowed && seconds.min > 0 ? allowed.seconds / seconds.min : null
  const judged = judge(rates)
  const doubt = !(maxError <= (def.tolerance ?? defaultTolerance[dtype]))
    ? {verdict: 'wrong' as const, reason: `differs from its reference by ${maxError.toExponential(1)}`}
    : efficiency !== null && efficiency > aboveRoof
      ? {
          verdict: 'implausible' as const,
          reason: `${Math.round(efficiency * 100)} % of its roof: the roof (${allowed?.bound}) is too low or the working set lies nearer than assumed`,
        }
      : judged
  return {
    id: def.id,
    op: def.op,
    dims: Object.fromEntries(def.dims.map((name, i) => [name, dims[i]!])),
    dtype,
    ...setup,
    flops,
    bytes,
    seconds,
    flopsPerSecond: seconds.min > 0 ? flops / seconds.min : 0,
    bytesPerSecond: seconds.min > 0 ? bytes / seconds.min : 0,
    intensity: flops / bytes,
    bound: allowed?.bound ?? null,
    attainable: allowed ? work / allowed.seconds : null,
    efficiency,
    efficiencyMedian: allowed && seconds.median > 0 ? allowed.seconds / seconds.median : null,
    maxError,
    ...doubt,
  }
}

/** Opens a session without probe memory, runs `work`, and gives threads and tensors back whatever happens. */
async function withSession<T>(
  setup: Setup,
  signal: AbortSignal | undefined,
  work: (session: NativeSession) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  const session = new setup.addon.Session()
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
    session.close()
  }
}

function choose<K extends string>(names: readonly string[] | undefined, all: readonly K[], what: string): K[] {
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

const sizesOf = (
  def: Pick<KernelDef, 'id' | 'dims' | 'sizes'>,
  dims: readonly number[] | undefined,
): (readonly number[])[] => {
  if (!dims) return [def.sizes.cache, def.sizes.dram]
  checkDims(def, dims)
  return [dims]
}

/** A definition at one size in one type. */
interface Run<D> {
  def: D
  dims: readonly number[]
  dtype: KernelDType
}

/**
 * What is to run: each definition at its sizes, in every type it has or in the one that is asked for.
 * @throws {AnalysisError} `bad-flag` where nothing computes in that type
 */
function runsOf<D extends Omit<KernelDef, 'program'>>(defs: readonly D[], {dims, dtype}: BenchOptions): Run<D>[] {
  const typesOf = (def: D): readonly KernelDType[] => def.dtypes ?? ['f32']
  const runs = defs.flatMap((def) =>
    typesOf(def)
      .filter((type) => dtype === undefined || type === dtype)
      .flatMap((type) => sizesOf(def, dims).map((size) => ({def, dims: size, dtype: type}))),
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

/**
 * Measures kernels. Each is first checked at a small awkward size against the operator's f64 reference, with the same instruction set
 * and threads.
 * @throws {AnalysisError} `no-addon`, `unknown-kernel`, `bad-flag`, `bad-dimension`, `does-not-fit`, `interrupted`
 */
export async function benchKernels(
  options: BenchOptions & {kernels?: readonly string[] | undefined},
): Promise<{kernels: BenchEntry[]; warnings: Warning[]}> {
  const setup = setUp(options)
  const chosen = choose<KernelId>(options.kernels, kernelIds, 'kernel').map((id): KernelDef => kernels[id])
  const runs = runsOf(chosen, options)
  const entries: BenchEntry[] = []
  for (const [i, {def, dims, dtype}] of runs.entries()) {
    options.onProgress?.(i, runs.length, `${def.id} ${dims.join('x')}`)
    const maxError = checkProgram(setup.addon, def.program(def.check, dtype), setup.isa, setup.threads)
    const program = def.program(dims, dtype)
    const series = await withSession(setup, options.signal, (session) =>
      measure(session, [program], setup, options.signal),
    )
    const {isa, threads} = setup
    entries.push(entryOf(def, dims, program, series.get(program.id)!.rates, maxError, {isa, threads}, options.machine))
  }
  options.onProgress?.(runs.length, runs.length, 'done')
  return {kernels: entries, warnings: warningsOf(entries)}
}

/**
 * Measures unfused chains and their fused forms over the same tensors, in turn, so that both meet the same neighbours.
 * @throws {AnalysisError} as `benchKernels`
 */
export async function benchPairs(
  options: BenchOptions & {pairs?: readonly string[] | undefined},
): Promise<{pairs: PairEntry[]; warnings: Warning[]}> {
  const setup = setUp(options)
  const chosen = choose<PairId>(options.pairs, pairIds, 'pair').map((id): PairDef => pairs[id])
  const runs = runsOf(chosen, options)
  const entries: PairEntry[] = []
  for (const [i, run] of runs.entries()) {
    options.onProgress?.(i, runs.length, `${run.def.id} ${run.dims.join('x')}`)
    entries.push(await benchPair(run, setup, options))
  }
  options.onProgress?.(runs.length, runs.length, 'done')
  return {pairs: entries, warnings: warningsOf(entries.flatMap(({unfused, fused}) => [unfused, fused]))}
}

async function benchPair({def, dims, dtype}: Run<PairDef>, setup: Setup, options: BenchOptions): Promise<PairEntry> {
  const {addon, isa, threads} = setup
  const [chain, one] = [def.unfused(dims, dtype), def.fused(dims, dtype)]
  const series = await withSession(setup, options.signal, (session) =>
    measure(session, [chain, one], setup, options.signal),
  )
  const entry = (program: Program, check: Program, op: string) => {
    const maxError = checkProgram(addon, check, isa, threads)
    const {rates} = series.get(program.id)!
    return entryOf({...def, id: program.id, op}, dims, program, rates, maxError, {isa, threads}, options.machine)
  }
  const unfused = entry(chain, def.unfused(def.check, dtype), chain.parts.map(({kernel}) => kernel).join(', '))
  const fused = entry(one, def.fused(def.check, dtype), def.op)
  const roofs = [roofFor(options.machine, [chain], threads), roofFor(options.machine, [one], threads)]
  return {
    id: def.id,
    dims: fused.dims,
    unfused: {...unfused, parts: chain.parts.map(({kernel}) => kernel)},
    fused,
    bytesSaved: unfused.bytes - fused.bytes,
    speedup: unfused.seconds.median / fused.seconds.median,
    predictedSpeedup:
      roofs[0] && roofs[1] ? programTime(chain, roofs[0]).seconds / programTime(one, roofs[1]).seconds : null,
  }
}

const warningsOf = (entries: readonly BenchEntry[]): Warning[] =>
  entries.flatMap(({id, dims, verdict, reason}) =>
    verdict === 'ok' ? [] : [{code: `kernel-${verdict}`, message: `${id} ${Object.values(dims).join('x')}: ${reason}`}],
  )
