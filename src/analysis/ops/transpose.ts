import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** x[batch, rows, cols] → y[batch, cols, rows] */
export type TransposeDims = {readonly batch: number; readonly rows: number; readonly cols: number}

export const transpose: OpDef<'transpose', TransposeDims> = {
  kind: 'transpose',
  title: 'swaps two axes in memory',
  trait: 'gather',
  formula: '0',
  source: 'definition',
  cost({batch, rows, cols}) {
    const elements = batch * rows * cols
    return {
      macs: 0,
      flops: 0,
      matrix: 0,
      vector: 0,
      special: 0,
      reads: [input('x', elements)],
      writes: [output('y', elements)],
    }
  },
  reference({batch, rows, cols}, [x]) {
    const y = new Float64Array(batch * rows * cols)
    for (let b = 0; b < batch; b++)
      for (let r = 0; r < rows; r++)
        for (let c = 0; c < cols; c++) y[(b * cols + c) * rows + r] = x![(b * rows + r) * cols + c]!
    return [y]
  },
  backward({batch, rows, cols}) {
    const elements = batch * rows * cols
    return {data: vectorPart('0', 0, {reads: [gradientOf(0, elements)], writes: [{at: 0, elements}]}), weights: null}
  },
  examples: [
    {
      dims: {batch: 1, rows: 320, cols: 4096},
      flops: 0,
      bytes: 10_485_760,
      source: 'features of 64 × 64 stored by channel, to tokens: 2 × 4 B × 320·4,096',
    },
  ],
}
