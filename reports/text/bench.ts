/** Measured kernels under the roof, as people read them. */
import type {Bench, BenchKernel, FusedComparison, FusedPair} from '../../src/analysis/document/bench.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {type Printed, print} from './sheet.ts'
import {count, quantity, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

const dimsText = (dims: Readonly<Record<string, number>>): string => Object.values(dims).join('×')
/** A kernel that computes is rated in FLOP/s, one that only moves data in B/s. */
const rate = (k: BenchKernel): string =>
  k.flops > 0 ? format(k.flopsPerSecond, 'FLOP/s') : format(k.bytesPerSecond, 'B/s')

export function benchSheets({kernels}: Bench): [string, Printed][] {
  return [
    [
      'Kernels',
      print<BenchKernel>({
        rows: kernels,
        columns: [
          words('kernel', 'id', (k) => k.id),
          words('dims', 'dims', (k) => dimsText(k.dims), 3),
          words('isa', 'isa', (k) => k.isa ?? k.adapter ?? null, 6),
          count('threads', 'threads', (k) => k.threads, 7),
          quantity('FLOPs', 'flops', '', (k) => k.flops, 8),
          quantity('bytes', 'bytes', 'B', (k) => k.bytes, 8),
          quantity('best', 'seconds_min', 's', (k) => k.seconds.min, 4),
          quantity('median', 'seconds_median', 's', (k) => k.seconds.median, 5),
          {title: 'rate', key: 'flops_per_second', text: rate, raw: (k) => k.flopsPerSecond, align: 'right', drop: 1},
          {
            title: 'of the roof',
            key: 'efficiency',
            text: (k) => formatShare(k.efficiency),
            raw: (k) => k.efficiency,
            align: 'right',
            drop: 0,
          },
          words('bound by', 'bound', (k) => k.bound, 2),
          {
            title: 'error',
            key: 'max_error',
            text: (k) => k.maxError.toExponential(0),
            raw: (k) => k.maxError,
            align: 'right',
            drop: 9,
          },
          words('verdict', 'verdict', (k) => k.verdict, 1),
        ],
      }),
    ],
  ]
}

/** Colours every verdict that is not `ok`. */
const paintVerdict = (look: Look) => {
  const style = styleOf(look.color)
  return (text: string, _: number, key: string) => (key === 'verdict' && text !== 'ok' ? style.warn(text) : text)
}

export function benchText(bench: Bench, look: Look): string {
  const note =
    'Every kernel was checked against its f64 reference. The roof is what the measured ceilings allow; the best repetition counts, as the roof is a best as well.'
  return [
    toTerminal(benchSheets(bench)[0]![1], look, paintVerdict(look)).trimEnd(),
    '',
    styleOf(look.color).dim(wrap(note, look.width)),
  ].join('\n')
}

const ratio = (value: number | null): string => (value === null ? '–' : `${value.toPrecision(3)} ×`)

export function fusedSheets({pairs}: FusedComparison): [string, Printed][] {
  return [
    [
      'Fused against unfused',
      print<FusedPair>({
        rows: pairs,
        columns: [
          words('pair', 'id', (p) => p.id),
          words('dims', 'dims', (p) => dimsText(p.dims), 2),
          quantity('unfused', 'unfused_seconds_median', 's', (p) => p.unfused.seconds.median),
          quantity('fused', 'fused_seconds_median', 's', (p) => p.fused.seconds.median),
          {
            title: 'faster',
            key: 'speedup',
            text: (p) => ratio(p.speedup),
            raw: (p) => p.speedup,
            align: 'right',
            drop: 0,
          },
          {
            title: 'roof says',
            key: 'predicted_speedup',
            text: (p) => ratio(p.predictedSpeedup),
            raw: (p) => p.predictedSpeedup,
            align: 'right',
            drop: 1,
          },
          quantity('bytes saved', 'bytes_saved', 'B', (p) => p.bytesSaved, 3),
          words('verdict', 'verdict', (p) => (p.unfused.verdict === 'ok' ? p.fused.verdict : p.unfused.verdict), 4),
        ],
      }),
    ],
  ]
}

export function fusedText(comparison: FusedComparison, look: Look): string {
  return toTerminal(fusedSheets(comparison)[0]![1], look, paintVerdict(look)).trimEnd()
}
