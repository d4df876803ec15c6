/** The page of `npm run bench:attention`. Pure functions of its rows. */
import {percent} from './results-table.mjs'

/** What issue 5 asks of fused attention at 2,048 tokens and 64 channels. */
const wanted = {share: 0.6, length: 2048, headDim: 64, from: 512}

const giga = (value) => (value / 1e9).toPrecision(3)
const times = (value) => (value ? value.toPrecision(3) : '–')
const seconds = (value) =>
  value < 1e-3
    ? `${(value * 1e6).toPrecision(3)} µs`
    : value < 1
      ? `${(value * 1e3).toPrecision(3)} ms`
      : `${value.toPrecision(3)} s`
const bytes = (value) => (value >= 1e9 ? `${(value / 1e9).toPrecision(3)} GB` : `${(value / 1e6).toPrecision(3)} MB`)
const doubt = ({verdict}) => (verdict === 'ok' ? '' : ` (${verdict})`)

/** Of one form, all that tells two rows apart, in the order of the tables. */
export const keyOf = (r) => [r.form, r.headDim, r.causal ? 1 : 0, r.kvHeads, r.threads, r.length].join(' ')

/** Of two runs of the same sizes the one in which both forms together took less time: the other had a neighbour. Sorted. */
export function joined(earlier, now) {
  const all = new Map(earlier.map((row) => [keyOf(row), row]))
  const time = (row) => (row ? row.unfused + row.fused : Number.POSITIVE_INFINITY)
  for (const row of now) if (time(row) < time(all.get(keyOf(row)))) all.set(keyOf(row), row)
  const order = (a, b) =>
    a.form.localeCompare(b.form) ||
    a.headDim - b.headDim ||
    Number(b.causal) - Number(a.causal) ||
    a.threads - b.threads ||
    a.length - b.length
  return [...all.values()].toSorted(order)
}

/** What `perf` calls a row's sizes. */
export const dimsOf = ({form, length, headDim, causal, heads, kvHeads}) =>
  form === 'prefill' ? [1, length, heads, kvHeads, headDim, causal ? 1 : 0] : [1, 1, length, heads, kvHeads, headDim]

/** The measured entries of the rows that are kept, unfused before fused, of each size the ones that its row was made of. */
export const sidesOf = (rows, pairs) =>
  rows.flatMap((row) => {
    const pair = pairs.find(
      ({unfused, fused}) =>
        fused.threads === row.threads &&
        'causal' in fused.dims === (row.form === 'prefill') &&
        Object.values(fused.dims).join() === dimsOf(row).join() &&
        fused.seconds.median === row.fused &&
        unfused.seconds.median === row.unfused,
    )
    return pair ? [pair.unfused, pair.fused] : []
  })

/** Entries of an earlier file, which stand two by two. */
export const pairsOf = ({kernels = []}) =>
  kernels.flatMap((unfused, i) => (i % 2 === 0 ? [{unfused, fused: kernels[i + 1]}] : []))

const prefills = (rows) => rows.filter(({form}) => form === 'prefill')

/** Sizes from the target's length on at which the fused form is not faster. */
export const slower = (rows) => prefills(rows).filter((r) => r.length >= wanted.from && r.speedup <= 1)

const described = (r) =>
  `${r.length} × ${r.headDim}${r.causal ? ' causal' : ''} (${r.threads} T) ${times(r.speedup)}${doubt(r)}`

/** What the rows say of the three targets. */
export function verdicts(rows) {
  const long = prefills(rows).filter(({length}) => length >= wanted.from)
  const late = slower(rows)
  const at = prefills(rows).filter((r) => r.length === wanted.length && r.headDim === wanted.headDim)
  const shares = at.map((r) => `${percent(r.share)}${doubt(r)} (${r.causal ? 'causal' : 'all pairs'}, ${r.threads} T)`)
  const below = late.length === 0 ? '' : ` Not: ${late.map(described).join(', ')}.`
  return [
    ...(long.length > 0
      ? [
          `- Faster than unfused from ${wanted.from} tokens on: ${long.length - late.length} of ${long.length} sizes.${below}`,
        ]
      : []),
    ...(at.length > 0
      ? [`- Share of the f32 ceiling at 2,048 × 64 (at least ${percent(wanted.share)} wanted): ${shares.join(', ')}.`]
      : []),
  ]
}

const table = (head, left, rows) =>
  [head, head.map((_, i) => (i < left ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const common = (r) => [
  ...[seconds(r.unfused), seconds(r.fused), times(r.speedup), times(r.predicted)],
  ...[`${giga(r.rate)} GFLOP/s`, percent(r.share) + doubt(r), bytes(r.unfusedBytes), bytes(r.fusedBytes)],
]
const figures = ['unfused', 'fused', 'faster', 'predicted', 'fused, best', 'of f32', 'tensors unfused', 'fused']

/**
 * The page as Markdown.
 * @param {{machine: string, node: string, date: string, command: string, rows: object[]}} run
 */
export function attentionPage({machine, node, date, command, rows}) {
  const decodes = rows.filter(({form}) => form === 'decode')
  const tables = [
    ...(prefills(rows).length > 0
      ? [
          '## Prefill\n\n' +
            table(
              ['tokens', 'channels', 'mask', 'heads', 'threads', ...figures],
              0,
              prefills(rows).map((r) => [
                ...[r.length, r.headDim, r.causal ? 'causal' : 'none', r.heads, r.threads],
                ...common(r),
              ]),
            ),
        ]
      : []),
    ...(decodes.length > 0
      ? [
          '## Decoding: one query\n\n' +
            table(
              ['cached', 'channels', 'heads : key heads', 'threads', ...figures],
              0,
              decodes.map((r) => [r.length, r.headDim, `${r.heads} : ${r.kvHeads}`, r.threads, ...common(r)]),
            ),
        ]
      : []),
  ]
  return `# Attention, fused against unfused: ${machine}

Node ${node}. Date: ${date}. Command: \`${command}\`.

${verdicts(rows).join('\n')}

Times are medians of repetitions in turn over the same tensors; **faster** is unfused ÷ fused, **predicted** the same by the roof, turn by
turn. **Of f32**: FLOP/s of the fastest repetition of the fused form ÷ the measured f32 FMA ceiling of as many threads; FLOPs are those of the kept
query–key pairs, exponentials 1 each. A verdict behind it (noisy, throttled) is of a run that other jobs disturbed: its figures say more of them than of the kernels. **Tensors** are what each form has in memory, scores and weights among them: the fused form has none, and beside its tensors 8 MiB of
scratch memory a thread at any length (\`native/core/table.h\`; \`tests/kernels/attention-memory.test.ts\`).

${tables.join('\n\n')}
`
}
