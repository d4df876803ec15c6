/** Two sets of measured times side by side: kernels, pairs of kernels, or points that were placed under a roof. */
import {EXACT, NOISE_MOST, timeNoise} from './compare.ts'
import type {BenchKernel} from './document/bench.ts'
import type {Change, Comparison, Side} from './document/comparison.ts'
import type {Placement} from './document/placement.ts'
import {AnalysisError} from './errors.ts'
import {format, formatShare} from './units.ts'

/** One measured time. */
export interface MeasuredTime {
  readonly id: string
  readonly seconds: number
  /** coefficient of variation; where it is not known the verdict alone speaks */
  readonly cv?: number
  readonly verdict: string
}

/** What a document measured. */
export interface Measured {
  readonly side: Side
  readonly times: readonly MeasuredTime[]
}

const kinds = ['ridgepoint/bench@1', 'ridgepoint/placement@1', 'ridgepoint/comparison@1']

/** What a kernel's measurement is called on pages and in comparisons: its name, size, type and threads. */
export const kernelName = ({id, dims, dtype, threads}: BenchKernel): string =>
  `${id} ${Object.values(dims).join('×')} ${dtype}, ${threads} T`

const timeOf = (kernel: BenchKernel): MeasuredTime[] =>
  kernel.seconds.min > 0
    ? [{id: kernelName(kernel), seconds: kernel.seconds.min, cv: kernel.seconds.cv, verdict: kernel.verdict}]
    : []

const side = (times: readonly MeasuredTime[], machine: string | null): Side => ({
  id: 'measured',
  name: `${times.length} measured times`,
  machine,
})

/** What points measured. */
export const measuredPoints = ({points, machine}: Placement): Measured => {
  const times = points.map(({name: id, seconds, cv, verdict}) => ({
    ...{id, seconds, verdict},
    ...(cv === undefined ? {} : {cv}),
  }))
  return {side: side(times, machine.id), times}
}

/**
 * The times of a `bench@1`, `placement@1` or fused `comparison@1` document; `undefined` for every other value.
 * @param origin what messages call it
 * @throws AnalysisError `bad-document` naming the first field that is wrong
 */
export async function readMeasured(value: unknown, origin: string): Promise<Measured | undefined> {
  const schema = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined
  if (typeof schema !== 'string' || !kinds.includes(schema) || !('result' in (value as object))) return undefined
  const {result} = value as {result: unknown}
  const [{benchSchema, fusedComparisonSchema}, {placementSchema}] = await Promise.all([
    import('./document/bench.ts'),
    import('./document/placement.ts'),
  ])
  const isFused = typeof result === 'object' && result !== null && 'kind' in result && result.kind === 'fused'
  if (schema === kinds[2] && !isFused) return undefined
  const read = schema === kinds[0] ? benchSchema : schema === kinds[1] ? placementSchema : fusedComparisonSchema
  const parsed = read.safeParse(result)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new AnalysisError('bad-document', `${origin}: ${['result', ...issue.path].join('.')}: ${issue.message}`, [
      'the document was edited, or written by another version',
    ])
  }
  const {data} = parsed
  if ('points' in data) return measuredPoints(data)
  const kernels = 'kernels' in data ? data.kernels : data.pairs.flatMap(({unfused, fused}) => [unfused, fused])
  const times = kernels.flatMap(timeOf)
  return {side: side(times, null), times}
}

/** The share by which two times of one name may differ by noise: what is throttled is slower from first to last, which its spread does not show. */
function noiseOf(before: MeasuredTime, after: MeasuredTime): number {
  const unsteady = [before, after].some(
    ({verdict, cv}) => verdict === 'throttled' || (verdict !== 'ok' && cv === undefined),
  )
  return unsteady ? NOISE_MOST : timeNoise(before, after)
}

function changeOf(id: string, before: MeasuredTime | undefined, after: MeasuredTime | undefined): Change {
  const base = {id: `${id}.time`, subject: id, metric: 'time', unit: 's'}
  const [a, b] = [before?.seconds ?? null, after?.seconds ?? null]
  if (!before || !after)
    return {...base, before: a, after: b, ratio: null, significant: true, reason: before ? 'only before' : 'only after'}
  const limit = noiseOf(before, after)
  const ratio = after.seconds / before.seconds
  // slower by a factor and faster by it are as far apart
  const significant = Math.max(ratio, 1 / ratio) - 1 > Math.max(limit, EXACT)
  const throttled = [before, after].some(({verdict}) => verdict === 'throttled') ? '; measured as throttled' : ''
  const reason = `${significant ? 'beyond' : 'within'} ${formatShare(limit)}${throttled}`
  return {...base, before: a, after: b, ratio, significant, reason: ratio === 1 ? 'equal' : reason}
}

/** Compares the times of equal names; what only one of them has is said. */
export function compareMeasured(before: Measured, after: Measured): Comparison {
  const [olds, news] = [before, after].map(({times}) => new Map(times.map((time) => [time.id, time])))
  const changes = [...new Set([...olds!.keys(), ...news!.keys()])].map((id) =>
    changeOf(id, olds!.get(id), news!.get(id)),
  )
  const both = changes.filter((c) => c.ratio !== null)
  const meant = both.filter((c) => c.significant)
  const sum = (pick: (c: Change) => number | null) => both.reduce((all, c) => all + (pick(c) ?? 0), 0)
  const faster = meant.filter((c) => c.ratio! < 1).length
  const summary =
    both.length === 0
      ? 'No time has its like in the other document.'
      : `${meant.length} of ${both.length} times changed beyond their noise` +
        `${meant.length > 0 ? `, ${faster} faster and ${meant.length - faster} slower` : ''}; ` +
        `${format(
          sum((c) => c.before),
          's',
        )} → ${format(
          sum((c) => c.after),
          's',
        )} in all.`
  return {kind: 'measured', before: before.side, after: after.side, changes, summary}
}
