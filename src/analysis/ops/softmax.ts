import {gradientOf, ofOutput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** Rows of `cols` elements of which `kept` in all are not masked. */
export type SoftmaxDims = {readonly rows: number; readonly cols: number; readonly kept: number}

export const softmax: OpDef<'softmax', SoftmaxDims> = {
  kind: 'softmax',
  title: 'e^(x − max) over its sum, row by row',
  trait: 'rowwise',
  formula: '5·kept',
  where: 'kept = rows·cols without a mask; masked elements are stored and moved but are no useful work',
  source: 'safe softmax, Milakov & Gimelshein 2018 (arXiv:1805.02867): max, subtract, exp, add, divide per element',
  cost({rows, cols, kept}) {
    const all = rows * cols
    return {
      macs: 0,
      flops: 5 * kept,
      matrix: 0,
      vector: 5 * all,
      special: kept,
      reads: [input('x', all)],
      writes: [output('y', all)],
    }
  },
  reference({rows, cols}, [x]) {
    const y = new Float64Array(rows * cols)
    for (let r = 0; r < rows; r++) {
      let max = Number.NEGATIVE_INFINITY
      for (let c = 0; c < cols; c++) max = Math.max(max, x![r * cols + c]!)
      let sum = 0
      for (let c = 0; c < cols; c++) sum += Math.exp(x![r * cols + c]! - max)
      for (let c = 0; c < cols; c++) y[r * cols + c] = Math.exp(x![r * cols + c]! - max) / sum
    }
    return [y]
  },
  // dx = y·(dy − Σ dy·y): multiply, add, subtract, multiply per element
  backward({rows, cols, kept}) {
    const all = rows * cols
    const part = vectorPart('4·kept', 4 * kept, {
      reads: [ofOutput(0, all), gradientOf(0, all)],
      writes: [{at: 0, elements: all}],
    })
    return {data: {...part, vector: 4 * all}, weights: null}
  },
  examples: [
    {
      dims: {rows: 1024, cols: 1024, kept: 1024 * 1024},
      flops: 5_242_880,
      bytes: 8_388_608,
      source: '5 × 1,048,576; 2 × 4 MiB',
    },
    {dims: {rows: 4, cols: 4, kept: 10}, flops: 50, bytes: 128, source: 'by hand: a 4 × 4 causal mask keeps 10'},
  ],
}
