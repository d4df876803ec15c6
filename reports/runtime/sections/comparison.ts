/// <reference lib="dom" />
/** What changed between two documents: the chart, and every figure with its ratio and whether it means anything. */
import {compareDocuments} from '../../../src/analysis/compare.ts'
import type {Change} from '../../../src/analysis/document/comparison.ts'
import {type BaseUnit, baseUnits, format} from '../../../src/analysis/units.ts'
import {comparison} from '../../views/comparison.ts'
import {h} from '../dom.ts'
import {live} from '../live.ts'
import type {Store} from '../state.ts'
import {type Column, Table} from '../table.ts'
import type {Tooltip} from '../tooltip.ts'
import {chartSection, type Section} from './chart.ts'

const isBase = (unit: string): unit is BaseUnit => (baseUnits as readonly string[]).includes(unit)
const shown = (value: number | null, unit: string) => format(value, isBase(unit) ? unit : '')

function difference({before, after, unit}: Change): string {
  if (before === null || after === null) return '–'
  const by = after - before
  return by === 0 ? '0' : `${by > 0 ? '+' : '−'}${shown(Math.abs(by), unit)}`
}

const columns: Column<Change>[] = [
  {id: 'subject', label: 'What', value: (c) => c.subject},
  {id: 'metric', label: 'Figure', value: (c) => c.metric},
  {id: 'before', label: 'Before', numeric: true, value: (c) => c.before, show: (c) => shown(c.before, c.unit)},
  {id: 'after', label: 'After', numeric: true, value: (c) => c.after, show: (c) => shown(c.after, c.unit)},
  {
    id: 'ratio',
    label: 'After ÷ before',
    numeric: true,
    value: (c) => c.ratio,
    show: (c) => (c.ratio === null ? '–' : `${Number(c.ratio.toPrecision(3))} ×`),
  },
  {
    id: 'change',
    label: 'Change',
    title: 'after less before',
    numeric: true,
    value: (c) => (c.before === null || c.after === null ? null : c.after - c.before),
    show: difference,
  },
  {
    id: 'significant',
    label: 'Significant',
    title: 'beyond what two runs of the same thing differ by: 0.1 % of computed figures',
    value: (c) => (c.significant ? 'yes' : 'no'),
    show: (c) =>
      h('span', {class: c.significant ? 'significant' : 'quiet'}, `${c.significant ? '● yes' : '○ no'}: ${c.reason}`),
  },
]

export function comparisonSection(store: Store, tooltip: Tooltip): Section | undefined {
  const {before} = store.more
  if (!before) return undefined
  const section = chartSection(comparison, store, tooltip)
  const table = () => {
    const after = store.document.result
    const {result} = compareDocuments({kind: 'analysis', result: before}, {kind: 'analysis', result: after})
    return h(
      'div',
      {},
      h('p', {}, result.summary),
      new Table({
        caption: `${result.changes.length} figures, before and after`,
        columns,
        rows: result.changes,
        file: 'changes.csv',
        memory: store.memory('changes'),
      }).element,
    )
  }
  section.element.append(live(store, table))
  return section
}
