/** Random dimensions for any operator, from the names that its examples use: a new operator needs no test of its own. */
import fc from 'fast-check'
import type {Dims, OpDef} from '../../../src/analysis/ops/types.ts'

/** What several names must satisfy together. */
function consistent(dims: Record<string, number | boolean>): Dims {
  const d = {...dims}
  if (typeof d.kvHeads === 'number' && typeof d.heads === 'number') d.heads = d.kvHeads * d.heads
  // rotations pair channels
  if (typeof d.headDim === 'number') d.headDim = 2 * d.headDim
  if (typeof d.kept === 'number') d.kept = Math.min(d.kept, Number(d.rows) * Number(d.cols))
  if (typeof d.distinct === 'number') d.distinct = Math.min(d.distinct, Number(d.rows))
  for (const axis of ['Depth', 'Height', 'Width']) window(d, axis)
  if (typeof d.groups === 'number') {
    // small, so that a product of all sizes stays below 2^53
    d.groups = 1 + (d.groups % 3)
    if (typeof d.channels === 'number') d.channels *= d.groups
    if (typeof d.filters === 'number') d.filters *= d.groups
  }
  if (typeof d.tile === 'number') {
    d.tile = d.tile % 2 === 0 ? 2 : 4
    for (const side of ['height', 'width']) if (side in d) d[side] = Number(d[side]) + 2
  }
  return d
}

/** A window along an axis fits it, and is small. */
function window(d: Record<string, number | boolean>, axis: string): void {
  const [size, kernel, stride, dilation] = [axis.toLowerCase(), `kernel${axis}`, `stride${axis}`, `dilation${axis}`]
  if (!(kernel in d)) return
  for (const name of [kernel, stride, dilation]) if (name in d) d[name] = 1 + (Number(d[name]) % 3)
  const spanned = Number(d[dilation] ?? 1) * (Number(d[kernel]) - 1) + 1
  if (`pad${axis}` in d) d[`pad${axis}`] = Number(d[`pad${axis}`]) % spanned
  if (`extra${axis}` in d) d[`extra${axis}`] = Number(d[`extra${axis}`]) % Number(d[stride] ?? 1)
  d[size] = Number(d[size] ?? 1) + spanned - 1
}

/** Dimensions of an operator with every size from 1 to `most` (cached tokens from 0). */
export function dimsOf(op: OpDef, most: number): fc.Arbitrary<Dims> {
  const shape: Record<string, fc.Arbitrary<number | boolean>> = {}
  for (const [name, value] of Object.entries(op.examples[0]!.dims)) {
    shape[name] = typeof value === 'boolean' ? fc.boolean() : fc.integer({min: name === 'cached' ? 0 : 1, max: most})
  }
  return fc.record(shape).map(consistent)
}
