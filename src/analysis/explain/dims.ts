/** The dims of an operator as a user gives them: some, as numbers or text; checked, and completed from its example. */
import {nearest} from '../catalog.ts'
import {AnalysisError, quoted} from '../errors.ts'
import type {Dim, Dims, OpDef} from '../ops/types.ts'
import {wholeNumber} from '../workload.ts'

export type GivenDims = Readonly<Record<string, number | boolean | string>>

/** What else has to hold, or follows, when a dim is given. */
interface Rule {
  /** dims that follow from the given ones where they are not given themselves */
  readonly follow?: (dims: Record<string, Dim>, given: GivenDims) => Readonly<Record<string, Dim>>
  /** a problem in words, or nothing */
  readonly problem?: (dims: Record<string, number>) => string | undefined
}

/** Key–value heads follow the heads (multi-head) unless they are given. */
const heads: Rule = {
  follow: (dims, given) => ('heads' in given && !('kvHeads' in given) ? {kvHeads: dims.heads!} : {}),
  problem: (d) =>
    d.heads! % d.kvHeads! === 0 ? undefined : `kvHeads = ${d.kvHeads} does not divide heads = ${d.heads}`,
}

/** Rotary positions turn pairs of channels. */
const pairs = (d: Record<string, number>): string | undefined =>
  d.headDim! % 2 === 0 ? undefined : `headDim = ${d.headDim} is odd; rotary positions turn pairs`

/** Nothing is masked unless it is said. */
const masked: Rule = {
  follow: (d, given) => ('kept' in given ? {} : {kept: (d.rows as number) * (d.cols as number)}),
  problem: (d) =>
    d.kept! <= d.rows! * d.cols! ? undefined : `kept = ${d.kept} is more than rows·cols = ${d.rows! * d.cols!}`,
}

/** Channels divide into groups; a window fits its padded axis. */
const windows: Rule = {
  problem(d) {
    for (const name of ['channels', 'filters'])
      if (d.groups && d[name]! % d.groups !== 0) return `groups = ${d.groups} does not divide ${name} = ${d[name]}`
    for (const axis of ['Depth', 'Height', 'Width']) {
      const size = axis.toLowerCase()
      const spanned = (d[`dilation${axis}`] ?? 1) * (d[`kernel${axis}`]! - 1) + 1
      const padded = d[size]! + d[`pad${axis}`]!
      if (spanned > padded) return `a kernel that spans ${spanned} does not fit ${size} + padding = ${padded}`
    }
    return undefined
  },
}

const rules: Readonly<Record<string, Rule>> = {
  'attention-scores': heads,
  'attention-values': heads,
  attention: heads,
  conv: windows,
  'conv-im2col': windows,
  'conv-transpose': {
    problem: (d) =>
      (d.channels! % d.groups!) + (d.filters! % d.groups!) === 0
        ? undefined
        : `groups = ${d.groups} does not divide channels = ${d.channels} and filters = ${d.filters}`,
  },
  'conv-winograd': {problem: (d) => (d.tile === 2 || d.tile === 4 ? undefined : `tile = ${d.tile} is neither 2 nor 4`)},
  groupnorm: {
    problem: (d) =>
      d.channels! % d.groups! === 0 ? undefined : `groups = ${d.groups} does not divide channels = ${d.channels}`,
  },
  'max-pool': windows,
  'avg-pool': windows,
  rope: {...heads, problem: pairs},
  'rope-partial': {...heads, problem: pairs},
  'mla-rope': {problem: pairs},
  softmax: masked,
  'softmax-sink': masked,
  softcap: masked,
  position: {
    follow: (d, given) => ('distinct' in given ? {} : {distinct: Math.min(d.distinct as number, d.rows as number)}),
    problem: (d) =>
      d.distinct! <= d.rows! ? undefined : `distinct = ${d.distinct} is more than rows = ${d.rows}: not all are read`,
  },
}

/** Dims that may be 0: nothing cached yet, no padding. */
const sides = ['pad', 'extra'].flatMap((side) => ['Depth', 'Height', 'Width'].map((axis) => `${side}${axis}`))
const fromZero = new Set(['cached', 'slots', 'busiest', 'biases', 'carried', ...sides])

function dimOf(name: string, value: number | boolean | string, example: Dim): Dim {
  const text = typeof value === 'string' ? value.trim() : value
  if (typeof example === 'boolean') {
    if (text === true || text === 1 || text === 'true' || text === '1') return true
    if (text === false || text === 0 || text === 'false' || text === '0') return false
    throw new AnalysisError('bad-dimension', `${name} = ${quoted(String(value))} is neither true nor false`, [
      `write --dim ${name}=true`,
    ])
  }
  const number = typeof text === 'string' ? (/^\d+$/.test(text) ? Number(text) : Number.NaN) : Number(text)
  if (typeof value === 'string' && Number.isNaN(number)) {
    throw new AnalysisError('bad-dimension', `${name} = ${quoted(value)} is not a whole number`, [
      `write --dim ${name}=${example}`,
    ])
  }
  return wholeNumber(number, `--dim ${name}`, fromZero.has(name) ? 0 : 1)
}

/**
 * The dims of an operator: those given, the others from its first example.
 * @throws AnalysisError `bad-dimension` for a dim that the operator does not have (with the nearest), or that cannot be
 * together with the others; `bad-flag` for a number that is not whole or out of range
 */
export function completeDims(op: OpDef, given: GivenDims): Dims {
  const example = op.examples[0]!.dims
  const names = Object.keys(example)
  const dims: Record<string, Dim> = {...example}
  for (const [name, value] of Object.entries(given)) {
    if (!names.includes(name)) {
      const near = nearest(name, names, 1)
      throw new AnalysisError('bad-dimension', `${op.kind} has no dim ${quoted(name)}`, [
        ...(near.length > 0 ? [`did you mean ${near[0]}?`] : []),
        `its dims are ${names.join(', ')}`,
      ])
    }
    dims[name] = dimOf(name, value, example[name]!)
  }
  const rule = rules[op.kind]
  if (Object.keys(given).length > 0) Object.assign(dims, rule?.follow?.(dims, given))
  const numbers = Object.fromEntries(Object.entries(dims).map(([name, value]) => [name, Number(value)]))
  const problem = rule?.problem?.(numbers)
  if (problem) throw new AnalysisError('bad-dimension', `${op.kind}: ${problem}`, ['give the other one as well'])
  return dims
}
