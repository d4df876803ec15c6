import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import type {BatchnormDims} from './batchnorm.ts'
import {input, type OpDef, output, weight} from './types.ts'

const EPSILON = 1e-5

export const batchnormTrain: OpDef<'batchnorm-train', BatchnormDims> = {
  kind: 'batchnorm-train',
  title: 'training: (x − mean)/√(var + ε)·γ + β, the mean and variance of each channel over the batch',
  trait: 'window',
  formula: '7·batch·channels·positions + 5·channels',
  where:
    'per element: sum, subtract, square, sum, times 1/σ, times γ, plus β; per channel: two divides, + ε, √, reciprocal; ' +
    'the running statistics, 2 numbers per channel, are not counted',
  source: 'Ioffe & Szegedy 2015 (arXiv:1502.03167) algorithm 1',
  cost({batch, channels, positions}) {
    const elements = batch * channels * positions
    const flops = 7 * elements + 5 * channels
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
  reference({batch, channels, positions}, [x, gamma, beta]) {
    const y = new Float64Array(batch * channels * positions)
    const count = batch * positions
    for (let c = 0; c < channels; c++) {
      const at = Array.from(
        {length: count},
        (_, i) => (Math.floor(i / positions) * channels + c) * positions + (i % positions),
      )
      const mean = at.reduce((sum, i) => sum + x![i]!, 0) / count
      const variance = at.reduce((sum, i) => sum + (x![i]! - mean) ** 2, 0) / count
      const scale = 1 / Math.sqrt(variance + EPSILON)
      for (const i of at) y[i] = (x![i]! - mean) * scale * gamma![c]! + beta![c]!
    }
    return [y]
  },
  // as LayerNorm over the rows that are the channels of the batch: statistics again from x, 9 more per element
  backward({batch, channels, positions}) {
    const n = batch * channels * positions
    return {
      data: vectorPart('13·batch·channels·positions + 7·channels', 13 * n + 7 * channels, {
        reads: [ofInput(0, n), ofInput(1, channels), gradientOf(0, n)],
        writes: [{at: 0, elements: n}],
      }),
      weights: vectorPart('8·batch·channels·positions + 5·channels', 8 * n + 5 * channels, {
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
      dims: {batch: 32, channels: 64, positions: 112 * 112},
      flops: 179_831_104,
      bytes: 205_521_408,
      source: "ResNet's first at batch 32: 7·25,690,112 + 5·64; 4 B × (2·25,690,112 + 2·64)",
    },
  ],
}
