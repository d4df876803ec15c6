/** Runs operator kernels, checks them against their oracle, and places them under the measured roof. */
import type {Machine, Verdict} from '../analysis/document/machine.ts'
import type {Warning} from '../analysis/errors.ts'
import {isImplausible} from '../analysis/plausible.ts'
import {defaultTolerance} from './families/types.ts'
import {type Issue, issueOf, neighbourOf} from './issue.ts'
import {choose, someOf} from './names.ts'
import {tuningWarnings} from './native.ts'
import {programTime, roofFor} from './place.ts'
import {bytesOf, type Program, partBytes} from './program.ts'
import {type KernelDef, type KernelDType, type KernelId, kernelIds, kernels} from './registry.ts'
import {
  type BenchOptions,
  brief,
  type Counts,
  checkMemory,
  type Effort,
  effortInTime,
  hurriedWarning,
  type Measured,
  measure,
  type RunOptions,
  setUp,
  thorough,
  withSession,
} from './run.ts'
import {type Planned, runsOf} from './sizes.ts'
import {type Judgement, judge, type Summary, summarize} from './statistics.ts'
import {decidingCeilings, machineByTurn, machineInTurn, probeRoom, type TurnCeiling} from './turns.ts'
import {checkProgram, differs} from './verify.ts'

/** Where a program stands under ceilings measured in the same rounds. */
export interface InTurn {
  /** those that decide, in FLOP/s, OP/s or B/s */
  ceilings: Omit<TurnCeiling, 'rates'>[]
  bound: string
  /** as in the entry */
  attainable: number
  /** attainable time of the best of the ceilings ÷ fastest time */
  efficiency: number | null
  /** median over the turns of the time that the ceilings of a turn allow ÷ the time that it took */
  efficiencyMedian: number | null
}

/** One measured program: an entry of `bench@1`. Base units; rates are those of the fastest repetition. */
export interface BenchEntry {
  id: string
  op: string
  dims: Record<string, number>
  dtype: KernelDType
  isa: string
  threads: number
  flops: number
  bytes: number
  seconds: Omit<Summary, 'samples'>
  flopsPerSecond: number
  bytesPerSecond: number
  /** FLOP/B */
  intensity: number
  /** id of the ceiling that decides `attainable` */
  bound: string | null
  /** FLOP/s that the roof allows; B/s where the operator has no FLOPs; `null` where the machine has no fitting ceilings */
  attainable: number | null
  /** attainable time ÷ fastest time */
  efficiency: number | null
  /** attainable time ÷ median time */
  efficiencyMedian: number | null
  /** the same under the ceilings as they were during the same rounds; `null` where none could be measured there */
  inTurn: InTurn | null
  /** how many instructions per cycle the cores took in between the same repetitions; absent where the profile does not know the most */
  issue?: Issue
  /** largest error against the f64 oracle at a small awkward size, absolute below 1 and relative above */
  maxError: number | null
  /** the largest error with which results count as right */
  tolerance: number
  /** hardware counts of one call; `null` where this process may not read them */
  counters: Counts | null
  countersReason?: string
  verdict: Verdict
  reason?: string
}

/**
 * Where the ceilings beside a kernel gave less than this share of the profile's roof, its time is that of a disturbed machine; where they
 * gave more by as much, the profile is.
 */
const disturbedBelow = 0.85

const percent = (share: number): string => `${Math.round(share * 100)} %`

/** What the repetitions say of one another, and what the ceilings beside them say of the machine: a clock that is halved all along halves both. */
function judgeInTurn(rates: readonly number[], attainable: number | null, inTurn: InTurn | null): Judgement {
  const judged = judge(rates)
  const left = inTurn && attainable ? inTurn.attainable / attainable : 1
  if (left >= disturbedBelow && left <= 1 / disturbedBelow) return judged
  const share = inTurn?.efficiency ? `, of which it reached ${percent(inTurn.efficiency)}` : ''
  const reason = `in the same rounds the ceilings allowed ${percent(left)} of the profile's roof (${inTurn?.bound})${share}${left > 1 ? '; `perf measure` takes the profile anew' : ''}`
  return judged.verdict === 'ok'
    ? {verdict: 'noisy', reason}
    : {...judged, reason: [judged.reason, reason].filter(Boolean).join('; ')}
}

/** A kernel that reaches this share of its roof has lost little to whoever shares its core. */
const unharmed = 0.95

