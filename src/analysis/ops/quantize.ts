import {input, type OpDef, output} from './types.ts'

/** `groups` of `size` elements, each group with a scale of its own: one per tensor, per row (channel), or per group. */
export type QuantizeDims = {readonly groups: number; readonly size: number}

const LARGEST = 127

export const quantize: OpDef<'quantize', QuantizeDims> = {
  kind: 'quantize',
  title: 'symmetric quantization: scale = max|x|/q_max per group, q = round(x/scale)',
  trait: 'rowwise',
  formula: '3·groups·size + 2·groups',
  where: 'per element: max, times 1/scale, round; per group: divide, reciprocal; a sign flip is no FLOP',
  source:
    'Jacob et al. 2017 (arXiv:1712.05877) eq. 1 with zero point 0; absmax scales: Dettmers et al. 2022 (arXiv:2208.07339) §2.1',
  cost({groups, size}) {
    const elements = groups * size
    const flops = 3 * elements + 2 * groups
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads: [input('x', elements)],
      writes: [output('q', elements), output('scales', groups)],
    }
  },
  reference({groups, size}, [x]) {
    const q = new Float64Array(groups * size)
    const scales = new Float64Array(groups)
    for (let g = 0; g < groups; g++) {
      const group = x!.subarray(g * size, (g + 1) * size)
      const scale = group.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / LARGEST
      scales[g] = scale
      // a group of zeros has scale 0 and quantizes to zeros
      for (let i = 0; i < size; i++) q[g * size + i] = scale > 0 ? Math.round(group[i]! / scale) : 0
    }
    return [q, scales]
  },
  examples: [
    {
      dims: {groups: 8, size: 128},
      flops: 3088,
      bytes: 8224,
      source: 'by hand: 3 × 1,024 + 2 × 8; 4 B × (1,024 + 1,024 + 8)',
    },
  ],
}
