import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** Elements read and written without arithmetic. */
export type MoveDims = {readonly read: number; readonly written: number}

export const move: OpDef<'move', MoveDims> = {
  kind: 'move',
  title: 'elements put elsewhere: transposed, joined, cut, repeated, padded',
  trait: 'gather',
  formula: '0',
  where:
    'read and written differ where elements are repeated or padded; a view that moves nothing is no operator; ' +
    'backward: sums = max(written − read, 0), what repeating adds up',
  derived: ({read, written}) => ({sums: Math.max(0, written - read)}),
  source: 'definition: time comes from bytes alone',
  cost: ({read, written}) => ({
    macs: 0,
    flops: 0,
    matrix: 0,
    vector: 0,
    special: 0,
    reads: [input('x', read)],
    writes: [output('y', written)],
  }),
  reference({read, written}, [x]) {
    return [Float64Array.from({length: written}, (_, i) => x![i % read]!)]
  },
  operands: 'together',
  backward({read, written}) {
    const sums = Math.max(0, written - read)
    const moves = {reads: [gradientOf(0, written)], writes: [{at: 0, elements: read}]}
    return {data: vectorPart('sums', sums, moves), weights: null}
  },
  examples: [
    {
      dims: {read: 256 * 56 * 56, written: 256 * 56 * 56},
      flops: 0,
      bytes: 6_422_528,
      source: 'by hand, 256 channels of 56 × 56 transposed: 2 × 802,816 × 4 B',
    },
  ],
}
