/** What the series of the probes say: ceilings with model lines, checked against one another. Pure functions. */
import type {Ceiling} from '../analysis/document/machine.ts'
import {type CeilingTask, limitOf, type ProbeModel, type ProbeTask} from './plan.ts'
import type {Series} from './rounds.ts'
import {type Judgement, judge, lowerQuartile, summarize} from './statistics.ts'

/** Core clock: the maximum, since a disturbed sample reads low. */
const clockOf = (series: Series): number | undefined =>
  series.clockHz.length > 0 ? Math.max(...series.clockHz) : undefined

/** A rate within this share of a whole or half number of instructions per cycle is taken for one. */
const rounding = 0.03

/** The nearest whole or half number, where `value` lies within 3 % of it. */
export function wholeOrHalf(value: number): number | undefined {
  const near = Math.round(value * 2) / 2
  return near > 0 && Math.abs(value - near) <= rounding * near ? near : undefined
}

/** A measured rate this far above its model, or above what contains it, means that one of the two is wrong. */
const tolerance = 1.02

const unitText = (value: number, unit: string): string =>
  unit === 'B/s' ? `${(value / 1e9).toFixed(1)} GB/s` : `${(value / 1e9).toFixed(1)} G${unit}`

/**
 * The model line: instructions per cycle × lanes × clock. No table of ports: the instructions per cycle are the measured ones, taken for a
 * whole or half number (or one instruction for a whole or half number of cycles) where they lie within 3 % below or 2 % above it. Elsewhere there is no
 * model, and the text says what was measured.
 * @param alone instructions per cycle that one thread reached, taken where several threads were disturbed out of any such number
 */
export function modelOf(
  model: ProbeModel,
  rate: number,
  clockHz: number,
  threads: number,
  unit: string,
  alone?: number,
): {model: number | null; modelText: string} {
  const {perInstruction, name} = model
  const own = rate / (clockHz * perInstruction * threads)
  const isNear = (perCycle: number) => wholeOrHalf(perCycle > 0.75 ? perCycle : 1 / perCycle) !== undefined
  const perCycle = alone !== undefined && alone > own && !isNear(own) ? alone : own
  const clock = `${(clockHz / 1e9).toFixed(2)} GHz${threads === 1 ? '' : ` × ${threads} threads`}`
  const factors = model.factors === '' ? clock : `${model.factors} × ${clock}`
  const cycles = 1 / perCycle
  if (model.composite)
    return {
      model: null,
      modelText: `1 vector of ${model.factors} per ${cycles.toFixed(1)} cycles × ${clock}: measured, a function has no port model`,
    }
  const fast = perCycle > 0.75
  const near = wholeOrHalf(fast ? perCycle : cycles)
  // What lies above a number by more than the clock's own error is not held by that number: loads of L1 at 1.54 per cycle on two Emerald Rapids
  // cores, or f16 multiply-adds at 2.05 of a clock that the host raised between its samples and those of the rate.
  if (near === undefined || perCycle > tolerance * (fast ? near : 1 / near))
    return {
      model: null,
      modelText: `${fast ? `${perCycle.toFixed(2)} ${name[1]} per cycle` : `1 ${name[0]} per ${cycles.toFixed(2)} cycles`} × ${factors}: no whole or half number, so no model`,
    }
  const value = (fast ? near : 1 / near) * perInstruction * clockHz * threads
  const rateText = fast
    ? `${near.toFixed(1)} ${name[near === 1 ? 0 : 1]} per cycle`
    : `1 ${name[0]} per ${near.toFixed(1)} cycles`
  return {model: value, modelText: `${rateText} × ${factors} = ${unitText(value, unit)}`}
}

/** Said with every bandwidth: what is counted. */
function payloadOf(mix: string): string {
  if (mix === 'read') return 'bytes loaded'
  if (mix.startsWith('rows-')) return 'bytes of whole rows loaded, in no order'
  if (mix.startsWith('nt-rows-'))
    return 'bytes of whole rows loaded, in no order, and of one in eight stored past the caches'
  if (!mix.startsWith('nt-')) return 'bytes loaded and stored by the program; lines read for write-allocate not counted'
  return `bytes ${mix === 'nt-write' ? '' : 'loaded and '}stored; non-temporal stores read no line first`
}

