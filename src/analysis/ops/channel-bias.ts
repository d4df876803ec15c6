import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** y[rows, width] = x + β[width] */
export type ChannelBiasDims = {readonly rows: number; readonly width: number}

export const channelBias: OpDef<'channel-bias', ChannelBiasDims> = {
  kind: 'channel-bias',
  title: 'adds a learned number to each channel, where no matrix product does it along',
  trait: 'elementwise',
  formula: 'rows·width',
  source: 'definition; behind the aggregation of a graph layer: Kipf & Welling 2017 (arXiv:1609.02907)',
  cost({rows, width}) {
    const elements = rows * width
    return {
      macs: 0,
      flops: elements,
      matrix: 0,
      vector: elements,
      special: 0,
      reads: [input('x', elements), weight('bias', width)],
      writes: [output('y', elements)],
    }
  },
  reference: ({width}, [x, bias]) => [x!.map((value, i) => value + bias![i % width]!)],
  backward: ({rows, width}) => ({
    data: null,
    passes: [0],
    weights: vectorPart('rows·width', rows * width, {
      reads: [gradientOf(0, rows * width)],
      writes: [{at: 1, elements: width}],
    }),
  }),
  examples: [
    {
      dims: {rows: 2708, width: 16},
      flops: 43_328,
      bytes: 346_688,
      source: 'GCN on Cora, hidden layer: 4 B × (2·43,328 + 16)',
    },
  ],
}
