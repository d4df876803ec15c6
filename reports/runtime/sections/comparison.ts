/// <reference lib="dom" />
/** What changed between two documents: the chart, and every figure with its ratio and whether it means anything. */
import {compareDocuments} from '../../../src/analysis/compare.ts'
import {compareMeasured, measuredPoints} from '../../../src/analysis/compare-measured.ts'
import type {Change, Comparison} from '../../../src/analysis/document/comparison.ts'
import {type BaseUnit, baseUnits, format} from '../../../src/analysis/units.ts'
import {shortId} from '../../chart/classes.ts'
import type {View} from '../../view.ts'
import {comparison} from '../../views/comparison.ts'
import {profiles} from '../../views/profiles.ts'
import {timings} from '../../views/timings.ts'
import {breakable, h} from '../dom.ts'
import {live} from '../live.ts'
import type {Store} from '../state.ts'
import {type Column, Table} from '../table.ts'
import type {Tooltip} from '../tooltip.ts'
import {chartSection, type Section} from './chart.ts'

const isBase = (unit: string): unit is BaseUnit => (baseUnits as readonly string[]).includes(unit)
/** A value with its unit; units that take no prefix are named by the figure. */
export const valueText = (value: number | null, unit: string): string => format(value, isBase(unit) ? unit : '')

function difference({before, after, unit}: Change): string {
  if (before === null || after === null) return '–'
  const by = after - before
  return by === 0 ? '0' : `${by > 0 ? '+' : '−'}${valueText(Math.abs(by), unit)}`
}

/** What a row is about; of a kernel the operators that stand for it on the other side. */
function subject({subject, operators}: Change): HTMLElement {
  const names = (side: 'before' | 'after') => operators![side].map(shortId).join(', ')
  const apart = (side: 'before' | 'after') => operators![side].length > 1 && `${side}: ${names(side)}`
  return h(
    'span',
    {},
    ...breakable(subject),
    operators && h('span', {class: 'quiet became'}, [apart('before'), apart('after')].filter(Boolean).join('; ')),
  )
}

const columns: Column<Change>[] = [
  {id: 'subject', label: 'What', value: (c) => c.subject, show: subject},
  {id: 'metric', label: 'Figure', value: (c) => c.metric},
  {id: 'before', label: 'Before', numeric: true, value: (c) => c.before, show: (c) => valueText(c.before, c.unit)},
  {id: 'after', label: 'After', numeric: true, value: (c) => c.after, show: (c) => valueText(c.after, c.unit)},
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
    title:
      'beyond what two runs of the same thing differ by: 0.1 % of computed figures, two standard deviations of the difference of measured ones',
    value: (c) => (c.significant ? 'yes' : 'no'),
    show: (c) =>
      h('span', {class: c.significant ? 'significant' : 'quiet'}, `${c.significant ? '● yes' : '○ no'}: ${c.reason}`),
  },
]

/** A chart of two documents, and every figure of both: built again where the document after can be computed again. */
function changesSection(view: View, compare: () => Comparison, store: Store, tooltip: Tooltip): Section {
  const section = chartSection(view, store, tooltip)
  const table = () => {
    const {changes, summary} = compare()
    return h(
      'div',
      {},
      h('p', {}, summary),
      new Table({
        caption: `${changes.length} figures, before and after`,
        columns,
        rows: changes,
        file: 'changes.csv',
        memory: store.memory('changes'),
      }).element,
    )
  }
  section.element.append(live(store, table))
  return section
}

/** What changed between the page's document and the one before, of whatever kind both are; `undefined` where there is one. */
export function comparisonOf(store: Store): Comparison | undefined {
  const {before, pointsBefore, machineBefore, machine, points} = store.more
  if (before)
    return compareDocuments({kind: 'analysis', result: before}, {kind: 'analysis', result: store.document.result})
      .result
  if (machineBefore && machine)
    return compareDocuments({kind: 'machine', result: machineBefore}, {kind: 'machine', result: machine}).result
  if (!pointsBefore || !points) return undefined
  const after = measuredPoints({...pointsBefore, machine: store.document.result.machine, points: [...points]})
  return compareMeasured(measuredPoints(pointsBefore), after)
}

const viewOf: Readonly<Record<Store['subject'], View>> = {analysis: comparison, points: timings, machine: profiles}

export function comparisonSection(store: Store, tooltip: Tooltip): Section | undefined {
  if (!comparisonOf(store)) return undefined
  return changesSection(viewOf[store.subject], () => comparisonOf(store)!, store, tooltip)
}
