/** Runs unfused chains against their fused forms: what fusing brings, by the roof and by the clock, and from which size on. */
import type {Machine} from '../analysis/document/machine.ts'
import type {Warning} from '../analysis/errors.ts'
import {allowedTime, type BenchEntry, entryOf, warningsOf} from './bench.ts'
import {choose, someOf} from './names.ts'
import {tuningWarnings} from './native.ts'
import {bytesOf, type Program, partBytes} from './program.ts'
import {type KernelDType, type PairDef, type PairId, pairIds, pairs} from './registry.ts'
import {
  type BenchOptions,
  brief,
  checkMemory,
  type Effort,
  hurriedWarning,
  type Measured,
  measure,
  type Opened,
  pairEffortInTime,
  type RunOptions,
  type Setup,
  setUp,
  thorough,
  withSession,
} from './run.ts'
import {type Planned, type Run, runsOf, sweepOf} from './sizes.ts'
import {summarize} from './statistics.ts'
import {decidingCeilings, machineByTurn, probeRoom} from './turns.ts'
import {checkProgram} from './verify.ts'

/** One size of a sweep. */
export interface PayPoint {
  /** the swept dimension */
  size: number
  /** compulsory bytes of the fused form */
  bytes: number
  /** medians: unfused time ÷ fused time */
  speedup: number
  /** the same of the times that the roof allows; `null` without fitting ceilings */
  predicted: number | null
}

/** At which sizes fusing pays: is at least `worthwhile` times faster. */
export interface Pays {
  /** the dimension that was swept; the others are those of the size in memory */
  dim: string
  when: 'always' | 'never' | 'from' | 'up-to'
  /** the size at which that changes, between two measured ones; `null` for always and never */
  at: number | null
  points: PayPoint[]
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
  /** median over the turns of unfused time ÷ fused time of the same turn; `null` where no ceiling was measured beside */
  speedupInTurn: number | null
  /** median over the turns of what the ceilings of each predict; `null` as above */
  predictedInTurn: number | null
  /** `null` where one size was asked for */
  pays: Pays | null
}

/** Faster by less than this is noise. */
const worthwhile = 1.03

/**
 * Where fusing starts or stops to pay, seen from the largest size: the last change, between two sizes by geometric interpolation.
 * @param points by ascending size
 */
export function payingSizes(dim: string, points: readonly PayPoint[]): Pays {
  const pays = points.map(({speedup}) => speedup >= worthwhile)
  const last = pays.at(-1) ?? false
  const turn = pays.lastIndexOf(!last)
  const [before, after] = [points[turn], points[turn + 1]]
  if (!before || !after) return {dim, when: last ? 'always' : 'never', at: null, points: [...points]}
  const share = Math.log(worthwhile / before.speedup) / Math.log(after.speedup / before.speedup)
  const at = Math.round(before.size * (after.size / before.size) ** Math.min(1, Math.max(0, share)))
  return {dim, when: last ? 'from' : 'up-to', at, points: [...points]}
}

/** The sizes that say otherwise than both of their neighbours do: a disturbed moment, until they say so again. */
export const lonePoints = (points: readonly Pick<PayPoint, 'speedup'>[]): number[] => {
  const pays = points.map(({speedup}) => speedup >= worthwhile)
  return pays.flatMap((own, i) => (i > 0 && i < pays.length - 1 && own !== pays[i - 1] && own !== pays[i + 1] ? i : []))
}

/** Speed-up that the roof allows; `null` without fitting ceilings. */
function predictedSpeedup(chain: Program, one: Program, threads: number, machine: Machine): number | null {
  const [apart, joined] = [chain, one].map((program) => allowedTime(program, machine, threads))
  return apart && joined ? apart.seconds / joined.seconds : null
}

const median = (rates: readonly number[]): number => summarize(rates.map((rate) => 1 / rate))?.median ?? 0

