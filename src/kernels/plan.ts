/** Which probes make up a measurement: tables turned into tasks. Pure functions. */
import type {Ceiling} from '../analysis/document/machine.ts'
import {rateUnit} from '../analysis/units.ts'
import {rowProbes, tableOf} from './gathers.ts'
import type {ClaimedCache} from './identity.ts'
import {issueTask} from './issue.ts'
import {levelSets} from './levels.ts'
import type {ComputeRow, IsaRow, ProbeName} from './native.ts'
import type {Task} from './rounds.ts'

/** The fixed part of a ceiling, known before anything is measured. */
export type CeilingPlan = Pick<
  Ceiling,
  'id' | 'kind' | 'operation' | 'mix' | 'dtype' | 'engine' | 'isa' | 'level' | 'threads' | 'workingSet' | 'unit'
>

/** What a probe's rate is made of, for the model line. */
export interface ProbeModel {
  /** FLOP, OP or bytes behind one instruction */
  perInstruction: number
  /** one instruction in words, singular and plural */
  name: readonly [string, string]
  /** what stands between the instruction rate and the clock: `16 lanes × 2`; empty where nothing does */
  factors: string
  /** a function made of many instructions has no port model: its cycles are said, not modelled */
  composite?: boolean
}

/** A probe that may reach a ceiling. */
export interface ProbeTask extends Task {
  model?: ProbeModel
}

/** A ceiling and the probes that may reach it: the best of them counts. */
export interface CeilingTask {
  ceiling: CeilingPlan
  tasks: ProbeTask[]
}

export interface TaskPlan {
  /** instruction sets of the compute ceilings, narrowest first */
  isas: readonly IsaRow[]
  /** instruction sets that a core's own caches may be read and written with; the best counts */
  ownIsas: readonly IsaRow[]
  /** thread counts, 1 first */
  threads: readonly number[]
  /** thread counts between one and all, for the scaling of the widest FMA and of DRAM */
  between: readonly number[]
  caches: readonly ClaimedCache[]
  /** bytes of each thread that hold the sets of the caches; sets that are larger are left out */
  resident: readonly number[]
  /** bytes of one roaming DRAM repetition per thread */
  window: number
  /** bytes of the longest pointer chase */
  chase: number
  /** bytes of each thread that a table of rows may take, behind those of the caches */
  tables: readonly number[]
  /** only what `analyze` and `bench` need */
  quick: boolean
  /** only the compute probes of a unit of its own */
  unit?: boolean
}

type Mix = NonNullable<Ceiling['mix']>

const probeTask = (
  id: string,
  label: string,
  probe: ProbeName,
  rest: {
    isa: string
    threads: number
    bytes?: number
    roam?: boolean
    clock?: boolean
    passes?: number
    warm?: boolean
  },
): Task => ({
  id,
  label,
  calibrate: !rest.roam,
  spec: {probe, bytes: 0, roam: false, clock: false, passes: 1, repetitions: rest.roam ? 2 : 6, ...rest},
})

const suffix = (threads: number): string => (threads === 1 ? '1 thread' : `${threads} threads`)

/** Words of an operation: one of it, several of it. */
const operationNames: Record<string, readonly [string, string]> = {
  fma: ['FMA', 'FMA'],
  add: ['add', 'adds'],
  mul: ['multiply', 'multiplies'],
  dot: ['dot product', 'dot products'],
  divide: ['divide', 'divides'],
  sqrt: ['square root', 'square roots'],
  exp: ['exp', 'exp'],
  tanh: ['tanh', 'tanh'],
  erf: ['erf', 'erf'],
}

const composite = new Set(['exp', 'tanh', 'erf'])

/** What a quick run measures of the widest instruction set: the peaks of every type, and what softmax and GELU are made of. */
const quickIds = new Set(['fma-f32', 'fma-f64', 'fma-f16', 'dot-int8', 'dot-bf16', 'exp-f32', 'erf-f32'])

