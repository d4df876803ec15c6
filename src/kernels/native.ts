/** The native addon, loaded when something has to be measured and not before. */
import {existsSync} from 'node:fs'
import {createRequire} from 'node:module'
import {join} from 'node:path'
import {AnalysisError, exitCodes, type Warning} from '../analysis/errors.ts'
import {packageRoot} from './package-root.ts'

/** Must equal `apiVersion` in native/addon.cc: a binary built from other sources is refused, not guessed at. */
const apiVersion = 10

/**
 * A row of an instruction set's compute table (`fma-f32`, `amx/dot-int8`), of its memory table (`read`, `update-8x8`), or one of the
 * session's own: `chase`, `call`, `fork-join`, `wake`, `issue`, `rows`, `program`.
 */
export type ProbeName = string

/** One compute probe of an instruction set. */
export interface ComputeRow {
  probe: ProbeName
  /** operation and type */
  id: string
  /** a unit of its own beside the vector unit, such as `amx` */
  engine: string | null
  /** results of one operation */
  lanes: number
  /** FLOP or OP behind each result */
  perLane: number
  /** what the CPU or the compiler lacks, by the operating system's name; `null` where the probe can run */
  missing: string | null
}

/** One instruction set that this CPU has. */
export interface IsaRow {
  name: string
  vectorBytes: number
  kernels: string[]
  /** probes of memory: a mix, or a mix and another way through it, as `read-8x2` (eight streams at once, two lines of each in turn) */
  memory: ProbeName[]
  compute: ComputeRow[]
}

/** One operator of a program: buffers by their number in `allocate`. */
export interface Stage {
  kernel: string
  dims: number[]
  in: number[]
  out: number[]
}

/** One sample of one probe; see native/core/session.h. */
export interface SampleSpec {
  probe: ProbeName
  isa: string
  threads: number
  /** bytes per thread and pass, a multiple of 64; of a chase, bytes of its cycle; of rows, of each thread's table; 0 for probes without memory */
  bytes: number
  /** each pass continues where the last ended, so that nothing it reads is still in a cache; a chase's cycle is not kept */
  roam: boolean
  passes: number
  repetitions: number
  /** also take the core clock right after each repetition, under the same instructions */
  clock: boolean
  /** rows: bytes of one, 64, 512 or 4096 */
  row?: number
  /** rows: bytes of rows that each is asked for before it is read */
  ahead?: number
  /** rows: so many bytes are asked for at once; 0: one with each that is read */
  burst?: number
  /** rows: and once more so far ahead; 0: never */
  again?: number
  /** rows: one is written past the caches for each eight that are read */
  stores?: boolean
  /** chase: walk the cycle in order before the sample, so that what fits a cache is in it */
  warm?: boolean
  /** program: operators run in order, the threads meeting after each; a single one is called again without meeting */
  stages?: readonly Stage[]
  /** program: the threads meet after a single operator too */
  meets?: boolean
  /** program: also read the threads' hardware counters; where they cannot be had, nothing runs */
  counters?: boolean
}

export interface Sample {
  /** seconds of each repetition, from the first thread's start to the last thread's end */
  seconds: Float64Array
  /** core clock of each repetition in Hz, of `issue` that of the slowest thread; empty where it was not asked for */
  clockHz: Float64Array
  /** FLOP, OP, bytes, loads, calls or instructions of one repetition, all threads together */
  work: number
}

/** A sample of a program. */
export interface ProgramSample extends Sample {
  /** instructions, core cycles and last-level cache misses of all repetitions and threads; empty where not asked for or not to be had */
  counters: Float64Array
  /** why the system does not let this process read its counters */
  counterProblem: string | null
}

/** A kernel from a shared object: native/include/ridgepoint/kernel.h. */
export interface UserKernel {
  name: string
  dtype: 'f32' | 'f64' | 'int8'
  /** names of the dims, and the sizes that it suggests */
  dims: string[]
  defaults: number[]
  /** number of tensors */
  tensors: number
  /** whether it can check its own results */
  checks: boolean
}

/** A tensor of a program, filled with values in [−1, 1), with random bytes, or with `data`. */
export interface TensorSpec {
  bytes: number
  fill: 'f32' | 'f64' | 'bytes'
  data?: NodeJS.TypedArray
}

/** What to touch behind each thread's resident bytes: all; after `seconds` no more than `enough` bytes, after twice as long than `least`. */
export interface Touch {
  seconds: number
  enough: number
  least: number
}

export interface SessionInfo {
  threads: number
  pinned: number
  /** bytes per thread that may be measured: all that were asked for, unless their touching was bounded */
  touched: number[]
  /** sum of `touched` */
  bytes: number
  hugeBytes: number
}

/**
 * Cancels a session when the process exits, since Node waits there for samples that are under way. After an interruption the process ends
 * at once: on a crowded machine each thread to be waited for costs a turn of the scheduler, and a person waits for all of them.
 * @returns call it when the session is closed
 */
export function cancelAtExit(addon: Pick<NativeAddon, 'exitNow'>, session: Pick<NativeSession, 'cancel'>): () => void {
  const cancel = (code: number) => {
    session.cancel()
    if (code === exitCodes.interrupted) addon.exitNow?.(code)
  }
  process.once('exit', cancel)
  return () => process.removeListener('exit', cancel)
}

/** Pinned threads with their memory. Every method but `sample` and `open` returns at once. */
export interface NativeSession {
  /** the resident bytes at the start of a thread's memory are what roaming reads keep clear of */
  open(bytesPerThread: number[], residentPerThread: number[], touch?: Touch): Promise<SessionInfo>
  /** replaces the tensors of the stages that follow; where memory is refused there are none, and such samples have no repetitions */
  allocate(tensors: readonly TensorSpec[]): Promise<void>
  sample(spec: SampleSpec): Promise<ProgramSample>
  cancel(): void
  close(): void
}

