import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import type {NormDims} from './layernorm.ts'
import {input, type OpDef, output, weight} from './types.ts'

const EPSILON = 1e-5

export const rmsnorm: OpDef<'rmsnorm', NormDims> = {
  kind: 'rmsnorm',
  title: 'x/√(mean(x²) + ε)·γ, row by row',
  trait: 'rowwise',
  formula: '4·rows·width + 4·rows',
  where: 'per element: square, sum, times 1/rms, times γ; per row: divide, + ε, √, reciprocal',
  source: 'Zhang & Sennrich 2019 (arXiv:1910.07467) eq. 4',
  cost({rows, width}) {
    const flops = 4 * rows * width + 4 * rows
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('x', rows * width), weight('gamma', width)],
      writes: [output('y', rows * width)],
    }
  },
  reference({rows, width}, [x, gamma]) {
    const y = new Float64Array(rows * width)
    for (let r = 0; r < rows; r++) {
      let sum = 0
      for (let c = 0; c < width; c++) sum += x![r * width + c]! ** 2
      const scale = 1 / Math.sqrt(sum / width + EPSILON)
      for (let c = 0; c < width; c++) y[r * width + c] = x![r * width + c]! * scale * gamma![c]!
    }
    return [y]
  },
  // with r = 1/rms and x̂ = x·r, both computed again from x: dx = r·(γ·dy − x̂·mean(γ·dy·x̂)); per element square, sum,
  // times r, γ·dy, times x̂, sum, times the mean, subtract, times r; per row the four of forward and one divide
  backward({rows, width}) {
    const n = rows * width
    return {
      data: vectorPart('9·rows·width + 5·rows', 9 * n + 5 * rows, {
        reads: [ofInput(0, n), ofInput(1, width), gradientOf(0, n)],
        writes: [{at: 0, elements: n}],
      }),
      // dγ = Σ dy·x̂: square, sum, times r, multiply, sum
      weights: vectorPart('5·rows·width + 4·rows', 5 * n + 4 * rows, {
        reads: [ofInput(0, n), gradientOf(0, n)],
        writes: [{at: 1, elements: width}],
      }),
    }
  },
  examples: [
    {
      dims: {rows: 1, width: 4096},
      flops: 16_388,
      bytes: 49_152,
      source: 'Llama 3 8B, one token: 4·4096 + 4; 4 B × 3·4096',
    },
  ],
}
