/** What runs on a GPU: the native kernels' programs wherever WGSL has all their parts, at GPU sizes, and kernels that only the GPU has. */
import {matmul} from '../../analysis/ops/matmul.ts'
import {one, operator} from '../families/types.ts'
import type {Program} from '../program.ts'
import {type KernelDef, kernels, type PairDef, pairs} from '../registry.ts'
import {shaderOf} from '../wgsl/index.ts'
import type {Format} from '../wgsl/shader.ts'
import {hasFormats} from './bytes.ts'

export interface GpuTraits {
  /** formats of tensors that are not f32 */
  formats?: Readonly<Record<string, Format>>
  /** a size of whole tiles, which products load without a look at the edge: checked beside the awkward one where a way was searched for */
  whole?: readonly number[]
  /** what test values in [−1, 1) become where a tensor's own range is another */
  values?: Readonly<Record<string, (value: number) => number>>
}

export type GpuKernel = KernelDef & GpuTraits
export type GpuPair = PairDef & GpuTraits

/** Kernels in a type that the native ones do not have. */
const own = {
  'gemm-f16': {
    id: 'gemm-f16',
    op: 'matmul',
    title: 'matrix product of f16 tensors, summed in f32',
    dims: ['m', 'n', 'k'],
    sizes: {cache: [512, 512, 512], dram: [4096, 4096, 4096]},
    check: [36, 72, 304],
    cases: kernels.gemm.cases,
    // 2^-11 of a result that is stored as f16, and its inputs' rounding
    tolerance: 2e-3,
    formats: {a: 'f16', b: 'f16', c: 'f16'},
    program: ([m, n, k]) => {
      const dims = {batch: 1, m: m!, n: n!, k: k!, bias: false}
      return one('gemm-f16', operator(matmul, 'gemm-f16', dims, [m!, n!, k!], ['a', 'b'], ['c']))
    },
  },
} as const satisfies Record<string, GpuKernel>

/**
 * Sizes of the shared kernels that fill a GPU: the native ones are a processor's. What is bound by memory takes several times the largest L2
 * there is (50 MiB of an H100, 72 MiB of an RTX 4090, 126 MB of a B200): a part that stayed there would put it above its roof.
 */
const gpuSizes: Readonly<Record<string, KernelDef['sizes']['dram']>> = {
  gemm: [4096, 4096, 4096],
  softmax: [16_384, 4096],
  layernorm: [16_384, 4096],
  rmsnorm: [16_384, 4096],
  gelu: [67_108_864],
  add: [67_108_864],
  attention: [1, 4096, 16, 64],
  'attention-gqa': [1, 4096, 16, 4, 128, 1],
  conv: [32, 128, 128, 1, 56, 56, 3, 1, 1, 2, 0],
  'gemm-nt': [4096, 4096, 4096],
  'gemm-batched': [32, 1024, 1024, 1024],
  gemv: [16_384, 8192],
  'dequantize-int8+gemv': [16_384, 16_384],
  'dequantize-int8+gemm': [1024, 4096, 4096],
  'dequantize-int4+gemm': [1024, 4096, 4096, 128],
  relu: [67_108_864],
  scale: [67_108_864],
  mul: [67_108_864],
  silu: [67_108_864],
  'gelu-tanh': [67_108_864],
  swiglu: [67_108_864],
  chain: [67_108_864, 4],
  adam: [67_108_864],
  momentum: [67_108_864],
  rope: [1, 16_384, 32, 8, 128],
  'attention-decode': [32, 1, 4095, 32, 8, 128],
  'add+rmsnorm': [16_384, 4096],
  'bias+gelu': [16_384, 4096],
  'add+layernorm': [16_384, 4096],
  'cross-entropy': [32_768, 4096],
  'row-sum': [32_768, 4096],
  'row-max': [32_768, 4096],
  sum: [134_217_728],
  quantize: [32_768, 4096],
  'quantize-int4': [1_048_576, 128],
  'dequantize-int8': [16_384, 8192],
  'dequantize-int4': [2_097_152, 64],
  // its unfused form stores the weights in f32: 1.6 GB
  'dequantize-int4+gemv': [24_576, 16_384, 64],
  transpose: [1, 8192, 8192],
  batchnorm: [64, 128, 12_544],
  'conv-depthwise': [32, 256, 112, 112, 3, 1, 1, 2],
  'conv+batchnorm+relu': [128, 64, 256, 1, 56, 56, 1, 1, 1, 0],
  qkv: [16, 8192, 8192, 2048],
  lstm: [64, 4096, 4096],
}

const wholes: Readonly<Record<string, readonly number[]>> = {
  gemm: [128, 128, 64],
  'gemm-f16': [128, 128, 64],
  'gemm-nt': [128, 128, 64],
  'gemm-tn': [128, 128, 64],
  'gemm-batched': [2, 128, 128, 64],
  'gemm+bias+gelu': [128, 128, 64],
  'gemm+bias+relu': [128, 128, 64],
  'gemm+bias+silu': [128, 128, 64],
  'dequantize-int8+gemm': [128, 128, 64],
  'dequantize-int4+gemm': [128, 128, 64, 32],
  conv: [1, 4, 128, 1, 16, 16, 4, 1, 1, 3, 0],
}

/** Where every part of a program has a shader, and its tensors formats. */
const covered = (program: Program): boolean =>
  program.parts.every((part) => hasFormats(part) && shaderOf(part.kernel, part.dims))

const sized = <D extends KernelDef | PairDef>(def: D): D => {
  const [dram, whole] = [gpuSizes[def.id], wholes[def.id]]
  const larger = dram && dram.length === def.dims.length ? {...def, sizes: {...def.sizes, dram}} : def
  return whole ? {...larger, whole} : larger
}

/** GPU kernels by id. */
export const gpuKernels: Readonly<Record<string, GpuKernel>> = {
  ...Object.fromEntries(
    Object.values(kernels as Readonly<Record<string, KernelDef>>)
      .filter((def) => covered(def.program(def.check)))
      .map((def) => [def.id, sized(def)]),
  ),
  'gemm-f16': sized(own['gemm-f16']),
}

/** GPU pairs by id. */
export const gpuPairs: Readonly<Record<string, GpuPair>> = Object.fromEntries(
  Object.values(pairs as Readonly<Record<string, PairDef>>)
    .filter((def) => covered(def.unfused(def.check)) && covered(def.fused(def.check)))
    .map((def) => [def.id, sized(def)]),
)
