/// <reference lib="dom" />
/** Every operator as a row, linked to its dot both ways. */
import {format, formatCount, formatShare, rateUnit} from '../../../src/analysis/units.ts'
import {classOf} from '../../chart/classes.ts'
import {bytesOf, formatIntensity} from '../../chart/points.ts'
import {attainableOf, type Operator} from '../../document.ts'
import {breakable, h} from '../dom.ts'
import {live} from '../live.ts'
import type {Store} from '../state.ts'
import {type Column, Table} from '../table.ts'
import {provenanceOf, shapeText} from '../words.ts'
import {classSign} from './roofline.ts'

/** A share as a number over a bar; bars are relative to the largest. */
function share(value: number, largest: number): HTMLElement {
  const bar = h('span', {class: 'bar', 'aria-hidden': 'true'})
  bar.style.width = `${Math.max(0, Math.min(1, value / largest)) * 100}%`
  return h('span', {class: 'share'}, bar, h('span', {}, formatShare(value)))
}

function columns(store: Store): Column<Operator>[] {
  const {result} = store.document
  const largest = Math.max(...result.operators.map((op) => op.share))
  const rate = (op: Operator) => attainableOf(op, result.machine.ceilings)
  return [
    {
      id: 'operator',
      label: 'Operator',
      value: (op) => op.id,
      show: (op) => h('span', {class: 'operator'}, classSign(classOf(op)), h('span', {}, ...breakable(op.id))),
    },
    {
      id: 'share',
      label: 'Share',
      title: 'of the time, all instances',
      numeric: true,
      value: (op) => op.share,
      show: (op) => share(op.share, largest),
    },
    {
      id: 'total_seconds',
      label: 'Time, all',
      title: 'lower bound, all instances',
      numeric: true,
      value: (op) => op.time.lower * op.repeat,
      show: (op) => format(op.time.lower * op.repeat, 's'),
    },
    {
      id: 'bound',
      label: 'Bound by',
      value: (op) => op.bound,
      show: (op) => h('span', {title: provenanceOf(op.bound, result)}, op.bound ?? '–'),
    },
    {
      id: 'intensity',
      label: 'FLOP/B',
      title: 'arithmetic intensity',
      numeric: true,
      value: (op) => op.intensity,
      show: (op) => formatIntensity(op.intensity).replace(' FLOP/B', ''),
    },
    {
      id: 'attainable_flop_per_second',
      label: 'Attainable',
      title: 'FLOP/s, OP/s of integers, at the lower bound of time',
      numeric: true,
      value: rate,
      show: (op) => format(rate(op), rateUnit(op.computes)),
    },
    {id: 'repeat', label: 'Times', numeric: true, value: (op) => op.repeat, show: (op) => formatCount(op.repeat)},
    {
      id: 'flops',
      label: 'FLOPs',
      title: 'of one instance',
      numeric: true,
      value: (op) => op.flops,
      show: (op) => format(op.flops, ''),
    },
    {
      id: 'bytes',
      label: 'Bytes',
      title: 'of one instance, at the outermost level',
      numeric: true,
      value: bytesOf,
      show: (op) => format(bytesOf(op), 'B'),
    },
    {
      id: 'lower_seconds',
      label: 'Time, one',
      title: 'lower bound of one instance',
      numeric: true,
      value: (op) => op.time.lower,
      show: (op) => format(op.time.lower, 's'),
    },
    {
      id: 'upper_seconds',
      label: 'No overlap',
      title: 'upper bound of one instance: nothing overlaps',
      numeric: true,
      screenOnly: true,
      value: (op) => op.time.upper,
      show: (op) => format(op.time.upper, 's'),
    },
    {id: 'kind', label: 'Kind', value: (op) => op.kind},
    {id: 'shape', label: 'Shape', screenOnly: true, value: shapeText},
    {
      id: 'formula',
      label: 'FLOPs are counted as',
      screenOnly: true,
      value: (op) => op.formula,
      show: (op) => h('code', {}, op.formula),
    },
  ]
}

export function operatorsSection(store: Store): HTMLElement {
  let table: Table<Operator>
  const build = () => {
    const {operators} = store.document.result
    table = new Table({
      caption: `${operators.length} operators, numbers of one device`,
      columns: columns(store),
      rows: operators,
      file: 'operators.csv',
      memory: store.memory('operators'),
      rowId: (op) => op.id,
      onPick: (id) => store.set({picked: store.state.picked === id ? '' : id}),
      sortBy: {column: 'share', descending: true},
    })
    table.pick(store.state.picked, false)
    return table.element
  }
  const element = h(
    'section',
    {id: 'operators'},
    h('h2', {}, 'Operators'),
    h('p', {class: 'lead'}, 'Choose a row to mark its dot in the chart, or a dot to mark its row.'),
    live(store, build),
  )
  store.listen((state, changed) => {
    if (changed.has('picked')) table.pick(state.picked, true)
  })
  return element
}