function computeTask(isa: IsaRow, row: ComputeRow, threads: number): CeilingTask {
  const [operation, dtype] = row.id.split('-') as [NonNullable<Ceiling['operation']>, NonNullable<Ceiling['dtype']>]
  const name = row.engine ?? isa.name
  const id = `${row.id}-${name}-t${threads}`
  const lanes = `${row.lanes} ${row.lanes === 1 ? 'lane' : 'lanes'}`
  const task = probeTask(id, `${operation} ${dtype} ${name}, ${suffix(threads)}`, row.probe, {
    isa: isa.name,
    threads,
    clock: row.engine === null,
    passes: 100,
  })
  return {
    ceiling: {
      id,
      kind: 'compute',
      operation,
      dtype,
      engine: row.engine ? 'matrix' : 'vector',
      isa: name,
      threads,
      unit: rateUnit(dtype),
    },
    tasks: [
      {
        ...task,
        model: {
          perInstruction: row.lanes * row.perLane,
          name: operationNames[operation] ?? [operation, operation],
          factors: row.perLane === 1 ? lanes : `${lanes} × ${row.perLane}`,
          composite: composite.has(operation),
        },
      },
    ],
  }
}

/** Mixes of a full run with the words of one of their memory instructions. Non-temporal stores pass the caches by: DRAM alone. */
const mixes: readonly {mix: Mix; name: readonly [string, string]}[] = [
  {mix: 'read', name: ['load', 'loads']},
  {mix: 'write', name: ['store', 'stores']},
  {mix: 'nt-write', name: ['store', 'stores']},
  {mix: 'nt-copy', name: ['load or store', 'loads and stores']},
  {mix: 'nt-2:1', name: ['load or store', 'loads and stores']},
  {mix: 'nt-4:1', name: ['load or store', 'loads and stores']},
  {mix: 'nt-8:1', name: ['load or store', 'loads and stores']},
  {mix: 'nt-1:2', name: ['load or store', 'loads and stores']},
  {mix: 'nt-1:4', name: ['load or store', 'loads and stores']},
  {mix: 'copy', name: ['load or store', 'loads and stores']},
  {mix: '2:1', name: ['load or store', 'loads and stores']},
  {mix: '4:1', name: ['load or store', 'loads and stores']},
  {mix: '8:1', name: ['load or store', 'loads and stores']},
  {mix: '1:2', name: ['load or store', 'loads and stores']},
  {mix: '1:4', name: ['load or store', 'loads and stores']},
  {mix: 'update', name: ['load or store', 'loads and stores']},
  {mix: 'triad', name: ['load or store', 'loads and stores']},
]

function cacheTasks(plan: TaskPlan, threads: number): CeilingTask[] {
  const widest = plan.isas.at(-1)!
  const room = Math.min(...plan.resident.slice(0, threads))
  const sets = levelSets(plan.caches, threads).filter(({bytes}) => bytes <= room)
  return sets.flatMap(({level, bytes}) =>
    mixes
      .filter(({mix}) => !mix.startsWith('nt-') && (!plan.quick || mix === 'read'))
      .map(({mix, name: words}): CeilingTask => {
        const id = `${mix}-${level}-t${threads}`
        const label = `${mix} ${level}, ${suffix(threads)}`
        const common = {
          kind: 'bandwidth',
          mix,
          isa: widest.name,
          threads,
          unit: 'B/s',
          level,
          workingSet: bytes,
        } as const
        // A core's own caches at more than one width: of L1 Zen 4 loses 6 % with 64-byte loads, Intel half without them; of L2 Emerald Rapids loses 4 % of
        // a copy and of updates with vectors of 64 bytes, and 3 to 11 % of most others without them.
        const tasks =
          level === 'L1' || level === 'L2'
            ? plan.ownIsas.map((isa) => {
                const at = {isa: isa.name, threads, bytes}
                const name = `${id}/${isa.name}`
                if (level === 'L2') return probeTask(name, label, mix, at)
                const model = {perInstruction: isa.vectorBytes, name: words, factors: `${isa.vectorBytes} B`}
                return {...probeTask(name, label, mix, {...at, clock: true}), model}
              })
            : [probeTask(id, label, mix, {isa: widest.name, threads, bytes})]
        return {ceiling: {id, ...common}, tasks}
      }),
  )
}

