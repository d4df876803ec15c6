/** Summaries of repeated measurements, and how far to trust them. Pure functions of numbers. */
import type {Verdict} from '../analysis/document/machine.ts'

/** Spread of a set of samples, in the samples' unit; `cv` is the coefficient of variation (standard deviation ÷ mean). */
export interface Summary {
  samples: number
  min: number
  max: number
  median: number
  cv: number
}

/** A verdict, with its reason wherever it is not `ok`. */
export interface Judgement {
  verdict: Verdict
  reason?: string
}

/** A ceiling that falls below this share of its first third's best has been throttled. */
const throttledBelow = 0.9

/**
 * Summarizes samples.
 * @returns `undefined` for an empty list: there is nothing to say about no samples
 */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const n = sorted.length
  const mean = sorted.reduce((sum, v) => sum + v, 0) / n
  const variance = n > 1 ? sorted.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1) : 0
  const middle = n >> 1
  return {
    samples: n,
    min: sorted[0]!,
    max: sorted[n - 1]!,
    median: n % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2,
    cv: mean === 0 ? 0 : Math.sqrt(variance) / Math.abs(mean),
  }
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`

const maximum = (rates: readonly number[]): number => rates.reduce((a, b) => Math.max(a, b), 0)

/** How many of the best samples must agree: an eighth of all, three to ten. Fewer are met by chance, as a fast cadence of the divider is. */
const witnesses = (samples: number): number => Math.min(10, Math.max(3, Math.round(samples / 8)))

/** Halves of a run are compared from so many samples on; fewer say little about when the best is reached. */
const comparable = 24

/**
 * Why another run may find another maximum, or `undefined` where nothing in this one says so: its best samples differ by more than `limit`,
 * or its two halves in time do.
 */
function unsteady(rates: readonly number[], limit: number): string | undefined {
  const count = witnesses(rates.length)
  if (rates.length < count) return `only ${rates.length} ${rates.length === 1 ? 'sample' : 'samples'}`
  const sorted = [...rates].sort((a, b) => b - a)
  const share = sorted[count - 1]! / sorted[0]!
  if (share < 1 - limit) return `of ${rates.length} samples the ${count} best reach only ${percent(share)} of the best`
  if (rates.length < comparable) return undefined
  const half = rates.length >> 1
  const [early, late] = [maximum(rates.slice(0, half)), maximum(rates.slice(half))]
  const between = Math.min(early, late) / Math.max(early, late)
  if (between >= 1 - limit) return undefined
  return `the ${early < late ? 'first' : 'second'} half of the run reached only ${percent(between)} of the other`
}

/** Whether a run has seen its best often enough, early and late, that more rounds would change little. */
export const settled = (rates: readonly number[], limit = 0.01): boolean => unsteady(rates, limit) === undefined

/**
 * Judges a ceiling from its rates in the order they were taken. A ceiling is a maximum, so the question is whether the maximum was
 * reached repeatedly (`ok`), by chance (`noisy`), or only while the machine was cool (`throttled`).
 * @param limit relative variation from run to run that `ok` allows
 */
export function judge(rates: readonly number[], limit = 0.02): Judgement {
  if (rates.length === 0) return {verdict: 'failed', reason: 'no repetition took a measurable time'}
  const third = Math.floor(rates.length / 3)
  if (third >= 4) {
    const [early, late] = [maximum(rates.slice(0, third)), maximum(rates.slice(-third))]
    if (late < throttledBelow * early)
      return {verdict: 'throttled', reason: `the last third reached only ${percent(late / early)} of the first`}
  }
  const reason = unsteady(rates, limit)
  return reason === undefined ? {verdict: 'ok'} : {verdict: 'noisy', reason}
}

/** The rate that three quarters of the samples reach, as a share of the best. */
export function lowerQuartile(rates: readonly number[]): number {
  const sorted = [...rates].sort((a, b) => a - b)
  return sorted.length === 0 ? 0 : sorted[Math.floor(sorted.length / 4)]! / sorted.at(-1)!
}
