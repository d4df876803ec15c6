import {gradientOf, ofExtra, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, useOf} from './types.ts'

export type DropoutDims = {readonly elements: number; readonly training: boolean}

export const dropout: OpDef<'dropout', DropoutDims> = {
  kind: 'dropout',
  title: 'training: x times a random mask times 1/(1 − p); inference: x itself, nothing moves',
  trait: 'elementwise',
  formula: 'training·2·elements',
  where: 'the random numbers are not counted; the mask is one byte per element, kept for the backward pass',
  source: 'Srivastava et al. 2014, Dropout, JMLR 15, §4; inverted scaling as in PyTorch',
  cost({elements, training}) {
    const moved = training ? elements : 0
    return {
      macs: 0,
      flops: 2 * moved,
      matrix: 0,
      vector: 2 * moved,
      special: 0,
      reads: [input('x', moved), useOf('mask', 'input', moved, 'int8')],
      writes: [output('y', moved)],
    }
  },
  reference(_, [x, mask]) {
    // p = ½, so that 1/(1 − p) = 2
    return [x!.map((value, i) => value * mask![i]! * 2)]
  },
  // dx = dy·mask/(1 − p); the mask that forward drew is kept, one byte per element
  backward({elements, training}) {
    const moved = training ? elements : 0
    const part = vectorPart('training·2·elements', 2 * moved, {
      reads: [gradientOf(0, moved), ofExtra(0, moved)],
      writes: [{at: 0, elements: moved}],
    })
    return {data: part, weights: null, extra: [{name: 'mask', elements: moved, dtype: 'int8'}]}
  },
  examples: [
    {
      dims: {elements: 1000, training: true},
      flops: 2000,
      bytes: 9000,
      source: '2 × 1,000; 2 × 1,000 × 4 B + 1,000 × 1 B',
    },
    {dims: {elements: 1000, training: false}, flops: 0, bytes: 0, source: 'the identity'},
  ],
}
