import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** y[r,h,·] = [x[r,h,:k]·W[h], x[r,h,k:]]: every head has weights of its own; `carried` channels pass unchanged. */
export type HeadLinearDims = {
  readonly rows: number
  readonly heads: number
  readonly n: number
  readonly k: number
  readonly carried: number
}

export const headLinear: OpDef<'head-linear', HeadLinearDims> = {
  kind: 'head-linear',
  title: 'a matrix product per head with weights of its own; further channels of the head are carried along',
  trait: 'contraction',
  formula: '2·rows·heads·n·k',
  where:
    'absorbs the up-projections of latent attention: W_UK into the queries (rotated channels carried), W_UV into the outputs',
  source: 'DeepSeek-AI 2024 (arXiv:2405.04434) §2.1.2 and appendix C',
  cost({rows, heads, n, k, carried}) {
    const macs = rows * heads * n * k
    return {
      macs,
      flops: 2 * macs,
      matrix: 2 * macs,
      vector: 0,
      special: 0,
      reads: [input('x', rows * heads * (k + carried)), weight('w', heads * k * n)],
      writes: [output('y', rows * heads * (n + carried))],
    }
  },
  reference({rows, heads, n, k, carried}, [x, w]) {
    const y = new Float64Array(rows * heads * (n + carried))
    for (let i = 0; i < rows * heads; i++) {
      const head = i % heads
      const [from, to] = [i * (k + carried), i * (n + carried)]
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let l = 0; l < k; l++) sum += x![from + l]! * w![(head * k + l) * n + j]!
        y[to + j] = sum
      }
      for (let c = 0; c < carried; c++) y[to + n + c] = x![from + k + c]!
    }
    return [y]
  },
  // carried channels take their gradient as it is
  backward: ({rows, heads, n, k, carried}) => ({
    data: productPart('2·rows·heads·n·k', rows * heads * n * k, {
      reads: [gradientOf(0, rows * heads * (n + carried)), ofInput(1, heads * k * n)],
      writes: [{at: 0, elements: rows * heads * (k + carried)}],
    }),
    weights: productPart('2·rows·heads·n·k', rows * heads * n * k, {
      reads: [ofInput(0, rows * heads * k), gradientOf(0, rows * heads * n)],
      writes: [{at: 1, elements: heads * k * n}],
    }),
  }),
  examples: [
    {
      dims: {rows: 1, heads: 128, n: 512, k: 128, carried: 64},
      flops: 16_777_216,
      bytes: 33_947_648,
      source: 'DeepSeek-V3, one token into the latent: 2·128·512·128; 4 B × (128·192 + 128·128·512 + 128·576)',
    },
  ],
}
