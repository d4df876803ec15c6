/** Operators of an analysis: one row each with the values of one instance, or groups with sums; the share counts all instances. */
import type {Analysis} from '../../../src/analysis/document/analysis.ts'
import type {OperatorRow} from '../../../src/analysis/rows.ts'
import {format} from '../../../src/analysis/units.ts'
import type {Sheet} from '../sheet.ts'
import {share} from './columns.ts'

/** `2048×6144×4096`, or the sizes that tell one operator from another. */
export function shapeText(shape: OperatorRow['shape']): string {
  return Object.values(shape)
    .filter((size) => typeof size === 'number')
    .join('×')
}

/** The bound in words people know: the memory level, the number format, or latency. */
export function boundText(bound: string | null, ceilings: Analysis['machine']['ceilings']): string {
  if (bound === null) return '–'
  const ceiling = ceilings.find((c) => c.id === bound)
  if (ceiling?.kind === 'bandwidth') return `memory ${ceiling.level ?? bound}`
  if (ceiling?.kind === 'compute')
    return `compute ${ceiling.dtype ?? bound}${ceiling.sparsity ? ` ${ceiling.sparsity}` : ''}`
  return bound
}

/** Rows in graph order. `outer` is the level whose bytes are shown, the outermost. */
export function operatorSheet(analysis: Analysis, rows: readonly OperatorRow[]): Sheet<OperatorRow> {
  const outer = Object.keys(analysis.totals.bytes)[0] ?? 'DRAM'
  const {ceilings} = analysis.machine
  return {
    rows,
    columns: [
      {title: 'operator', key: 'id', text: (op) => op.id, raw: (op) => op.id, drop: 0},
      {title: 'kind', key: 'kind', text: (op) => op.kind, raw: (op) => op.kind, drop: 8},
      {title: '×', key: 'repeat', text: (op) => String(op.repeat), raw: (op) => op.repeat, align: 'right', drop: 3},
      {title: 'shape', key: 'shape', text: (op) => shapeText(op.shape), raw: (op) => shapeText(op.shape), drop: 7},
      {
        title: 'FLOPs',
        key: 'flops',
        text: (op) => format(op.flops, ''),
        raw: (op) => op.flops,
        align: 'right',
        drop: 5,
      },
      {
        title: 'bytes',
        key: `bytes_${outer.toLowerCase()}`,
        text: (op) => format(op.bytes[outer] ?? 0, 'B'),
        raw: (op) => op.bytes[outer] ?? 0,
        align: 'right',
        drop: 6,
      },
      {
        title: 'FLOP/B',
        key: 'intensity_flop_per_b',
        text: (op) => format(op.intensity, ''),
        raw: (op) => op.intensity,
        align: 'right',
        drop: 4,
      },
      {title: 'bound by', key: 'bound', text: (op) => boundText(op.bound, ceilings), raw: (op) => op.bound, drop: 1},
      {
        title: 'time ≥',
        key: 'time_lower_s',
        text: (op) => format(op.seconds, 's'),
        raw: (op) => op.seconds,
        align: 'right',
        drop: 2,
      },
      share('share', 'share', (op) => op.share),
    ],
  }
}
