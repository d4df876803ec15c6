/** Measured pairs: where fusing takes bytes and time from, and where the roof said it would. */
import type {TopLevelSpec} from 'vega-lite'
import type {FusedPair} from '../../src/analysis/document/bench.ts'
import {format} from '../../src/analysis/units.ts'
import {chartConfig, themeParam} from '../chart/config.ts'
import {figuresOf} from '../pair-figures.ts'
import {NARROW, type View} from '../view.ts'

const measures = ['Bytes', 'Time'] as const

interface Slope {
  pair: string
  measure: (typeof measures)[number]
  /** fused ÷ unfused */
  ratio: number
  /** of the times that the roof allows, in turn where that was measured; for bytes the ratio itself, which is counted and not measured */
  predicted: number
  /** of the same statistic as the ratio: medians of whole runs that were disturbed say otherwise than the turns do */
  label: string
  summary: string
}

/** Pairs that the words name. */
const NAMED = 3

const pairName = ({id, fused, dims}: FusedPair): string =>
  `${id} ${Object.values(dims).join('×')}${fused.dtype === 'f32' ? '' : ` ${fused.dtype}`}`

const factorText = (speedup: number): string => {
  const factor = Number((speedup >= 1 ? speedup : 1 / speedup).toPrecision(3))
  return factor === 1 ? 'as fast' : `${factor} times ${speedup >= 1 ? 'faster' : 'slower'}`
}

function slopes(pairs: readonly FusedPair[]): Slope[] {
  return pairs.flatMap((pair): Slope[] => {
    const {unfused, fused} = pair
    const {measured: speedup, predicted} = figuresOf(pair)
    if (!speedup || unfused.bytes === 0) return []
    const bytes = fused.bytes / unfused.bytes
    const name = pairName(pair)
    const moved = `${format(unfused.bytes, 'B')} → ${format(fused.bytes, 'B')}`
    const roof = predicted ? `, by the roof ${factorText(predicted)}` : ''
    const medians = `medians ${format(unfused.seconds.median, 's')} and ${format(fused.seconds.median, 's')}`
    return [
      {pair: name, measure: 'Bytes', ratio: bytes, predicted: bytes, label: moved, summary: `${name}: ${moved}`},
      {
        pair: name,
        measure: 'Time',
        ratio: 1 / speedup,
        predicted: 1 / (predicted ?? speedup),
        label: factorText(speedup),
        summary: `${name}: ${factorText(speedup)}${roof}; ${medians} over the whole run`,
      },
    ]
  })
}

/** px that the text right of a row takes */
const LABEL = 128

/** On a phone names stand above their rows: beside them they would leave the rows a fifth of the width. */
const ABOVE = 'labelRoom < 40'

/** A name with its middle left out, where it is longer than so many characters. */
const middle = (name: string, most: string) =>
  `(length(${name}) > (${most}) ? slice(${name}, 0, floor((${most}) / 2)) + '…' + slice(${name}, -floor((${most}) / 2) + 1) : ${name})`

const y = {
  field: 'pair',
  type: 'nominal',
  sort: null,
  title: null,
  axis: {
    ...{ticks: false, domain: false, labelPadding: 8, labelLimit: 0},
    // pairs of one name differ at its end: what is cut is the middle
    labelExpr: `${ABOVE} ? '' : ${middle('datum.label', '38')}`,
  },
  scale: {paddingInner: 0.3, paddingOuter: 0.15},
} as const
const yOffset = {field: 'measure', type: 'nominal' as const, sort: null, scale: {domain: [...measures]}}
/** Powers of two: a pair that is 30 times slower leaves the others readable. */
const x = (field: string) => ({
  field,
  type: 'quantitative' as const,
  title: 'Fused ÷ unfused',
  scale: {
    type: 'log' as const,
    base: 2,
    // labels stand right of their points
    domain: [{expr: 'least / 1.1'}, {expr: `most * pow(most / least, min(3, ${LABEL} / max(20, width - ${LABEL})))`}],
    nice: false,
  },
  axis: {
    values: Array.from({length: 17}, (_, i) => 2 ** (i - 8)),
    labelExpr: "datum.value < 1 ? '1/' + round(1 / datum.value) : datum.value + ' ×'",
    labelOverlap: 'greedy' as const,
  },
})
const color = {
  field: 'measure',
  type: 'nominal',
  title: null,
  scale: {domain: [...measures], range: [{expr: 'theme.classes[0]'}, {expr: 'theme.classes[1]'}]},
  legend: {orient: 'top', direction: 'horizontal'},
} as const

