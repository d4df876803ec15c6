import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {index, input, type OpDef, output} from './types.ts'

/** Copies `rows` rows of `width` elements, by number, out of `table` rows. */
export type GatherDims = {readonly rows: number; readonly table: number; readonly width: number}

export const gather: OpDef<'gather', GatherDims> = {
  kind: 'gather',
  title: 'copies rows by number: tokens to their experts, node features to their edges; no arithmetic',
  trait: 'gather',
  formula: '0',
  where: 'a row that is wanted more than once is read once: min(rows, table); numbers are 8 bytes each',
  source: 'definition; Fey & Lenssen 2019 (arXiv:1903.02428) §2',
  cost({rows, table, width}) {
    return {
      macs: 0,
      flops: 0,
      matrix: 0,
      vector: 0,
      special: 0,
      reads: [input('x', Math.min(rows, table) * width), index('numbers', rows)],
      writes: [output('y', rows * width)],
    }
  },
  reference({rows, width}, [x, numbers]) {
    const y = new Float64Array(rows * width)
    for (let r = 0; r < rows; r++) y.set(x!.subarray(numbers![r]! * width, (numbers![r]! + 1) * width), r * width)
    return [y]
  },
  // a row that was copied more than once takes the sum
  backward: ({rows, table, width}) => ({
    data: vectorPart('rows·width', rows * width, {
      reads: [gradientOf(0, rows * width), ofInput(1, rows)],
      writes: [{at: 0, elements: Math.min(rows, table) * width}],
    }),
    weights: null,
  }),
  examples: [
    {dims: {rows: 10, table: 4, width: 3}, flops: 0, bytes: 248, source: 'by hand: 4 B × (4·3 + 10·3) + 10·8 B'},
  ],
}
