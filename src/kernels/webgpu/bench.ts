/** Runs operator kernels on a GPU, checks them against their oracle, and places them under the measured roof. Browser-safe. */
import type {BenchKernel, FusedPair} from '../../analysis/document/bench.ts'
import type {Machine} from '../../analysis/document/machine.ts'
import {AnalysisError, quoted, type Warning} from '../../analysis/errors.ts'
import {isImplausible} from '../../analysis/plausible.ts'
import {checkDims} from '../dims.ts'
import {defaultTolerance} from '../families/types.ts'
import {choose, someOf} from '../names.ts'
import type {Program} from '../program.ts'
import {runRounds, type Series, type Task, throwIfAborted} from '../rounds.ts'
import {judge, summarize} from '../statistics.ts'
import {differs} from '../verify.ts'
import {gpuBytes, gpuTensors} from './bytes.ts'
import {gpuRoof, gpuTime} from './place.ts'
import {type GpuKernel, type GpuPair, gpuKernels, gpuPairs} from './programs.ts'
import {checkOnGpu, placeTensors, stepsOf} from './run.ts'
import {isPassing, mostPasses, samplerOf, shortest, specOf} from './search.ts'
import type {GpuSession, Step} from './session.ts'
import {chooseWays, type ProgramsOf, type Ways} from './ways.ts'