/** What fusing brings at one size of a sweep, under the profile's ceilings: their own probes would take the time of the sizes. */
async function pointAt(
  {session}: Opened,
  {def, dtype}: Pick<Run<PairDef>, 'def' | 'dtype'>,
  dim: string,
  dims: readonly number[],
  setup: Setup,
  options: BenchOptions,
  effort: Effort,
): Promise<PayPoint | undefined> {
  const [chain, one] = sidesOf(def, dims, dtype)
  const measured = await measure({session, memory: undefined}, [chain, one], setup, options, effort)
  const [slow, fast] = [chain, one].map(({id}) => median(measured.get(id)!.rates))
  if (!slow || !fast) return undefined
  return {
    size: dims[def.dims.indexOf(dim)]!,
    bytes: one.parts.reduce((sum, part) => sum + partBytes(part), 0),
    speedup: slow / fast,
    predicted: predictedSpeedup(chain, one, setup.threads, options.machine),
  }
}

/**
 * The points of a sweep, those that stand alone measured again.
 * @param points by ascending size, the largest among them: the change that counts is mostly the one below it
 */
export async function confirmed(
  points: readonly PayPoint[],
  again: (size: number) => Promise<PayPoint | undefined>,
): Promise<PayPoint[]> {
  const found = [...points]
  for (const i of lonePoints(points)) found[i] = (await again(found[i]!.size)) ?? found[i]!
  return found
}

/** The sizes of a pair's sweep but the largest, which is run anyway; none where one size was asked for. */
function sizesBefore({def, largest}: Run<PairDef>): ReturnType<typeof sweepOf> {
  if (!largest) return {dim: '', sizes: []}
  const {dim, sizes} = sweepOf(def, largest.dims)
  return {dim, sizes: sizes.slice(0, -1)}
}

/** What a run adds to its sweep: by turns where there are any, as the run itself is said to be faster or not. */
export const pointOf = (
  {fused, dims, speedup, predictedSpeedup, speedupInTurn, predictedInTurn}: Omit<PairEntry, 'pays'>,
  dim: string,
): PayPoint => ({
  size: dims[dim]!,
  bytes: fused.bytes,
  speedup: predictedInTurn && speedupInTurn ? speedupInTurn : speedup,
  predicted: predictedInTurn ?? predictedSpeedup,
})

const sidesOf = (def: PairDef, dims: readonly number[], dtype: KernelDType): readonly [Program, Program] => [
  def.unfused(dims, dtype),
  def.fused(dims, dtype),
]

/**
 * What names, dims and type ask for; needs neither the addon nor a profile.
 * @throws {AnalysisError} `unknown-kernel`, `bad-flag`, `bad-dimension`
 */
export const pairRuns = (options: RunOptions & {pairs?: readonly string[] | undefined}): Planned<PairDef> =>
  runsOf(
    choose<PairId>(options.pairs, pairIds, 'pair').map((id): PairDef => pairs[id]),
    options,
    someOf(options.pairs),
    sidesOf,
  )

/**
 * Measures unfused chains and their fused forms over the same tensors, in turn, so that both meet the same neighbours.
 * @throws {AnalysisError} as `benchKernels`
 */
