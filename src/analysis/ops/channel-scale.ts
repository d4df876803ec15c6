import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** y[batch, channels, positions] = x · s[batch, channels] */
export type ChannelScaleDims = {readonly batch: number; readonly channels: number; readonly positions: number}

export const channelScale: OpDef<'channel-scale', ChannelScaleDims> = {
  kind: 'channel-scale',
  title: 'multiplies each channel of each sample by a number of its own',
  trait: 'elementwise',
  formula: 'batch·channels·positions',
  source: 'Hu, Shen & Sun 2017, Squeeze-and-Excitation (arXiv:1709.01507) eq. 4',
  cost({batch, channels, positions}) {
    const elements = batch * channels * positions
    return {
      macs: 0,
      flops: elements,
      matrix: 0,
      vector: elements,
      special: 0,
      reads: [input('x', elements), input('scale', batch * channels)],
      writes: [output('y', elements)],
    }
  },
  reference: ({positions}, [x, s]) => [x!.map((value, i) => value * s![Math.floor(i / positions)]!)],
  // dx = dy·s, ds = Σ dy·x over the positions
  backward({batch, channels, positions}) {
    const n = batch * channels * positions
    return {
      data: vectorPart('3·batch·channels·positions', 3 * n, {
        reads: [gradientOf(0, n), ofInput(0, n), ofInput(1, batch * channels)],
        writes: [
          {at: 0, elements: n},
          {at: 1, elements: batch * channels},
        ],
      }),
      weights: null,
    }
  },
  examples: [
    {
      dims: {batch: 1, channels: 32, positions: 112 * 112},
      flops: 401_408,
      bytes: 3_211_392,
      source: 'EfficientNet-B0, first block: 32·112²; 4 B × (2·401,408 + 32)',
    },
  ],
}
