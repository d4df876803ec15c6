/**
 * The ceilings that decide a kernel's roof, measured in the same rounds as the kernel: a neighbour takes half of DRAM for minutes, a host halves
 * a core's clock for seconds, and a share of what the machine gave at another hour says nothing of the kernel.
 */
import type {Ceiling, Machine} from '../analysis/document/machine.ts'
import {gatherBytes, writtenBytes} from './gathers.ts'
import type {ClaimedCache} from './identity.ts'
import type {MemoryPlan} from './levels.ts'
import type {IsaRow} from './native.ts'
import {leastMemory} from './opening.ts'
import {partTime, programTime, roofFor} from './place.ts'
import {type CeilingTask, planTasks} from './plan.ts'
import type {Program} from './program.ts'
import type {Series, Task} from './rounds.ts'
import {summarize} from './statistics.ts'

/** A ceiling as it was while a kernel was measured, in FLOP/s, OP/s or B/s. */
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

/** A part that takes less of its program's time than this decides nothing of it. */
const least = 0.05

/** The ceilings that decide what the roof allows for the programs, or would if they fell. */
export function decidingCeilings(machine: Machine, programs: readonly Program[], threads: number): Ceiling[] {
  const found = new Map<string, Ceiling>()
  for (const program of programs) {
    const roof = roofFor(machine, [program], threads)
    const times = roof ? program.parts.map((part) => partTime(part, roof)) : []
    const whole = times.reduce((sum, {seconds}) => sum + seconds, 0)
    for (const {seconds, from} of times)
      if (seconds >= least * whole) for (const ceiling of from) found.set(ceiling.id, ceiling)
  }
  return [...found.values()]
}

/** Bytes of a thread's probes of what its core has alone, and what planning takes for more: planMemory. */
const coreRoom = 32 * 2 ** 20

/**
 * Bytes of the free ones that the probes of ceilings may be planned in: all where memory or the cache before it is among them, which takes as
 * long to touch as a kernel to measure.
 */
export function probeRoom(ceilings: readonly Ceiling[], threads: number, free: number): number {
  if (ceilings.length === 0) return 0
  const isFar = ceilings.some(({level}) => level === 'L3' || level === 'DRAM')
  return isFar ? free : Math.min(free, Math.max(leastMemory, threads * coreRoom))
}

/** Most seconds of one turn of a probe. */
const longest = 0.008

/**
 * Repetitions of a turn of what a core has alone: every second one tries another place in memory or of the stack (native/core/places.h), where it
 * may be slower by a few percent. The better one counts.
 */
const tries = 2

/** Bytes that each of `threads` has of a ceiling's table, in whole pages: a ceiling of other threads divides the same table by its own. */
const tablePart = ({workingSet = 0, threads: own}: Ceiling, threads: number): number =>
  Math.floor((workingSet * (own ?? threads)) / threads / 4096) * 4096

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
  const named = isas.filter(({name}) => ceilings.some(({isa}) => isa === name))
  const chosen = named.length > 0 ? named : isas.slice(-1)
  const all = planTasks({
    isas: chosen,
    ownIsas: chosen,
    threads: [threads],
    between: [],
    caches,
    resident: memory.residentPerThread,
    window: memory.window,
    chase: memory.chase,
    tables: memory.bytesPerThread.map((bytes, i) => bytes - memory.residentPerThread[i]!),
    quick: false,
  })
  const turn = Math.min(longest, seconds)
  const room = Math.min(...memory.bytesPerThread.map((bytes, i) => bytes - memory.residentPerThread[i]!)) - writtenBytes
  return ceilings.flatMap((ceiling) => {
    const {id, kind, mix, level, operation, dtype, isa, value} = ceiling
    const table = tablePart(ceiling, threads)
    const like = {kind, mix, level, operation, dtype, ...(kind === 'compute' ? {isa} : {})}
    const task = all.find(({ceiling: c}) =>
      Object.entries(like).every(([key, of]) => c[key as keyof typeof like] === of),
    )
    if (!task) return []
    const tasks = task.tasks.map((probe): Task => {
      // windows of memory that follow one another without the threads meeting in between, as they do not within a kernel
      const pass = probe.spec.row ? gatherBytes : probe.spec.bytes
      const windows = Math.max(1, Math.round((turn * value) / (pass * threads)))
      const often = probe.calibrate ? {repetitions: tries} : {repetitions: 1, passes: windows}
      // rows of a table as large as the profile's, as far as there is room: of a smaller one caches hold more
      const bytes = probe.spec.row && table > 0 && table <= room ? table : probe.spec.bytes
      const spec = {...probe.spec, ...often, bytes, clock: false}
      return {...probe, drifts: false, limit: 1, spec, repetitionSeconds: turn / tries}
    })
    return [{ceiling: {...task.ceiling, id}, tasks}]
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

/** The best of each turn. */
const bestOfTurns = (rates: readonly number[], each: number): number[] =>
  Array.from({length: Math.floor(rates.length / each)}, (_, i) => Math.max(...rates.slice(i * each, (i + 1) * each)))

/** What the rounds say of the ceilings; those whose probes took no measurable time are left out. */
export function turnCeilings(tasks: readonly CeilingTask[], series: ReadonlyMap<string, Series>): TurnCeiling[] {
  return tasks.flatMap(({ceiling: {id}, tasks: probes}) => {
    const found = probes.flatMap((probe) => {
      const rates = bestOfTurns(series.get(probe.id)?.rates ?? [], probe.spec.repetitions)
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
