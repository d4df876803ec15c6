/** The same workload under every fusion, side by side. */
import type {Analysis, FusionLevel} from '../../../src/analysis/document/analysis.ts'
import {format} from '../../../src/analysis/units.ts'
import type {Sheet} from '../sheet.ts'
import {boundText} from './operators.ts'

export function fusionSheet(analysis: Analysis): Sheet<FusionLevel> {
  const {ceilings} = analysis.machine
  return {
    rows: analysis.fusion.levels,
    columns: [
      {
        title: 'fusion',
        key: 'fusion',
        text: (f) => (f.fusion === analysis.workload.fusion ? `${f.fusion} ←` : f.fusion),
        raw: (f) => f.fusion,
        drop: 0,
      },
      {
        title: 'operators',
        key: 'operators',
        text: (f) => String(f.operators),
        raw: (f) => f.operators,
        align: 'right',
        drop: 4,
      },
      {title: 'bytes', key: 'bytes', text: (f) => format(f.bytes, 'B'), raw: (f) => f.bytes, align: 'right', drop: 0},
      {
        title: 'FLOP/B',
        key: 'intensity_flop_per_b',
        text: (f) => format(f.intensity, ''),
        raw: (f) => f.intensity,
        align: 'right',
        drop: 1,
      },
      {
        title: 'time ≥',
        key: 'time_lower_s',
        text: (f) => format(f.time.lower, 's'),
        raw: (f) => f.time.lower,
        align: 'right',
        drop: 0,
      },
      {
        title: 'activations',
        key: 'activations_b',
        text: (f) => format(f.activations, 'B'),
        raw: (f) => f.activations,
        align: 'right',
        drop: 3,
      },
      {title: 'bound by', key: 'bound', text: (f) => boundText(f.bound, ceilings), raw: (f) => f.bound, drop: 2},
    ],
  }
}
