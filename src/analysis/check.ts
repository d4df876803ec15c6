/** Holds a document against a baseline: did it get worse by more than it may? */
import {type Comparable, differences, EXACT, noiseOf, sideOf} from './compare.ts'
import type {Analysis} from './document/analysis.ts'
import type {Check, CheckRow} from './document/check.ts'
import type {Ceiling, Machine} from './document/machine.ts'
import {AnalysisError, type Warning} from './errors.ts'
import {formatShare} from './units.ts'

/** The contract's default: an analysis may take 5 % longer. */
const MAX_REGRESSION = 0.05

export interface CheckOptions {
  /** share by which the total time of an analysis may grow, or a ceiling fall; machines default to their noise */
  maxRegression?: number | undefined
}

const signed = (share: number) => `${share > 0 ? '+' : share < 0 ? '−' : ''}${formatShare(Math.abs(share))}`

function row(id: string, unit: string, baseline: number, current: number, worse: number, limit: number): CheckRow {
  const change = baseline === 0 ? (current === 0 ? 0 : 1) : worse
  const pass = change <= limit
  const word = Math.abs(change) <= EXACT ? 'unchanged' : change > 0 ? 'worse' : 'better'
  const reason = `${word} (${signed(current === baseline ? 0 : current / baseline - 1)}), ${formatShare(limit)} allowed`
  return {id, unit, baseline, current, change, limit, pass, reason}
}

function analysisRows(baseline: Analysis, current: Analysis, limit: number): CheckRow[] {
  const [a, b] = [baseline.totals.time.lower, current.totals.time.lower]
  return [row('totals.time', 's', a, b, a === 0 ? 0 : b / a - 1, limit)]
}

/** Rates regress by falling, latencies by rising; instructions per cycle bound nothing, they tell of neighbours. */
function ceilingRow(before: Ceiling, after: Ceiling, maxRegression: number | undefined): CheckRow {
  const worse = before.kind === 'latency' ? after.value / before.value - 1 : 1 - after.value / before.value
  const result = row(before.id, before.unit, before.value, after.value, worse, maxRegression ?? noiseOf(before, after))
  const doubts = [before, after].flatMap((c) => (c.verdict && c.verdict !== 'ok' ? [c.verdict] : []))
  // a noisy ceiling still counts, but the reader must know before looking for a culprit
  const rated =
    doubts.length > 0 ? {...result, reason: `${result.reason}; measured as ${doubts.join(' and ')}`} : result
  if (before.kind !== 'issue' || rated.pass) return rated
  return {...rated, pass: true, reason: `${rated.reason}; a busy neighbour shows so, which fails no check`}
}

function machineRows(baseline: Machine, current: Machine, maxRegression: number | undefined): CheckRow[] {
  const news = new Map(current.ceilings.map((c) => [c.id, c]))
  return baseline.ceilings.map((before) => {
    const after = news.get(before.id)
    if (after) return ceilingRow(before, after, maxRegression)
    const limit = maxRegression ?? noiseOf(before, before)
    const reason = 'missing now: it can no longer be vouched for'
    const {id, unit, value} = before
    return {id, unit, baseline: value, current: null, change: null, limit, pass: false, reason}
  })
}

/**
 * Checks a document against a baseline of the same kind: the total time of an analysis may grow by `maxRegression`
 * (default 5 %), a machine's ceiling may fall by its noise. Passing is a field, not an error: the exit code 5 is the
 * command's.
 * @throws AnalysisError `bad-document` where the kinds differ, `bad-flag` for a share below 0
 */
export function checkDocument(
  baseline: Comparable,
  current: Comparable,
  options: CheckOptions = {},
): {result: Check; warnings: Warning[]} {
  const {maxRegression} = options
  if (maxRegression !== undefined && !(Number.isFinite(maxRegression) && maxRegression >= 0)) {
    throw new AnalysisError('bad-flag', `--max-regression ${maxRegression} is not a share of 0 or more`, [
      'write --max-regression 0.05 for 5 %',
    ])
  }
  const sides = {baseline: sideOf(baseline), current: sideOf(current)}
  const conclude = (kind: Check['kind'], rows: CheckRow[], warnings: Warning[]) => ({
    result: {kind, ...sides, passed: rows.every(({pass}) => pass), rows},
    warnings,
  })
  if (baseline.kind === 'analysis' && current.kind === 'analysis') {
    const rows = analysisRows(baseline.result, current.result, maxRegression ?? MAX_REGRESSION)
    return conclude('analysis', rows, differences(baseline.result, current.result))
  }
  if (baseline.kind === 'machine' && current.kind === 'machine') {
    const warnings =
      baseline.result.id === current.result.id
        ? []
        : [
            {
              code: 'different-questions',
              message: `the baseline is of ${baseline.result.id}, the profile of ${current.result.id}`,
            },
          ]
    return conclude('machine', machineRows(baseline.result, current.result, maxRegression), warnings)
  }
  throw new AnalysisError(
    'bad-document',
    `a baseline of kind ${baseline.kind} cannot check a document of kind ${current.kind}`,
    ['save a baseline with the same command as the document'],
  )
}
