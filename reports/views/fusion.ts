/** Fused against unfused: bytes, time and operators of every fusion level, relative to no fusion. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatCount} from '../../src/analysis/units.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import type {View} from '../view.ts'

const measures = ['Bytes', 'Time', 'Operators'] as const

interface Bar {
  level: string
  measure: (typeof measures)[number]
  ratio: number
  label: string
}

function bars(analysis: Analysis): Bar[] {
  const {levels} = analysis.fusion
  const base = levels.find((level) => level.fusion === 'none') ?? levels[0]
  if (!base) return []
  return levels.flatMap((level): Bar[] => {
    const name = level.fusion === analysis.workload.fusion ? `► ${level.fusion}` : level.fusion
    const bar = (measure: Bar['measure'], value: number, of: number, text: string): Bar => {
      const ratio = of > 0 ? value / of : 0
      const percent = level === base ? '' : ` · ${(100 * ratio).toFixed(ratio > 0.995 && ratio < 1 ? 1 : 0)} %`
      return {level: name, measure, ratio, label: text + percent}
    }
    return [
      bar('Bytes', level.bytes, base.bytes, format(level.bytes, 'B')),
      bar('Time', level.time.lower, base.time.lower, format(level.time.lower, 's')),
      bar('Operators', level.operators, base.operators, `${formatCount(level.operators)} ops`),
    ]
  })
}

const y = {
  field: 'level',
  type: 'nominal',
  sort: null,
  title: null,
  axis: {ticks: false, domain: false, labelPadding: 8, labelLimit: 120},
  scale: {paddingInner: 0.25, paddingOuter: 0.1},
} as const
const yOffset = {
  field: 'measure',
  type: 'nominal' as const,
  sort: null,
  scale: {domain: [...measures], paddingInner: 0.12},
}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 290,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, {name: 'most', value: 1}],
  layer: [
    {
      data: {name: 'levels'},
      mark: {type: 'bar'},
      encoding: {
        y,
        yOffset,
        x: {
          field: 'ratio',
          type: 'quantitative',
          title: 'Relative to no fusion',
          scale: {domain: [0, {expr: 'most * (width < 420 ? 1.75 : 1.3)'}], nice: false},
          axis: {format: '.0%', values: [0, 0.25, 0.5, 0.75, 1], labelOverlap: 'greedy'},
        },
        color: {
          field: 'measure',
          type: 'nominal',
          title: null,
          scale: {
            domain: [...measures],
            range: [{expr: 'theme.classes[0]'}, {expr: 'theme.classes[1]'}, {expr: 'theme.classes[4]'}],
          },
          legend: {orient: 'top', direction: 'horizontal'},
        },
        description: {field: 'label', type: 'nominal'},
        tooltip: {field: 'label', type: 'nominal'},
      },
    },
    {
      data: {name: 'levels'},
      mark: {type: 'text', align: 'left', baseline: 'middle', dx: 6, fill: {expr: 'theme.ink'}, aria: false},
      encoding: {
        y,
        yOffset: {...yOffset, bandPosition: 0.5},
        x: {field: 'ratio', type: 'quantitative'},
        text: {field: 'label', type: 'nominal'},
      },
    },
  ],
}

export const fusion: View = {
  id: 'fusion',
  title: 'Fused against unfused',
  spec,
  margins: () => ({left: 106, right: 10, top: 34, bottom: 44}),
  inputs(analysis) {
    const rows = bars(analysis)
    return {signals: {most: Math.max(1, ...rows.map((bar) => bar.ratio))}, data: {levels: rows}}
  },
  howToRead:
    'Four ways to run the same graph: every operator apart, chains of elementwise operators joined, attention without its score matrix in memory, and everything that can share a kernel. ► marks the one that this report uses. Shorter bars are better; fewer operators also mean fewer launches.',
  assumptions: [
    'A fused operator reads its inputs and writes its outputs once; what lies between never reaches memory.',
    'Fused kernels are taken to reach the same ceilings as unfused ones.',
  ],
  describe(analysis) {
    const text = analysis.fusion.levels.map(
      (level) => `${level.fusion} ${format(level.bytes, 'B')} in ${format(level.time.lower, 's')}`,
    )
    return `Bytes and least time by fusion level: ${text.join('; ')}. This report uses ${analysis.workload.fusion}.`
  },
}
