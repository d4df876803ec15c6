import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

export type CopyDims = {readonly elements: number}

export const copy: OpDef<'copy', CopyDims> = {
  kind: 'copy',
  title: 'copies a tensor: a reshape, roll, permutation or cast that cannot be a view',
  trait: 'gather',
  formula: '0',
  source: 'definition',
  cost: ({elements}) => ({
    macs: 0,
    flops: 0,
    matrix: 0,
    vector: 0,
    special: 0,
    reads: [input('x', elements)],
    writes: [output('y', elements)],
  }),
  reference: (_, [x]) => [x!.slice()],
  backward: ({elements}) => ({
    data: vectorPart('0', 0, {reads: [gradientOf(0, elements)], writes: [{at: 0, elements}]}),
    weights: null,
  }),
  examples: [
    {dims: {elements: 3136 * 96}, flops: 0, bytes: 2_408_448, source: 'Swin-T, windows of stage 1: 2 × 4 B × 3,136·96'},
  ],
}
