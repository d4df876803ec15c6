/** Symmetric quantization: int8 by row or channel, int4 by group. */
import {quantize, quantizeGroups} from '../../analysis/ops/quantize.ts'
import type {Part} from '../program.ts'
import {edges, type KernelDef, one, operator, streaming} from './types.ts'

/** int8: groups of `size` to −127 … 127. */
const quantizePart = (groups: number, size: number): Part =>
  streaming(
    operator(quantize, 'quantize', {groups, size}, [groups, size], ['x'], ['q', 'scales'], {types: {q: 'i8'}}),
    size / 4,
  )

/** int4: groups of an even `size` to −7 … 7, two values in a byte. */
const quantizeInt4Part = (groups: number, size: number): Part => ({
  ...operator(quantize, 'quantize-int4', {groups, size}, [groups, size], ['x'], ['q', 'scales'], {types: {q: 'i4'}}),
  reference: ([x]) => quantizeGroups({groups, size}, x!, 7),
})

const rows = {
  dims: ['rows', 'cols'],
  check: [5, 133],
  cases: [[0, 5], [1, 1], [7, 300], [33, 12], ...edges.map((cols) => [3, cols])],
} as const
const int4 = {
  dims: ['groups', 'size'],
  check: [37, 38],
  cases: [[0, 32], [1, 2], [33, 32], [5, 128], ...edges.map((half) => [3, 2 * half])],
} as const

export const kernels = {
  quantize: {
    ...rows,
    id: 'quantize',
    op: 'quantize',
    title: 'f32 to int8 with a scale for each row',
    sizes: {cache: [96, 768], dram: [8192, 4096]},
    grows: ['rows'],
    program: ([groups, size]) => one('quantize', quantizePart(groups!, size!)),
  },
  'quantize-int4': {
    ...int4,
    id: 'quantize-int4',
    op: 'quantize',
    title: 'f32 to int4 with a scale for each group of an even size',
    sizes: {cache: [768, 128], dram: [262_144, 128]},
    grows: ['groups'],
    program: ([groups, size]) => one('quantize-int4', quantizeInt4Part(groups!, size!)),
  },
} as const satisfies Record<string, KernelDef>
