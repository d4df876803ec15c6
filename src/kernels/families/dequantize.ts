/** Weights of 8 bits (a scale per row) and 4 bits (a scale per group) against their products: widened apart, or on the way. */

import {AnalysisError} from '../../analysis/errors.ts'
import {dequantize} from '../../analysis/ops/dequantize.ts'
import {linear} from '../../analysis/ops/linear.ts'
import {input, weight} from '../../analysis/ops/types.ts'
import type {NativeType, Part, Program} from '../program.ts'
import {gemvPart} from './gemv.ts'
import {transposed} from './matmul.ts'
import {fusedCost, type KernelDef, one, operator, type PairDef, streaming} from './types.ts'

/** Weights of 4 and 8 bits reach 8 and 128 times what plain ones do, and their rounding with them. */
const tolerance = 1e-4

/** How weights are kept. */
interface Format {
  kernel: 'dequantize-int8' | 'dequantize-int4'
  type: NativeType
  /** bytes that write x as fixed-point numbers, where the product adds products of bytes */
  digits: number
  /** weights whose products one multiply-add scales: with a scale for each group those of a lane */
  scaled?: number
  /** elements that share a scale, in rows of k */
  group: (k: number, dims: readonly number[], at: number) => number
}

const int8: Format = {kernel: 'dequantize-int8', type: 'i8', digits: 3, group: (k) => k}
const int4: Format = {
  kernel: 'dequantize-int4',
  type: 'i4',
  digits: 3,
  scaled: 8,
  group: (k, dims, at) => {
    const group = dims[at]!
    if (![32, 64, 128].includes(group) || k % group !== 0)
      throw new AnalysisError(
        'bad-dimension',
        `weights of 4 bits have groups of 32, 64 or 128 that divide k, not ${group} in k = ${k}`,
        ['group 64 and k a multiple of it'],
      )
    return group
  },
}

const dequantizePart = ({kernel, type}: Format, groups: number, size: number, x = 'x'): Part =>
  streaming(
    operator(dequantize, kernel, {groups, size, zeroPoints: false}, [groups, size], ['q', 'scales'], [x], {
      types: {q: type},
    }),
    size,
  )

/** y[m,n] = x[m,k]·(scale·q)[n,k]ᵀ in one kernel, from the chain of both. */
function joined(
  kernel: string,
  native: readonly number[],
  widen: Part,
  product: Part,
  type: NativeType,
  bytes: Pick<Part, 'byteProducts' | 'byteScales'> = {},
): Program {
  const [q, scales] = widen.cost.reads
  const part: Part = {
    kernel,
    dims: [...native],
    in: ['x', 'q', 'scales'],
    out: ['y'],
    types: {q: type},
    ...bytes,
    cost: fusedCost(
      [widen.cost, product.cost],
      [product.cost.reads[0]!, weight('q', q!.elements), input('scales', scales!.elements)],
      product.cost.writes,
    ),
    reference: ([x, quantized, scale]) => product.reference([x!, widen.reference([quantized!, scale!])[0]!]),
  }
  return one(kernel, part)
}

/** Matrix–vector: dims n, k and, of 4 bits, the group. */
function gemvPrograms(format: Format, dims: readonly number[]): {unfused: Program; fused: Program} {
  const [n, k] = dims
  const group = format.group(k!, dims, 2)
  const widen = dequantizePart(format, group > 0 ? (n! * k!) / group : n!, group, 'w')
  const product = gemvPart([n!, k!])
  const kernel = `${format.kernel}+gemv`
  return {
    unfused: {id: `${format.kernel}, gemv`, parts: [widen, product]},
    fused: joined(kernel, dims, widen, product, format.type, {
      byteProducts: format.digits * n! * k!,
      byteScales: format.scaled ? (n! * k!) / format.scaled : 0,
    }),
  }
}

/** Matrix–matrix: dims m, n, k and, of 4 bits, the group. */
function gemmPrograms(format: Format, dims: readonly number[]): {unfused: Program; fused: Program} {
  const [m, n, k] = dims
  const group = format.group(k!, dims, 3)
  const widen = dequantizePart(format, group > 0 ? (n! * k!) / group : n!, group, 'w')
  const plain = operator(linear, 'gemm-nt', {m: m!, n: n!, k: k!, bias: false}, [m!, n!, k!], ['x', 'w'], ['y'])
  const product: Part = {...plain, reference: ([x, w]) => plain.reference([x!, transposed(w!, n!, k!)])}
  const kernel = `${format.kernel}+gemm`
  return {
    unfused: {id: `${format.kernel}, gemm-nt`, parts: [widen, product]},
    fused: joined(kernel, [m!, n!, k!, group], widen, product, format.type),
  }
}

