/** Clock and noise of the measurement: the spread of every measured ceiling. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import {NARROW, type View} from '../view.ts'

const ROW = 20

function rowsOf(analysis: Analysis) {
  return analysis.machine.ceilings.flatMap(
    ({id, kind, value, unit, min, median, max, cv, verdict, samples, clockHz}) => {
      // a latency has a long tail that would flatten the rates beside it; the table has its noise
      if (kind === 'latency') return []
      // least and greatest are times or rates, as the measurement kept them: their ratio to the middle is what shows
      if (min === undefined || max === undefined || median === undefined || !(median > 0)) return []
      const clock = clockHz ? `, ${format(clockHz, 'Hz')}` : ''
      return [
        {
          id,
          low: min / median,
          high: max / median,
          middle: 1,
          verdict: verdict ?? 'ok',
          label: `${formatShare(cv ?? null)}${clock}`,
          cv: cv ?? 0,
          summary: `${id}: ${format(value, unit)}, median ${format(median, unit)}, ${samples ?? '?'} samples, coefficient of variation ${formatShare(cv ?? null)}, ${verdict ?? 'ok'}${clock}`,
        },
      ]
    },
  )
}

const y = {
  field: 'id',
  type: 'nominal' as const,
  sort: null,
  title: null,
  axis: {labelLimit: {expr: 'labelRoom'}, ticks: false, domain: false, labelPadding: 8},
  scale: {padding: 0.25},
}
const x = {
  field: 'low',
  type: 'quantitative' as const,
  title: 'Of the median',
  scale: {
    domain: [{expr: 'range[0]'}, {expr: 'range[1] + (range[1] - range[0]) * 150 / max(100, width - 150)'}],
    nice: false,
    zero: false,
  },
  axis: {format: '.0%', tickCount: {expr: 'width < 400 ? 3 : 6'}, labelFlush: true},
}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 300,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, {name: 'range', value: [0.9, 1.1]}, {name: 'labelRoom', value: 220}],
  layer: [
    {
      data: {name: 'rows'},
      mark: {type: 'rule', strokeWidth: 5, stroke: {expr: 'theme.classes[0]'}, opacity: 0.45, aria: false},
      encoding: {y, x, x2: {field: 'high'}},
    },
    {
      data: {name: 'rows'},
      mark: {type: 'point', filled: true, size: 60, opacity: 1},
      encoding: {
        y,
        x: {...x, field: 'middle'},
        shape: {condition: {test: "datum.verdict === 'ok'", value: 'circle'}, value: 'triangle-up'},
        fill: {
          condition: {test: "datum.verdict === 'ok'", value: {expr: 'theme.classes[0]'}},
          value: {expr: 'theme.classes[1]'},
        },
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
    {
      data: {name: 'rows'},
      mark: {type: 'text', align: 'left', dx: 8, fill: {expr: 'theme.ink'}, aria: false},
      encoding: {y, x: {...x, field: 'high'}, text: {field: 'label', type: 'nominal'}},
    },
  ],
}

/** More bars than this say less: the table of ceilings has the rest. */
const BARS = 30

const leastSteady = (analysis: Analysis) => [...rowsOf(analysis)].sort((a, b) => b.cv - a.cv).slice(0, BARS)

export const noise: View = {
  id: 'noise',
  title: 'Noise of the measurement',
  spec,
  margins: (width) => ({left: width < NARROW ? 126 : 200, right: 14, top: 6, bottom: 44}),
  missing: (analysis) => (rowsOf(analysis).length > 0 ? undefined : 'no ceiling of this machine was measured here'),
  inputs(analysis) {
    const rows = leastSteady(analysis)
    const low = Math.min(0.98, ...rows.map((row) => row.low))
    const high = Math.max(1.02, ...rows.map((row) => row.high))
    return {height: Math.max(1, rows.length) * ROW, signals: {range: [low, high]}, data: {rows}}
  },
  howToRead:
    'The least steady ceilings, the worst first. Each bar spans the slowest and the fastest sample of one ceiling, its sign stands at the median; behind it the coefficient of variation, and the clock where it was measured. A triangle marks a ceiling whose verdict is not ok. Narrow bars mean a quiet machine; a difference within a bar means nothing.',
  assumptions: ['Samples were taken in rounds, every ceiling in each, so that a change of the clock meets all alike.'],
  describe(analysis) {
    const rows = rowsOf(analysis)
    if (rows.length === 0) return 'Noise of 0 measured ceilings.'
    const worst = rows.reduce((a, b) => (b.cv > a.cv ? b : a))
    const odd = rows.filter((row) => row.verdict !== 'ok').length
    return `${rows.length} measured ceilings${rows.length > BARS ? `, the ${BARS} least steady are drawn` : ''}; ${odd} have a verdict other than ok. The least steady is ${worst.id}, coefficient of variation ${formatShare(worst.cv)}.`
  },
}
