/** What `--dims` may hold. */
import {AnalysisError} from '../analysis/errors.ts'
import {parseRange} from '../analysis/range.ts'
import {echoed} from '../analysis/units.ts'
import type {KernelDef} from './families/types.ts'

/** Flags and padding; everything else counts something. */
const mayBeZero = ['pad', 'bias', 'causal']
const flags = ['bias', 'causal']

/** Sizes of which the first must divide the second: heads and channels in groups. */
const divisors = [
  ['kvHeads', 'heads'],
  ['groups', 'channels'],
  ['groups', 'filters'],
] as const

/** Sizes of which the first must not be below the second: elements from row to row, and of a row. */
const atLeast = [
  ['lda', 'k'],
  ['ldb', 'n'],
  ['ldc', 'n'],
] as const

/** Kernels that take elements by twos: a head's are turned in pairs, two of a group make a byte. */
const even: Readonly<Record<string, string>> = {rope: 'headDim', 'quantize-int4': 'size'}

const count = (dims: number): string => (dims === 1 ? 'one dimension' : `${dims} dimensions`)

/**
 * Refuses sizes that a kernel does not have: a wrong number of them, none, fractions, a flag that is not 0 or 1, groups that do not divide,
 * rows that overlap, half pairs.
 * @throws {AnalysisError} `bad-dimension`
 */
export function checkDims(def: Pick<KernelDef, 'id' | 'dims' | 'sizes'>, dims: readonly number[]): void {
  const form = def.dims.join(' × ')
  const refuse = (message: string) => {
    throw new AnalysisError('bad-dimension', message, [`--dims ${def.sizes.cache.join('x')} is ${form}`])
  }
  if (dims.length !== def.dims.length)
    refuse(`${def.id} has ${count(def.dims.length)}, ${form}, not ${dims.length} (${dims.join('x')})`)
  for (const [i, dim] of dims.entries()) {
    const name = def.dims[i]!
    const least = mayBeZero.includes(name) ? 0 : 1
    const most = flags.includes(name) ? 1 : 2 ** 31
    if (!Number.isInteger(dim) || dim < least || dim > most)
      refuse(`${def.id}: ${name} = ${echoed(dim)} is not a whole number from ${least} to ${most}`)
  }
  const sizeOf = (name: string) => dims[def.dims.indexOf(name)]
  const inPairs = even[def.id]
  if (inPairs !== undefined && (sizeOf(inPairs) ?? 0) % 2 !== 0)
    refuse(`${def.id}: ${inPairs} = ${sizeOf(inPairs)} is odd`)
  for (const [apart, row] of atLeast) {
    const [a, r] = [apart, row].map(sizeOf)
    if (a !== undefined && r !== undefined && a < r)
      refuse(`${def.id}: ${apart} = ${a} is less than ${row} = ${r}: rows would overlap`)
  }
  for (const [part, whole] of divisors) {
    const [p, w] = [part, whole].map(sizeOf)
    if (p !== undefined && w !== undefined && w % p !== 0)
      refuse(`${def.id}: ${part} = ${p} does not divide ${whole} = ${w}`)
  }
}

/** Most sizes of one `--dims`: each takes up to three seconds. */
const mostSizes = 100
/** More dimensions than any kernel takes, a user's too. */
const mostDims = 16

/** One dimension of a size: a number, or a range as `perf sweep` takes them. */
const dimension = String.raw`\d{1,15}(?::\d{1,15}(?::[x+]\d{1,15})?)?`
const size = new RegExp(`^${dimension}(?:[xX×]${dimension})*$`)

const badDims = (text: string, problem: string): AnalysisError =>
  new AnalysisError('bad-flag', `--dims ${JSON.stringify(text.slice(0, 64))} ${problem}`, [
    'for example --dims 512x512x512',
    'several sizes: --dims 64x64,128x128, or with a range --dims 4096x2:8, --dims 1024:65536:x4x64',
  ])

/**
 * The sizes of `--dims`: numbers joined by x (or ×, as tables print them), several of them apart by commas; a dimension that is a range stands for
 * a size at each of its values.
 * @throws {AnalysisError} `bad-flag` for the form and for too many of them, `bad-range` as `parseRange`
 */
export function parseSizes(text: string): number[][] {
  const sizes: number[][] = []
  for (const one of text.split(',').map((part) => part.trim())) {
    if (!size.test(one)) throw badDims(text, 'is not whole numbers of at most 15 digits joined by x')
    const dims = one.match(new RegExp(dimension, 'g'))!
    if (dims.length > mostDims) throw badDims(text, `has a size of more than ${mostDims} dimensions`)
    const values = dims.map((dim) => (dim.includes(':') ? parseRange(dim, '--dims', 0) : [Number(dim)]))
    const count = values.reduce((product, own) => product * own.length, 1)
    if (sizes.length + count > mostSizes) throw badDims(text, `is more than ${mostSizes} sizes`)
    sizes.push(
      ...values.reduce<number[][]>((all, own) => all.flatMap((head) => own.map((dim) => [...head, dim])), [[]]),
    )
  }
  return sizes
}
