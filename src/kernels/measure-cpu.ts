/** Measures this CPU's ceilings with the native addon and makes a machine of them. */
import {freemem} from 'node:os'
import type {Machine} from '../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../analysis/errors.ts'
import {type CeilingTask, ceilingOf, checkPlausible, curveTasks, planTasks} from './ceilings.ts'
import {type LocalIdentity, readIdentity} from './identity.ts'
import {
  assumedCaches,
  findKnee,
  type LevelName,
  type MemoryPlan,
  planMemory,
  type SweepPoint,
  sweepSizes,
} from './levels.ts'
import {loadNative, type NativeSession} from './native.ts'
import {runRounds, type Series, type Task, throwIfAborted} from './rounds.ts'

export interface MeasureOptions {
  /** at most 3 s: what `analyze` needs; otherwise every SIMD width and a finer sweep, at most 30 s */
  quick: boolean
  /** threads of the many-thread ceilings; default all that this process may use */
  threads?: number | undefined
  /** only this instruction set; default the widest (quick) or all (full) */
  isa?: string | undefined
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface Measured {
  machine: Machine
  warnings: Warning[]
}

/**
 * Lengths of the two kinds of run. A repetition of 1.5 ms outlives a thread's start by far, and most fall between two ticks of a
 * 250 Hz kernel timer: with 4 ms every one of them holds a tick, which costs 0.4 %.
 */
const plans = {
  quick: {repetitionSeconds: 0.0015, rounds: 12, extraRounds: 20, budgetSeconds: 1.8, perOctave: 1, sweepRounds: 3},
  full: {repetitionSeconds: 0.0015, rounds: 100, extraRounds: 100, budgetSeconds: 20, perOctave: 4, sweepRounds: 8},
} as const

/** The instruction sets to measure, narrowest first. */
function chooseIsas(available: readonly string[], options: MeasureOptions): string[] {
  if (options.isa !== undefined) {
    if (available.includes(options.isa)) return [options.isa]
    throw new AnalysisError(
      'bad-flag',
      `isa '${options.isa}' is not available on this CPU, which has ${available.join(', ')}`,
      [`--isa ${available.at(-1)}`],
    )
  }
  return options.quick ? available.slice(-1) : [...available]
}

function chooseThreads(identity: LocalIdentity, wanted: number | undefined): number {
  if (wanted === undefined) return identity.cores
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= identity.cores) return wanted
  throw new AnalysisError(
    'bad-flag',
    `threads ${wanted} is not between 1 and ${identity.cores}, the CPUs this process may use`,
    [`--threads ${identity.cores}`],
  )
}

const best = (series: Series | undefined): number => Math.max(0, ...(series?.rates ?? []))

/** Caches with what they claim and where the sweep saw them end. */
function cachesFound(identity: LocalIdentity, curve: readonly SweepPoint[], rates: ReadonlyMap<LevelName, number>) {
  const measured = (['L1', 'L2', 'L3', 'DRAM'] as const).filter((level) => rates.has(level))
  return identity.caches.map(({level, claimed, sharedBy}) => {
    const outer = measured[measured.indexOf(level) + 1]
    const found = outer ? findKnee(curve, rates.get(level) ?? 0, rates.get(outer)!) : null
    return {level, claimed, found, sharedBy}
  })
}

/**
 * Measures compute, bandwidth and latency ceilings of this CPU on native worker threads: Node's main thread stays free throughout.
 * The value of a rate is the maximum over rounds, of a latency the minimum.
 * @throws {AnalysisError} `no-addon`, `bad-flag` (isa, threads), `does-not-fit` (no memory or threads), `interrupted`
 */
