import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** Rows of `first` and of `second` elements side by side. More parts are a chain only where each join is stored. */
export type ConcatDims = {readonly rows: number; readonly first: number; readonly second: number}

export const concat: OpDef<'concat', ConcatDims> = {
  kind: 'concat',
  title: 'joins two tensors along an axis: skip connections, features of dense blocks, a class token',
  trait: 'gather',
  formula: '0',
  source: 'definition',
  cost: ({rows, first, second}) => ({
    macs: 0,
    flops: 0,
    matrix: 0,
    vector: 0,
    special: 0,
    reads: [input('first', rows * first), input('second', rows * second)],
    writes: [output('y', rows * (first + second))],
  }),
  reference({rows, first, second}, [a, b]) {
    const y = new Float64Array(rows * (first + second))
    for (let r = 0; r < rows; r++) {
      y.set(a!.subarray(r * first, (r + 1) * first), r * (first + second))
      y.set(b!.subarray(r * second, (r + 1) * second), r * (first + second) + first)
    }
    return [y]
  },
  backward: ({rows, first, second}) => ({
    data: vectorPart('0', 0, {
      reads: [gradientOf(0, rows * (first + second))],
      writes: [
        {at: 0, elements: rows * first},
        {at: 1, elements: rows * second},
      ],
    }),
    weights: null,
  }),
  examples: [
    {
      dims: {rows: 1, first: 64 * 56 * 56, second: 32 * 56 * 56},
      flops: 0,
      bytes: 2_408_448,
      source: 'DenseNet-121, after the first layer: 2 × 4 B × 96·56²',
    },
  ],
}