const spec: TopLevelSpec = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  width: 860,
  height: 290,
  autosize: 'pad',
  config: chartConfig,
  params: [themeParam, {name: 'least', value: 0.5}, {name: 'most', value: 1}, {name: 'labelRoom', value: 306}],
  layer: [
    {
      data: {name: 'slopes'},
      mark: {type: 'rule', strokeWidth: 2},
      encoding: {
        y,
        yOffset,
        x: x('unfused'),
        x2: {field: 'ratio'},
        color,
        description: {field: 'summary', type: 'nominal'},
        tooltip: {field: 'summary', type: 'nominal'},
      },
    },
    {
      data: {name: 'slopes'},
      mark: {type: 'point', filled: false, size: 44, strokeWidth: 2, aria: false},
      encoding: {y, yOffset, x: x('unfused'), color},
    },
    {
      data: {name: 'slopes'},
      mark: {type: 'point', filled: true, size: 64, opacity: 1, aria: false},
      encoding: {y, yOffset, x: x('ratio'), color},
    },
    {
      data: {name: 'predictions'},
      mark: {type: 'tick', thickness: 2, size: 14, stroke: {expr: 'theme.ink'}, aria: false},
      encoding: {y, yOffset, x: x('predicted')},
    },
    {
      data: {name: 'slopes'},
      mark: {type: 'text', align: 'left', baseline: 'middle', dx: 10, fill: {expr: 'theme.ink'}, aria: false},
      encoding: {
        y,
        yOffset,
        x: x('right'),
        text: {field: 'label', type: 'nominal'},
      },
    },
    {
      data: {name: 'predictions'},
      transform: [{filter: ABOVE}, {calculate: middle('datum.pair', 'floor(width / 7.8)'), as: 'name'}],
      // in the gap that rows leave above each pair
      mark: {type: 'text', align: 'left', baseline: 'bottom', dx: 2, dy: 3, fontSize: 12, aria: false},
      encoding: {y: {...y, bandPosition: 0}, x: {value: 0}, text: {field: 'name'}, color: {value: {expr: 'theme.ink'}}},
    },
  ],
}

const none = 'the page embeds no measured pairs (`perf compare --fused all --report FILE.html`)'

export const pairs: View = {
  id: 'pairs',
  title: 'Fused against unfused, measured',
  spec,
  margins: (width) => ({left: width < NARROW ? 10 : 320, right: 10, top: 34, bottom: 44}),
  missing: (_analysis, more) => ((more.pairs ?? []).length > 0 ? undefined : none),
  inputs(_analysis, _state, more) {
    const rows = slopes(more?.pairs ?? []).map((row) => ({
      ...row,
      unfused: 1,
      right: Math.max(1, row.ratio, row.predicted),
    }))
    const height = Math.max(120, rows.length * 24)
    return {
      signals: {
        least: Math.min(0.5, ...rows.flatMap((row) => [row.ratio, row.predicted])),
        most: Math.max(1, ...rows.map((row) => row.right)),
      },
      data: {slopes: rows, predictions: rows.filter(({measure}) => measure === 'Time')},
      height,
      ...(rows.length > 0 ? {row: (height / rows.length) * measures.length} : {}),
    }
  },
  howToRead:
    'One pair per row: the hollow point at 1 is the chain of separate kernels, the filled one the fused kernel, the line between them what fusing takes away. The upright tick is where the measured roof puts the fused time: a filled point at its tick is what was predicted, one right of it falls short. Beyond 1 fusing costs time. The axis is logarithmic.',
  assumptions: [
    'Both sides ran in turn over the same tensors, checked against the same reference. How much faster is the median over the turns of one time ÷ the other, where ceilings were measured beside them, else one median ÷ the other.',
    'Bytes are compulsory: every tensor of a kernel read or written once, what a chain passes on counted twice.',
  ],
  describe(_analysis, more) {
    const list = (more?.pairs ?? []).flatMap((pair) => {
      const {measured: speedup} = figuresOf(pair)
      return speedup ? [{pair, speedup}] : []
    })
    const sorted = [...list].sort((a, b) => b.speedup - a.speedup)
    const faster = sorted.filter(({speedup}) => speedup > 1)
    const name = ({pair, speedup}: (typeof list)[number]) => `${pairName(pair)} (${factorText(speedup)})`
    const most = faster.slice(0, NAMED).map(name)
    const least = sorted.slice(-1).filter(({speedup}) => speedup < 1)
    return (
      `${list.length} pairs measured, ${faster.length} of them faster fused` +
      `${most.length > 0 ? `, most of all ${most.join(', ')}` : ''}${least.length > 0 ? `; the slowest is ${least.map(name).join('')}` : ''}. Hollow: separate kernels; filled: fused; upright tick: what the roof predicts.`
    )
  },
}