/** A rate beside a neighbour on the core's other hardware thread is that of half a core, unless the kernel reached its roof all the same. */
function besideNeighbour(judged: Judgement, issue: Issue | undefined, share: number | null): Judgement {
  const neighbour = issue && (share === null || share < unharmed) ? neighbourOf(issue) : undefined
  if (!neighbour) return judged
  return {verdict: 'throttled', reason: [neighbour, judged.reason].filter(Boolean).join('; ')}
}

const total = (program: Program, pick: (part: Program['parts'][number]) => number): number =>
  program.parts.reduce((sum, part) => sum + pick(part), 0)

/** Seconds that the machine's roof allows for a program; `undefined` without fitting ceilings. */
export function allowedTime(program: Program, machine: Machine, threads: number) {
  const roof = roofFor(machine, [program], threads)
  return roof && programTime(program, roof)
}

/** @param rates of the program, turn by turn */
function inTurnOf(
  program: Program,
  work: number,
  rates: readonly number[],
  turn: readonly TurnCeiling[],
  machine: Machine,
  threads: number,
): InTurn | null {
  const best = allowedTime(
    program,
    machineInTurn(machine, turn, (ceiling) => ceiling.best),
    threads,
  )
  if (!best) return null
  // each turn under the ceilings of the same turn: halves of a run in which the machine differed do not mix
  const shares = machineByTurn(machine, turn)
    .slice(0, rates.length)
    .map((then, i) => allowedTime(program, then, threads)!.seconds * rates[i]!)
  return {
    ceilings: turn.map(({rates: _, ...ceiling}) => ceiling),
    bound: best.bound,
    attainable: work / best.seconds,
    efficiency: rates.length > 0 ? best.seconds * Math.max(...rates) : null,
    efficiencyMedian: summarize(shares)?.median ?? null,
  }
}

/** What a measured program amounts to under the roof. */
export function entryOf(
  def: Pick<KernelDef, 'id' | 'op' | 'dims' | 'tolerance'>,
  dims: readonly number[],
  program: Program,
  {
    rates,
    counters,
    countersReason,
    turn,
    issued = [],
  }: Pick<Measured, 'rates' | 'counters' | 'countersReason' | 'turn'> & Partial<Pick<Measured, 'issued'>>,
  maxError: number | null,
  setup: {isa: string; threads: number},
  machine: Machine,
): BenchEntry {
  const dtype = program.parts[0]!.computes ?? 'f32'
  const flops = total(program, ({cost}) => cost.flops)
  const bytes = total(program, partBytes)
  const {samples: _, ...seconds} = summarize(rates.map((rate) => 1 / rate)) ?? {
    samples: 0,
    min: 0,
    max: 0,
    median: 0,
    cv: 0,
  }
  const allowed = allowedTime(program, machine, setup.threads)
  const work = flops > 0 ? flops : bytes
  const inTurn = turn.length > 0 ? inTurnOf(program, work, rates, turn, machine, setup.threads) : null
  const efficiency = allowed && seconds.min > 0 ? allowed.seconds / seconds.min : null
  const attainable = allowed ? work / allowed.seconds : null
  const issue = issueOf(issued, machine, setup.threads)
  const tolerance = def.tolerance ?? defaultTolerance[dtype]
  const isWrong = maxError !== null && !(maxError <= tolerance)
  const doubt = isWrong
    ? {verdict: 'wrong' as const, reason: differs(maxError, tolerance)}
    : // a roof that is wrong is exceeded by the best and by most repetitions; a bandwidth that changes between two turns by one of them
      isImplausible(efficiency, inTurn?.efficiency, inTurn?.efficiencyMedian)
      ? {
          verdict: 'implausible' as const,
          reason: `${percent(efficiency!)} of its roof: the roof (${allowed?.bound}) is too low or the working set lies nearer than assumed; \`perf measure\` measures it anew`,
        }
      : besideNeighbour(judgeInTurn(rates, attainable, inTurn), issue, inTurn?.efficiency ?? efficiency)
  return {
    id: def.id,
    op: def.op,
    dims: Object.fromEntries(def.dims.map((name, i) => [name, dims[i]!])),
    dtype,
    ...setup,
    flops,
    bytes,
    seconds,
    flopsPerSecond: seconds.min > 0 ? flops / seconds.min : 0,
    bytesPerSecond: seconds.min > 0 ? bytes / seconds.min : 0,
    intensity: flops / bytes,
    bound: allowed?.bound ?? null,
    attainable,
    efficiency,
    efficiencyMedian: allowed && seconds.median > 0 ? allowed.seconds / seconds.median : null,
    inTurn,
    ...(issue && {issue}),
    maxError,
    tolerance,
    counters,
    ...(countersReason === undefined ? {} : {countersReason}),
    ...doubt,
  }
}

