/** From probes to ceilings: which tasks make up a measurement, and what their series say. Pure functions. */
import type {Ceiling} from '../analysis/document/machine.ts'
import type {ClaimedCache} from './identity.ts'
import {levelSets} from './levels.ts'
import type {ProbeName} from './native.ts'
import type {Series, Task} from './rounds.ts'
import {judge, summarize} from './statistics.ts'

/** The fixed part of a ceiling, known before anything is measured. */
type CeilingPlan = Pick<
  Ceiling,
  'id' | 'kind' | 'operation' | 'mix' | 'dtype' | 'engine' | 'isa' | 'level' | 'threads' | 'workingSet' | 'unit'
>

/** A probe, and for the model line the work of one of its instructions: FLOP of an FMA, bytes of a load. */
export interface ProbeTask extends Task {
  model?: {perInstruction: number; text: string}
}

/** A ceiling and the probes that may reach it: the best of them counts. */
export interface CeilingTask {
  ceiling: CeilingPlan
  tasks: ProbeTask[]
}

export interface TaskPlan {
  /** instruction sets of the compute ceilings, narrowest first */
  isas: readonly string[]
  /** instruction sets that L1 may be read with; the best counts */
  readIsas: readonly string[]
  vectorBytes: ReadonlyMap<string, number>
  /** thread counts, 1 first */
  threads: readonly number[]
  caches: readonly ClaimedCache[]
  /** bytes of one roaming DRAM repetition per thread */
  window: number
}

const probeTask = (
  id: string,
  label: string,
  probe: ProbeName,
  rest: {isa: string; threads: number; bytes?: number; roam?: boolean; clock?: boolean; passes?: number},
): Task => ({
  id,
  label,
  calibrate: !rest.roam,
  spec: {probe, bytes: 0, roam: false, clock: false, passes: 1, repetitions: 2, ...rest},
})

const suffix = (threads: number): string => (threads === 1 ? '1 thread' : `${threads} threads`)

function computeTasks(isa: string, bytes: number, threads: number): CeilingTask[] {
  return (['f32', 'f64'] as const).map((dtype) => {
    const id = `fma-${dtype}-${isa}-t${threads}`
    const label = `FMA ${dtype} ${isa}, ${suffix(threads)}`
    // The scalar variant has one lane whatever the width of its registers.
    const lanes = isa === 'scalar' ? 1 : bytes / (dtype === 'f32' ? 4 : 8)
    const task = probeTask(id, label, `fma-${dtype}`, {isa, threads, clock: true, passes: 1000})
    return {
      ceiling: {id, kind: 'compute', operation: 'fma', dtype, engine: 'vector', isa, threads, unit: 'FLOP/s'},
      tasks: [{...task, model: {perInstruction: 2 * lanes, text: `FMA/cycle × ${lanes} lanes × 2`}}],
    }
  })
}

/** One-thread or many-thread L1 reads at one width, with their clock. */
function readL1Task(plan: TaskPlan, id: string, label: string, isa: string, threads: number, bytes: number): ProbeTask {
  const width = plan.vectorBytes.get(isa) ?? 8
  const task = probeTask(`${id}/${isa}`, label, 'read', {isa, threads, bytes, clock: true})
  return {...task, model: {perInstruction: width, text: `load/cycle × ${width} B`}}
}

/** L1 is read at more than one width: Zen 4 loses 6 % of it with 64-byte loads, Intel half of it without them. */
function bandwidthTasks(plan: TaskPlan, threads: number): CeilingTask[] {
  const widest = plan.isas.at(-1)!
  const common = {kind: 'bandwidth', mix: 'read', isa: widest, threads, unit: 'B/s'} as const
  const caches = levelSets(plan.caches, threads).map(({level, bytes}): CeilingTask => {
    const id = `read-${level}-t${threads}`
    const label = `read ${level}, ${suffix(threads)}`
    return {
      ceiling: {...common, id, level, workingSet: bytes},
      tasks:
        level === 'L1'
          ? plan.readIsas.map((isa) => readL1Task(plan, id, label, isa, threads, bytes))
          : [probeTask(id, label, 'read', {isa: widest, threads, bytes})],
    }
  })
  const id = `read-DRAM-t${threads}`
  // Which of one stream and eight is faster differs: eight on Cascade Lake (+14 %), one on Zen 4 (+15 %).
  const dram: CeilingTask = {
    ceiling: {...common, id, level: 'DRAM', workingSet: plan.window},
    tasks: (['read', 'read-streams'] as const).map((probe) =>
      probeTask(`${id}/${probe}`, `read DRAM, ${suffix(threads)}`, probe, {
        isa: widest,
        threads,
        bytes: plan.window,
        roam: true,
      }),
    ),
  }
  return [...caches, dram]
}

function latencyTasks(isa: string, threads: number): CeilingTask[] {
  const latency = (id: string, probe: ProbeName, label: string, count: number): CeilingTask => ({
    ceiling: {id, kind: 'latency', threads: count, unit: 's'},
    tasks: [probeTask(id, label, probe, {isa, threads: count})],
  })
  return [
    latency('launch', 'fork-join', 'starting and joining the threads', threads),
    latency('launch-parked', 'wake', 'waking sleeping threads', threads),
    latency('call', 'call', 'one kernel call', 1),
  ]
}