export async function measureCpu(options: MeasureOptions): Promise<Measured> {
  const started = performance.now()
  const {signal, onProgress} = options
  throwIfAborted(signal)
  const addon = loadNative()
  const identity = readIdentity()
  const warnings: Warning[] = []
  const cpu = addon.cpu()
  const available = cpu.isas.map(({name}) => name)
  const isas = chooseIsas(available, options)
  const readIsas = options.isa === undefined ? available.slice(-2) : isas
  const threads = chooseThreads(identity, options.threads)
  const caches = identity.caches.length > 0 ? identity.caches : [...assumedCaches]
  if (identity.caches.length === 0)
    warnings.push({
      code: 'caches-unknown',
      message: 'This system does not describe its caches; 32 KiB L1 and 256 KiB L2 are assumed.',
    })
  const memory = planMemory(caches, threads, Math.min(freemem(), identity.memory))
  if (memory.short)
    warnings.push({
      code: 'small-memory',
      message:
        'Too little memory is free for a DRAM working set of twice the largest cache: DRAM figures may hold cache hits.',
    })
  const plan = options.quick ? plans.quick : plans.full

  const session = new addon.Session()
  const abort = () => session.cancel()
  signal?.addEventListener('abort', abort, {once: true})
  try {
    onProgress?.(0, 1, 'memory')
    const info = await openSession(session, memory)
    if (info.threads < threads)
      warnings.push({code: 'fewer-threads', message: `The system granted ${info.threads} of ${threads} threads.`})
    if (process.platform === 'linux' && info.pinned < info.threads)
      warnings.push({code: 'not-pinned', message: 'Threads could not be pinned to CPUs; results may vary more.'})
    const hugePages = info.hugeBytes / info.bytes
    if (process.platform === 'linux' && hugePages < 0.9)
      warnings.push({
        code: 'no-huge-pages',
        message: `Huge pages were asked for and given for ${Math.round(hugePages * 100)} % of the memory.`,
      })

    const counts = info.threads > 1 ? [1, info.threads] : [1]
    const vectorBytes = new Map(cpu.isas.map(({name, vectorBytes}) => [name, vectorBytes]))
    const tasks = planTasks({isas, readIsas, vectorBytes, threads: counts, caches, window: memory.window})
    const sweep = curveTasks(
      sweepSizes(Math.min(memory.bytesPerThread[0]!, 4 * (caches.at(-1)?.claimed ?? 0)), plan.perOctave),
      isas.at(-1)!,
    )
    const sampler = session.sample.bind(session)
    const all: Task[] = [...tasks.flatMap(({tasks}) => tasks)]
    const series = await runRounds(sampler, all, {...plan, onProgress, signal})
    const curve = await takeCurve(sampler, sweep, plan, options)

    const source = `${options.quick ? 'quick' : 'full'} measurement`
    const date = new Date().toISOString()
    const ceilings = checkPlausible(tasks.flatMap((task) => ceilingOf(task, series, {source, date}) ?? []))
    for (const {id, verdict, reason} of ceilings)
      if (verdict !== 'ok') warnings.push({code: `ceiling-${verdict}`, message: `${id}: ${reason}`})
    reportMissing(tasks, new Set(ceilings.map(({id}) => id)), warnings)
    if (ceilings.length === 0)
      throw new AnalysisError('internal', 'no probe took a measurable time: the clock of this machine stands still')

    const rates = new Map(
      ceilings.flatMap((c) =>
        c.kind === 'bandwidth' && c.level && c.threads === 1 ? [[c.level, c.value] as const] : [],
      ),
    )
    const machine: Machine = {
      id: 'local',
      name: `${identity.cpu}, ${threads} ${threads === 1 ? 'core' : 'cores'}`,
      identity: {
        cpu: identity.cpu,
        cores: identity.cores,
        caches: cachesFound(identity, curve, rates),
        memory: identity.memory,
        os: identity.os,
        tool: identity.tool,
        date,
        arch: identity.arch,
        isa: identity.isa,
        node: identity.node,
        key: identity.key,
        threads: info.threads,
        pinned: info.pinned,
        hugePages,
        sweep: curve,
        seconds: (performance.now() - started) / 1000,
      },
      memory: {capacity: identity.memory, source: 'operating system'},
      profile: options.quick ? 'quick' : 'full',
      ceilings,
    }
    return {machine, warnings}
  } catch (error) {
    // The addon answers a cancelled sample with its own error: the user asked for an interruption, so that is what is said.
    throwIfAborted(signal)
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
    session.close()
  }
}

async function openSession(session: NativeSession, memory: MemoryPlan) {
  try {
    return await session.open(memory.bytesPerThread, memory.residentPerThread)
  } catch (error) {
    throw new AnalysisError(
      'does-not-fit',
      `measuring is not possible: ${error instanceof Error ? error.message : String(error)}`,
      ['free some memory or lower --threads'],
    )
  }
}

async function takeCurve(
  sampler: NativeSession['sample'],
  tasks: readonly (Task & {bytes: number})[],
  plan: (typeof plans)['quick' | 'full'],
  options: MeasureOptions,
): Promise<SweepPoint[]> {
  const series = await runRounds(sampler, tasks, {
    repetitionSeconds: 0.0005,
    rounds: plan.sweepRounds,
    extraRounds: 0,
    budgetSeconds: plan.budgetSeconds / 4,
    signal: options.signal,
  })
  return tasks.flatMap(({id, bytes}) => {
    const bytesPerSecond = best(series.get(id))
    return bytesPerSecond > 0 ? [{bytes, bytesPerSecond}] : []
  })
}

function reportMissing(tasks: readonly CeilingTask[], present: ReadonlySet<string>, warnings: Warning[]): void {
  for (const {ceiling} of tasks)
    if (!present.has(ceiling.id))
      warnings.push({
        code: 'ceiling-failed',
        message: `${ceiling.id}: no repetition took a measurable time; it is left out`,
      })
}
