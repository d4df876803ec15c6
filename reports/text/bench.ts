/** Measured kernels under the roof, as people read them. */
import type {Bench, BenchKernel, FusedComparison, FusedPair} from '../../src/analysis/document/bench.ts'
import {format, formatCount, formatShare} from '../../src/analysis/units.ts'
import {type Column, type Printed, print} from './sheet.ts'
import {count, quantity, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {toTerminal} from './terminal.ts'

const dimsText = (dims: Readonly<Record<string, number>>): string => Object.values(dims).join('×')
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
const paintVerdict = (look: Look) => {
  const style = styleOf(look.color)
  return (text: string, _: number, key: string) => (key === 'verdict' && text !== 'ok' ? style.warn(text) : text)
}

export function benchText(bench: Bench, look: Look): string {
  const refusal = bench.kernels.find(({counters}) => counters === null)?.countersReason
  const note = [
    'Every kernel was checked against its f64 reference. The roof is what the measured ceilings allow; the best repetition counts, as the roof is a best as well.',
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

const ratio = (value: number | null): string => (value === null ? '–' : `${value.toPrecision(3)} ×`)
/** From which size on fusing pays, in words. */
export function paysText(pays: FusedPair['pays']): string {
  if (!pays) return '–'
  if (pays.at === null) return pays.when
  return `${pays.when === 'from' ? 'from' : 'up to'} ${pays.dim} ${formatCount(pays.at)}`
}

/** One side of a pair; what compares the two stands beside the fused one. */
interface Side {
  readonly pair: FusedPair
  readonly side: 'unfused' | 'fused'
}

const of = ({pair, side}: Side): BenchKernel => pair[side]
const onFused = <T>(side: Side, read: (pair: FusedPair) => T): T | null =>
  side.side === 'fused' ? read(side.pair) : null
const factor = (title: string, key: string, read: (pair: FusedPair) => number | null, drop: number): Column<Side> => ({
  title,
  key,
  text: (s) => (s.side === 'fused' ? ratio(read(s.pair)) : ''),
  raw: (s) => onFused(s, read),
  align: 'right',
  drop,
})

export function fusedSheets({pairs}: FusedComparison): [string, Printed][] {
  return [
    [
      'Fused against unfused',
      print<Side>({
        rows: pairs.flatMap((pair) => (['unfused', 'fused'] as const).map((side) => ({pair, side}))),
        columns: [
          {
            title: 'pair',
            key: 'pair',
            text: (s) => (s.side === 'fused' ? '' : s.pair.id),
            raw: (s) => s.pair.id,
            drop: 0,
          },
          {
            title: 'dims',
            key: 'dims',
            text: (s) => (s.side === 'fused' ? '' : dimsText(s.pair.dims)),
            raw: (s) => dimsText(s.pair.dims),
            drop: 4,
          },
          words('type', 'dtype', (s) => of(s).dtype, 9),
          words('side', 'side', (s) => s.side),
          quantity('bytes', 'bytes', 'B', (s) => of(s).bytes, 3),
          {
            title: 'FLOP/B',
            key: 'intensity',
            text: (s) => of(s).intensity?.toPrecision(2) ?? '–',
            raw: (s) => of(s).intensity,
            align: 'right',
            drop: 6,
          },
          words('bound by', 'bound', (s) => of(s).bound, 5),
          quantity('median', 'seconds_median', 's', (s) => of(s).seconds.median),
          {
            title: 'of the roof',
            key: 'efficiency',
            text: (s) => formatShare(of(s).efficiency),
            raw: (s) => of(s).efficiency,
            align: 'right',
            drop: 7,
          },
          factor('faster', 'speedup', (p) => p.speedup, 0),
          factor('roof says', 'predicted_speedup', (p) => p.predictedSpeedup, 1),
          ...(pairs.some(({predictedInTurn}) => predictedInTurn)
            ? [
                factor('in turn', 'speedup_in_turn', (p) => p.speedupInTurn ?? null, 2),
                factor('predicted', 'predicted_in_turn', (p) => p.predictedInTurn ?? null, 1),
              ]
            : []),
          {
            title: 'pays',
            key: 'pays',
            text: (s) => (s.side === 'fused' ? paysText(s.pair.pays) : ''),
            raw: (s) => onFused(s, (p) => paysText(p.pays)),
            drop: 2,
          },
          words('verdict', 'verdict', (s) => of(s).verdict, 8),
        ],
      }),
    ],
  ]
}

/** How far the roof's prediction is from the clock. */
function agreement(pairs: readonly FusedPair[]): string {
  const off = pairs
    .flatMap((pair) => {
      const [measured, predicted] = pair.predictedInTurn
        ? [pair.speedupInTurn, pair.predictedInTurn]
        : [pair.speedup, pair.predictedSpeedup]
      return measured && predicted ? [Math.abs(predicted / measured - 1)] : []
    })
    .sort((a, b) => a - b)
  if (off.length === 0) return ''
  const median = off[off.length >> 1]!
  return `The roof's speed-up is off by ${formatShare(median)} in the median, ${formatShare(off.at(-1)!)} at most.`
}

export function fusedText(comparison: FusedComparison, look: Look): string {
  const note =
    'faster: unfused time ÷ fused time, medians of runs in turn. roof says: the same of the times that the measured ceilings allow; in turn, predicted: medians of the turns, each under L3 and DRAM as measured beside it. pays: the sizes at which fusing is at least 3 % faster.'
  return [
    toTerminal(fusedSheets(comparison)[0]![1], look, paintVerdict(look)).trimEnd(),
    '',
    styleOf(look.color).dim(wrap(`${note} ${agreement(comparison.pairs)}`.trim(), look.width)),
  ].join('\n')
}