/**
 * DRAM by every way that the native table has for a mix: in one run of addresses and in several at once, in longer and shorter turns. Which is
 * fastest differs by CPU (reading: eight runs on Cascade Lake, +14 %; one or two on Zen 4) and by mix. A quick run leaves out what operators rarely do,
 * and then mixes beside it decide (`mixOf`), which is a bound, but a farther one.
 */
function dramTasks(plan: TaskPlan, threads: number, only?: readonly Mix[]): CeilingTask[] {
  const {name: isa, memory} = plan.isas.at(-1)!
  const wanted =
    only ??
    (plan.quick
      ? ['read', 'write', 'copy', 'nt-copy', 'update', 'triad', 'nt-2:1', 'nt-1:4']
      : mixes.map(({mix}) => mix))
  return mixes
    .filter(({mix}) => wanted.includes(mix))
    .map(({mix}): CeilingTask => {
      const id = `${mix}-DRAM-t${threads}`
      return {
        ceiling: {id, kind: 'bandwidth', mix, isa, threads, unit: 'B/s', level: 'DRAM', workingSet: plan.window},
        tasks: memory
          .filter((probe) => probe === mix || probe.startsWith(`${mix}-`))
          .map((probe) =>
            probeTask(`${id}/${probe}`, `${mix} DRAM, ${suffix(threads)}`, probe, {
              isa,
              threads,
              bytes: plan.window,
              roam: true,
            }),
          ),
      }
    })
}

/** Rows in no order. Not in a quick run: filling the caches with a table takes as long as many of its probes. */
function rowTasks(plan: TaskPlan, threads: number): CeilingTask[] {
  const bytes = tableOf(plan.caches, threads, Math.min(...plan.tables.slice(0, threads)))
  if (plan.quick || !bytes) return []
  const isa = plan.isas.at(-1)!.name
  return rowProbes.map(({mix, probes}) => {
    const id = `${mix}-DRAM-t${threads}`
    const tasks = probes.map(({name, spec}) => {
      const label = `${mix} DRAM, ${suffix(threads)}`
      const task = probeTask(`${id}/${name}`, label, 'rows', {isa, threads, bytes, roam: true})
      return {...task, spec: {...task.spec, ...spec}}
    })
    const ceiling = {id, kind: 'bandwidth', mix, isa, threads, unit: 'B/s', level: 'DRAM', workingSet: bytes} as const
    return {ceiling, tasks}
  })
}

function latencyTasks(plan: TaskPlan): CeilingTask[] {
  const isa = plan.isas.at(-1)!.name
  const threads = plan.threads.at(-1)!
  const latency = (id: string, probe: ProbeName, label: string, count: number): CeilingTask => ({
    ceiling: {id, kind: 'latency', threads: count, unit: 's'},
    tasks: [probeTask(id, label, probe, {isa, threads: count})],
  })
  const chase = (level: 'L1' | 'L2' | 'L3' | 'DRAM', bytes: number): CeilingTask => {
    const id = `latency-${level}`
    const task = probeTask(id, `latency ${level}`, 'chase', {
      isa,
      threads: 1,
      bytes,
      passes: 1000,
      warm: level !== 'DRAM',
    })
    return {ceiling: {id, kind: 'latency', level, threads: 1, unit: 's', workingSet: bytes}, tasks: [task]}
  }
  const levels = levelSets(plan.caches, 1).map(({level, bytes}) => chase(level, bytes))
  return [
    latency('launch', 'fork-join', 'starting and joining the threads', threads),
    latency('launch-parked', 'wake', 'waking sleeping threads', threads),
    latency('call', 'call', 'one kernel call', 1),
    ...levels,
    ...(plan.quick ? [] : [chase('DRAM', plan.chase)]),
  ]
}

