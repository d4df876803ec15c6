/** Measured kernels under the roof, as people read them. */
import type {Bench, BenchKernel} from '../../src/analysis/document/bench.ts'
import {format, formatShare} from '../../src/analysis/units.ts'
import {type Column, type Printed, print} from './sheet.ts'
import {count, quantity, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

export const dimsText = (dims: Readonly<Record<string, number>>): string => Object.values(dims).join('×')
/** A kernel that computes is rated in FLOP/s, one that only moves data in B/s. */
const rate = (k: BenchKernel): string =>
  k.flops > 0 ? format(k.flopsPerSecond, 'FLOP/s') : format(k.bytesPerSecond, 'B/s')

/** What the processor counted, where it lets us read it. */
const counterColumns: Column<BenchKernel>[] = [
  quantity('instructions', 'instructions', '', (k) => k.counters?.instructions ?? null, 8),
  quantity('cycles', 'cycles', '', (k) => k.counters?.cycles ?? null, 8),
  quantity('LLC misses', 'last_level_misses', '', (k) => k.counters?.lastLevelMisses ?? null, 8),
]

/** Under bandwidths of L3 and DRAM measured in turn with the kernel. */
const turnColumns: Column<BenchKernel>[] = [
  {
    title: 'in turn',
    key: 'efficiency_in_turn',
    text: (k) => formatShare(k.inTurn?.efficiency ?? null),
    raw: (k) => k.inTurn?.efficiency ?? null,
    align: 'right',
    drop: 0,
  },
  {
    title: 'by turns',
    key: 'efficiency_median_in_turn',
    text: (k) => formatShare(k.inTurn?.efficiencyMedian ?? null),
    raw: (k) => k.inTurn?.efficiencyMedian ?? null,
    align: 'right',
    drop: 2,
  },
]

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
          ...(kernels.some(({inTurn}) => inTurn) ? turnColumns : []),
          words('bound by', 'bound', (k) => k.bound, 2),
          {
            title: 'error',
            key: 'max_error',
            text: (k) => k.maxError?.toExponential(0) ?? '–',
            raw: (k) => k.maxError,
            align: 'right',
            drop: 9,
          },
          ...(kernels.some(({counters}) => counters) ? counterColumns : []),
          words('verdict', 'verdict', (k) => k.verdict, 1),
        ],
      }),
    ],
  ]
}

/** Colours every verdict that is not `ok`. */
export const paintVerdict = (look: Look) => {
  const style = styleOf(look.color)
  return (text: string, _: number, key: string) => (key === 'verdict' && text !== 'ok' ? style.warn(text) : text)
}

/** By what results were checked: a loaded kernel brings its own reference, or none. */
function checkedText({kernels}: Bench): string {
  const unchecked = kernels.filter(({maxError}) => maxError === null)
  if (unchecked.length > 0) return `Not checked: ${unchecked.map(({id}) => id).join(', ')}.`
  const isLoaded = kernels.every(({op}) => op === 'loaded')
  return isLoaded ? 'Checked by the kernel’s own reference.' : 'Every kernel was checked against its f64 reference.'
}

export function benchText(bench: Bench, look: Look): string {
  const refusal = bench.kernels.find(({counters}) => counters === null)?.countersReason
  const note = [
    `${checkedText(bench)} The roof is what the measured ceilings allow; the best repetition counts, as the roof is a best as well.`,
    ...(bench.kernels.some(({inTurn}) => inTurn)
      ? [
          'In turn: under bandwidths of L3 and DRAM measured between the same repetitions, best of both; by turns: median of each repetition under the ceilings beside it.',
        ]
      : []),
    ...(refusal ? [`No hardware counters here: the system says "${refusal}".`] : []),
  ].join(' ')
  return [
    toTerminal(benchSheets(bench)[0]![1], look, paintVerdict(look)).trimEnd(),
    '',
    styleOf(look.color).dim(wrap(note, look.width)),
  ].join('\n')
}
