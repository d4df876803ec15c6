/** Measurements under the roof, as people read them. */
import type {PlacedPoint, Placement} from '../../src/analysis/document/placement.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {valueText} from './comparison.ts'
import {type Printed, print} from './sheet.ts'
import {quantity, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

export function placementSheets({points}: Placement): [string, Printed][] {
  return [
    [
      'Placement',
      print<PlacedPoint>({
        rows: points,
        columns: [
          words('what', 'name', (p) => p.name),
          quantity('FLOPs', 'flops', '', (p) => p.flops, 6),
          quantity('bytes', 'bytes', 'B', (p) => p.bytes, 6),
          quantity('time', 'seconds', 's', (p) => p.seconds, 5),
          quantity('FLOP/B', 'intensity_flop_per_b', '', (p) => p.intensity, 3),
          quantity('achieved', 'achieved_flop_per_s', 'FLOP/s', (p) => p.achieved, 1),
          quantity('attainable', 'attainable_flop_per_s', 'FLOP/s', (p) => p.attainable, 2),
          {
            title: 'of the roof',
            key: 'efficiency',
            text: (p) => formatShare(p.efficiency),
            raw: (p) => p.efficiency,
            align: 'right',
            drop: 0,
          },
          words('bound by', 'bound', (p) => p.bound, 1),
          words('verdict', 'verdict', (p) => p.verdict, 4),
        ],
      }),
    ],
  ]
}

export function placementText(placement: Placement, look: Look): string {
  const style = styleOf(look.color)
  const {machine, dtype, level, roof} = placement
  const paint = (text: string, _: number, key: string) => (key === 'verdict' && text !== 'ok' ? style.warn(text) : text)
  const ceilings = `${valueText(roof.compute.value, roof.compute.unit)} (${roof.compute.id}) and ${valueText(roof.bandwidth.value, roof.bandwidth.unit)} (${roof.bandwidth.id})`
  return [
    wrap(`On ${style.bold(machine.name)}, ${dtype}, bytes at ${level}`, look.width),
    wrap(`${ceilings}; the ridge is at ${format(roof.ridge, 'FLOP/B')}`, look.width),
    '',
    toTerminal(placementSheets(placement)[0]![1], look, paint).trimEnd(),
  ].join('\n')
}
