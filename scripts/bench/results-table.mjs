/** The tables of `npm run bench:results` as Markdown. Pure functions of what `perf bench` and `perf compare --fused` answer. */
import {median} from './statistics.mjs'

/** Shares of the roof that issue 5 asks for, of every kernel that moves its data through once or a few times. */
const targets = {DRAM: 0.92, cache: 0.75}
/** Products, convolutions, attention and LSTM have figures of their own. */
const hasOwnFigure = /^(gemm|conv|attention|lstm|qkv|dequantize-int[48]\+gemm)/
/** How far a predicted speed-up may be off. */
const within = 0.15

const points = (share) => Math.round(share * 100)
export const percent = (share) => (share === null || share === undefined ? '–' : `${Math.round(share * 100)} %`)
const size = ({dims}) => Object.values(dims).join('×')
const times = (value) => (value ? value.toPrecision(3) : '–')
const seconds = (value) => (value < 1e-3 ? `${(value * 1e6).toPrecision(3)} µs` : `${(value * 1e3).toPrecision(3)} ms`)
const rate = (k) =>
  k.flops > 0
    ? `${(k.flopsPerSecond / 1e9).toPrecision(3)} G${k.dtype.startsWith('int') ? '' : 'FL'}OP/s`
    : `${(k.bytesPerSecond / 1e9).toPrecision(3)} GB/s`
const row = (...cells) => `| ${cells.join(' | ')} |`
const table = (head, right, rows) =>
  [row(...head), row(...head.map((_, i) => (right.includes(i) ? '---:' : '---'))), ...rows.map((r) => row(...r))].join(
    '\n',
  )
const paysOf = ({pays}) => (!pays ? '–' : pays.at === null ? pays.when : `${pays.when} ${pays.dim} ${pays.at}`)

/** The share that a figure is judged by: under the ceilings of the same rounds where they were measured. */
export const judged = (entry) => entry.inTurn?.efficiency ?? entry.efficiency

const verdictOf = ({verdict}) => (verdict === 'ok' ? '' : ` (${verdict})`)

/**
 * Kernels with a target at their larger size (from memory) and at their smaller one (in a core's cache).
 * @returns those of each, by id, type and threads
 */
export function judgedKernels(kernels) {
  const groups = new Map()
  for (const k of kernels) {
    if (hasOwnFigure.test(k.id) || judged(k) === null) continue
    const key = `${k.id} ${k.dtype} ${k.threads}`
    groups.set(key, [...(groups.get(key) ?? []), k])
  }
  const both = [...groups.values()].filter((list) => list.length > 1)
  const sorted = both.map((list) => list.toSorted((a, b) => a.bytes - b.bytes))
  return {cache: sorted.map((list) => list[0]), DRAM: sorted.map((list) => list.at(-1))}
}

/** How many kernels reach their target, and which do not, with what they reach. */
export function summary(kernels) {
  const found = judgedKernels(kernels)
  return Object.entries(targets).flatMap(([level, target]) => {
    const list = found[level]
    if (list.length === 0) return []
    const reaching = list.filter((k) => judged(k) >= target)
    const missing = list.filter((k) => judged(k) < target).toSorted((a, b) => judged(a) - judged(b))
    const threads = [...new Set(list.map((k) => k.threads))].toSorted((a, b) => a - b)
    const name = (k) => `${k.id}${k.dtype === 'f32' ? '' : ` ${k.dtype}`}`
    const shares = (of) =>
      threads
        .map((t) => missing.find((k) => name(k) === of && k.threads === t))
        .map((k) => (k ? points(judged(k)) : '–'))
    const below = [...new Set(missing.map(name))].map((of) => `${of} ${shares(of).join(' / ')}`)
    const where = level === 'DRAM' ? 'From DRAM' : 'From L2'
    const rest =
      below.length === 0 ? '' : ` Below (% on ${threads.join(' / ')} threads, a dash reaches it): ${below.join(', ')}.`
    return [
      `- **${where}: ${reaching.length} of ${list.length} reach ${percent(target)} of what is attainable.**${rest}`,
    ]
  })
}

const turnShare = (entry) => (entry.inTurn ? percent(entry.inTurn.efficiency) : '–')
const byTurns = (entry) => (entry.inTurn ? percent(entry.inTurn.efficiencyMedian) : '–')

export const kernelTable = (kernels) =>
  table(
    ['kernel', 'size', 'type', 'threads', 'rate', 'of the roof', 'in turn', 'by turns', 'bound by'],
    [3, 4, 5, 6, 7],
    kernels.map((k) => [
      k.id,
      size(k),
      k.dtype,
      k.threads,
      rate(k),
      percent(k.efficiency) + verdictOf(k),
      turnShare(k),
      byTurns(k),
      k.inTurn?.bound ?? k.bound ?? '–',
    ]),
  )

export const blockTable = (blocks) =>
  table(
    ['product', 'mc × nc × kc', 'rate', 'of the roof'],
    [1, 2, 3],
    blocks.map((k) => [
      `${k.dims.m}×${k.dims.n}×${k.dims.k}`,
      `${k.dims.mc} × ${k.dims.nc} × ${k.dims.kc}`,
      rate(k),
      percent(k.efficiency) + verdictOf(k),
    ]),
  )

/** Turn by turn where ceilings were measured beside. */
const predictedOf = (pair) => pair.predictedInTurn ?? pair.predictedSpeedup
const measuredOf = (pair) => (pair.predictedInTurn ? pair.speedupInTurn : pair.speedup)
const off = (pair) => Math.abs(predictedOf(pair) / measuredOf(pair) - 1)
const name = (pair) => `${pair.id} ${size(pair)} (${pair.fused.threads} T)`

/** How far the predicted speed-ups are off: in the median, and which of those from memory by more than 15 %. */
export function pairSummary(pairs) {
  const known = pairs.filter((pair) => measuredOf(pair) && predictedOf(pair))
  if (known.length === 0) return []
  const far = known.filter((pair) => /DRAM/.test(pair.unfused.bound ?? ''))
  const wide = far.filter((pair) => off(pair) > within)
  const list = wide
    .map((pair) => `${name(pair)} ${times(measuredOf(pair))}, predicted ${times(predictedOf(pair))}`)
    .join(', ')
  return [
    `- Of ${known.length} pairs the predicted speed-up is off by ${percent(median(known.map(off)))} in the median.`,
    ...(far.length > 0
      ? [
          `- Of the ${far.length} that come from memory by ${percent(median(far.map(off)))} in the median; ${far.length - wide.length} ${far.length - wide.length === 1 ? 'is' : 'are'} within ${percent(within)}.${list ? ` Not: ${list}.` : ''}`,
        ]
      : []),
  ]
}

export const pairTable = (pairs) =>
  table(
    [
      'pair',
      'size',
      'type',
      'threads',
      'unfused',
      'fused',
      'measured',
      'predicted',
      'in turn',
      'predicted in turn',
      'pays',
    ],
    [3, 4, 5, 6, 7, 8, 9],
    pairs.map((p) => [
      p.id,
      size(p),
      p.fused.dtype,
      p.fused.threads,
      seconds(p.unfused.seconds.median) + verdictOf(p.unfused),
      seconds(p.fused.seconds.median) + verdictOf(p.fused),
      times(p.speedup),
      times(p.predictedSpeedup),
      times(p.speedupInTurn),
      times(p.predictedInTurn),
      paysOf(p),
    ]),
  )
