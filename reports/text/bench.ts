/** Measured kernels under the roof, as people read them. */
import type {Bench, BenchKernel} from '../../src/analysis/document/bench.ts'
import {format} from '../../src/analysis/units.ts'
import {type Column, type Printed, print} from './sheet.ts'
import {count, quantity, share, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {shownKeys, toTerminal} from './terminal.ts'

export const dimsText = (dims: Readonly<Record<string, number>>): string => Object.values(dims).join('×')
/** A kernel that computes is rated in FLOP/s, one of integers in OP/s, one that only moves data in B/s. */
const rate = (k: BenchKernel): string =>
  k.flops === 0
    ? format(k.bytesPerSecond, 'B/s')
    : format(k.flopsPerSecond, k.dtype.startsWith('int') ? 'OP/s' : 'FLOP/s')

/** A ceiling without what is the same for all: `nt-copy DRAM`, `fma f32+functions`. */
export function boundText(id: string | null): string {
  const [, what, rest] = /^(.+?)-(?:t\d+)(\+functions)?$/.exec(id ?? '') ?? []
  if (!what) return id ?? '–'
  const bandwidth = /^(.+)-(L\d|DRAM)$/.exec(what)
  const compute = /^(\w+)-(\w+)-\w+$/.exec(what)
  const [, name, of] = bandwidth ?? compute ?? [what, what, '']
  return `${name} ${of}`.trim() + (rest ?? '')
}

/** An error that no number can say is that of a result with NaN or infinity in it. */
const errorText = (error: number | null): string =>
  error === null ? '–' : error === 0 ? '0' : error === Number.MAX_VALUE ? 'not finite' : error.toExponential(0)

/** What the processor counted, where it lets us read it. */
const counterColumns: Column<BenchKernel>[] = [
  quantity('instructions', 'instructions', '', (k) => k.counters?.instructions ?? null, 11),
  quantity('cycles', 'cycles', '', (k) => k.counters?.cycles ?? null, 11),
  quantity('LLC misses', 'last_level_misses', '', (k) => k.counters?.lastLevelMisses ?? null, 11),
]

/** Under ceilings measured in turn with the kernel. */
const turnColumns: Column<BenchKernel>[] = [
  share('in turn', 'efficiency_in_turn', (k) => k.inTurn?.efficiency ?? null, 5),
  share('by turns', 'efficiency_median_in_turn', (k) => k.inTurn?.efficiencyMedian ?? null, 6),
]

export function benchSheets({kernels}: Bench): [string, Printed][] {
  const where = kernels.some(({isa}) => isa) ? 'isa' : 'adapter'
  return [
    [
      'Kernels',
      print<BenchKernel>({
        rows: kernels,
        columns: [
          words('kernel', 'id', (k) => k.id),
          {
            title: 'dims',
            key: 'dims',
            text: (k) => dimsText(k.dims),
            raw: (k) => dimsText(k.dims),
            drop: 1,
            narrow: 'cut',
          },
          words('type', 'dtype', (k) => k.dtype, 3),
          words(where, 'isa', (k) => k.isa ?? k.adapter ?? null, 9),
          count('threads', 'threads', (k) => k.threads, 10),
          quantity('FLOPs', 'flops', '', (k) => k.flops, 12),
          quantity('bytes', 'bytes', 'B', (k) => k.bytes, 12),
          quantity('best', 'seconds_min', 's', (k) => k.seconds.min, 7),
          quantity('median', 'seconds_median', 's', (k) => k.seconds.median, 8),
          {title: 'rate', key: 'flops_per_second', text: rate, raw: (k) => k.flopsPerSecond, align: 'right', drop: 2},
          quantity('bytes/s', 'bytes_per_second', 'B/s', (k) => k.bytesPerSecond, 13),
          share('of the roof', 'efficiency', (k) => k.efficiency),
          ...(kernels.some(({inTurn}) => inTurn) ? turnColumns : []),
          {title: 'bound by', key: 'bound', text: (k) => boundText(k.bound), raw: (k) => k.bound, drop: 4},
          {
            title: 'error',
            key: 'max_error',
            text: (k) => errorText(k.maxError),
            raw: (k) => k.maxError,
            align: 'right',
            drop: 14,
          },
          ...(kernels.some(({counters}) => counters) ? counterColumns : []),
          words('verdict', 'verdict', (k) => k.verdict, 2),
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

/** Why Linux opens no counter, in words (perf_event_open(2), Errors). */
const counterReasons: Readonly<Record<string, string>> = {
  'No such file or directory': 'this processor offers none, as most virtual ones',
  'Operation not supported': 'this processor offers none, as most virtual ones',
  'Permission denied': 'the system keeps them to itself (/proc/sys/kernel/perf_event_paranoid above 2)',
  'Operation not permitted': 'the system keeps them to itself (a container, or perf_event_paranoid above 2)',
}
const counterText = (refusal: string): string => counterReasons[refusal] ?? `the system says "${refusal}"`

/** The GPUs that ran the kernels: a software adapter says so by its name. */
export function adapterText(kernels: readonly BenchKernel[]): string {
  const names = new Set(kernels.flatMap(({adapter}) => adapter ?? []))
  return names.size > 0 ? `Ran on ${[...names].join(', ')}.` : ''
}

export function benchText(bench: Bench, look: Look): string {
  const sheet = benchSheets(bench)[0]![1]
  const shown = shownKeys(sheet, look)
  const turns = [
    ...(shown.has('efficiency_in_turn')
      ? ['in turn: under ceilings measured between the same repetitions, best of both']
      : []),
    ...(shown.has('efficiency_median_in_turn')
      ? ['by turns: median of each repetition under the ceilings beside it']
      : []),
  ].join('; ')
  const refusal = bench.kernels.find(({counters}) => counters === null)?.countersReason
  const note = [
    adapterText(bench.kernels),
    `${checkedText(bench)} The roof is what the measured ceilings allow; the best repetition counts, as the roof is a best as well.`,
    turns && `${turns[0]!.toUpperCase()}${turns.slice(1)}.`,
    ...(refusal ? [`No hardware counters here: ${counterText(refusal)}.`] : []),
  ]
    .filter(Boolean)
    .join(' ')
  return [
    toTerminal(sheet, look, paintVerdict(look)).trimEnd(),
    '',
    styleOf(look.color).dim(wrap(note, look.width)),
  ].join('\n')
}
