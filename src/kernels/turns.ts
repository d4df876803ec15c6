/**
 * Ceilings that a core shares with others, bandwidth of L3 and DRAM, measured in the same rounds as a kernel: a neighbour takes half of
 * DRAM for minutes, and a share of what the machine gave at another hour says nothing of the kernel. Where two programs are compared, the
 * ceilings of the cores themselves as well.
 */
import type {Ceiling, Machine} from '../analysis/document/machine.ts'
import type {ClaimedCache} from './identity.ts'
import type {MemoryPlan} from './levels.ts'
import type {IsaRow} from './native.ts'
import {partTime, programTime, roofFor, trafficTime, withFunctions} from './place.ts'
import {type CeilingTask, planTasks} from './plan.ts'
import type {Program} from './program.ts'
import type {Series, Task} from './rounds.ts'
import {summarize} from './statistics.ts'

/** A ceiling as it was while a kernel was measured, in B/s. */
export interface TurnCeiling {
  /** of the profile's ceiling that it stands for */
  id: string
  best: number
  /** of the probe whose median is highest */
  median: number
  /** turns of all its probes */
  samples: number
  /** of the probe whose median is highest, turn by turn */
  rates: number[]
}

/** A shared bandwidth may fall to this share of the profile's: what takes less of the roof's time than that is not sampled. */
const lowest = 0.4

const isShared = ({kind, level}: Ceiling): boolean => kind === 'bandwidth' && (level === 'L3' || level === 'DRAM')

/** The shared ceilings that decide what the roof allows for the programs, or would if they fell. */
export function sharedCeilings(machine: Machine, programs: readonly Program[], threads: number): Ceiling[] {
  const found = new Set<Ceiling>()
  for (const program of programs) {
    let asked: Ceiling[] = []
    const roof = roofFor(machine, [program], threads, (candidates) => asked.push(...candidates))
    if (!roof) continue
    for (const part of program.parts) {
      asked = []
      const moving = trafficTime(part, roof).seconds
      const candidates = asked
      if (moving < lowest * partTime(part, roof).seconds) continue
      for (const ceiling of candidates) if (isShared(ceiling)) found.add(ceiling)
    }
  }
  return [...found]
}

/**
 * The compute ceilings that decide a part of the programs. Of two programs that are compared under shared ceilings they are measured in turn
 * as well: on a processor that others use a core's own rate falls too, and arithmetic at the profile's best rate beside bandwidths of a bad
 * minute would predict more of fusing than there is (convolution, BatchNorm and ReLU beside a busy process: 2.9 instead of 1.3 times).
 */
export function coreCeilings(machine: Machine, programs: readonly Program[], threads: number): Ceiling[] {
  const bounds = new Set<string>()
  for (const program of programs) {
    const roof = roofFor(machine, [program], threads)
    for (const part of roof ? program.parts : []) bounds.add(partTime(part, roof!).bound.replace(withFunctions, ''))
  }
  return machine.ceilings.filter(({id, kind}) => kind === 'compute' && bounds.has(id))
}

/** Most seconds of one turn of a probe. */
const longest = 0.008

/**
 * The profile's own probes of the ceilings, at the kernel's number of threads. A turn is as long as the kernel's, since DRAM changes within
 * milliseconds: the best of many short ones would meet quiet moments that no kernel fits in.
 * @param seconds of the kernel's shortest turn
 */
export function turnTasks(
  ceilings: readonly Ceiling[],
  seconds: number,
  {isas, caches, threads}: {isas: readonly IsaRow[]; caches: readonly ClaimedCache[]; threads: number},
  memory: MemoryPlan,
): CeilingTask[] {
  const chosen = isas.filter(({name}) => ceilings.some(({isa}) => isa === name))
  const all = planTasks({
    isas: chosen.length > 0 ? chosen : isas.slice(-1),
    l1Isas: [],
    threads: [threads],
    between: [],
    caches,
    resident: memory.residentPerThread,
    window: memory.window,
    chase: memory.chase,
    quick: false,
  })
  return ceilings.flatMap(({id, kind, mix, level, operation, dtype, isa, value}) => {
    const like = {kind, mix, level, operation, dtype, ...(kind === 'compute' ? {isa} : {})}
    const task = all.find(({ceiling: c}) =>
      Object.entries(like).every(([key, of]) => c[key as keyof typeof like] === of),
    )
    if (!task) return []
    const ceiling = {...task.ceiling, id}
    if (kind === 'compute') {
      const spec = {...task.tasks[0]!.spec, clock: false, repetitions: 1}
      const probe = {...task.tasks[0]!, drifts: false, limit: 1, spec, repetitionSeconds: Math.min(longest, seconds)}
      return [{ceiling, tasks: [probe]}]
    }
    const turn = Math.min(longest, seconds) * value
    const tasks = task.tasks.map((probe): Task => {
      // windows of memory that follow one another without the threads meeting in between, as they do not within a kernel
      const windows = Math.max(1, Math.round(turn / (probe.spec.bytes * threads)))
      const spec = {...probe.spec, passes: probe.calibrate ? probe.spec.passes : windows, repetitions: 1}
      return {...probe, drifts: false, limit: 1, spec}
    })
    return [{ceiling, tasks}]
  })
}

/** Seconds of the programs' shortest turn: what the profile's roof allows, at least a repetition. */
export function turnSeconds(machine: Machine, programs: readonly Program[], threads: number, least: number): number {
  const allowed = programs.flatMap((program) => {
    const roof = roofFor(machine, [program], threads)
    return roof ? [programTime(program, roof).seconds] : []
  })
  return Math.max(least, Math.min(...allowed, longest))
}

/** What the rounds say of the ceilings; those whose probes took no measurable time are left out. */
export function turnCeilings(tasks: readonly CeilingTask[], series: ReadonlyMap<string, Series>): TurnCeiling[] {
  return tasks.flatMap(({ceiling: {id}, tasks: probes}) => {
    const found = probes.flatMap((probe) => {
      const rates = series.get(probe.id)?.rates ?? []
      const summary = summarize(rates)
      return summary ? [{...summary, rates}] : []
    })
    if (found.length === 0) return []
    const usual = found.reduce((a, b) => (a.median >= b.median ? a : b))
    const best = Math.max(...found.map(({max}) => max))
    const samples = found.reduce((sum, one) => sum + one.samples, 0)
    return [{id, best, median: usual.median, samples, rates: usual.rates}]
  })
}

/** The machine as it was in turn: the measured ceilings take the place of the profile's. */
export function machineInTurn(
  machine: Machine,
  turn: readonly TurnCeiling[],
  pick: (ceiling: TurnCeiling) => number,
): Machine {
  const values = new Map(turn.map((ceiling) => [ceiling.id, pick(ceiling)]))
  return {...machine, ceilings: machine.ceilings.map((c) => ({...c, value: values.get(c.id) ?? c.value}))}
}

/** The machine turn by turn, for as many turns as every ceiling had. */
export function machineByTurn(machine: Machine, turn: readonly TurnCeiling[]): Machine[] {
  const turns = Math.min(...turn.map(({rates}) => rates.length))
  return Array.from({length: turns}, (_, i) => machineInTurn(machine, turn, ({rates}) => rates[i]!))
}
