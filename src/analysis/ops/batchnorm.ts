import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** x[batch, channels, positions] */
export type BatchnormDims = {readonly batch: number; readonly channels: number; readonly positions: number}

export const batchnorm: OpDef<'batchnorm', BatchnormDims> = {
  kind: 'batchnorm',
  title: 'inference: x·scale + shift per channel, folded from γ, β and the running mean and variance',
  trait: 'elementwise',
  formula: '2·batch·channels·positions',
  where: 'scale = γ/√(var + ε) and shift = β − mean·scale are computed once, ahead',
  source: 'Ioffe & Szegedy 2015 (arXiv:1502.03167) algorithm 2, step 11',
  cost({batch, channels, positions}) {
    const elements = batch * channels * positions
    return {
      macs: 0,
      flops: 2 * elements,
      matrix: 0,
      vector: 2 * elements,
      special: 0,
      reads: [input('x', elements), weight('scale', channels), weight('shift', channels)],
      writes: [output('y', elements)],
    }
  },
  reference({channels, positions}, [x, scale, shift]) {
    return [
      x!.map((value, i) => {
        const channel = Math.floor(i / positions) % channels
        return value * scale![channel]! + shift![channel]!
      }),
    ]
  },
  // statistics are constants here: dx = dy·scale; dγ and dβ from Σ dy·x and Σ dy
  backward({batch, channels, positions}) {
    const n = batch * channels * positions
    return {
      data: vectorPart('batch·channels·positions', n, {
        reads: [gradientOf(0, n), ofInput(1, channels)],
        writes: [{at: 0, elements: n}],
      }),
      weights: vectorPart('3·batch·channels·positions', 3 * n, {
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
      dims: {batch: 1, channels: 64, positions: 112 * 112},
      flops: 1_605_632,
      bytes: 6_423_040,
      source: "ResNet's first: 2·64·112²; 4 B × (2·802,816 + 2·64)",
    },
  ],
}
