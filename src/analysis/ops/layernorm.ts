import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** Rows of `width` elements. */
export type NormDims = {readonly rows: number; readonly width: number}

const EPSILON = 1e-5

export const layernorm: OpDef<'layernorm', NormDims> = {
  kind: 'layernorm',
  title: '(x − mean)/√(var + ε)·γ + β, row by row',
  trait: 'rowwise',
  formula: '7·rows·width + 5·rows',
  where:
    'per element: sum, subtract, square, sum, times 1/σ, times γ, plus β; per row: two divides, + ε, √, reciprocal',
  source: 'Ba et al. 2016 (arXiv:1607.06450) eq. 3–4',
  cost({rows, width}) {
    const flops = 7 * rows * width + 5 * rows
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('x', rows * width), weight('gamma', width), weight('beta', width)],
      writes: [output('y', rows * width)],
    }
  },
  reference({rows, width}, [x, gamma, beta]) {
    const y = new Float64Array(rows * width)
    for (let r = 0; r < rows; r++) {
      const row = x!.subarray(r * width, (r + 1) * width)
      const mean = row.reduce((sum, v) => sum + v, 0) / width
      const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / width
      const scale = 1 / Math.sqrt(variance + EPSILON)
      for (let c = 0; c < width; c++) y[r * width + c] = (row[c]! - mean) * scale * gamma![c]! + beta![c]!
    }
    return [y]
  },
  // mean and deviation are computed again from x (sum, subtract, square, sum), x̂ = (x − μ)/σ, then
  // dx = (γ·dy − mean(γ·dy) − x̂·mean(γ·dy·x̂))/σ: 9 more per element, two divides more per row than forward
  backward({rows, width}) {
    const n = rows * width
    return {
      data: vectorPart('13·rows·width + 7·rows', 13 * n + 7 * rows, {
        reads: [ofInput(0, n), ofInput(1, width), gradientOf(0, n)],
        writes: [{at: 0, elements: n}],
      }),
      // dγ = Σ dy·x̂, dβ = Σ dy: the 5 of x̂, multiply, two sums
      weights: vectorPart('8·rows·width + 5·rows', 8 * n + 5 * rows, {
        reads: [ofInput(0, n), gradientOf(0, n)],
        writes: [
          {at: 1, elements: width},
          {at: 2, elements: width},
        ],
      }),
    }
  },
  examples: [
    {
      dims: {rows: 1024, width: 768},
      flops: 5_510_144,
      bytes: 6_297_600,
      source: 'GPT-2, 1,024 tokens: 4 B × (2·786,432 + 2·768)',
    },
  ],
}
