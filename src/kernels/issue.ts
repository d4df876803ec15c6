/**
 * Instructions per cycle, the witness of a neighbour on a core's other hardware thread, which a guest cannot see: that takes slots of the
 * front end and leaves clock, bandwidth and multiply-adds in registers as they are. A clock that falls leaves instructions per cycle alone.
 */
import type {Ceiling} from '../analysis/document/machine.ts'
import type {CeilingTask} from './plan.ts'
import type {Series} from './rounds.ts'
import {summarize} from './statistics.ts'

/** What of a machine is asked. */
type Profile = {readonly ceilings: readonly Ceiling[]}

/** Instructions per cycle beside a kernel; of several threads the one that takes longest. */
export interface Issue {
  /** median over the turns */
  perCycle: number
  /** the most that the profile found on as many threads */
  best: number
  /** turns */
  samples: number
}

/** Repetitions of a sample. */
const repetitions = 3

/** The probe of a number of threads. Any instruction set will do: the instructions are of none. */
export function issueTask(isa: string, threads: number): CeilingTask {
  const id = `issue-t${threads}`
  return {
    ceiling: {id, kind: 'issue', threads, unit: 'instr/s'},
    tasks: [
      {
        id,
        label: `instructions per cycle, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
        calibrate: true,
        spec: {probe: 'issue', isa, threads, bytes: 0, roam: false, passes: 1000, repetitions, clock: true},
        model: {perInstruction: 1, name: ['instruction', 'instructions'], factors: ''},
      },
    ],
  }
}

/** The probe beside a kernel: two repetitions of 0.3 ms a turn, and none where the profile does not know the most on so many threads. */
export function issueTurn(machine: Profile, isa: string, threads: number): CeilingTask[] {
  if (mostPerCycle(machine, threads) === undefined) return []
  const {ceiling, tasks} = issueTask(isa, threads)
  const beside = {drifts: false, limit: 1, repetitionSeconds: 0.0003}
  return [{ceiling, tasks: tasks.map((task) => ({...task, ...beside, spec: {...task.spec, repetitions: 2}}))}]
}

/** Instructions per cycle and thread of the profile's ceiling, where there is one of as many threads. */
function mostPerCycle({ceilings}: Profile, threads: number): number | undefined {
  const found = ceilings.find((c) => c.kind === 'issue' && c.threads === threads)
  return found?.clockHz ? found.value / (found.clockHz * threads) : undefined
}

/**
 * Instructions per cycle and thread, sample by sample. The best rate of a sample goes with its best clock: a host that takes the processor away
 * for a moment in one of them would make it any number.
 */
export function perCycle({rates, clockHz}: Pick<Series, 'rates' | 'clockHz'>, each: number, threads: number): number[] {
  const best = (of: readonly number[], i: number) => Math.max(...of.slice(i * each, (i + 1) * each))
  return Array.from(
    {length: Math.floor(Math.min(rates.length, clockHz.length) / each)},
    (_, i) => best(rates, i) / (best(clockHz, i) * threads),
  )
}

/** What the turns beside a kernel say; `undefined` where nothing was sampled, or nothing is known to hold it against. */
export function issueOf(samples: readonly number[], machine: Profile, threads: number): Issue | undefined {
  const best = mostPerCycle(machine, threads)
  const summary = summarize(samples)
  return best && summary ? {perCycle: summary.median, best, samples: summary.samples} : undefined
}

/**
 * A core that takes in less than this share of the profile's instructions per cycle in half of the turns is shared. Emerald Rapids guest, 2588
 * runs of 20 turns in 40 minutes: 93 to 100 % in 84 % of them, below 84 % in 15 %, in between in 1 %.
 */
const sharedBelow = 0.9

/** What a neighbour took, in words; `undefined` where there is no sign of one. */
export function neighbourOf({perCycle, best}: Pick<Issue, 'perCycle' | 'best'>): string | undefined {
  if (!(perCycle < sharedBelow * best)) return undefined
  const lost = Math.round((1 - perCycle / best) * 100)
  return `another hardware thread of the core took about ${lost} % of its instruction slots (${perCycle.toFixed(1)} instructions per cycle beside it, ${best.toFixed(1)} at best)`
}

/** Of what a core does alone and what was noisy: that a neighbour was there for half of the run. */
export function nameNeighbours(ceilings: readonly Ceiling[], all: ReadonlyMap<string, Series>): Ceiling[] {
  return ceilings.map((c) => {
    const series = all.get(`issue-t${c.threads}`)
    if (c.verdict !== 'noisy' || !series || !c.threads || !(c.kind === 'compute' || c.level === 'L1')) return c
    const issue = issueOf(perCycle(series, repetitions, c.threads), {ceilings}, c.threads)
    const neighbour = issue && neighbourOf(issue)
    return neighbour ? {...c, reason: `${c.reason}; for half of the run ${neighbour}`} : c
  })
}
