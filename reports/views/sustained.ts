/** Rate and clock under a load that lasts: what remains when the machine is hot. */
import type {TopLevelSpec} from 'vega-lite'
import {format, formatShare} from '../../src/analysis/units.ts'
import {si, titleAbove} from '../chart/axes.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import type {View, ViewMore} from '../view.ts'

interface Point {
  readonly seconds: number
  readonly flopsPerSecond: number
  readonly clockHz?: number
}

interface Curve {
  readonly points: readonly Point[]
  /** FLOP/s: the best, and the median of the last third */
  readonly peak: number
  readonly remains: number
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isPoint = (value: unknown): value is Point =>
  isRecord(value) && typeof value.seconds === 'number' && typeof value.flopsPerSecond === 'number'

function curveOf(more: ViewMore | undefined): Curve | undefined {
  const found: unknown = more?.machine?.identity.sustained
  if (!isRecord(found) || !Array.isArray(found.curve)) return undefined
  const points = found.curve.filter(isPoint)
  const {peak, remains} = found
  return points.length > 1 && typeof peak === 'number' && typeof remains === 'number'
    ? {points, peak, remains}
    : undefined
}

const x = {
  field: 'seconds',
  type: 'quantitative' as const,
  title: 'Seconds under load',
  scale: {domain: [0, {expr: 'reach'}], nice: false},
  axis: {tickCount: 8},
}
const y = {
  field: 'flopsPerSecond',
  type: 'quantitative' as const,
  title: 'f32 FMA, all threads (FLOP/s)',
  scale: {domain: [0, {expr: 'top'}], nice: true},
  axis: {labelExpr: si, tickCount: 5, ...titleAbove},
}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 260,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, {name: 'reach', value: 60}, {name: 'top', value: 1e12}],
  layer: [
    {
      data: {name: 'limits'},
      mark: {type: 'rule', strokeDash: [6, 4], stroke: {expr: 'theme.classes[1]'}, strokeWidth: 1.5, aria: false},
      encoding: {y},
    },
    {
      data: {name: 'curve'},
      mark: {type: 'line', strokeWidth: 2, stroke: {expr: 'theme.classes[0]'}, aria: false},
      encoding: {x, y},
    },
    {
      data: {name: 'curve'},
      mark: {type: 'point', filled: true, size: 36, opacity: 1, fill: {expr: 'theme.classes[0]'}},
      encoding: {x, y, description: {field: 'summary', type: 'nominal'}, tooltip: {field: 'summary', type: 'nominal'}},
    },
    {
      data: {name: 'limits'},
      mark: {type: 'text', align: 'left', baseline: 'top', dx: 6, dy: 6, fill: {expr: 'theme.ink'}, x: 0},
      encoding: {y, text: {field: 'label', type: 'nominal'}},
    },
  ],
}

export const sustained: View = {
  id: 'sustained',
  title: 'Under a load that lasts',
  spec,
  margins: () => ({left: 56, right: 20, top: 26, bottom: 44}),
  missing: (_analysis, more) =>
    curveOf(more) ? undefined : 'this machine was not measured with `perf measure --sustain SECONDS`',
  inputs(_analysis, _state, more) {
    const curve = curveOf(more)
    return {
      signals: {
        reach: curve ? curve.points.at(-1)!.seconds : 60,
        top: curve ? Math.max(...curve.points.map((p) => p.flopsPerSecond)) : 1e12,
      },
      data: {
        curve: (curve?.points ?? []).map((p) => ({
          ...p,
          summary: `${p.seconds.toFixed(1)} s: ${format(p.flopsPerSecond, 'FLOP/s')}${p.clockHz ? ` at ${format(p.clockHz, 'Hz')}` : ''}`,
        })),
        limits: curve ? [{flopsPerSecond: curve.remains, label: `remains: ${format(curve.remains, 'FLOP/s')}`}] : [],
      },
    }
  },
  howToRead:
    'All threads run fused multiply-adds without a pause. A line that falls is a machine that lowers its clock as it warms up; the dashed line is the rate that remains, the median of the last third.',
  assumptions: ['f32 FMA in registers: memory and other types may heat the machine more or less.'],
  describe(_analysis, more) {
    const curve = curveOf(more)
    if (!curve) return 'No sustained load was measured: 0 points.'
    return `Under ${curve.points.at(-1)!.seconds.toFixed(0)} s of load the rate goes from ${format(curve.peak, 'FLOP/s')} at best to ${format(curve.remains, 'FLOP/s')} that remain, ${formatShare(curve.remains / curve.peak)} of it.`
  },
}
