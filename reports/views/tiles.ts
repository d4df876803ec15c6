/** Intensity against the edge of a block: a product, a convolution and attention, with what each level needs, holds, and at best allows. */
import type {TopLevelSpec} from 'vega-lite'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import {format, formatCapacity, formatCount} from '../../src/analysis/units.ts'
import {si, tickParams, ticks, titleAbove} from '../chart/axes.ts'
import {cachesOf, curvesOf, EDGES, edgeTicks, pointsAlong} from '../chart/blocks.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import {formatIntensity} from '../chart/points.ts'
import {mainRidge, roofOf} from '../chart/roofs.ts'
import type {View, ViewMore} from '../view.ts'

const HEIGHT = 340
/** px between two labels of ridges */
const APART = 15
/** Colours by class of the roofline: products, convolutions beside norms' green, attention. */
const kinds = [
  {id: 'product', color: 0, dash: [1, 0]},
  {id: 'convolution', color: 2, dash: [8, 4]},
  {id: 'attention', color: 1, dash: [2, 3]},
] as const

const x = {
  field: 'edge',
  type: 'quantitative' as const,
  title: 'Edge of a block',
  scale: {type: 'log' as const, base: 2, domain: [...EDGES], nice: false},
  axis: {values: edgeTicks, format: ',', labelOverlap: 'greedy' as const, labelSeparation: 8},
}
const y = {
  field: 'intensity',
  type: 'quantitative' as const,
  title: 'FLOP per byte moved for the block',
  scale: {type: 'log' as const, domain: [{expr: 'range[0]'}, {expr: 'range[1]'}], nice: false},
  axis: {values: ticks('y'), labelExpr: si, labelOverlap: 'greedy' as const, ...titleAbove},
}
const legend = {
  orient: 'top' as const,
  columns: {expr: 'width < 980 ? 1 : 3'},
  labelExpr: 'names[datum.label] || datum.label',
  labelLimit: 0,
  offset: 26,
  symbolType: 'stroke',
  symbolStrokeWidth: 3,
  symbolSize: 300,
}
const color = {
  field: 'kind',
  type: 'nominal' as const,
  title: null,
  scale: {domain: kinds.map(({id}) => id), range: kinds.map((kind) => ({expr: `theme.classes[${kind.color}]`}))},
  legend,
}
const dash = {
  field: 'kind',
  type: 'nominal' as const,
  title: null,
  scale: {domain: kinds.map(({id}) => id), range: kinds.map((kind) => [...kind.dash])},
  legend,
}
const label = {clip: true, stroke: {expr: 'theme.surface'}, strokeWidth: 4, strokeJoin: 'round' as const, aria: false}

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: HEIGHT,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, ...tickParams, {name: 'range', value: [1, 10_000]}, {name: 'names', value: {}}],
  layer: [
    {
      data: {name: 'needs'},
      mark: {type: 'rule', clip: true, strokeDash: [9, 4], stroke: {expr: 'theme.muted'}, strokeWidth: 1.2},
      encoding: {y, description: {field: 'summary', type: 'nominal'}},
    },
    {
      data: {name: 'curves'},
      mark: {type: 'line', clip: true, strokeWidth: 2.5, aria: false},
      encoding: {x, y, color, strokeDash: dash},
    },
    {
      data: {name: 'holds'},
      mark: {type: 'rule', clip: true, strokeWidth: 1.2, aria: false},
      encoding: {x, y, y2: {field: 'most'}, color},
    },
    {
      data: {name: 'holds'},
      mark: {type: 'tick', clip: true, orient: 'horizontal', width: 13, thickness: 2.5, opacity: 1},
      encoding: {
        x,
        y: {...y, field: 'most'},
        color,
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
    {
      data: {name: 'holds'},
      mark: {type: 'point', clip: true, filled: true, size: 80, opacity: 1},
      encoding: {
        x,
        y,
        color,
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
    ...[label, {clip: true, fill: {expr: 'theme.ink'}, aria: false}].map((mark) => ({
      data: {name: 'holds'},
      mark: {type: 'text' as const, align: 'left' as const, baseline: 'top' as const, dx: 6, dy: 4, ...mark},
      encoding: {x, y, text: {field: 'level', type: 'nominal' as const}},
    })),
    ...[label, {clip: true, fill: {expr: 'theme.muted'}, aria: false}].map((mark) => ({
      data: {name: 'needLabels'},
      mark: {type: 'text' as const, align: 'right' as const, baseline: 'bottom' as const, dx: -4, dy: -3, ...mark},
      encoding: {
        x: {value: {expr: 'width'}},
        y,
        text: {field: 'label', type: 'nominal' as const},
      },
    })),
  ],
}

/** The ridge of each level: what a block has to reach so that the level's bandwidth feeds the arithmetic. */
function needsOf(analysis: Analysis) {
  const {peak} = mainRidge(analysis)
  return roofOf(analysis.machine).levels.map(({level, rate}) => {
    const intensity = peak / rate
    return {level, intensity, summary: `${level} feeds blocks from its ridge on: ${formatIntensity(intensity)}`}
  })
}

/** Labels of ridges, those that would lie on one another joined. */
function needLabels(needs: ReturnType<typeof needsOf>, [low, high]: readonly [number, number]) {
  const px = HEIGHT / Math.log(high / low)
  const rows: {intensity: number; levels: string[]; values: number[]}[] = []
  for (const {level, intensity} of [...needs].sort((a, b) => a.intensity - b.intensity)) {
    const last = rows.at(-1)
    if (last && px * Math.log(intensity / last.intensity) < APART) {
      last.levels.push(level)
      last.values.push(intensity)
      last.intensity = intensity
    } else rows.push({intensity, levels: [level], values: [intensity]})
  }
  return rows.map(({intensity, levels, values}) => {
    const numbers = [...new Set(values.map((value) => Number(value.toPrecision(3))))].join(' and ')
    return {intensity, label: `ridge of ${levels.join(', ')}: ${numbers} FLOP/B`}
  })
}

/** Where a cache holds a block of each operator, and what no schedule passes with that much fast memory. */
function holdsOf(analysis: Analysis, more: ViewMore | undefined) {
  return curvesOf(analysis).flatMap(({model}) => {
    const byEdge = new Map<number, {levels: string[]; bytes: number}>()
    for (const {level, bytes} of cachesOf(more)) {
      const edge = model.fits(bytes)
      // a block that is the whole operator is in every larger cache, too: the smallest has the bound that it is read beside
      if (edge >= EDGES[0]) {
        const {levels, bytes: least} = byEdge.get(edge) ?? {levels: [], bytes}
        byEdge.set(edge, {levels: [...levels, level], bytes: least})
      }
    }
    return [...byEdge].map(([edge, {levels, bytes}]) => {
      const level = levels.join(', ')
      const [intensity, most] = [model.intensity(edge), model.atMost(bytes)]
      const summary = `${level} (${formatCapacity(bytes)}): largest block of the ${model.kind} ${formatCount(edge)}, ${formatIntensity(intensity)}; no schedule passes ${formatIntensity(most)} with that much`
      return {kind: model.kind, level, edge, intensity, most: Math.max(most, intensity), summary}
    })
  })
}

export const tiles: View = {
  id: 'tiles',
  title: 'Blocks: how large is large enough',
  spec,
  margins: (width) => ({left: 56, right: 20, top: width < 1060 ? 104 : 66, bottom: 44}),
  missing: (analysis) =>
    analysis.operators.some((op) => op.macs > 0) ? undefined : 'this workload has no product, convolution or attention',
  inputs(analysis, _state, more) {
    const curves = curvesOf(analysis)
    const holds = holdsOf(analysis, more)
    const needs = needsOf(analysis)
    const rows = curves.flatMap(({model}) => pointsAlong(model).map((point) => ({kind: model.kind, ...point})))
    const values = [...rows, ...needs].map(({intensity}) => intensity)
    const range: [number, number] = [
      Math.min(...values) / 1.6,
      Math.max(...values, ...holds.map(({most}) => most)) * 1.6,
    ]
    return {
      signals: {range, names: Object.fromEntries(curves.map(({model, name}) => [model.kind, name]))},
      data: {curves: rows, needs, needLabels: needLabels(needs, range), holds},
    }
  },
  howToRead:
    'A curve is the work that an operator does per byte moved for its blocks, whose edge is counted in elements of a product, output positions of a convolution, queries of attention: larger blocks use what they have more often, until the block is the whole operator and the curve ends. Where a curve crosses a dashed line, the level of that name feeds the blocks fast enough for the peak; smaller blocks wait for it. A dot is the largest block that a cache holds; the bar above it is what no schedule passes with a fast memory of that size (the lower bound of moved bytes): the gap between them is what a better blocking could win. A good block lies left of its cache’s dot and above the ridge of the level behind that cache.',
  assumptions: [
    'Product: square blocks of c stay while a and b pass, 2·m·n·k FLOP ÷ (bytes · (2·m·n·k/edge + m·n)), three blocks in the cache (Goto and van de Geijn 2008); bound 2·m·n·k/√S + m·n elements (Kwasniewski et al. 2019).',
    'Convolution: edge × edge output positions by edge² ÷ R filters stay, R = taps ÷ stride² outputs per input (Chen, Han and Wang 2020); the order of the bound is that of Demmel and Dinh (2018).',
    'Attention: a block of queries stays with its sums while keys and values pass (Dao et al. 2022); bound of the order seq²·d² ÷ S, its constant taken as 1 (Saha and Ye 2024).',
    'The curves are of the workload’s largest operator of each kind, of a usual one where it has none. Capacities are those that a sweep found, else those that the machine claims; datasheet machines state none here.',
  ],
  describe(analysis, more) {
    const {peak, unit} = mainRidge(analysis)
    const needs = needsOf(analysis)
    const parts = curvesOf(analysis).map(({model, name}) => {
      const edges = needs.map(({level, intensity}) => {
        const edge = model.atRidge(intensity)
        return `${level} ${edge === null ? 'never' : formatCount(edge)}`
      })
      return `${name}: ${edges.join(', ')}`
    })
    const held = holdsOf(analysis, more)
      .filter(({kind}) => kind === 'product')
      .map(({level, edge}) => `${level} ${formatCount(edge)}`)
    return (
      `Edge from which each level feeds the peak of ${format(peak, unit)}. ${parts.join('; ')}.` +
      (held.length > 0 ? ` Largest block of the product that a cache holds: ${held.join(', ')}.` : '')
    )
  },
}