const gemv8 = {
  id: 'dequantize-int8+gemv',
  op: 'dequantize+linear',
  title: 'matrix times vector with weights of 8 bits, a scale per row, by products of bytes where there are such',
  dims: ['n', 'k'],
  sizes: {cache: [256, 1024], dram: [8192, 8192]},
  grows: ['n'],
  tolerance,
  check: [53, 331],
  cases: [
    [1, 1],
    [0, 4],
    [4, 0],
    [5, 15],
    [16, 16],
    [17, 63],
    [19, 65],
    [70, 130],
    [3, 257],
  ],
} as const
const gemv4 = {
  id: 'dequantize-int4+gemv',
  op: 'dequantize+linear',
  title:
    'matrix times vector with weights of 4 bits in groups of 32, 64 or 128, by products of bytes where there are such',
  dims: ['n', 'k', 'group'],
  sizes: {cache: [512, 1024, 64], dram: [16_384, 8192, 64]},
  grows: ['n'],
  tolerance,
  check: [53, 352, 32],
  cases: [
    [1, 32, 32],
    [0, 64, 32],
    [3, 0, 64],
    [17, 64, 64],
    [18, 96, 32],
    [33, 192, 64],
    [65, 160, 32],
    [5, 128, 128],
    [70, 384, 128],
  ],
} as const
const gemm8 = {
  id: 'dequantize-int8+gemm',
  op: 'dequantize+linear',
  title: 'matrix product with weights of 8 bits, a scale per row of them, widened while they are packed',
  dims: ['m', 'n', 'k'],
  sizes: {cache: [64, 192, 192], dram: [64, 8192, 8192]},
  tolerance,
  check: [37, 71, 301],
  cases: [
    [1, 1, 1],
    [0, 3, 4],
    [3, 0, 4],
    [3, 4, 0],
    [12, 32, 64],
    [13, 33, 65],
    [5, 40, 513],
    [2, 2049, 3],
  ],
} as const
const gemm4 = {
  id: 'dequantize-int4+gemm',
  op: 'dequantize+linear',
  title: 'matrix product with weights of 4 bits in groups of 32, 64 or 128, widened while they are packed',
  dims: ['m', 'n', 'k', 'group'],
  sizes: {cache: [64, 192, 192, 64], dram: [64, 8192, 8192, 64]},
  tolerance,
  check: [37, 71, 352, 32],
  cases: [
    [1, 1, 32, 32],
    [0, 3, 64, 64],
    [3, 4, 0, 64],
    [12, 32, 64, 64],
    [13, 33, 96, 32],
    [5, 40, 640, 128],
    [5, 48, 1120, 32],
  ],
} as const

const quantizedCases = [
  [0, 5],
  [1, 1],
  [3, 5],
  [5, 7],
  [2, 33],
  [7, 64],
  [9, 100],
  [33, 17],
] as const

export const kernels = {
  'dequantize-int8': {
    id: 'dequantize-int8',
    op: 'dequantize',
    title: 'weights of 8 bits to f32, a scale for each group',
    dims: ['groups', 'size'],
    sizes: {cache: [64, 1024], dram: [4096, 8192]},
    grows: ['groups'],
    check: [9, 133],
    cases: quantizedCases,
    program: ([groups, size]) => one('dequantize-int8', dequantizePart(int8, groups!, size!)),
  },
  'dequantize-int4': {
    id: 'dequantize-int4',
    op: 'dequantize',
    title: 'weights of 4 bits to f32, a scale for each group',
    dims: ['groups', 'size'],
    sizes: {cache: [1024, 64], dram: [1_048_576, 64]},
    grows: ['groups'],
    check: [9, 133],
    cases: quantizedCases,
    program: ([groups, size]) => one('dequantize-int4', dequantizePart(int4, groups!, size!)),
  },
  'dequantize-int8+gemv': {...gemv8, program: (d) => gemvPrograms(int8, d).fused},
  'dequantize-int4+gemv': {...gemv4, program: (d) => gemvPrograms(int4, d).fused},
  'dequantize-int8+gemm': {...gemm8, program: (d) => gemmPrograms(int8, d).fused},
  'dequantize-int4+gemm': {...gemm4, program: (d) => gemmPrograms(int4, d).fused},
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'dequantize-int8+gemv': {
    ...gemv8,
    unfused: (d) => gemvPrograms(int8, d).unfused,
    fused: (d) => gemvPrograms(int8, d).fused,
  },
  'dequantize-int4+gemv': {
    ...gemv4,
    unfused: (d) => gemvPrograms(int4, d).unfused,
    fused: (d) => gemvPrograms(int4, d).fused,
  },
  'dequantize-int8+gemm': {
    ...gemm8,
    unfused: (d) => gemmPrograms(int8, d).unfused,
    fused: (d) => gemmPrograms(int8, d).fused,
  },
  'dequantize-int4+gemm': {
    ...gemm4,
    unfused: (d) => gemmPrograms(int4, d).unfused,
    fused: (d) => gemmPrograms(int4, d).fused,
  },
} as const satisfies Record<string, PairDef>
