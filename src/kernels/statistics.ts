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

/** Rates within this share of the best count as having reached it. */
const agreement = 0.98
/** A probe is settled, and needs no further rounds, when three samples lie within this share of the best. */
const settledAgreement = 0.99
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

/** Share of the best that the third-best rate reached; 0 with fewer than three samples. */
function confirmed(rates: readonly number[]): number {
  if (rates.length < 3) return 0
  const sorted = [...rates].sort((a, b) => b - a)
  return sorted[2]! / sorted[0]!
}

/** Whether three samples agree on the best within 1 %, so that more rounds would change nothing. */
export function settled(rates: readonly number[]): boolean {
  return confirmed(rates) >= settledAgreement
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`

/**
 * Judges a ceiling from its rates in the order they were taken. A ceiling is a maximum, so the question is whether the maximum was
 * reached repeatedly (`ok`), by chance (`noisy`), or only while the machine was cool (`throttled`).
 */
export function judge(rates: readonly number[]): Judgement {
  if (rates.length === 0) return {verdict: 'failed', reason: 'no repetition took a measurable time'}
  if (rates.length < 3) return {verdict: 'noisy', reason: `only ${rates.length} samples`}
  const third = Math.floor(rates.length / 3)
  if (third >= 4) {
    const early = Math.max(...rates.slice(0, third))
    const late = Math.max(...rates.slice(-third))
    if (late < throttledBelow * early)
      return {verdict: 'throttled', reason: `the last third reached only ${percent(late / early)} of the first`}
  }
  const share = confirmed(rates)
  if (share < agreement)
    return {verdict: 'noisy', reason: `the third-best sample reached only ${percent(share)} of the best`}
  return {verdict: 'ok'}
}
