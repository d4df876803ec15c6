import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {layernorm} from './layernorm.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** x[batch, channels, positions], `groups` dividing the channels. */
export type GroupnormDims = {
  readonly batch: number
  readonly channels: number
  readonly positions: number
  readonly groups: number
}

export const groupnorm: OpDef<'groupnorm', GroupnormDims> = {
  kind: 'groupnorm',
  title: '(x − mean)/√(var + ε)·γ + β, the mean and variance of each group of channels of a sample',
  trait: 'window',
  formula: '7·batch·channels·positions + 5·batch·groups',
  where:
    'per element: sum, subtract, square, sum, times 1/σ, times γ, plus β; per group: two divides, + ε, √, reciprocal',
  source: 'Wu & He 2018 (arXiv:1803.08494) eq. 1–4, 7',
  cost({batch, channels, positions, groups}) {
    const elements = batch * channels * positions
    const flops = 7 * elements + 5 * batch * groups
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('x', elements), weight('gamma', channels), weight('beta', channels)],
      writes: [output('y', elements)],
    }
  },
  reference({batch, channels, positions, groups}, [x, gamma, beta]) {
    const width = (channels / groups) * positions
    const plain = {gamma: new Float64Array(width).fill(1), beta: new Float64Array(width)}
    const [normed] = layernorm.reference!({rows: batch * groups, width}, [x!, plain.gamma, plain.beta])
    return [
      normed!.map((value, i) => {
        const channel = Math.floor(i / positions) % channels
        return value * gamma![channel]! + beta![channel]!
      }),
    ]
  },
  // as LayerNorm: statistics again from x, 9 more per element; dγ and dβ sum over samples and positions
  backward({batch, channels, positions, groups}) {
    const [n, rows] = [batch * channels * positions, batch * groups]
    return {
      data: vectorPart('13·batch·channels·positions + 7·batch·groups', 13 * n + 7 * rows, {
        reads: [ofInput(0, n), ofInput(1, channels), gradientOf(0, n)],
        writes: [{at: 0, elements: n}],
      }),
      weights: vectorPart('8·batch·channels·positions + 5·batch·groups', 8 * n + 5 * rows, {
        reads: [ofInput(0, n), gradientOf(0, n)],
        writes: [
          {at: 1, elements: channels},
          {at: 2, elements: channels},
        ],
      }),
    }
  },
  examples: [
    {
      dims: {batch: 1, channels: 320, positions: 64 * 64, groups: 32},
      flops: 9_175_200,
      bytes: 10_488_320,
      source: 'Stable Diffusion 1.5 U-Net, first: 7·320·4,096 + 5·32; 4 B × (2·1,310,720 + 2·320)',
    },
  ],
}
