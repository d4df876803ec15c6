/** The picture that both views of a batch sweep share: one line per phase over the batch, both axes logarithmic. */
import type {TopLevelSpec} from 'vega-lite'
import {formatCount} from '../../src/analysis/units.ts'
import type {ViewInputs} from '../view.ts'
import {around, seconds, si, tickParams, ticks, titleAbove} from './axes.ts'
import {type BatchSweep, LARGEST} from './batches.ts'
import {chartConfig, themeParam} from './config.ts'

const phases = ['prefill', 'decode', 'forward', 'train']

/** On a telephone's plot neither side of the knee is as long as its label: it takes two lines, broken where the batch begins. */
const NARROW = 300

/** @param field what the height shows */
export function batchSpec(field: 'rate' | 'latency', title: string): TopLevelSpec {
  const x = {
    field: 'batch',
    type: 'quantitative' as const,
    title: 'Batch',
    scale: {type: 'log' as const, base: 2, domain: [1, LARGEST], nice: false},
    axis: {values: Array.from({length: 11}, (_, i) => 2 ** i), format: ',', labelOverlap: 'greedy' as const},
  }
  const y = {
    field,
    type: 'quantitative' as const,
    title,
    scale: {type: 'log' as const, domain: [{expr: 'range[0]'}, {expr: 'range[1]'}], nice: false},
    axis: {
      values: ticks('y'),
      labelExpr: field === 'latency' ? seconds : si,
      labelOverlap: 'greedy' as const,
      ...titleAbove,
    },
  }
  const color = {
    field: 'phase',
    type: 'nominal' as const,
    title: null,
    scale: {domain: phases, range: phases.map((_, i) => ({expr: `theme.classes[${i}]`}))},
    legend: null,
  }
  const shape = {
    field: 'phase',
    type: 'nominal' as const,
    title: null,
    scale: {domain: phases, range: ['circle', 'diamond', 'circle', 'square']},
    legend: null,
  }
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 860,
    height: 280,
    autosize: 'pad',
    config: chartConfig,
    params: [themeParam, ...tickParams, {name: 'range', value: [1, 1000]}],
    layer: [
      {
        data: {name: 'marks'},
        mark: {type: 'rule', strokeWidth: 1.5, aria: false},
        encoding: {
          x,
          color,
          strokeDash: {condition: {test: "datum.kind === 'knee'", value: [7, 4]}, value: [2, 4]},
        },
      },
      {data: {name: 'rows'}, mark: {type: 'line', strokeWidth: 2, aria: false}, encoding: {x, y, color}},
      {
        data: {name: 'rows'},
        mark: {type: 'point', filled: true, size: 70, opacity: 1, strokeWidth: 2},
        encoding: {
          x,
          y,
          shape,
          stroke: color,
          // hollow where the memory is too small
          fill: {condition: {test: 'datum.fits', ...color}, value: {expr: 'theme.surface'}},
          description: {field: 'summary', type: 'nominal'},
          tooltip: {field: 'summary', type: 'nominal'},
        },
      },
      {
        data: {name: 'marks'},
        mark: {
          type: 'text',
          baseline: 'middle',
          align: {expr: "scale('x', datum.batch) > width / 2 ? 'right' : 'left'"},
          dx: {expr: "scale('x', datum.batch) > width / 2 ? -6 : 6"},
          lineBreak: {expr: `width < ${NARROW} ? ' at ' : ''`},
          fill: {expr: 'theme.ink'},
        },
        encoding: {
          x,
          y: {value: {expr: `width < ${NARROW} ? height - 25 - 31 * datum.row : height - 10 - 16 * datum.row`}},
          text: {field: 'text', type: 'nominal'},
        },
      },
      {
        data: {name: 'ends'},
        mark: {type: 'text', align: 'left', baseline: 'middle', dx: 9, fill: {expr: 'theme.ink'}},
        encoding: {x, y, text: {field: 'phase', type: 'nominal'}},
      },
    ],
  }
}

/** Rows and signals of a sweep. */
export function batchInputs({rows, marks}: BatchSweep, field: 'rate' | 'latency'): ViewInputs {
  const phases = [...new Set(rows.map((row) => row.phase))]
  return {
    signals: {range: rows.length > 0 ? around(rows.map((row) => row[field])) : [1, 1000]},
    data: {
      rows,
      marks: marks.map((mark, row) => ({...mark, row, text: `${mark.phase}: ${mark.label}`})),
      ends: phases.map((phase) => rows.findLast((row) => row.phase === phase)!),
    },
  }
}

/** A sweep in words, as the picture of `field` shows it. */
export function batchWords({rows, marks, knees, sizes, unit}: BatchSweep, field: 'rate' | 'latency'): string {
  const over = rows.find((row) => !row.fits)
  const ridges = marks.filter(({kind}) => kind === 'ridge')
  return (
    `Batch 1 to ${formatCount(rows.at(-1)?.batch ?? 1)}, ${field === 'rate' ? `${unit.toLowerCase()} per second of all devices` : 'time of one pass'}; ${sizes}. ` +
    (ridges.length > 0
      ? `${ridges.map((ridge) => `Arithmetic binds ${ridge.phase} from batch ${formatCount(ridge.batch)} on`).join('; ')}.`
      : 'The bound stays the same over all batches.') +
    (knees.length > 0 ? ` ${knees.join('. ')}.` : '') +
    (over ? ` From batch ${formatCount(over.batch)} on ${over.phase} does not fit the memory of one device.` : '')
  )
}
