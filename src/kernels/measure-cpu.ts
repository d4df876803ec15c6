/** Measures this CPU's ceilings with the native addon and makes a machine of them. */
import type {Ceiling, Machine} from '../analysis/document/machine.ts'
import {AnalysisError, type Warning} from '../analysis/errors.ts'
import {isRows} from '../analysis/mix.ts'
import {ceilingOf, checkPlacement, checkPlausible, perCycleAlone} from './ceilings.ts'
import {type ClaimedCache, cpuQuota, type LocalIdentity, readIdentity} from './identity.ts'
import {chooseIsas} from './isas.ts'
import {nameNeighbours} from './issue.ts'
import {assumedCaches, findLevels, type LevelName, type MemoryPlan, type SweepPoint, sweepSizes} from './levels.ts'
import {type IsaRow, loadNative, type NativeSession} from './native.ts'
import {memoryWarnings, openMeasuring, sessionWarnings} from './opening.ts'
import {type CeilingTask, type CurveTask, chaseTasks, curveTasks, planTasks, threadsBetween} from './plan.ts'
import {runRounds, type Series, throwIfAborted} from './rounds.ts'

export interface MeasureOptions {
  /** at most 3 s: what `analyze` needs; otherwise every SIMD width and a finer sweep, at most 30 s */
  quick: boolean
  /** threads of the many-thread ceilings; default all that this process may use */
  threads?: number | undefined
  /** only this instruction set or unit (`amx`); default the widest (quick) or all (full) */
  isa?: string | undefined
  onProgress?: ((done: number, total: number, label: string) => void) | undefined
  signal?: AbortSignal | undefined
}

export interface Measured {
  machine: Machine
  warnings: Warning[]
}

/**
 * Lengths of the two kinds of run, in seconds: of touching memory, of the rounds, and of the whole, which no phase overruns; a slow machine
 * gets less memory and fewer rounds. Only on a crowded machine (ten jobs to a CPU) does the first round overrun: a profile without it is none.
 * A repetition of 0.4 ms outlives a thread's start by far (0.3 µs), and nine of ten fall between two ticks of a 250 Hz kernel timer. What is
 * settled after the rounds is not sampled again; the rest of the time goes to what is not, and to what drifts.
 */
const plans = {
  quick: {
    repetitionSeconds: 0.0004,
    rounds: 8,
    extraRounds: 100,
    touchSeconds: 0.6,
    roundSeconds: 1.5,
    firstSeconds: 4,
    perOctave: 1,
    seconds: 2.2,
  },
  full: {
    repetitionSeconds: 0.0004,
    rounds: 14,
    extraRounds: 1000,
    touchSeconds: 5,
    roundSeconds: 20,
    firstSeconds: 8,
    perOctave: 4,
    seconds: 27,
  },
} as const
type RunPlan = (typeof plans)[keyof typeof plans]

/** Share of the time that the rounds leave for the working-set curve. */
const curveShare = 0.15

/**
 * How many threads to measure with.
 * @throws {AnalysisError} `bad-flag` where they are more than this process may use
 */
export function chooseThreads(identity: LocalIdentity, wanted: number | undefined): number {
  if (wanted === undefined) return identity.cores
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= identity.cores) return wanted
  throw new AnalysisError(
    'bad-flag',
    `--threads ${wanted} is not between 1 and ${identity.cores}, the CPUs this process may use`,
    [`--threads ${identity.cores}`],
  )
}

/** Ceilings of one thread by level: the value of those that `pick` takes. */
function byLevel(ceilings: readonly Ceiling[], pick: (c: Ceiling) => boolean): Map<LevelName, number> {
  return new Map(ceilings.flatMap((c) => (c.level && c.threads === 1 && pick(c) ? [[c.level, c.value] as const] : [])))
}

/** Probes that are compiled or specified, and that this CPU lacks. */
const absent = (isas: readonly IsaRow[]) =>
  isas.flatMap(({name, compute}) =>
    compute.flatMap(({id, engine, missing}) =>
      missing === null ? [] : [{probe: `${id}-${engine ?? name}`, needs: missing}],
    ),
  )

