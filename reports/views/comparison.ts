/** Two documents on one roofline: where each operator stood, and where it stands now. */
import type {TopLevelSpec} from 'vega-lite'
import {EXACT} from '../../src/analysis/compare.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {si, tickParams, ticks, titleAbove} from '../chart/axes.ts'
import {color, haloed, leaders, outline, shape, size} from '../chart/channels.ts'
import {classLabel, classOf, shortId} from '../chart/classes.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import {type Joint, matchOperators} from '../chart/matched.ts'
import {type Frame, frameOf, roofLines} from '../chart/roofs.ts'
import type {View} from '../view.ts'

const FAR = 1e12

/** The envelope of an analysis: the outermost level up to its knee, then the highest relevant peak. */
function envelope(analysis: Analysis, which: 'before' | 'after', frame: Frame) {
  const lines = roofLines(analysis).filter((line) => line.relevant)
  const peak = Math.max(...lines.filter((line) => line.kind === 'compute').map((line) => line.value))
  const memory = Math.min(...lines.filter((line) => line.kind === 'bandwidth').map((line) => line.value))
  const knee = peak / memory
  const left = frame.x[0] / FAR
  return [
    {which, intensity: left, performance: left * memory, intensity2: knee, performance2: peak},
    {which, intensity: knee, performance: peak, intensity2: frame.x[1] * FAR, performance2: peak},
  ]
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
        moved: Math.hypot(Math.log(now.intensity / old.intensity), Math.log(now.performance / old.performance)) > 0.05,
        summary:
          `${is}${was === is ? '' : ` (before: ${was})`}: ${format(match.before.seconds, 's')} → ${format(match.after.seconds, 's')}` +
          (significant
            ? `, ${formatShare(Math.abs(change))} ${change < 0 ? 'shorter' : 'longer'}`
            : ', as long as before'),
      },
    ]
  })
}

const axis = (scale: 'x' | 'y') => ({values: ticks(scale), labelExpr: si, labelOverlap: 'greedy' as const})
const x = {
  field: 'intensity',
  type: 'quantitative' as const,
  title: 'Arithmetic intensity (FLOP/B)',
  scale: {type: 'log' as const, domain: [{expr: 'frameX[0]'}, {expr: 'frameX[1]'}], nice: false},
  axis: axis('x'),
}
const y = {
  field: 'performance',
  type: 'quantitative' as const,
  title: 'FLOP/s',
  scale: {type: 'log' as const, domain: [{expr: 'frameY[0]'}, {expr: 'frameY[1]'}], nice: false},
  axis: {...axis('y'), ...titleAbove},
}
const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 420,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, ...tickParams, {name: 'frameX', value: [0.01, 1e4]}, {name: 'frameY', value: [1e9, 1e15]}],
  layer: [
    {
      data: {name: 'roofs'},
      mark: {type: 'rule', clip: true, strokeWidth: 1.8, aria: false},
      encoding: {
        x,
        y,
        x2: {field: 'intensity2'},
        y2: {field: 'performance2'},
        stroke: {
          condition: {test: "datum.which === 'after'", value: {expr: 'theme.ink'}},
          value: {expr: 'theme.muted'},
        },
        strokeDash: {condition: {test: "datum.which === 'after'", value: [1, 0]}, value: [4, 4]},
      },
    },
    {
      data: {name: 'pairs'},
      transform: [
        {filter: 'datum.moved'},
        {calculate: 'datum.intensity', as: 'intensity2'},
        {calculate: 'datum.performance', as: 'performance2'},
        {calculate: 'datum.fromIntensity', as: 'intensity'},
        {calculate: 'datum.fromPerformance', as: 'performance'},
      ],
      mark: {type: 'rule', clip: true, strokeWidth: 1.5, stroke: {expr: 'theme.muted'}, aria: false},
      encoding: {x, y, x2: {field: 'intensity2'}, y2: {field: 'performance2'}},
    },
    {
      data: {name: 'pairs'},
      transform: [
        {filter: 'datum.moved'},
        {calculate: 'datum.fromIntensity', as: 'intensity'},
        {calculate: 'datum.fromPerformance', as: 'performance'},
      ],
      mark: {type: 'point', clip: true, filled: false, strokeWidth: 1.5, opacity: 0.8, aria: false},
      encoding: {x, y, color, shape, size: size('fromShare'), fill: {value: {expr: 'theme.surface'}}},
    },
    {
      data: {name: 'pairs'},
      mark: {type: 'point', clip: true, filled: true, opacity: 0.92, cursor: 'pointer'},
      encoding: {
        x,
        y,
        color,
        shape,
        size: size('share'),
        ...outline,
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
    {
      // a head in the middle of the way: the ends are under the dots
      data: {name: 'heads'},
      mark: {
        type: 'point',
        clip: true,
        shape: 'triangle',
        size: 70,
        filled: true,
        fill: {expr: 'theme.ink'},
        aria: false,
        angle: {
          expr: "atan2(scale('x', datum.intensity2) - scale('x', datum.fromIntensity), scale('y', datum.fromPerformance) - scale('y', datum.performance2)) * 180 / PI",
        },
      },
      encoding: {x, y},
    },
    leaders('names'),
    ...haloed('names'),
  ],
}

export const comparison: View = {
  id: 'comparison',
  title: 'Before and after',
  spec,
  margins: () => ({left: 56, right: 14, top: 26, bottom: 44}),
  missing: (_analysis, more) => (more.before ? undefined : 'the page holds one document, not two'),
  inputs(analysis, _state, more) {
    const before = more?.before
    const own = frameOf(analysis.machine)
    if (!before) return {signals: {frameX: own.x, frameY: own.y}, data: {roofs: [], pairs: [], heads: [], names: []}}
    const other = frameOf(before.machine)
    const frame: Frame = {
      x: [Math.min(own.x[0], other.x[0]), Math.max(own.x[1], other.x[1])],
      y: [Math.min(own.y[0], other.y[0]), Math.max(own.y[1], other.y[1])],
    }
    const both = pairs(before, analysis, frame)
    const between = (a: number, b: number) => Math.sqrt(a * b)
    return {
      signals: {frameX: frame.x, frameY: frame.y},
      data: {
        roofs: [...envelope(before, 'before', frame), ...envelope(analysis, 'after', frame)],
        pairs: both,
        heads: both
          .filter((pair) => pair.moved)
          .map(({intensity, performance, fromIntensity, fromPerformance}) => ({
            fromIntensity,
            fromPerformance,
            intensity2: intensity,
            performance2: performance,
            intensity: between(intensity, fromIntensity),
            performance: between(performance, fromPerformance),
          })),
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