/** Relative variation from run to run within which a ceiling is `ok`: 1 % of what the core alone decides, 2.5 % beyond its L1. */
export const limitOf = ({kind, level}: Pick<Ceiling, 'kind' | 'level'>): number =>
  kind === 'compute' || level === 'L1' ? 0.01 : 0.025

/**
 * What changes for seconds at a time: DRAM, and functions, whose overlapping chains need the whole reorder buffer, half of which is gone
 * while a neighbour runs on the sibling thread. A host that moves virtual CPUs apart doubles what two of them get from DRAM (36 and 70 GB/s
 * on a Zen 4 guest, whose threads then meet in 320 instead of 62 ns). f64 divides find their faster cadence by chance. That neighbour is what
 * instructions per cycle are sampled for.
 */
const drifts = ({kind, level, operation, id}: CeilingPlan): boolean =>
  (kind === 'bandwidth' && level === 'DRAM') ||
  id === 'launch' ||
  kind === 'issue' ||
  (operation !== undefined && composite.has(operation)) ||
  draws(id)

/** f64 divides: many short repetitions, each of which may fall into the faster cadence. */
const draws = (id: string): boolean => id.startsWith('divide-f64')

/** All ceilings of a measurement, with the tasks that measure them. Compute at every width, bandwidth at the widest. */
export function planTasks(plan: TaskPlan): CeilingTask[] {
  const widest = plan.isas.at(-1)!
  const compute = plan.isas.flatMap((isa) =>
    isa.compute
      .filter((row) => row.missing === null && (!plan.quick || quickIds.has(row.id)))
      .flatMap((row) => plan.threads.map((threads) => computeTask(isa, row, threads))),
  )
  if (plan.unit) return compute
  const issue = [...plan.threads, ...plan.between].map((threads) => issueTask(widest.name, threads))
  const scaling = plan.between.flatMap((threads) => [
    ...widest.compute
      .filter((row) => row.missing === null && row.id === 'fma-f32')
      .map((row) => computeTask(widest, row, threads)),
    ...dramTasks(plan, threads, ['read', 'update']),
  ])
  const bandwidth = plan.threads.flatMap((threads) => [
    ...cacheTasks(plan, threads),
    ...dramTasks(plan, threads),
    ...rowTasks(plan, threads),
  ])
  return [...compute, ...scaling, ...issue, ...bandwidth, ...latencyTasks(plan)].map(({ceiling, tasks}) => {
    const common = {
      limit: limitOf(ceiling),
      drifts: drifts(ceiling),
      ...(draws(ceiling.id) ? {repetitionSeconds: 0.0001} : {}),
    }
    return {
      ceiling,
      tasks: tasks.map((task) => ({
        ...task,
        ...common,
        spec: draws(ceiling.id) ? {...task.spec, repetitions: 24} : task.spec,
      })),
    }
  })
}

/** One point of a sweep: a working set, read or chased by one thread. */
export interface CurveTask extends Task {
  bytes: number
}

/** Tasks of the working-set curve: one thread, one run of addresses. */
export const curveTasks = (sizes: readonly number[], isa: string): CurveTask[] =>
  sizes.map((bytes) => ({...probeTask(`sweep-${bytes}`, 'working sets', 'read', {isa, threads: 1, bytes}), bytes}))

/** Tasks of the latency curve. Their cycles are not kept, and each is sampled once, many times over. */
export const chaseTasks = (sizes: readonly number[], isa: string): CurveTask[] =>
  sizes.map((bytes) => {
    const task = probeTask(`chase-${bytes}`, 'latency of working sets', 'chase', {isa, threads: 1, bytes, roam: true})
    // 20,000 loads are 20 µs in L1 and 2 ms in DRAM
    return {...task, spec: {...task.spec, passes: 20_000, repetitions: 3, warm: true}, bytes}
  })

/** Powers of two between one thread and all of them, for the scaling; none below four threads. */
export function threadsBetween(threads: number): number[] {
  const counts: number[] = []
  for (let n = 2; n < threads; n *= 2) counts.push(n)
  return counts
}