/**
 * What names, dims and type ask for; needs neither the addon nor a profile.
 * @throws {AnalysisError} `unknown-kernel`, `bad-flag`, `bad-dimension`
 */
export const kernelRuns = (options: RunOptions & {kernels?: readonly string[] | undefined}): Planned<KernelDef> =>
  runsOf(
    choose<KernelId>(options.kernels, kernelIds, 'kernel').map((id): KernelDef => kernels[id]),
    options,
    someOf(options.kernels),
    (def, dims, dtype) => [def.program(dims, dtype)],
  )

/**
 * Measures kernels. Each is first checked at a small awkward size against the operator's f64 reference, with the same instruction set
 * and threads.
 * @throws {AnalysisError} `no-addon`, `unknown-kernel`, `bad-flag`, `bad-dimension`, `does-not-fit`, `interrupted`
 */
export async function benchKernels(
  options: BenchOptions & {kernels?: readonly string[] | undefined},
): Promise<{kernels: BenchEntry[]; warnings: Warning[]}> {
  const setup = setUp(options)
  const {runs, warnings} = kernelRuns(options)
  const planned = runs.map((run) => ({...run, program: run.def.program(run.dims, run.dtype)}))
  const free = checkMemory(
    planned.map(({def, dims, program}) => ({id: `${def.id} ${dims.join('x')}`, bytes: bytesOf([program])})),
  )
  const {isa, threads} = setup
  const programs = planned.map(({program}) => program)
  const room = probeRoom(decidingCeilings(options.machine, programs, threads), threads, free)
  // what was asked for by name is worth its time; all kernels at their sizes have a minute
  const started = performance.now()
  const effortOf = (i: number): Effort => {
    if (options.sweep) return brief
    return someOf(options.kernels) ? thorough : effortInTime((performance.now() - started) / 1000, runs.length - i)
  }
  const hurried: string[] = []
  const entries = await withSession(setup, options.signal, room, async (opened) => {
    const found: BenchEntry[] = []
    for (const [i, {def, dims, dtype, program}] of planned.entries()) {
      const name = `${def.id} ${dims.join('x')}`
      options.onProgress?.(i, runs.length, name)
      const maxError = checkProgram(setup.addon, def.program(def.check, dtype), isa, threads)
      const effort = effortOf(i)
      if (effort.leastRounds === 1) hurried.push(name)
      const measured = (await measure(opened, [program], setup, options, effort)).get(program.id)!
      found.push(entryOf(def, dims, program, measured, maxError, {isa, threads}, options.machine))
    }
    return found
  })
  options.onProgress?.(runs.length, runs.length, 'done')
  const remarks = [...hurriedWarning(hurried, runs.length, 'perf bench'), ...warningsOf(entries)]
  return {kernels: entries, warnings: [...tuningWarnings(), ...warnings, ...remarks]}
}

/** A remark for every entry that is not `ok`; many that something else disturbed are one. */
export function warningsOf(entries: readonly BenchEntry[]): Warning[] {
  const name = ({id, dims}: BenchEntry) => `${id} ${Object.values(dims).join('x')}`
  // one kernel runs in several types, and an unfused chain is its operators joined by commas
  const few = (those: readonly BenchEntry[]) => {
    const names = [...new Set(those.map(name))]
    return `${names.slice(0, 3).join('; ')}${names.length > 3 ? ' …' : ''}`
  }
  const disturbed = {
    noisy: ['were disturbed', 'the machine was busy'],
    throttled: ['were held back', 'the clock fell, or another hardware thread of the core took instruction slots'],
  } as const
  const many = (['noisy', 'throttled'] as const).filter((v) => entries.filter(({verdict}) => verdict === v).length >= 3)
  const single = entries.flatMap((entry) =>
    entry.verdict === 'ok' || many.some((verdict) => verdict === entry.verdict)
      ? []
      : [{code: `kernel-${entry.verdict}`, message: `${name(entry)}: ${entry.reason}`}],
  )
  const together = many.map((verdict) => {
    const those = entries.filter((entry) => entry.verdict === verdict)
    const [what, why] = disturbed[verdict]
    const message = `${those.length} of ${entries.length} runs ${what} (${few(those)}): ${why}; each run says by how much`
    return {code: `kernel-${verdict}`, message}
  })
  return [...single, ...together]
}