function sourceOf(task: CeilingTask, probe: ProbeTask, how: string): string {
  const {mix, kind} = task.ceiling
  const convention = kind === 'bandwidth' && mix ? `; ${payloadOf(mix)}` : ''
  return `native probe ${probe.spec.probe} (${probe.spec.isa}), ${how}${convention}`
}

interface Reached {
  probe: ProbeTask
  series: Series
  best: number
}

/** The probe of a ceiling that reached most. */
function bestOf(task: CeilingTask, all: ReadonlyMap<string, Series>): Reached | undefined {
  return task.tasks.reduce<Reached | undefined>((top, probe) => {
    const series = all.get(probe.id)
    if (!series || series.rates.length === 0) return top
    const best = Math.max(...series.rates)
    return top && top.best >= best ? top : {probe, series, best}
  }, undefined)
}

/** What a probe is, whatever the number of threads. */
const kindOf = ({spec}: ProbeTask, level: string | undefined): string => `${spec.probe} ${spec.isa} ${level ?? ''}`

/** Instructions per cycle that one thread reached, by probe, instruction set and level. */
export function perCycleAlone(tasks: readonly CeilingTask[], all: ReadonlyMap<string, Series>): Map<string, number> {
  const found = new Map<string, number>()
  for (const {ceiling, tasks: probes} of tasks)
    for (const probe of probes) {
      const series = all.get(probe.id)
      const clockHz = series && clockOf(series)
      if (ceiling.threads !== 1 || !probe.model || !clockHz) continue
      const rate = Math.max(...series.rates)
      found.set(kindOf(probe, ceiling.level), rate / (clockHz * probe.model.perInstruction))
    }
  return found
}

/**
 * The ceiling that a task's series amount to.
 * @param alone what `perCycleAlone` found
 * @returns `undefined` where nothing took a measurable time
 */
export function ceilingOf(
  task: CeilingTask,
  all: ReadonlyMap<string, Series>,
  made: {source: string; date: string},
  alone: ReadonlyMap<string, number> = new Map(),
): Ceiling | undefined {
  const winner = bestOf(task, all)
  if (!winner) return undefined
  const {series, probe} = winner
  const provenance = {kind: 'measured' as const, source: sourceOf(task, probe, made.source), date: made.date}
  if (task.ceiling.kind === 'latency') {
    // The rate is calls per second; the ceiling is the shortest time of one.
    const times = summarize(series.rates.map((rate) => 1 / rate))!
    return {
      ...task.ceiling,
      value: times.min,
      provenance,
      clockHz: null,
      ...times,
      ...judge(series.rates, limitOf(task.ceiling)),
    }
  }
  const summary = summarize(series.rates)!
  const isa = task.ceiling.kind === 'bandwidth' ? {isa: probe.spec.isa} : {}
  const clockHz = clockOf(series)
  const {threads} = probe.spec
  return {
    ...task.ceiling,
    ...isa,
    value: summary.max,
    // what waits for memory is bound by no core's clock, and has none
    clockHz: clockHz ?? null,
    ...(clockHz !== undefined && probe.model
      ? modelOf(
          probe.model,
          summary.max,
          clockHz,
          threads,
          task.ceiling.unit,
          alone.get(kindOf(probe, task.ceiling.level)),
        )
      : {}),
    provenance,
    ...summary,
    ...verdictOf(task, probe, series.rates),
  }
}

/** Of the samples of a function, or of instructions per cycle, a quarter may lie this far below the best; more, and a neighbour shared the core for much of the run. */
const undisturbed = 0.85

/** Samples of a function, half of them at new places of the stack (native/core/places.h), below which a better place may be left to find. */
const enoughPlaces = 60

function verdictOf({ceiling}: CeilingTask, {model}: ProbeTask, rates: readonly number[]): Judgement {
  const judged = judge(rates, limitOf(ceiling))
  const quartile = lowerQuartile(rates)
  if (judged.verdict !== 'ok' || !(model?.composite || ceiling.kind === 'issue')) return judged
  if (model?.composite && rates.length < enoughPlaces)
    return {
      verdict: 'noisy',
      reason: `${rates.length} samples tried few places of the stack: another run may find one that is 2 % faster`,
    }
  if (quartile >= undisturbed) return judged
  const reason = `a quarter of the samples reach ${Math.round(quartile * 100)} % of the best: with a neighbour on the core, the best may have had one too`
  return {verdict: 'noisy', reason}
}

