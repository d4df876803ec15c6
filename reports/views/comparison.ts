/** Two documents on one roofline: where each operator stood, and where it stands now. */
import {EXACT} from '../../src/analysis/compare.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {classLabel, classOf, shortId} from '../chart/classes.ts'
import {arrowRows, comparisonSpec, emptyComparison, hasMoved, sideLines} from '../chart/comparison-spec.ts'
import {type Joint, matchOperators} from '../chart/matched.ts'
import {type Frame, frameOf, type RoofLine, roofLines} from '../chart/roofs.ts'
import {bothFrames} from '../chart/stretches.ts'
import type {View} from '../view.ts'

/** The envelope of an analysis: the outermost level and the highest relevant peak. */
function envelope(analysis: Analysis): RoofLine[] {
  const lines = roofLines(analysis).filter((line) => line.relevant)
  const peaks = lines.filter((line) => line.kind === 'compute').sort((x, y) => y.value - x.value)
  const levels = lines.filter((line) => line.kind === 'bandwidth').sort((x, y) => x.value - y.value)
  return [...levels.slice(0, 1), ...peaks.slice(0, 1)]
}

/** Pixels and words of every operator that both sides have and that computes something; others have no place. */
function pairs(before: Analysis, after: Analysis, frame: Frame) {
  const within = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value))
  const place = ({flops, bytes, performance}: Joint) =>
    flops > 0 && bytes > 0 && performance > 0
      ? {intensity: within(flops / bytes, frame.x), performance: within(performance, frame.y)}
      : undefined
  return matchOperators(before, after).flatMap((match) => {
    const [old, now] = [place(match.before), place(match.after)]
    if (!old || !now) return []
    const id = match.after.largest.id
    const names = (joint: Joint) => joint.ids.map(shortId).join(', ')
    const [was, is] = [names(match.before), names(match.after)]
    const change = match.before.seconds > 0 ? match.after.seconds / match.before.seconds - 1 : 0
    const significant = Math.abs(change) > EXACT
    return [
      {
        id,
        name: is,
        cls: classLabel(classOf(match.after.largest)),
        share: match.after.share,
        ...now,
        fromIntensity: old.intensity,
        fromPerformance: old.performance,
        fromShare: match.before.share,
        moved: hasMoved({...now, fromIntensity: old.intensity, fromPerformance: old.performance}),
        summary:
          `${is}${was === is ? '' : ` (before: ${was})`}: ${format(match.before.seconds, 's')} → ${format(match.after.seconds, 's')}` +
          (significant
            ? `, ${formatShare(Math.abs(change))} ${change < 0 ? 'shorter' : 'longer'}`
            : ', as long as before'),
      },
    ]
  })
}

export const comparison: View = {
  id: 'comparison',
  title: 'Before and after',
  spec: comparisonSpec,
  margins: () => ({left: 56, right: 14, top: 26, bottom: 44}),
  missing: (_analysis, more) => (more.before ? undefined : 'the page holds one document, not two'),
  inputs(analysis, _state, more) {
    const before = more?.before
    const own = frameOf(analysis.machine)
    if (!before) return emptyComparison(own)
    const frame = bothFrames(own, frameOf(before.machine))
    return {
      signals: {frameX: frame.x, frameY: frame.y},
      data: {
        ...arrowRows(pairs(before, analysis, frame)),
        roofs: sideLines(envelope(before), envelope(analysis), frame),
        roofLabels: [],
        names: [],
      },
    }
  },
  howToRead:
    'A hollow sign is where an operator stood before, the solid one where it stands after; the arrow between them has its name. To the right means fewer bytes per FLOP, upwards means a higher rate. The dashed roof is the one before. Signs without an arrow did not move.',
  assumptions: [
    'Operators are the same where their ids are the same. What one side fuses stands beside its parts of the other side, taken together; what only one document has is in the table alone.',
  ],
  describe(analysis, more) {
    const before = more?.before
    if (!before) return 'One document: 0 operators to compare.'
    const [a, b] = [before.totals.time.lower, analysis.totals.time.lower]
    const frame = frameOf(analysis.machine)
    const moved = pairs(before, analysis, frame).filter((pair) => pair.moved).length
    const factor = b > a ? `${(b / a).toPrecision(3)} × longer` : `${(a / b).toPrecision(3)} × shorter`
    const largest = analysis.operators.reduce((x, y) => (y.share > x.share ? y : x))
    return (
      `${before.model.name} on ${before.machine.name} before, ${analysis.model.name} on ${analysis.machine.name} after: ` +
      `${format(a, 's')} → ${format(b, 's')}${a === b ? '' : `, ${factor}`}. ${moved} operators moved; the largest is now ${largest.id} (${classLabel(classOf(largest)).toLowerCase()}).`
    )
  },
}
