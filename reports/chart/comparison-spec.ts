/** The picture of two documents: roofs dashed before and solid after, signs hollow before and solid after, arrows between them. */
import type {TopLevelSpec} from 'vega-lite'
import type {ViewInputs} from '../view.ts'
import {si, tickParams, ticks, titleAbove} from './axes.ts'
import {color, haloed, leaders, outline, shape, size} from './channels.ts'
import {chartConfig, themeParam} from './config.ts'
import type {Arrow, SideLine} from './layout.ts'
import type {Frame, RoofLine} from './roofs.ts'
import {type Stretch, stretchesOf} from './stretches.ts'

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
/**
 * Data sets: `roofs` (with `which`), `pairs` of signs, `shifts` from place to place, `heads` of their arrows, and what the layout
 * places: `roofLabels` and `names`.
 */
export const comparisonSpec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 420,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, ...tickParams, {name: 'frameX', value: [0.01, 1e4]}, {name: 'frameY', value: [1e9, 1e15]}],
  layer: [
    {
      data: {name: 'roofs'},
      mark: {type: 'rule', clip: true, strokeWidth: 1.8},
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
        description: {field: 'summary', type: 'nominal'},
      },
    },
    {
      data: {name: 'shifts'},
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
        // no longer than the head itself: it would hide where from and where to
        opacity: {
          expr: "abs(scale('x', datum.intensity2) - scale('x', datum.fromIntensity)) + abs(scale('y', datum.fromPerformance) - scale('y', datum.performance2)) > 12 ? 1 : 0",
        },
        angle: {
          expr: "atan2(scale('x', datum.intensity2) - scale('x', datum.fromIntensity), scale('y', datum.fromPerformance) - scale('y', datum.performance2)) * 180 / PI",
        },
      },
      encoding: {x, y},
    },
    leaders('roofLabels'),
    ...haloed('roofLabels'),
    leaders('names'),
    ...haloed('names'),
  ],
}

/** From where to where, as a shaft and the head in the middle of its way: the ends are under signs. */
export interface Shift {
  readonly fromIntensity: number
  readonly fromPerformance: number
  readonly intensity: number
  readonly performance: number
}

/** Rows of `shifts` and `heads`. */
export function shiftRows(shifts: readonly Shift[]): {shifts: Stretch[]; heads: object[]} {
  const between = (a: number, b: number) => Math.sqrt(a * b)
  return {
    shifts: shifts.map(({intensity, performance, fromIntensity, fromPerformance}) => ({
      ...{intensity: fromIntensity, performance: fromPerformance, intensity2: intensity, performance2: performance},
    })),
    heads: shifts.map(({intensity, performance, fromIntensity, fromPerformance}) => ({
      ...{fromIntensity, fromPerformance, intensity2: intensity, performance2: performance},
      ...{intensity: between(intensity, fromIntensity), performance: between(performance, fromPerformance)},
    })),
  }
}

/** Rows of `pairs`, `shifts` and `heads` of operators or kernels: arrows of those that moved. */
export const arrowRows = (arrows: readonly Arrow[]) => ({
  pairs: arrows,
  ...shiftRows(arrows.filter(({moved}) => moved)),
})

/** Whether two places are so far apart that an eye sees it: 5 % on either axis. */
export const hasMoved = ({intensity, performance, fromIntensity, fromPerformance}: Shift): boolean =>
  Math.hypot(Math.log(intensity / fromIntensity), Math.log(performance / fromPerformance)) > 0.05

/** The sides' lines: a line before is drawn where its value is another one, and says whose it is. */
export function sideLines(before: readonly RoofLine[], after: readonly RoofLine[], frame: Frame): SideLine[] {
  const kept = new Set(after.map(({label}) => label))
  return [
    ...stretchesOf(before, frame)
      .filter(({label}) => !kept.has(label))
      .map((line): SideLine => {
        const label = `before: ${line.label}`
        return {...line, which: 'before', label, summary: label, relevant: false}
      }),
    ...stretchesOf(after, frame).map((line): SideLine => ({...line, which: 'after', summary: line.label})),
  ]
}

/** A comparison of a document with nothing. */
export const emptyComparison = ({x, y}: Frame): ViewInputs => ({
  signals: {frameX: x, frameY: y},
  data: {roofs: [], pairs: [], shifts: [], heads: [], roofLabels: [], names: []},
})
