import {input, type OpDef, output, useOf} from './types.ts'

/** `groups` of `size` elements, each group with a scale of its own: one per tensor, per row (channel), or per group. */
export type QuantizeDims = {readonly groups: number; readonly size: number}

/** The nearest whole number, of two the even one: what every instruction set rounds to, and what ONNX asks for. */
function nearestEven(x: number): number {
  const rounded = Math.round(x)
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** What f32 rounds to infinity. */
const beyondF32 = 2 ** 128

/**
 * Scales and values of groups whose largest magnitude becomes `most`; a scale that is 0, infinite, NaN or so small that f32 has no inverse of
 * it (below 3e-39) quantizes to zeros.
 */
export function quantizeGroups({groups, size}: QuantizeDims, x: Float64Array, most: number): Float64Array[] {
  const q = new Float64Array(groups * size)
  const scales = new Float64Array(groups)
  for (let g = 0; g < groups; g++) {
    const group = x.subarray(g * size, (g + 1) * size)
    const scale = group.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / most
    scales[g] = scale
    const usable = 1 / scale < beyondF32 && scale < Number.POSITIVE_INFINITY
    for (let i = 0; i < size; i++) q[g * size + i] = usable ? nearestEven(group[i]! / scale) : 0
  }
  return [q, scales]
}

export const quantize: OpDef<'quantize', QuantizeDims> = {
  kind: 'quantize',
  title: 'symmetric quantization: scale = max|x|/q_max per group, q = x/scale to the nearest, ties to even',
  trait: 'rowwise',
  formula: '3·groups·size + 2·groups',
  where:
    'per element: max, times 1/scale, round; per group: divide, reciprocal; a sign flip is no FLOP; q is int8 here, half of that with 4 bits',
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
      writes: [useOf('q', 'output', elements, 'int8'), output('scales', groups)],
    }
  },
  reference: (d, [x]) => quantizeGroups(d, x!, 127),
  examples: [
    {
      dims: {groups: 8, size: 128},
      flops: 3088,
      bytes: 5152,
      source: 'by hand: 3 × 1,024 + 2 × 8; 4 B × (1,024 + 8) + 1 B × 1,024',
    },
  ],
}