export async function benchPairs(
  options: BenchOptions & {pairs?: readonly string[] | undefined},
): Promise<{pairs: PairEntry[]; warnings: Warning[]}> {
  const setup = setUp(options)
  const {runs, warnings} = pairRuns(options)
  const sizes = runs.flatMap((run) => [run.dims, ...sizesBefore(run).sizes].map((dims) => ({run, dims})))
  const free = checkMemory(
    sizes.map(({run, dims}) => ({
      id: `${run.def.id} ${dims.join('x')}`,
      bytes: bytesOf(sidesOf(run.def, dims, run.dtype)),
    })),
  )
  const programs = runs.flatMap(({def, dims, dtype}) => sidesOf(def, dims, dtype))
  const room = probeRoom(decidingCeilings(options.machine, programs, setup.threads), setup.threads, free)
  // what was asked for by name is worth its time; all pairs have a minute
  const started = performance.now()
  const effortOf = (i: number): {run: Effort; point: Effort} =>
    someOf(options.pairs)
      ? {run: thorough, point: brief}
      : pairEffortInTime((performance.now() - started) / 1000, runs.length - i)
  const swept = new Map<string, PayPoint[]>()
  const hurried: string[] = []
  const entries = await withSession(setup, options.signal, room, async (opened) => {
    const found: PairEntry[] = []
    for (const [i, run] of runs.entries()) {
      const {def, dims, dtype, largest} = run
      options.onProgress?.(i, runs.length, `${def.id} ${dims.join('x')}`)
      const key = `${def.id} ${dtype}`
      const {point} = effortOf(i)
      const before = sizesBefore(run)
      const at = (size: readonly number[]) => pointAt(opened, run, before.dim, size, setup, options, point)
      if (largest && !swept.has(key)) {
        const points: PayPoint[] = []
        for (const size of before.sizes) {
          const one = await at(size)
          if (one) points.push(one)
        }
        swept.set(key, points)
      }
      const effort = effortOf(i).run
      if (effort.leastRounds === 1) hurried.push(`${def.id} ${dims.join('x')}`)
      const entry = await benchPair(opened, run, setup, options, effort)
      found.push({...entry, pays: null})
      if (dims !== largest?.dims) continue
      const where = def.dims.indexOf(before.dim)
      const points = await confirmed([...swept.get(key)!, pointOf(entry, before.dim)], async (own) => {
        const size = before.sizes.find((one) => one[where] === own)
        return size && at(size)
      })
      const pays = payingSizes(before.dim, points)
      for (const one of found) if (one.id === entry.id && one.fused.dtype === dtype) one.pays = pays
    }
    return found
  })
  options.onProgress?.(runs.length, runs.length, 'done')
  const remarks = [
    ...hurriedWarning(hurried, runs.length, 'perf compare --fused'),
    ...warningsOf(entries.flatMap(({unfused, fused}) => [unfused, fused])),
  ]
  return {pairs: entries, warnings: [...tuningWarnings(), ...warnings, ...remarks]}
}

/** Both speed-ups turn by turn: halves of a run in which the machine differed do not mix. */
function byTurns(
  chain: Program,
  one: Program,
  slow: Measured,
  fast: Measured,
  threads: number,
  machine: Machine,
): Pick<PairEntry, 'speedupInTurn' | 'predictedInTurn'> {
  const {turn} = fast
  if (turn.length === 0) return {speedupInTurn: null, predictedInTurn: null}
  const middle = (values: readonly number[]) => summarize(values)?.median ?? null
  const turns = Math.min(slow.rates.length, fast.rates.length)
  return {
    speedupInTurn: middle(fast.rates.slice(0, turns).map((rate, i) => rate / slow.rates[i]!)),
    predictedInTurn: middle(
      machineByTurn(machine, turn).flatMap((then) => predictedSpeedup(chain, one, threads, then) ?? []),
    ),
  }
}

async function benchPair(
  opened: Opened,
  {def, dims, dtype}: Run<PairDef>,
  setup: Setup,
  options: BenchOptions,
  effort: Effort,
): Promise<Omit<PairEntry, 'pays'>> {
  const {addon, isa, threads} = setup
  const {machine} = options
  const [chain, one] = sidesOf(def, dims, dtype)
  const measured = await measure(opened, [chain, one], setup, options, effort)
  const entry = (program: Program, check: Program, op: string) => {
    const maxError = checkProgram(addon, check, isa, threads)
    const found = measured.get(program.id)!
    return entryOf({...def, id: program.id, op}, dims, program, found, maxError, {isa, threads}, machine)
  }
  const unfused = entry(chain, def.unfused(def.check, dtype), chain.parts.map(({kernel}) => kernel).join(', '))
  const fused = entry(one, def.fused(def.check, dtype), def.op)
  const [slow, fast] = [chain, one].map(({id}) => measured.get(id)!)
  return {
    id: def.id,
    dims: fused.dims,
    unfused: {...unfused, parts: chain.parts.map(({kernel}) => kernel)},
    fused,
    bytesSaved: unfused.bytes - fused.bytes,
    speedup: unfused.seconds.median / fused.seconds.median,
    predictedSpeedup: predictedSpeedup(chain, one, threads, machine),
    ...byTurns(chain, one, slow!, fast!, threads, machine),
  }
}