export interface GpuBenchOptions {
  /** each in the order of the kernel's `dims`; default: a cache-resident size and, on a real GPU, one that fills it */
  sizes?: readonly (readonly number[])[] | undefined
  dtype?: string | undefined
  /** the GPU's profile: the roof */
  machine: Machine
  /** most seconds that one size is timed for; default: 1.2, and where no kernel is named what makes all of them a minute */
  seconds?: number | undefined
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

const isHalf = (def: GpuKernel | GpuPair): boolean => Object.values(def.formats ?? {}).includes('f16')

/** Types that give a kernel its own; indices do not. */
const typeNames = {f16: 'f16', i8: 'int8', i4: 'int4'} as const

/** What the tensors are called: the weights' type where it differs. */
const dtypeOf = (def: GpuKernel | GpuPair): string => {
  const program = 'program' in def ? def.program(def.check) : def.fused(def.check)
  const format = [...gpuTensors([program], def).values()]
    .map((tensor) => tensor.format)
    .find((f) => Object.hasOwn(typeNames, f))
  return format === undefined ? 'f32' : typeNames[format as keyof typeof typeNames]
}

const notOnGpu = 'does not run through WebGPU'

function sizesOf(def: GpuKernel | GpuPair, sizes: GpuBenchOptions['sizes'], software: boolean): (readonly number[])[] {
  if (sizes) {
    for (const dims of sizes) checkDims(def, dims)
    return [...sizes]
  }
  return software ? [def.sizes.cache] : [def.sizes.cache, def.sizes.dram]
}

/** Most seconds of timing one size. */
const longest = 1.2
/** Seconds of timing that all kernels have together where none is named; as much again goes into compiling, checking and filling tensors. */
const whole = 30

/** Times programs over shared tensors, in turn. */
async function measure(
  session: GpuSession,
  programs: readonly Program[],
  def: GpuKernel | GpuPair,
  programsOf: ProgramsOf,
  {seconds, signal}: Pick<GpuBenchOptions, 'seconds' | 'signal'>,
): Promise<{series: Map<string, Series>; ways: Ways}> {
  const tensors = await placeTensors(session, programs, def)
  try {
    const ready = new Map<string, {steps: readonly Step[]; work: number}>()
    const ways = await chooseWays(session, def, programsOf, programs, tensors)
    for (const program of programs)
      ready.set(program.id, {steps: await stepsOf(session, program, tensors, ways.variants), work: 1})
    const tasks: Task[] = programs.map(({id}) => ({id, label: id, calibrate: true, mostPasses, spec: specOf(id)}))
    const {software} = session.facts
    const series = await runRounds(samplerOf(session, ready), tasks, {
      repetitionSeconds: shortest(session, software ? 0.0005 : 0.002),
      rounds: software ? 4 : 15,
      extraRounds: software ? 0 : 15,
      budgetSeconds: software ? 0.5 : (seconds ?? longest),
      signal,
    })
    return {series, ways}
  } finally {
    session.free([...tensors.values()].map(({buffer}) => buffer))
  }
}

/** What a measured program amounts to under the roof. */
export function gpuEntry(
  def: GpuKernel | GpuPair,
  id: string,
  op: string,
  dims: readonly number[],
  program: Program,
  rates: readonly number[],
  maxError: number,
  adapter: string,
  machine: Machine,
): BenchKernel {
  const sum = (pick: (part: Program['parts'][number]) => number) =>
    program.parts.reduce((all, part) => all + pick(part), 0)
  const flops = sum(({cost}) => cost.flops)
  const bytes = sum((part) => gpuBytes(part, def))
  const {samples: _, ...seconds} = summarize(rates.map((rate) => 1 / rate)) ?? {
    samples: 0,
    min: 0,
    max: 0,
    median: 0,
    cv: 0,
  }
  const roof = gpuRoof(machine, [program], def)
  const allowed = roof && gpuTime(program, roof, def)
  const share = (time: number) => (allowed && time > 0 ? allowed.seconds / time : null)
  const efficiency = share(seconds.min)
  const tolerance = def.tolerance ?? defaultTolerance.f32
  const doubt = !(maxError <= tolerance)
    ? {verdict: 'wrong' as const, reason: differs(maxError, tolerance)}
    : isImplausible(efficiency)
      ? {
          verdict: 'implausible' as const,
          reason: `${Math.round(efficiency! * 100)} % of its roof: the roof (${allowed?.bound}) is too low or the working set lies nearer than assumed`,
        }
      : judge(rates)
  return {
    id,
    op,
    dims: Object.fromEntries(def.dims.map((name, i) => [name, dims[i]!])),
    dtype: dtypeOf(def),
    adapter,
    // the host's: a GPU's threads are the kernel's own affair
    threads: 1,
    flops,
    bytes,
    seconds,
    flopsPerSecond: seconds.min > 0 ? flops / seconds.min : 0,
    bytesPerSecond: seconds.min > 0 ? bytes / seconds.min : 0,
    intensity: flops / bytes,
    bound: allowed?.bound ?? null,
    attainable: allowed ? (flops > 0 ? flops : bytes) / allowed.seconds : null,
    efficiency,
    efficiencyMedian: share(seconds.median),
    // JSON has no infinity: a kernel that wrote where it must not differs by more than any value
    maxError: Math.min(maxError, Number.MAX_VALUE),
    tolerance,
    ...doubt,
  }
}

/** @throws AnalysisError `bad-flag` for a type that no kernel computes in */
function checkType(dtype: string | undefined, def: GpuKernel | GpuPair): void {
  if (dtype !== undefined && dtype !== dtypeOf(def))
    throw new AnalysisError('bad-flag', `${def.id} computes in ${dtypeOf(def)} on a GPU, not in ${quoted(dtype)}`, [
      `--dtype ${dtypeOf(def)}, or leave it out; gemm-f16 and those with int8 or int4 weights are kernels of their own`,
    ])
}

/** What remains of `defs` on this adapter; what was asked for by name and cannot run is refused. */
function runnable<D extends GpuKernel | GpuPair>(
  defs: readonly D[],
  session: GpuSession,
  asked: boolean,
  warnings: Warning[],
): D[] {
  return defs.filter((def) => {
    if (!isHalf(def) || session.hasF16) return true
    const message = `${def.id}: ${session.facts.name} lacks the feature shader-f16`
    if (asked) throw new AnalysisError('no-adapter', message, ['--adapter chooses another; gemm computes in f32'])
    warnings.push({code: 'kernel-skipped', message})
    return false
  })
}

/**
 * Measures kernels, each first checked at a small awkward size against its f64 reference.
 * @throws AnalysisError `unknown-kernel`, `bad-flag`, `bad-dimension`, `does-not-fit`, `no-adapter`, `gpu-failed`, `interrupted`
 */
export async function benchGpuKernels(
  session: GpuSession,
  options: GpuBenchOptions & {kernels?: readonly string[] | undefined},
): Promise<{kernels: BenchKernel[]; warnings: Warning[]}> {
  const asked = someOf(options.kernels)
  const warnings: Warning[] = []
  const defs = runnable(
    choose(options.kernels, Object.keys(gpuKernels), 'kernel', notOnGpu).map((id) => gpuKernels[id]!),
    session,
    asked,
    warnings,
  )
  if (asked) for (const def of defs) checkType(options.dtype, def)
  const chosen = asked ? defs : defs.filter((def) => options.dtype === undefined || options.dtype === dtypeOf(def))
  const runs = chosen.flatMap((def) => sizesOf(def, options.sizes, session.facts.software).map((dims) => ({def, dims})))
  const entries: BenchKernel[] = []
  const seconds = options.seconds ?? Math.min(longest, asked ? longest : whole / runs.length)
  for (const [i, {def, dims}] of runs.entries()) {
    throwIfAborted(options.signal)
    options.onProgress?.(i, runs.length, `${def.id} ${dims.join('x')}`)
    try {
      entries.push(await benchOne(session, def, dims, {...options, seconds}, warnings))
    } catch (error) {
      // of kernels that nobody named, one that does not fit or fails is left out; a lost device ends the run
      if (asked || session.lost !== undefined || !isPassing(error)) throw error
      warnings.push({code: 'kernel-skipped', message: `${def.id} ${dims.join('x')}: ${error.message}`})
    }
  }
  options.onProgress?.(runs.length, runs.length, 'done')
  return {kernels: entries, warnings: [...warnings, ...warningsOf(entries)]}
}

/** What was tried of a program's kernels, where anything was. */
function triedFor({parts}: Program, {tried}: Ways): Pick<BenchKernel, 'ways'> {
  const own = tried.filter(({kernel}) => parts.some((part) => part.kernel === kernel))
  return own.length > 0 ? {ways: own} : {}
}

async function benchOne(
  session: GpuSession,
  def: GpuKernel,
  dims: readonly number[],
  options: GpuBenchOptions,
  warnings: Warning[],
): Promise<BenchKernel> {
  // refuses dims that it does not have, before anything is compiled
  const program = def.program(dims)
  const first = await checkOnGpu(session, def.program(def.check), def)
  const {series, ways} = await measure(session, [program], def, (d) => [def.program(d)], options)
  warnings.push(...ways.warnings)
  const maxError = Math.max(...program.parts.map(({kernel}) => ways.errors.get(kernel) ?? first))
  const {rates} = series.get(program.id)!
  return {
    ...gpuEntry(def, def.id, def.op, dims, program, rates, maxError, session.facts.name, options.machine),
    ...triedFor(program, ways),
  }
}

/**
 * Measures unfused chains and their fused forms over the same tensors, in turn.
 * @throws AnalysisError as `benchGpuKernels`
 */
export async function benchGpuPairs(
  session: GpuSession,
  options: GpuBenchOptions & {pairs?: readonly string[] | undefined},
): Promise<{pairs: FusedPair[]; warnings: Warning[]}> {
  const asked = someOf(options.pairs)
  const warnings: Warning[] = []
  const defs = choose(options.pairs, Object.keys(gpuPairs), 'pair', notOnGpu).map((id) => gpuPairs[id]!)
  const runs = defs.flatMap((def) => {
    checkType(options.dtype, def)
    return sizesOf(def, options.sizes, session.facts.software).map((dims) => ({def, dims}))
  })
  const entries: FusedPair[] = []
  for (const [i, {def, dims}] of runs.entries()) {
    throwIfAborted(options.signal)
    options.onProgress?.(i, runs.length, `${def.id} ${dims.join('x')}`)
    try {
      entries.push(await benchPair(session, def, dims, options, warnings))
    } catch (error) {
      if (asked || session.lost !== undefined || !isPassing(error)) throw error
      warnings.push({code: 'pair-skipped', message: `${def.id} ${dims.join('x')}: ${error.message}`})
    }
  }
  options.onProgress?.(runs.length, runs.length, 'done')
  return {
    pairs: entries,
    warnings: [...warnings, ...warningsOf(entries.flatMap(({unfused, fused}) => [unfused, fused]))],
  }
}

async function benchPair(
  session: GpuSession,
  def: GpuPair,
  dims: readonly number[],
  options: GpuBenchOptions,
  warnings: Warning[],
): Promise<FusedPair> {
  const [chain, one] = [def.unfused(dims), def.fused(dims)]
  const {series, ways} = await measure(session, [chain, one], def, (d) => [def.unfused(d), def.fused(d)], options)
  warnings.push(...ways.warnings)
  const entry = async (program: Program, check: Program, op: string) => {
    const errors = program.parts.map(({kernel}) => ways.errors.get(kernel) ?? 0)
    const maxError = Math.max(await checkOnGpu(session, check, def, ways.variants), ...errors)
    const {rates} = series.get(program.id)!
    return {
      ...gpuEntry(def, program.id, op, dims, program, rates, maxError, session.facts.name, options.machine),
      ...triedFor(program, ways),
    }
  }
  const parts = chain.parts.map(({kernel}) => kernel)
  const unfused = await entry(chain, def.unfused(def.check), parts.join(', '))
  const fused = await entry(one, def.fused(def.check), def.op)
  const roofs = [gpuRoof(options.machine, [chain], def), gpuRoof(options.machine, [one], def)] as const
  return {
    id: def.id,
    dims: fused.dims,
    unfused: {...unfused, parts},
    fused,
    bytesSaved: unfused.bytes - fused.bytes,
    speedup: fused.seconds.median > 0 ? unfused.seconds.median / fused.seconds.median : null,
    predictedSpeedup:
      roofs[0] && roofs[1] ? gpuTime(chain, roofs[0], def).seconds / gpuTime(one, roofs[1], def).seconds : null,
  }
}

const warningsOf = (entries: readonly BenchKernel[]): Warning[] =>
  entries.flatMap(({id, dims, verdict, reason}) =>
    verdict === 'ok' ? [] : [{code: `kernel-${verdict}`, message: `${id} ${Object.values(dims).join('x')}: ${reason}`}],
  )