const makes = ['intel', 'amd', 'other'] as const

/** Whose cores kernels are tuned for (native/core/cores.h). */
export type Cores = (typeof makes)[number]

/**
 * Whose way the environment has the kernels take, whatever this machine has; `undefined` where it says nothing.
 * @throws {AnalysisError} `bad-flag`
 */
export function chosenCores(env: NodeJS.ProcessEnv = process.env): Cores | undefined {
  const chosen = env.RIDGEPOINT_CORES
  if (chosen === undefined || makes.some((make) => make === chosen)) return chosen as Cores | undefined
  throw new AnalysisError('bad-flag', `RIDGEPOINT_CORES=${chosen} names no cores that kernels are tuned for`, [
    `one of ${makes.join(', ')}, or leave it unset`,
  ])
}

/**
 * For how many bytes of L2 the environment has products make their blocks, whatever this machine has; `undefined` where it says nothing.
 * @throws {AnalysisError} `bad-flag`
 */
export function chosenL2(env: NodeJS.ProcessEnv = process.env): number | undefined {
  const chosen = env.RIDGEPOINT_L2
  if (chosen === undefined) return undefined
  if (/^[1-9]\d{0,14}$/.test(chosen)) return Number(chosen)
  throw new AnalysisError('bad-flag', `RIDGEPOINT_L2=${chosen} is no number of bytes`, [
    '1048576 for an L2 of 1 MiB, or leave it unset',
  ])
}

/** That results are of kernels as tuned for other cores or another L2, where the environment asked for that. */
export function tuningWarnings(): Warning[] {
  const cores = chosenCores()
  const l2 = chosenL2()
  return [
    ...(cores ? [`Kernels go the way of ${cores} cores, as RIDGEPOINT_CORES says.`] : []),
    ...(l2 ? [`Products take blocks for ${l2} bytes of L2, as RIDGEPOINT_L2 says.`] : []),
  ].map((message) => ({code: 'tuned-for', message}))
}

export interface NativeAddon {
  apiVersion: number
  cpu(): {brand: string; isas: IsaRow[]; allowed: number}
  Session: new () => NativeSession
  /** ends the process without waiting for its threads; absent in a binary of before */
  exitNow?(code: number): never
  /**
   * tunes the kernels for cores of this make and so many bytes of L2 (0: its own), for tests and comparisons; answers for which cores they
   * are tuned
   */
  tuneFor(cores?: Cores, l2?: number): Cores
  /** whether kernels use features beyond their ISA's own (VNNI, VBMI), for tests of what a processor without them runs; answers whether they do */
  useFeatures(wanted?: boolean): boolean
  /** runs a probe on this thread, to check what it computes: a compute probe without data, a memory probe over the first `lines` lines */
  runProbe(
    isa: string,
    probe: ProbeName,
    passes: number,
  ): {sum: number; work: number; growth: number; cycles: number; cyclesCredited: number}
  runProbe(
    isa: string,
    probe: ProbeName,
    passes: number,
    data: Uint8Array,
    lines?: number,
  ): {word: bigint; work: number}
  /** loads a shared object, whose kernel the stages of this process then call `user`; throws with what is wrong with it */
  loadKernel(path: string): UserKernel
  /** bytes of each tensor, FLOPs and bytes of one call of the loaded kernel */
  describeKernel(dims: readonly number[]): {
    tensors: Float64Array
    flops: number
    bytesRead: number
    bytesWritten: number
  }
  /** runs the loaded kernel once, share after share, and returns the error that its own check finds */
  checkKernel(dims: readonly number[], tensors: readonly NodeJS.TypedArray[], threads: number): number
  /** runs a kernel's shares one after the other on this thread, to check its results */
  runOp(
    isa: string,
    kernel: string,
    dims: number[],
    inputs: readonly NodeJS.TypedArray[],
    outputs: readonly NodeJS.TypedArray[],
    threads: number,
  ): void
}

const remedies = [
  'npm run build:native (in an installed package: npm rebuild ridgepoint) says what the build lacks',
  'Debian and Ubuntu: apt-get install g++ make python3; macOS: xcode-select --install',
]

let loaded: NativeAddon | undefined

/**
 * Loads the addon, once.
 * @throws {AnalysisError} `no-addon` where it is not built, does not load, or was built from other sources; `bad-flag` where the environment
 *   names cores that there are none of, or an L2 of no size
 */
export function loadNative(): NativeAddon {
  if (loaded) return loaded
  chosenCores()
  chosenL2()
  const path = join(packageRoot().path, 'build', 'Release', 'ridgepoint.node')
  if (process.platform === 'win32')
    throw new AnalysisError('no-addon', 'measuring is not supported on Windows yet; analysis is', [
      '--machine h100-sxm',
    ])
  if (!existsSync(path))
    throw new AnalysisError('no-addon', `the native addon is not built (${path} is not there)`, remedies)
  let addon: NativeAddon
  try {
    addon = createRequire(import.meta.url)(path) as NativeAddon
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new AnalysisError('no-addon', `the native addon does not load: ${reason}`, remedies)
  }
  if (addon.apiVersion !== apiVersion)
    throw new AnalysisError(
      'no-addon',
      `the native addon was built from other sources (interface ${addon.apiVersion}, wanted ${apiVersion})`,
      remedies,
    )
  loaded = addon
  return addon
}