const doubtful = (ceiling: Ceiling, reason: string): Ceiling => ({...ceiling, verdict: 'implausible', reason})

const levels = ['L1', 'L2', 'L3', 'DRAM'] as const

/** Whether one is above another, each by the clock beside its samples where both have one: a host's may rise by 3 % between them. */
function isAbove(c: Ceiling, other: Ceiling): boolean {
  const [clock, otherClock] = c.clockHz && other.clockHz ? [c.clockHz, other.clockHz] : [1, 1]
  return c.value / clock > (other.value / otherClock) * tolerance
}

/** Why a ceiling cannot be true beside the others, or `undefined`. */
function doubt(c: Ceiling, ceilings: readonly Ceiling[]): string | undefined {
  if (!Number.isFinite(c.value) || c.value <= 0) return `${c.value} ${c.unit} is no rate`
  if (c.model && c.value > c.model * tolerance)
    return `${c.value.toExponential(3)} ${c.unit} is above the model of ${c.model.toExponential(3)} (${c.modelText})`
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
    if (slower) return `${c.mix} is faster at ${c.level} than at ${slower.level}, which lies nearer to the core`
  }
  if (c.kind === 'compute' && c.dtype === 'f64') {
    const single = ceilings.find(
      (o) =>
        o.kind === 'compute' &&
        o.dtype === 'f32' &&
        o.operation === c.operation &&
        o.isa === c.isa &&
        o.threads === c.threads,
    )
    if (single && isAbove(c, single)) return 'f64 is faster than f32'
  }
  return undefined
}

/**
 * Checks ceilings against one another: none above its model (instructions per cycle × lanes × clock), no outer level faster than an inner
 * one at the same mix, no type above one of half its size. What fails is `implausible`, with the reason, and is not used as a roof.
 */
export function checkPlausible(ceilings: readonly Ceiling[]): Ceiling[] {
  return ceilings.map((c) => {
    const reason = doubt(c, ceilings)
    return reason === undefined ? c : doubtful(c, reason)
  })
}

/** A line that takes this many L3 latencies from one thread to the next does not come through a shared L3 (0.7 on Zen 4, 3.5 when apart). */
const apart = 2.5
/** Share of the run that threads may spend apart unnoticed. */
const seldom = 0.1

/**
 * Doubts what several threads get from DRAM, its latency and how fast threads meet, where they do not share the outermost cache that the
 * system says they share: the host of a virtual machine has placed them elsewhere, may place them otherwise in the next run, and the paths
 * to DRAM and to one another come with the place.
 * @param meetings fork-joins per second; one is two barriers, each of which moves a line once per thread and once more
 * @param sharedBy CPUs that share the outermost cache, as the system says
 */
export function checkPlacement(ceilings: readonly Ceiling[], meetings: readonly number[], sharedBy: number): Ceiling[] {
  const threads = Math.max(1, ...ceilings.map((c) => c.threads ?? 1))
  const latency = ceilings.find(({id}) => id === 'latency-L3')?.value
  if (threads === 1 || threads > sharedBy || latency === undefined || meetings.length === 0) return [...ceilings]
  const longest = apart * latency * 2 * (threads + 1)
  const far = meetings.filter((rate) => 1 / rate > longest)
  if (far.length < seldom * meetings.length) return [...ceilings]
  const nanoseconds = Math.round((summarize(far.map((rate) => 1 / rate))?.median ?? 0) * 1e9)
  const reason = `for ${Math.round((far.length / meetings.length) * 100)} % of the run the threads met in ${nanoseconds} ns, too long for the L3 that the system says they share: the host places them, and with them their path to DRAM and to one another, as it likes`
  const depends = ({id, kind, level, threads = 1}: Ceiling) =>
    id.startsWith('launch') || (level === 'DRAM' && (threads > 1 || kind === 'latency'))
  return ceilings.map((c) => (depends(c) ? {...c, verdict: 'noisy', reason} : c))
}
