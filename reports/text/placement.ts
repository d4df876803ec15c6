/** Measurements under the roof, as people read them. */
import type {Joined, PlacedPoint, Placement} from '../../src/analysis/document/placement.ts'
import {format, formatCount, formatShare, rateUnit} from '../../src/analysis/units.ts'
import {valueText} from './comparison.ts'
import {placementChart} from './roofline.ts'
import {type Column, type Printed, print} from './sheet.ts'
import {quantity, share, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

export interface PlacementView extends Look {
  /** draw the roofline */
  readonly chart: boolean
}

function columns({points, join, dtype}: Placement): Column<PlacedPoint>[] {
  const counted = points.some((p) => (p.count ?? 1) > 1)
  const rate = (title: string, key: string, read: (p: PlacedPoint) => number | null, drop: number) => ({
    ...quantity(title, key, 'FLOP/s', read, drop),
    text: (p: PlacedPoint) => format(read(p), rateUnit(p.dtype ?? dtype)),
  })
  const all: (Column<PlacedPoint> | false)[] = [
    words(join ? 'operator' : 'what', 'name', (p) => p.name),
    counted && {
      title: 'mean of',
      key: 'count',
      text: (p) => (p.count === undefined ? '–' : formatCount(p.count)),
      raw: (p) => p.count ?? null,
      align: 'right',
      drop: 7,
    },
    quantity('FLOPs', 'flops', '', (p) => p.flops, 6),
    quantity('bytes', 'bytes', 'B', (p) => p.bytes, 6),
    join !== undefined && quantity('predicted ≥', 'lower_s', 's', (p) => p.operator?.lower ?? null, 0),
    join !== undefined && quantity('no overlap', 'upper_s', 's', (p) => p.operator?.upper ?? null, 5),
    quantity(join ? 'measured' : 'time', 'seconds', 's', (p) => p.seconds, join ? 0 : 5),
    join !== undefined && {
      title: 'times',
      key: 'repeat',
      text: (p) => (p.operator ? `× ${formatCount(p.operator.repeat)}` : '–'),
      raw: (p) => p.operator?.repeat ?? null,
      align: 'right',
      drop: 4,
    },
    quantity('FLOP/B', 'intensity_flop_per_b', '', (p) => p.intensity, 3),
    rate('achieved', 'achieved_flop_per_s', (p) => p.achieved, join ? 3 : 1),
    rate('attainable', 'attainable_flop_per_s', (p) => p.attainable, 4),
    share('of the roof', 'efficiency', (p) => p.efficiency),
    words('bound by', 'bound', (p) => p.bound, 1),
    words('verdict', 'verdict', (p) => p.verdict, 2),
  ]
  return all.filter((column) => column !== false)
}

export const placementSheets = (placement: Placement): [string, Printed][] => [
  ['Placement', print<PlacedPoint>({rows: placement.points, columns: columns(placement)})],
]

/** At most `most` names of a list. */
const some = (names: readonly string[], most: number): string =>
  names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '')

function joinLines({measured, lower, share, unknown, unmeasured}: Joined, width: number): string[] {
  const lines = [
    `Joined by operator id: ${format(measured, 's')} measured for all their instances, at least ${format(lower, 's')} predicted (${formatShare(lower / measured)} of the measured time); they are ${formatShare(share)} of the predicted time.`,
  ]
  if (unknown.length > 0) lines.push(`No operator has the name of: ${some(unknown, 12)}`)
  if (unmeasured.length > 0) lines.push(`Not measured: ${some(unmeasured, 12)}`)
  return lines.map((line) => wrap(line, width, '  '))
}

export function placementText(placement: Placement, look: PlacementView): string {
  const style = styleOf(look.color)
  const {machine, dtype, level, roof, join} = placement
  const paint = (text: string, _: number, key: string) => (key === 'verdict' && text !== 'ok' ? style.warn(text) : text)
  const ceilings = `${valueText(roof.compute.value, roof.compute.unit)} (${roof.compute.id}) and ${valueText(roof.bandwidth.value, roof.bandwidth.unit)} (${roof.bandwidth.id})`
  const chart = look.chart ? placementChart(placement, look) : ''
  return [
    wrap(
      `${join ? `${style.bold(join.model.name)}, measured, on` : 'On'} ${style.bold(machine.name)}, ${dtype}, bytes at ${level}`,
      look.width,
    ),
    wrap(`${ceilings}; the ridge is at ${format(roof.ridge, 'FLOP/B')}`, look.width),
    '',
    toTerminal(placementSheets(placement)[0]![1], look, paint).trimEnd(),
    ...(join ? ['', ...joinLines(join, look.width)] : []),
    ...(chart === '' ? [] : ['', style.bold('Roofline'), chart]),
  ].join('\n')
}
