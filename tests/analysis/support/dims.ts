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
  return d
}

/** Dimensions of an operator with every size from 1 to `most` (cached tokens from 0). */
export function dimsOf(op: OpDef, most: number): fc.Arbitrary<Dims> {
  const shape: Record<string, fc.Arbitrary<number | boolean>> = {}
  for (const [name, value] of Object.entries(op.examples[0]!.dims)) {
    shape[name] = typeof value === 'boolean' ? fc.boolean() : fc.integer({min: name === 'cached' ? 0 : 1, max: most})
  }
  return fc.record(shape).map(consistent)
}