/** All ceilings of a measurement, with the tasks that measure them. Compute at every width, bandwidth at the widest. */
export function planTasks(plan: TaskPlan): CeilingTask[] {
  const widest = plan.isas.at(-1)!
  const compute = plan.isas.flatMap((isa) =>
    plan.threads.flatMap((threads) => computeTasks(isa, plan.vectorBytes.get(isa) ?? 8, threads)),
  )
  const bandwidth = plan.threads.flatMap((threads) => bandwidthTasks(plan, threads))
  return [...compute, ...bandwidth, ...latencyTasks(widest, plan.threads.at(-1)!)]
}

/** Tasks of the working-set curve: one thread, one stream. */
export function curveTasks(sizes: readonly number[], isa: string): (Task & {bytes: number})[] {
  return sizes.map((bytes) => ({
    ...probeTask(`sweep-${bytes}`, 'working sets', 'read', {isa, threads: 1, bytes}),
    bytes,
  }))
}

/** Core clock: the maximum, since a disturbed sample reads low. */
const clockOf = (series: Series): number | undefined =>
  series.clockHz.length > 0 ? Math.max(...series.clockHz) : undefined

/**
 * What ports, lanes and clock allow: the number of instructions per cycle is the measured one rounded to a whole number, so that a
 * CPU nobody listed has its model too. Below three quarters of an instruction per cycle there is no model to speak of.
 */
function modelOf(task: ProbeTask, rate: number, clockHz: number): {model: number; modelText: string} | undefined {
  const {threads} = task.spec
  if (!task.model || !clockHz) return undefined
  const {perInstruction, text} = task.model
  const perCycle = rate / (clockHz * perInstruction * threads)
  if (perCycle < 0.75) return undefined
  const ports = Math.round(perCycle)
  const cores = threads === 1 ? '' : ` × ${threads} threads`
  return {
    model: ports * perInstruction * clockHz * threads,
    modelText: `${ports} ${text} × ${(clockHz / 1e9).toFixed(2)} GHz${cores}`,
  }
}

/**
 * The ceiling that a task's series amount to.
 * @returns `undefined` where nothing took a measurable time
 */
export function ceilingOf(
  task: CeilingTask,
  all: ReadonlyMap<string, Series>,
  made: {source: string; date: string},
): Ceiling | undefined {
  const candidates = task.tasks.flatMap((probe) => {
    const series = all.get(probe.id)
    return series && series.rates.length > 0 ? [{series, probe, best: Math.max(...series.rates)}] : []
  })
  const winner = candidates.reduce<(typeof candidates)[number] | undefined>(
    (a, b) => (a && a.best >= b.best ? a : b),
    undefined,
  )
  if (!winner) return undefined
  const {series, probe} = winner
  const provenance = {
    kind: 'measured' as const,
    source: `native probe ${probe.spec.probe}, ${made.source}`,
    date: made.date,
  }
  if (task.ceiling.kind === 'latency') {
    // The rate is calls per second; the ceiling is the shortest time of one. Waking has no plateau to confirm: spread is its nature.
    const times = summarize(series.rates.map((rate) => 1 / rate))!
    return {...task.ceiling, value: times.min, provenance, ...times, verdict: 'ok'}
  }
  const summary = summarize(series.rates)!
  const isa = task.ceiling.isa ? {isa: probe.spec.isa} : {}
  const clockHz = clockOf(series)
  return {
    ...task.ceiling,
    ...isa,
    value: summary.max,
    ...(clockHz === undefined ? {} : {clockHz, ...modelOf(probe, summary.max, clockHz)}),
    provenance,
    ...summary,
    ...judge(series.rates),
  }
}

/** A measured rate this far above its model, or above what contains it, means that one of the two is wrong. */
const tolerance = 1.02

const doubtful = (ceiling: Ceiling, reason: string): Ceiling => ({...ceiling, verdict: 'implausible', reason})

const levels = ['L1', 'L2', 'L3', 'DRAM'] as const

/**
 * Checks ceilings against one another: none above its model (ports × lanes × clock), no outer level faster than an inner one, no type
 * above one of half its size. What fails is `implausible`, with the reason, and is not used as a roof.
 */
export function checkPlausible(ceilings: readonly Ceiling[]): Ceiling[] {
  return ceilings.map((c) => {
    if (c.model && c.value > c.model * tolerance)
      return doubtful(
        c,
        `${c.value.toExponential(3)} ${c.unit} is above the model of ${c.model.toExponential(3)} (${c.modelText})`,
      )
    if (c.kind === 'bandwidth' && c.level) {
      const inner = levels.slice(0, levels.indexOf(c.level))
      const slower = ceilings.find(
        (o) =>
          o.kind === 'bandwidth' &&
          o.mix === c.mix &&
          o.threads === c.threads &&
          o.level &&
          inner.includes(o.level) &&
          o.value * tolerance < c.value,
      )
      if (slower) return doubtful(c, `${c.level} reads faster than ${slower.level}, which lies nearer to the core`)
    }
    if (c.kind === 'compute' && c.dtype === 'f64') {
      const single = ceilings.find(
        (o) => o.kind === 'compute' && o.dtype === 'f32' && o.isa === c.isa && o.threads === c.threads,
      )
      if (single && c.value > single.value * tolerance) return doubtful(c, 'f64 is faster than f32')
    }
    return c
  })
}
