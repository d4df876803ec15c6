import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {index, input, type OpDef, output} from './types.ts'

/** Adds `rows` rows of `width` elements, by number, into `targets` rows of zeros. */
export type ScatterDims = {readonly rows: number; readonly targets: number; readonly width: number}

export const scatter: OpDef<'scatter', ScatterDims> = {
  kind: 'scatter',
  title: 'adds rows into others by number: messages of edges into their nodes',
  trait: 'gather',
  formula: 'rows·width',
  where: 'one add per element; numbers are 8 bytes each; the targets are written once, as when rows come sorted',
  source: 'Fey & Lenssen 2019 (arXiv:1903.02428) §2',
  cost({rows, targets, width}) {
    return {
      macs: 0,
      flops: rows * width,
      matrix: 0,
      vector: rows * width,
      special: 0,
      reads: [input('x', rows * width), index('numbers', rows)],
      writes: [output('y', targets * width)],
    }
  },
  reference({rows, targets, width}, [x, numbers]) {
    const y = new Float64Array(targets * width)
    for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) y[numbers![r]! * width + c]! += x![r * width + c]!
    return [y]
  },
  // each row takes the gradient of the row it was added to
  backward: ({rows, targets, width}) => ({
    data: vectorPart('0', 0, {
      reads: [gradientOf(0, targets * width), ofInput(1, rows)],
      writes: [{at: 0, elements: rows * width}],
    }),
    weights: null,
  }),
  examples: [
    {dims: {rows: 10, targets: 4, width: 3}, flops: 30, bytes: 248, source: 'by hand: 4 B × (10·3 + 4·3) + 10·8 B'},
  ],
}
