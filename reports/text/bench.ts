/** Measured kernels under the roof, as people read them. */
import type {Bench, BenchKernel} from '../../src/analysis/document/bench.ts'
import {format, formatShare, rateUnit} from '../../src/analysis/units.ts'
import {type Column, type Printed, print} from './sheet.ts'
import {count, quantity, share, words} from './sheets/columns.ts'
import {type Look, styleOf, wrap} from './style.ts'
import {shownKeys, toTerminal} from './terminal.ts'

export const dimsText = (dims: Readonly<Record<string, number>>): string => Object.values(dims).join('×')
/** A kernel that computes is rated in FLOP/s, one of integers in OP/s, one that only moves data in B/s. */
const rate = (k: BenchKernel): string =>
  k.flops === 0 ? format(k.bytesPerSecond, 'B/s') : format(k.flopsPerSecond, rateUnit(k.dtype))

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

/** Columns that a narrow terminal has no room for, and whose news must not be lost with them. */
interface Lost {
  /** the name says the type where a kernel runs in several at one size */
  readonly type?: boolean
  /** the share says that its run was disturbed, or is doubtful */
  readonly verdict?: boolean
}

/** Before the share of a run that is not `ok`. */
const marks: Readonly<Partial<Record<string, string>>> = {noisy: '~', throttled: '~', implausible: '!', wrong: '!'}

export function benchSheets({kernels}: Bench, lost: Lost = {}): [string, Printed][] {
  const sizeOf = (k: BenchKernel) => `${k.id} ${dimsText(k.dims)}`
  const types = new Map<string, Set<string>>()
  for (const k of kernels) types.set(sizeOf(k), (types.get(sizeOf(k)) ?? new Set()).add(k.dtype))
  const nameOf = (k: BenchKernel) => (lost.type && types.get(sizeOf(k))!.size > 1 ? `${k.id} ${k.dtype}` : k.id)
  const marked = (k: BenchKernel) => `${(lost.verdict && marks[k.verdict]) || ''}${formatShare(k.efficiency)}`
  const where = kernels.some(({isa}) => isa) ? 'isa' : 'adapter'
  return [
    [
      'Kernels',
      print<BenchKernel>({
        rows: kernels,
        columns: [
          {...words<BenchKernel>('kernel', 'id', (k) => k.id), text: nameOf},
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
          {...share<BenchKernel>('of the roof', 'efficiency', (k) => k.efficiency), text: marked},
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

/** How far results are from their reference, of the kernel that comes nearest to what it is allowed. Documents of before do not say what that is. */
function errorsText(kernels: readonly BenchKernel[]): string {
  const share = ({maxError, tolerance}: BenchKernel) => (tolerance ? (maxError ?? 0) / tolerance : 0)
  const worst = kernels.reduce((a, b) => (share(b) > share(a) ? b : a))
  if (kernels.some(({tolerance}) => tolerance === undefined)) return ''
  const whose = kernels.length > 1 ? `${worst.id}: ` : ''
  return share(worst) === 0
    ? ': no difference'
    : `: ${whose}an error of ${errorText(worst.maxError)}, ${worst.tolerance} is allowed`
}

/** By what results were checked: a loaded kernel brings its own reference, or none. */
export function checkedText(kernels: readonly BenchKernel[]): string {
  const unchecked = kernels.filter(({maxError}) => maxError === null)
  if (unchecked.length > 0) return `Not checked: ${unchecked.map(({id}) => id).join(', ')}.`
  const by = kernels.every(({op}) => op === 'loaded')
    ? 'Checked by the kernel’s own reference'
    : 'Every kernel was checked against its f64 reference'
  return `${by}${errorsText(kernels)}.`
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
  const shows = (lost: Lost, key: string) => shownKeys(benchSheets(bench, lost)[0]![1], look).has(key)
  // longer names take room of others
  const type = !shows({}, 'dtype')
  const lost = {type, verdict: !shows({type}, 'verdict')}
  const sheet = benchSheets(bench, lost)[0]![1]
  const shown = shownKeys(sheet, look)
  const verdicts = new Set(bench.kernels.map(({verdict}) => verdict))
  const said = (verdict: BenchKernel['verdict'][], sign: string) =>
    lost.verdict && verdict.some((one) => verdicts.has(one))
      ? [`${sign}: ${verdict.filter((one) => verdicts.has(one)).join(' or ')}.`]
      : []
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
    `${checkedText(bench.kernels)} The roof is what the measured ceilings allow; the best repetition counts, as the roof is a best as well.`,
    turns && `${turns[0]!.toUpperCase()}${turns.slice(1)}.`,
    ...said(['noisy', 'throttled'], '~'),
    ...said(['implausible', 'wrong'], '!'),
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
