/** Fused kernels against their unfused form, as people read them. */
import type {BenchKernel, FusedComparison, FusedPair} from '../../src/analysis/document/bench.ts'
import {formatCount, formatShare} from '../../src/analysis/units.ts'
import {figuresOf} from '../pair-figures.ts'
import {adapterText, boundText, checkedText, dimsText, paintVerdict} from './bench.ts'
import {type Column, type Printed, print} from './sheet.ts'
import {quantity, share, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {shownKeys, toTerminal} from './terminal.ts'

const ratio = (value: number | null): string => (value === null ? '–' : `${value.toPrecision(3)} ×`)
/** From which size on fusing pays, in words. */
function paysText(pays: FusedPair['pays']): string {
  if (!pays) return '–'
  if (pays.at === null) return pays.when
  return `${pays.when === 'from' ? 'from' : 'up to'} ${pays.dim} ${formatCount(pays.at)}`
}

/** FLOP/B to two digits, without an exponent. */
const intensityText = (value: number | null): string =>
  value === null ? '–' : value < 100 ? value.toPrecision(2) : formatCount(Math.round(value))

/** One side of a pair; what compares the two stands beside the fused one. */
interface Side {
  readonly pair: FusedPair
  readonly side: 'unfused' | 'fused'
}

const of = ({pair, side}: Side): BenchKernel => pair[side]
const onFused = <T>(side: Side, read: (pair: FusedPair) => T): T | null =>
  side.side === 'fused' ? read(side.pair) : null
const intensityColumn = (drop: number): Column<Side> => ({
  title: 'FLOP/B',
  key: 'intensity',
  text: (s) => intensityText(of(s).intensity),
  raw: (s) => of(s).intensity,
  align: 'right',
  drop,
})
const roofColumn = (drop: number): Column<Side> => share('of the roof', 'efficiency', (s) => of(s).efficiency, drop)
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
          intensityColumn(6),
          words('bound by', 'bound', (s) => of(s).bound, 5),
          quantity('median', 'seconds_median', 's', (s) => of(s).seconds.median),
          roofColumn(7),
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

/** What its sides are beside `ok`, which a speed-up of theirs is too. */
const doubtsOf = ({unfused, fused}: FusedPair): string[] =>
  [...new Set([unfused.verdict, fused.verdict])].filter((verdict) => verdict !== 'ok')

/** Before a speed-up whose times were disturbed or are doubtful. */
const doubtful = '~'

/** Columns of a terminal from which on there is room for more than what a pair cannot do without. */
const roomy = 100

/** What each side moves and takes; two lines a pair, so that names and dims stand whole on 80 columns. */
function sidesTable({pairs}: FusedComparison, width: number): Printed {
  const more: Column<Side>[] = [
    roofColumn(8),
    words('verdict', 'verdict', (s) => of(s).verdict, 7),
    words('type', 'dtype', (s) => of(s).dtype, 9),
  ]
  return print<Side>({
    rows: pairs.flatMap((pair) => (['unfused', 'fused'] as const).map((side) => ({pair, side}))),
    columns: [
      {
        title: 'pair, dims',
        key: 'pair',
        text: (s) => (s.side === 'fused' ? dimsText(s.pair.dims) : s.pair.id),
        raw: (s) => s.pair.id,
        drop: 0,
      },
      words('side', 'side', (s) => s.side),
      quantity('bytes', 'bytes', 'B', (s) => of(s).bytes, 4),
      intensityColumn(6),
      {title: 'bound by', key: 'bound', text: (s) => boundText(of(s).bound), raw: (s) => of(s).bound, drop: 5},
      quantity('median', 'seconds_median', 's', (s) => of(s).seconds.median),
      ...(width < roomy ? [] : more),
    ],
  })
}

/** What fusing brings. */
function gainsTable({pairs}: FusedComparison, width: number): Printed {
  const gain = (
    title: string,
    key: string,
    read: (pair: FusedPair) => number | null,
    drop: number,
  ): Column<FusedPair> => ({title, key, text: (p) => ratio(read(p)), raw: read, align: 'right', drop})
  const measured = gain('faster', 'speedup', (p) => figuresOf(p).measured, 0)
  const isInTurn = pairs.some(({predictedInTurn}) => predictedInTurn)
  return print<FusedPair>({
    rows: pairs,
    columns: [
      words('pair', 'pair', (p) => `${p.id} ${dimsText(p.dims)}`),
      {...measured, text: (p) => `${doubtsOf(p).length > 0 ? doubtful : ''}${measured.text(p)}`},
      gain('predicted', 'predicted', (p) => figuresOf(p).predicted, 0),
      ...(isInTurn && width >= roomy
        ? [gain('over all', 'medians', (p) => p.speedup, 4), gain('roof says', 'roof', (p) => p.predictedSpeedup, 3)]
        : []),
      {title: 'pays', key: 'pays', text: (p) => paysText(p.pays), raw: (p) => paysText(p.pays), drop: 1},
    ],
  })
}

/** A prediction within this share of the clock is called near. */
const near = 0.15

/** How far the roof's predictions are from the clock. */
function agreement(pairs: readonly FusedPair[]): string {
  const off = pairs
    .flatMap((pair) => {
      const {measured, predicted} = figuresOf(pair)
      return measured && predicted ? [Math.abs(predicted / measured - 1)] : []
    })
    .sort((a, b) => a - b)
  if (off.length === 0) return ''
  const within = off.filter((each) => each <= near).length
  if (off.length === 1) return `The prediction is off by ${formatShare(off[0]!)}.`
  const median = (off[(off.length - 1) >> 1]! + off[off.length >> 1]!) / 2
  return `The prediction is off by ${formatShare(median)} in the median; ${within} of ${off.length} ${within === 1 ? 'is' : 'are'} within ${formatShare(near)}.`
}

export function fusedText(comparison: FusedComparison, look: Look): string {
  const isInTurn = comparison.pairs.some(({predictedInTurn}) => predictedInTurn)
  const gains = gainsTable(comparison, look.width)
  const shown = shownKeys(gains, look)
  const whole = [
    ...(shown.has('medians') ? ['over all: medians of the whole run'] : []),
    ...(shown.has('roof') ? ['roof says: what the profile predicts'] : []),
  ]
  const doubts = [...new Set(comparison.pairs.flatMap(doubtsOf))].join(' or ')
  const note = [
    adapterText(comparison.pairs.map(({fused}) => fused)),
    checkedText(comparison.pairs.flatMap(({unfused, fused}) => [unfused, fused])),
    'faster: unfused time ÷ fused time, medians of runs in turn. predicted: the same of the times that the ceilings allow.',
    ...(isInTurn
      ? [
          `${['Where ceilings were measured in turn, both are medians of the turns under those beside each', ...whole].join('; ')}.`,
        ]
      : []),
    shown.has('pays') && 'pays: the sizes at which fusing is at least 3 % faster.',
    doubts && `${doubtful}: ${doubts}, in one of the two forms at least.`,
    agreement(comparison.pairs),
  ]
  return [
    toTerminal(sidesTable(comparison, look.width), look, paintVerdict(look)).trimEnd(),
    '',
    toTerminal(gains, look).trimEnd(),
    '',
    styleOf(look.color).dim(wrap(note.filter(Boolean).join(' '), look.width)),
  ].join('\n')
}
