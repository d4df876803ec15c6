import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

export type MoeCombineDims = {readonly rows: number; readonly topK: number; readonly width: number}

export const moeCombine: OpDef<'moe-combine', MoeCombineDims> = {
  kind: 'moe-combine',
  title: 'the weighted sum of the outputs of the chosen experts, row by row (a scatter back to the tokens)',
  trait: 'gather',
  formula: '2·rows·topK·width - rows·width',
  where: 'per element of a row: topK multiplies, topK − 1 adds',
  source: 'Shazeer et al. 2017 (arXiv:1701.06538) eq. 1',
  cost({rows, topK, width}) {
    const flops = 2 * rows * topK * width - rows * width
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('expert outputs', rows * topK * width), input('expert weights', rows * topK)],
      writes: [output('y', rows * width)],
    }
  },
  reference({rows, topK, width}, [outputs, weights]) {
    const y = new Float64Array(rows * width)
    for (let i = 0; i < rows * topK; i++) {
      const r = Math.floor(i / topK)
      for (let c = 0; c < width; c++) y[r * width + c]! += weights![i]! * outputs![i * width + c]!
    }
    return [y]
  },
  // an expert's output takes its weight times dy, its weight the product of dy and the output: 1 and 2 per element
  backward({rows, topK, width}) {
    const all = rows * topK * width
    const part = vectorPart('3·rows·topK·width', 3 * all, {
      reads: [gradientOf(0, rows * width), ofInput(0, all), ofInput(1, rows * topK)],
      writes: [
        {at: 0, elements: all},
        {at: 1, elements: rows * topK},
      ],
    })
    return {data: part, weights: null}
  },
  examples: [
    {
      dims: {rows: 1, topK: 2, width: 4096},
      flops: 12_288,
      bytes: 49_160,
      source: 'Mixtral 8x7B, one token: 3·4,096; 4 B × (3·4,096 + 2)',
    },
  ],
}
