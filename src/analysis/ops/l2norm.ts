import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import type {NormDims} from './layernorm.ts'
import {input, type OpDef, output} from './types.ts'

const EPSILON = 1e-5

export const l2norm: OpDef<'l2norm', NormDims> = {
  kind: 'l2norm',
  title: 'x/√(mean(x²) + ε), row by row, without weights',
  trait: 'rowwise',
  formula: '3·rows·width + 4·rows',
  where: 'per element: square, sum, times 1/rms; per row: divide, + ε, √, reciprocal',
  source: 'Zhang & Sennrich 2019 (arXiv:1910.07467) eq. 4 without its gain; queries and keys of Llama 4',
  cost({rows, width}) {
    const flops = 3 * rows * width + 4 * rows
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('x', rows * width)],
      writes: [output('y', rows * width)],
    }
  },
  reference({rows, width}, [x]) {
    const y = new Float64Array(rows * width)
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let c = 0; c < width; c++) sum += x![r * width + c]! ** 2
      const scale = 1 / Math.sqrt(sum / width + EPSILON)
      for (let c = 0; c < width; c++) y[r * width + c] = x![r * width + c]! * scale
    }
    return [y]
  },
  // as rmsnorm without its gain: one multiply less per element
  backward({rows, width}) {
    const n = rows * width
    const part = vectorPart('8·rows·width + 5·rows', 8 * n + 5 * rows, {
      reads: [ofInput(0, n), gradientOf(0, n)],
      writes: [{at: 0, elements: n}],
    })
    return {data: part, weights: null}
  },
  examples: [
    {
      dims: {rows: 48, width: 128},
      flops: 18_624,
      bytes: 49_152,
      source: 'Llama 4 Scout, one token: 40 + 8 heads of 128',
    },
  ],
}
