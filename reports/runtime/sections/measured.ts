/// <reference lib="dom" />
/** Points that were measured elsewhere, under their roofs; beside the prediction where they are operators of an analysis. */
import type {Joined, PlacedPoint} from '../../../src/analysis/document/placement.ts'
import {format, formatCount, formatShare, rateUnit} from '../../../src/analysis/units.ts'
import {formatIntensity} from '../../chart/points.ts'
import {breakable, h} from '../dom.ts'
import type {Store} from '../state.ts'
import {type Column, Table} from '../table.ts'
import {provenanceOf, unbroken} from '../words.ts'

/** A verdict as a word with a sign: unsteady is a state of the machine, wrong is an error. */
function verdict({verdict, reason}: PlacedPoint): HTMLElement {
  const kind = verdict === 'ok' ? 'ok' : verdict === 'noisy' || verdict === 'throttled' ? 'unsteady' : 'wrong'
  return h('span', {class: `verdict ${kind}`, title: reason}, verdict)
}

function columns(store: Store, points: readonly PlacedPoint[]): Column<PlacedPoint>[] {
  const {result} = store.document
  // pages of before do not say the type of each point
  const unit = (p: PlacedPoint) => rateUnit(p.dtype ?? result.workload.dtype.activations)
  const joined = points.some((p) => p.operator)
  const all: (Column<PlacedPoint> | false)[] = [
    {
      id: 'name',
      label: joined ? 'Operator' : 'What',
      value: (p) => p.name,
      show: (p) => h('span', {}, ...breakable(p.name)),
    },
    joined && {
      id: 'lower_seconds',
      label: 'Predicted, at least',
      title: 'lower bound of one instance',
      numeric: true,
      value: (p) => p.operator?.lower ?? null,
      show: (p) => format(p.operator?.lower ?? null, 's'),
    },
    joined && {
      id: 'upper_seconds',
      label: 'No overlap',
      title: 'of one instance where arithmetic and memory do not overlap',
      numeric: true,
      value: (p) => p.operator?.upper ?? null,
      show: (p) => format(p.operator?.upper ?? null, 's'),
    },
    {
      id: 'seconds',
      label: 'Measured',
      title: 'of one instance',
      numeric: true,
      value: (p) => p.seconds,
      show: (p) => format(p.seconds, 's'),
    },
    joined && {
      id: 'repeat',
      label: 'Times',
      numeric: true,
      value: (p) => p.operator?.repeat ?? null,
      show: (p) => (p.operator ? formatCount(p.operator.repeat) : '–'),
    },
    {
      id: 'efficiency',
      label: 'Of the roof',
      title: 'time that the roof asks for ÷ time measured',
      numeric: true,
      value: (p) => p.efficiency,
      show: (p) => formatShare(p.efficiency),
    },
    points.some((p) => typeof p.efficiencyInTurn === 'number') && {
      id: 'efficiency_in_turn',
      label: 'In turn',
      title: 'of the roof with its ceilings measured between the same repetitions',
      numeric: true,
      value: (p) => p.efficiencyInTurn ?? null,
      show: (p) => formatShare(p.efficiencyInTurn ?? null),
    },
    {
      id: 'verdict',
      label: 'Verdict',
      value: (p) => p.verdict,
      show: (p) => verdict(p),
    },
    {
      id: 'bound',
      label: 'Bound by',
      value: (p) => p.bound,
      show: (p) => h('span', {title: provenanceOf(p.bound, result)}, p.bound),
    },
    {
      id: 'intensity',
      label: 'FLOP/B',
      numeric: true,
      value: (p) => p.intensity,
      show: (p) => formatIntensity(p.intensity).replace(' FLOP/B', ''),
    },
    {
      id: 'achieved_flop_per_second',
      label: 'Achieved',
      numeric: true,
      value: (p) => p.achieved,
      show: (p) => format(p.achieved, unit(p)),
    },
    {
      id: 'attainable_flop_per_second',
      label: 'Attainable',
      numeric: true,
      value: (p) => p.attainable,
      show: (p) => format(p.attainable, unit(p)),
    },
    {id: 'flops', label: 'FLOPs', numeric: true, value: (p) => p.flops, show: (p) => format(p.flops, '')},
    {id: 'bytes', label: 'Bytes', numeric: true, value: (p) => p.bytes, show: (p) => format(p.bytes, 'B')},
    points.some((p) => (p.count ?? 1) > 1) && {
      id: 'count',
      label: 'Mean of',
      title: 'launches or calls',
      numeric: true,
      value: (p) => p.count ?? null,
      show: (p) => (p.count === undefined ? '–' : formatCount(p.count)),
    },
  ]
  return all.filter((column) => column !== false)
}

function joinText({measured, lower, share, unknown, unmeasured}: Joined): string {
  const parts = [
    `${format(measured, 's')} measured for all instances of these operators, at least ${format(lower, 's')} predicted: ${formatShare(lower / measured)} of the measured time. They are ${formatShare(share)} of the predicted time.`,
  ]
  if (unknown.length > 0) parts.push(`No operator has the name of: ${unknown.slice(0, 20).join(', ')}.`)
  if (unmeasured.length > 0) parts.push(`Not measured: ${unmeasured.slice(0, 20).join(', ')}.`)
  return unbroken(parts.join(' '))
}

/** `undefined` where the page embeds no points. They belong to the document as it was embedded. */
export function measuredSection(store: Store): HTMLElement | undefined {
  const {points, join} = store.measured
  if (points.length === 0) return undefined
  let table: Table<PlacedPoint> | undefined
  table = new Table({
    caption: `${formatCount(points.length)} measured ${points.length === 1 ? 'point' : 'points'}, numbers of one instance`,
    columns: columns(store, points),
    rows: points,
    file: 'measured.csv',
    memory: store.memory('measured'),
    rowId: (p) => p.name,
    onPick: (id) => store.set({picked: store.state.picked === id ? '' : id}),
    sortBy: {column: 'seconds', descending: true},
  })
  store.listen((state, changed) => {
    if (changed.has('picked')) table?.pick(state.picked, true)
  })
  return h(
    'section',
    {id: 'measured'},
    h('h2', {}, 'Measured'),
    h(
      'p',
      {class: 'lead'},
      join
        ? joinText(join)
        : 'A hollow sign in the chart is a point as it was measured, joined to the tick that its roof allows; a point beyond the frame stands in the table alone.',
    ),
    table.element,
  )
}
