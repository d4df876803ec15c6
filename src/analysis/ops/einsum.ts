import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** `out` results, each a sum of `inner` products of elements of `x` and `y`. */
export type EinsumDims = {readonly x: number; readonly y: number; readonly out: number; readonly inner: number}

export const einsum: OpDef<'einsum', EinsumDims> = {
  kind: 'einsum',
  title: 'a contraction of two tensors over any of their axes',
  trait: 'contraction',
  formula: '2·out·inner',
  where:
    'out: elements of the result; inner: product of the sizes that are summed over; x, y: elements of the operands',
  source: 'definition: one multiply-accumulate per result and summed index; 1 MAC = 2 FLOP',
  cost({x, y, out, inner}) {
    const macs = out * inner
    return {
      macs,
      flops: 2 * macs,
      matrix: 2 * macs,
      vector: 0,
      special: 0,
      reads: [input('x', x), input('y', y)],
      writes: [output('z', out)],
    }
  },
  // the axes are not part of the cost: the oracle walks both operands in order
  reference({x, y, out, inner}, [a, b]) {
    const z = new Float64Array(out)
    for (let i = 0; i < out; i++) {
      for (let k = 0; k < inner; k++) z[i]! += a![(i * inner + k) % x]! * b![(i * inner + k) % y]!
    }
    return [z]
  },
  operands: 'apart',
  // the gradient of one operand is the contraction of the result's gradient with the other
  backward({x, y, out, inner}) {
    const macs = out * inner
    return {
      data: productPart('2·out·inner', macs, {
        reads: [gradientOf(0, out), ofInput(1, y)],
        writes: [{at: 0, elements: x}],
      }),
      weights: productPart('2·out·inner', macs, {
        reads: [ofInput(0, x), gradientOf(0, out)],
        writes: [{at: 1, elements: y}],
      }),
    }
  },
  examples: [
    {
      dims: {x: 2 * 3 * 4, y: 2 * 4 * 5, out: 2 * 3 * 5, inner: 4},
      flops: 240,
      bytes: 376,
      source: 'by hand, bij,bjk->bik with b=2, i=3, j=4, k=5: 2·30·4; 4 B × (24 + 40 + 30)',
    },
  ],
}