/** Says where a full measurement has no ceiling of rows in no order: of the thread counts without one the last is named. */
export function rowsWarnings(tasks: readonly CeilingTask[], counts: readonly number[]): Warning[] {
  const isLacking = (n: number) => !tasks.some(({ceiling}) => isRows(ceiling) && ceiling.threads === n)
  const threads = counts.findLast(isLacking)
  if (threads === undefined) return []
  const message = `Each of ${threads} ${threads === 1 ? 'thread' : 'threads'} had too little memory, or too little in time, for its part of a table that is larger than the caches: rows in no order have no ceiling there, and gathers are bounded by what the system claims of its caches.`
  return [{code: 'rows-skipped', message}]
}

/**
 * Measures compute, bandwidth and latency ceilings of this CPU on native worker threads: Node's main thread stays free throughout.
 * The value of a rate is the maximum over rounds, of a latency the minimum.
 * @throws {AnalysisError} `no-addon`, `no-isa`, `bad-flag` (isa, threads), `does-not-fit` (no memory or threads), `interrupted`
 */
export async function measureCpu(options: MeasureOptions): Promise<Measured> {
  const started = performance.now()
  const {signal, onProgress} = options
  throwIfAborted(signal)
  const addon = loadNative()
  const identity = readIdentity()
  const warnings: Warning[] = []
  const cpu = addon.cpu()
  const {isas, unit} = chooseIsas(cpu.isas, options)
  const ownIsas = options.isa === undefined ? cpu.isas.slice(-2) : isas
  const threads = chooseThreads(identity, options.threads)
  const caches = identity.caches.length > 0 ? identity.caches : [...assumedCaches]
  if (identity.caches.length === 0)
    warnings.push({
      code: 'caches-unknown',
      message: 'This system does not describe its caches; 32 KiB L1 and 256 KiB L2 are assumed.',
    })
  const quota = cpuQuota()
  if (quota !== undefined)
    warnings.push({
      code: 'cpu-quota',
      message: `A cgroup grants this process the time of ${quota} ${quota === 1 ? 'CPU' : 'CPUs'} and pauses it when that is used up: ${threads === 1 ? 'one thread is' : `${threads} threads are`} measured, and maxima hold between the pauses.`,
    })
  const plan = options.quick ? plans.quick : plans.full
  const left = () => Math.max(0, plan.seconds - (performance.now() - started) / 1000)

  onProgress?.(0, 1, 'memory')
  const {session, info, memory, close} = await openMeasuring(addon, caches, threads, plan.touchSeconds, signal)
  try {
    warnings.push(...sessionWarnings(info, threads, process.platform), ...memoryWarnings(info, memory, caches))
    const reach = info.touched[0]!

    const counts = info.threads > 1 ? [1, info.threads] : [1]
    const tasks = planTasks({
      isas,
      ownIsas,
      threads: counts,
      between: options.quick ? [] : threadsBetween(info.threads),
      caches,
      resident: memory.residentPerThread,
      window: memory.window,
      chase: memory.chase,
      tables: info.touched.map((bytes, i) => bytes - memory.residentPerThread[i]!),
      quick: options.quick,
      unit,
    })
    if (!options.quick && !unit) warnings.push(...rowsWarnings(tasks, counts))
    const sampler = session.sample.bind(session)
    const series = await runRounds(
      sampler,
      // one thread first: those samples need no other thread's time, and a crowded machine comes at least so far
      tasks.flatMap(({tasks}) => tasks).sort((a, b) => a.spec.threads - b.spec.threads),
      {
        ...plan,
        budgetSeconds: Math.min(plan.roundSeconds, left() * (1 - curveShare)),
        leastRounds: 1,
        hardSeconds: Math.max(left() * (1 - curveShare), plan.firstSeconds),
        onProgress,
        signal,
      },
    )
    const curve = unit
      ? []
      : await takeCurve(sampler, caches, {...memory, reach}, isas.at(-1)!.name, {...plan, left}, options)

    const source = `${options.quick ? 'quick' : 'full'} measurement`
    const date = new Date().toISOString()
    const alone = perCycleAlone(tasks, series)
    const found = tasks.flatMap((task) => ceilingOf(task, series, {source, date}, alone) ?? [])
    const sharedBy = caches.at(-1)?.sharedBy ?? 1
    const placed = checkPlacement(found, series.get('launch')?.rates ?? [], sharedBy)
    const ceilings = nameNeighbours(checkPlausible(placed), series)
    for (const {id, verdict, reason} of ceilings)
      if (verdict !== 'ok') warnings.push({code: `ceiling-${verdict}`, message: `${id}: ${reason}`})
    reportMissing(tasks, series, new Set(ceilings.map(({id}) => id)), warnings)
    if (ceilings.length === 0)
      throw new AnalysisError('internal', 'no probe took a measurable time: the clock of this machine stands still')

    const latencies = byLevel(ceilings, ({kind}) => kind === 'latency')
    const rates = byLevel(ceilings, ({kind, mix}) => kind === 'bandwidth' && mix === 'read')
    const machine: Machine = {
      id: 'local',
      name: `${identity.cpu}, ${threads} ${threads === 1 ? 'core' : 'cores'}`,
      identity: {
        cpu: identity.cpu,
        cores: identity.cores,
        caches: findLevels(identity.caches, curve, latencies, rates),
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
        hugePages: info.hugeBytes / info.bytes,
        absent: absent(isas),
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
    close()
  }
}

/** Bandwidth and latency over working sets, one thread: quick runs look at the first two levels only, where latency is cheap to take. */
async function takeCurve(
  sampler: NativeSession['sample'],
  caches: readonly ClaimedCache[],
  memory: Pick<MemoryPlan, 'chase'> & {reach: number},
  isa: string,
  plan: RunPlan & {left: () => number},
  options: MeasureOptions,
): Promise<SweepPoint[]> {
  const {quick, signal} = options
  const largest = 4 * (caches.at(-1)?.claimed ?? 0)
  const take = async (
    tasks: readonly CurveTask[],
    rounds: number,
    budgetSeconds: number,
  ): Promise<Map<number, number>> => {
    const protocol = {
      repetitionSeconds: 0.0005,
      rounds,
      extraRounds: 0,
      budgetSeconds,
      hardSeconds: budgetSeconds,
      signal,
    }
    const series = await runRounds(sampler, tasks, protocol)
    return new Map(
      tasks.flatMap(({id, bytes}) => {
        const rate = Math.max(0, ...(series.get(id)?.rates ?? []))
        return rate > 0 ? [[bytes, rate] as const] : []
      }),
    )
  }
  const sizes = sweepSizes(Math.min(memory.reach, largest), plan.perOctave)
  const read = await take(curveTasks(sizes, isa), quick ? 3 : 8, plan.left() / 2)
  const deep = quick ? 4 * (caches.find(({level}) => level === 'L2')?.claimed ?? 0) : memory.chase
  const chased = await take(
    chaseTasks(
      sizes.filter((bytes) => bytes <= deep),
      isa,
    ),
    quick ? 1 : 2,
    plan.left(),
  )
  return [...read].map(([bytes, bytesPerSecond]) => {
    const loads = chased.get(bytes)
    return {bytes, bytesPerSecond, ...(loads ? {latency: 1 / loads} : {})}
  })
}

function reportMissing(
  tasks: readonly CeilingTask[],
  series: ReadonlyMap<string, Series>,
  present: ReadonlySet<string>,
  warnings: Warning[],
): void {
  const missing = tasks.filter(({ceiling}) => !present.has(ceiling.id))
  const late = missing.filter(({tasks}) => tasks.every(({id}) => !series.get(id)?.tried))
  for (const {ceiling} of missing.filter((task) => !late.includes(task)))
    warnings.push({
      code: 'ceiling-failed',
      message: `${ceiling.id}: no repetition took a measurable time, or its memory was refused; it is left out`,
    })
  if (late.length > 0)
    warnings.push({
      code: 'ceiling-skipped',
      message: `The machine was too busy to come to ${late.map(({ceiling}) => ceiling.id).join(', ')} in time: left out; measure again when it is idle`,
    })
}
