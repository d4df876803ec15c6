import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {type Example, input, type OpDef, output, weight} from './types.ts'

/** y[m,n] = x[m,k] · w[k,n] + bias[n] */
export type LinearDims = {readonly m: number; readonly n: number; readonly k: number; readonly bias: boolean}

const examples: readonly Example<LinearDims>[] = [
  {
    dims: {m: 64, n: 12_288, k: 12_288, bias: false},
    flops: 19_327_352_832,
    bytes: 610_271_232,
    source: '2·64·12288²; 4 B × (64·12288 + 12288² + 64·12288); the shape of LLMCompass (ISCA 2024) figure 5',
  },
  {dims: {m: 1, n: 3, k: 2, bias: true}, flops: 15, bytes: 56, source: 'by hand: 12 + 3; 4 B × (2 + 6 + 3 + 3)'},
]

export const linear: OpDef<'linear', LinearDims> = {
  kind: 'linear',
  title: 'a matrix product with weights, and a bias: y = x·W + b',
  trait: 'contraction',
  formula: '2·m·n·k + bias·m·n',
  source: 'definition; 1 MAC = 2 FLOP (Golub & Van Loan, Matrix Computations, §1.1)',
  cost({m, n, k, bias}) {
    const macs = m * n * k
    const biased = bias ? m * n : 0
    const reads = bias
      ? [input('x', m * k), weight('w', k * n), weight('bias', n)]
      : [input('x', m * k), weight('w', k * n)]
    return {
      macs,
      flops: 2 * macs + biased,
      matrix: 2 * macs,
      vector: biased,
      special: 0,
      reads,
      writes: [output('y', m * n)],
    }
  },
  reference({m, n, k, bias}, [x, w, b]) {
    const y = new Float64Array(m * n)
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = bias ? b![j]! : 0
        for (let l = 0; l < k; l++) sum += x![i * k + l]! * w![l * n + j]!
        y[i * n + j] = sum
      }
    }
    return [y]
  },
  backward: ({m, n, k, bias}) => ({
    data: productPart('2·m·n·k', m * n * k, {
      reads: [gradientOf(0, m * n), ofInput(1, k * n)],
      writes: [{at: 0, elements: m * k}],
    }),
    // dW = xᵀ·dy; the bias takes the sum of dy over the rows
    weights: productPart(
      '2·m·n·k + bias·m·n',
      m * n * k,
      {
        reads: [ofInput(0, m * k), gradientOf(0, m * n)],
        writes: bias
          ? [
              {at: 1, elements: k * n},
              {at: 2, elements: n},
            ]
          : [{at: 1, elements: k * n}],
      },
      bias ? m * n : 0,
    ),
  }),
  examples,
}
