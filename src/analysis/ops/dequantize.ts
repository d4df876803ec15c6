import {input, type OpDef, output, useOf} from './types.ts'

/** `groups` of `size` elements, each group with a scale and perhaps a zero point of its own. */
export type DequantizeDims = {readonly groups: number; readonly size: number; readonly zeroPoints: boolean}

export const dequantize: OpDef<'dequantize', DequantizeDims> = {
  kind: 'dequantize',
  title: 'x = scale·(q − zero point), group by group',
  trait: 'elementwise',
  formula: 'groups·size + zeroPoints·groups·size',
  where:
    'per element: one multiply, and one subtraction where there are zero points; q and zero points are int8 here, half of that with 4 bits',
  source: 'Jacob et al. 2017 (arXiv:1712.05877) eq. 1',
  cost({groups, size, zeroPoints}) {
    const elements = groups * size
    const flops = zeroPoints ? 2 * elements : elements
    const reads = [useOf('q', 'input', elements, 'int8'), input('scales', groups)]
    if (zeroPoints) reads.push(useOf('zero points', 'input', groups, 'int8'))
    return {macs: 0, flops, matrix: 0, vector: flops, special: 0, reads, writes: [output('x', elements)]}
  },
  reference({groups, size}, [q, scales, zeros]) {
    const x = new Float64Array(groups * size)
    for (let i = 0; i < x.length; i++) {
      const group = Math.floor(i / size)
      x[i] = scales![group]! * (q![i]! - (zeros?.[group] ?? 0))
    }
    return [x]
  },
  examples: [
    {
      dims: {groups: 8, size: 128, zeroPoints: false},
      flops: 1024,
      bytes: 5152,
      source: 'by hand: one multiply each; 1 B × 1,024 + 4 B × (8 + 1,024)',
    },
  ],
}
