import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** y[batch, tokens + 1, width]: one learned row before the tokens of each sample. */
export type ClassTokenDims = {readonly batch: number; readonly tokens: number; readonly width: number}

export const classToken: OpDef<'class-token', ClassTokenDims> = {
  kind: 'class-token',
  title: 'puts a learned token before those of each sample',
  trait: 'gather',
  formula: '0',
  source: 'Dosovitskiy et al. 2020 (arXiv:2010.11929) eq. 1',
  cost: ({batch, tokens, width}) => ({
    macs: 0,
    flops: 0,
    matrix: 0,
    vector: 0,
    special: 0,
    reads: [input('x', batch * tokens * width), weight('class token', width)],
    writes: [output('y', batch * (tokens + 1) * width)],
  }),
  reference({batch, tokens, width}, [x, token]) {
    const y = new Float64Array(batch * (tokens + 1) * width)
    for (let b = 0; b < batch; b++) {
      y.set(token!, b * (tokens + 1) * width)
      y.set(x!.subarray(b * tokens * width, (b + 1) * tokens * width), (b * (tokens + 1) + 1) * width)
    }
    return [y]
  },
  // the token's gradient is the sum over the samples
  backward: ({batch, tokens, width}) => ({
    data: vectorPart('0', 0, {
      reads: [gradientOf(0, batch * tokens * width)],
      writes: [{at: 0, elements: batch * tokens * width}],
    }),
    weights: vectorPart('batch·width', batch * width, {
      reads: [gradientOf(0, batch * width)],
      writes: [{at: 1, elements: width}],
    }),
  }),
  examples: [
    {
      dims: {batch: 1, tokens: 196, width: 768},
      flops: 0,
      bytes: 1_210_368,
      source: 'ViT-B/16: 4 B × 768·(196 + 1 + 197)',
    },
  ],
}
