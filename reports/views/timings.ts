/** Two sets of measured points on one roofline: how fast each kernel ran, and how fast it runs now. */
import {compareMeasured, measuredPoints} from '../../src/analysis/compare-measured.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {Change} from '../../src/analysis/document/comparison.ts'
import type {PlacedPoint, Placement} from '../../src/analysis/document/placement.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {classLabel, classOfKind} from '../chart/classes.ts'
import {arrowRows, comparisonSpec, emptyComparison, sideLines} from '../chart/comparison-spec.ts'
import type {Arrow} from '../chart/layout.ts'
import {type Frame, frameOf, type RoofLine, roofLines} from '../chart/roofs.ts'
import {bothFrames} from '../chart/stretches.ts'
import {documentOf} from '../placement.ts'
import type {View, ViewMore} from '../view.ts'

/** The fastest line of each level, and the peaks that some point runs under. */
function roofOf(analysis: Analysis): RoofLine[] {
  const lines = roofLines(analysis)
  const levels = lines.filter(
    (line) =>
      line.kind === 'bandwidth' && !lines.some((other) => other.level === line.level && other.value > line.value),
  )
  return [...levels, ...lines.filter((line) => line.kind === 'compute' && line.relevant)]
}

/** Both sides' changes by the name of the point. */
function changesOf(
  before: Placement,
  points: readonly PlacedPoint[],
  {machine}: Analysis,
): ReadonlyMap<string, Change> {
  const after = measuredPoints({...before, machine, points: [...points]})
  return new Map(compareMeasured(measuredPoints(before), after).changes.map((c) => [c.subject, c]))
}

function words({before, after, ratio, significant, reason}: Change): string {
  const times = `${format(before, 's')} → ${format(after, 's')}`
  if (!significant || ratio === null) return `${times}, ${reason} (noise)`
  const share = ratio < 1 ? 1 - ratio : ratio - 1
  return `${times}, ${ratio >= 2 ? `${Number(ratio.toPrecision(3))} × as long` : `${formatShare(share)} ${ratio < 1 ? 'shorter' : 'longer'}`}`
}

/** Points that both sides have and that compute something; an arrow where the change means something. */
function arrowsOf(before: Placement, points: readonly PlacedPoint[], analysis: Analysis, frame: Frame): Arrow[] {
  const olds = new Map(before.points.map((point) => [point.name, point]))
  const changes = changesOf(before, points, analysis)
  const total = points.reduce((sum, {seconds}) => sum + seconds, 0)
  const totalBefore = before.points.reduce((sum, {seconds}) => sum + seconds, 0)
  const within = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value))
  const place = ({intensity, achieved}: PlacedPoint) =>
    intensity && achieved ? {intensity: within(intensity, frame.x), performance: within(achieved, frame.y)} : undefined
  return points.flatMap((point) => {
    const old = olds.get(point.name)
    const [was, is] = [old && place(old), place(point)]
    if (!old || !was || !is) return []
    const change = changes.get(point.name)!
    return [
      {
        id: point.name,
        name: point.name,
        cls: classLabel(classOfKind(point.kind, point.flops)),
        share: point.seconds / total,
        fromShare: old.seconds / totalBefore,
        ...is,
        fromIntensity: was.intensity,
        fromPerformance: was.performance,
        moved: change.significant,
        summary: `${point.name}: ${words(change)}`,
      },
    ]
  })
}

const found = (more: ViewMore | undefined) =>
  more?.pointsBefore && more.points ? {before: more.pointsBefore, points: more.points} : undefined

export const timings: View = {
  id: 'timings',
  title: 'Measured before and after',
  spec: comparisonSpec,
  margins: () => ({left: 56, right: 14, top: 26, bottom: 44}),
  missing: (_analysis, more) => (found(more) ? undefined : 'the page holds one set of measured points, not two'),
  inputs(analysis, _state, more) {
    const own = frameOf(analysis.machine)
    const both = found(more)
    if (!both) return emptyComparison(own)
    const earlier = documentOf({schema: 'ridgepoint/placement@1', ok: true, result: both.before, warnings: []}).result
    const frame = bothFrames(own, frameOf(earlier.machine))
    return {
      signals: {frameX: frame.x, frameY: frame.y},
      data: {
        ...arrowRows(arrowsOf(both.before, both.points, analysis, frame)),
        roofs: sideLines(roofOf(earlier), roofOf(analysis), frame),
        roofLabels: [],
        names: [],
      },
    }
  },
  howToRead:
    'A solid sign is a point as it was measured after; where its time changed beyond the noise, a hollow one shows where it stood before, and an arrow goes from there. Upwards is faster. A sign’s area is its share of the measured time. Signs without an arrow changed within their noise, as the table says for each.',
  assumptions: [
    'Points are the same where their names are the same: kernel, size, type and threads. What only one side has, and what computes nothing, stands in the table alone.',
    'A change counts beyond two standard deviations of the difference of the two measurements, and at least 2 %.',
  ],
  describe(analysis, more) {
    const both = found(more)
    if (!both) return 'One set of measured points: 0 to compare.'
    const changes = [...changesOf(both.before, both.points, analysis).values()].filter(({ratio}) => ratio !== null)
    const meant = changes
      .filter(({significant}) => significant)
      .sort((a, b) => Math.abs(Math.log(b.ratio!)) - Math.abs(Math.log(a.ratio!)))
    const most = meant.slice(0, 3).map((change) => `${change.subject} ${words(change)}`)
    return `${meant.length} of ${changes.length} measured times changed beyond their noise${most.length > 0 ? `. The most: ${most.join('; ')}` : ''}.`
  },
}
