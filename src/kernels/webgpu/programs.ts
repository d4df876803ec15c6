/** What runs on a GPU: the native kernels' programs wherever WGSL has all their parts, at GPU sizes, and kernels that only the GPU has. */
import {adam} from '../../analysis/ops/adam.ts'
import {dequantize} from '../../analysis/ops/dequantize.ts'
import {geluTanh} from '../../analysis/ops/gelu-tanh.ts'
import {matmul} from '../../analysis/ops/matmul.ts'
import {rope} from '../../analysis/ops/rope.ts'
import {swiglu} from '../../analysis/ops/swiglu.ts'
import {type Dims, input, type OpDef, weight} from '../../analysis/ops/types.ts'
import type {Part, Program} from '../program.ts'
import {type KernelDef, kernels, type PairDef, pairs} from '../registry.ts'
import {shaderOf} from '../wgsl/index.ts'
import type {Format} from '../wgsl/shader.ts'

export interface GpuTraits {
  /** formats of tensors that are not f32 */
  formats?: Readonly<Record<string, Format>>
  /** what test values in [−1, 1) become where a tensor's own range is another */
  values?: Readonly<Record<string, (value: number) => number>>
}

export type GpuKernel = Omit<KernelDef, 'cases'> & GpuTraits
export type GpuPair = PairDef & GpuTraits

type Names = readonly string[]

const partOf = <K extends string, D extends Dims>(
  op: OpDef<K, D>,
  kernel: string,
  dims: D,
  native: readonly number[],
  inputs: Names,
  outputs: Names,
): Part => ({
  kernel,
  dims: [...native],
  in: inputs,
  out: outputs,
  cost: op.cost(dims),
  reference: (x) => op.reference!(dims, x),
})

const one = (id: string, part: Part): Program => ({id, parts: [part]})

const product =
  (id: string, dims: (sizes: readonly number[]) => [number, number, number, number]) => (sizes: readonly number[]) => {
    const [batch, m, n, k] = dims(sizes)
    return one(id, partOf(matmul, id, {batch, m, n, k, bias: false}, sizes, ['a', 'b'], ['c']))
  }

/** Quantized weights of k × n, a scale for every `group` elements of a row: dequantized on their way into the product. */
function quantized(kernel: string, [m, n, k, group]: readonly number[]): Program {
  const dims = {batch: 1, m: m!, n: n!, k: k!, bias: false}
  const restore = {groups: (k! * n!) / group!, size: group!, zeroPoints: false}
  const [a, b] = [matmul.cost(dims), dequantize.cost(restore)]
  return one(kernel, {
    kernel,
    dims: [m!, n!, k!, group!],
    in: ['a', 'q', 'scales'],
    out: ['c'],
    cost: {
      ...a,
      flops: a.flops + b.flops,
      vector: a.vector + b.vector,
      reads: [input('a', m! * k!), weight('q', k! * n!), weight('scales', restore.groups)],
    },
    reference: ([x, q, scales]) => matmul.reference!(dims, [x!, dequantize.reference!(restore, [q!, scales!])[0]!]),
  })
}

const flat =
  (op: OpDef<string, {elements: number}>, inputs: Names) =>
  ([elements]: readonly number[]): Program =>
    one(op.kind, partOf(op, op.kind, {elements: elements!}, [elements!], inputs, ['y']))

const ropeProgram = (sizes: readonly number[]): Program => {
  const [batch, seq, heads, kvHeads, headDim] = sizes
  const dims = {batch: batch!, seq: seq!, heads: heads!, kvHeads: kvHeads!, headDim: headDim!}
  return one('rope', partOf(rope, 'rope', dims, sizes, ['q', 'k', 'table'], ['turned q', 'turned k']))
}

const adamProgram = ([elements]: readonly number[]): Program =>
  one(
    'adam',
    partOf(
      adam,
      'adam',
      {elements: elements!, copy: false},
      [elements!],
      ['w', 'g', 'm', 'v'],
      ['w new', 'm new', 'v new'],
    ),
  )

const own = {
  gemv: {
    id: 'gemv',
    op: 'matmul',
    title: 'matrix times vector, c[m] = a[m,k]·b[k]',
    dims: ['m', 'k'],
    sizes: {cache: [512, 512], dram: [16_384, 8192]},
    check: [37, 301],
    program: ([m, k]) =>
      one('gemv', partOf(matmul, 'gemm', {batch: 1, m: m!, n: 1, k: k!, bias: false}, [m!, 1, k!], ['a', 'b'], ['c'])),
  },
  'gemm-batched': {
    id: 'gemm-batched',
    op: 'matmul',
    title: 'a batch of matrix products',
    dims: ['batch', 'm', 'n', 'k'],
    sizes: {cache: [4, 64, 64, 64], dram: [32, 1024, 1024, 1024]},
    check: [3, 17, 35, 29],
    program: product('gemm-batched', ([batch, m, n, k]) => [batch!, m!, n!, k!]),
  },
  'gemm-f16': {
    id: 'gemm-f16',
    op: 'matmul',
    title: 'matrix product of f16 tensors, summed in f32',
    dims: ['m', 'n', 'k'],
    sizes: {cache: [512, 512, 512], dram: [4096, 4096, 4096]},
    check: [36, 72, 304],
    formats: {a: 'f16', b: 'f16', c: 'f16'},
    program: product('gemm-f16', ([m, n, k]) => [1, m!, n!, k!]),
  },
  'gemm-int8': {
    id: 'gemm-int8',
    op: 'dequantize+matmul',
    title: 'matrix product with int8 weights, scales by group, dequantized in the kernel',
    dims: ['m', 'n', 'k', 'group'],
    sizes: {cache: [64, 128, 128, 32], dram: [1024, 4096, 4096, 128]},
    check: [19, 96, 53, 32],
    formats: {q: 'i8'},
    values: {scales: (value) => value / 127},
    program: (sizes) => quantized('gemm-int8', sizes),
  },
  'gemm-int4': {
    id: 'gemm-int4',
    op: 'dequantize+matmul',
    title: 'matrix product with int4 weights, scales by group, dequantized in the kernel',
    dims: ['m', 'n', 'k', 'group'],
    sizes: {cache: [64, 128, 128, 32], dram: [1024, 4096, 4096, 128]},
    check: [19, 96, 53, 32],
    formats: {q: 'i4'},
    values: {scales: (value) => value / 7},
    program: (sizes) => quantized('gemm-int4', sizes),
  },
  'gelu-tanh': {
    id: 'gelu-tanh',
    op: 'gelu-tanh',
    title: 'GELU by tanh',
    dims: ['elements'],
    sizes: {cache: [49_152], dram: [67_108_864]},
    check: [1003],
    program: flat(geluTanh, ['x']),
  },
  swiglu: {
    id: 'swiglu',
    op: 'swiglu',
    title: 'silu(gate)·up',
    dims: ['elements'],
    sizes: {cache: [49_152], dram: [67_108_864]},
    check: [1003],
    program: flat(swiglu, ['gate', 'up']),
  },
  rope: {
    id: 'rope',
    op: 'rope',
    title: 'rotary positions of queries and keys',
    dims: ['batch', 'seq', 'heads', 'kvHeads', 'headDim'],
    sizes: {cache: [1, 64, 8, 2, 64], dram: [1, 16_384, 32, 8, 128]},
    check: [2, 7, 6, 3, 10],
    program: ropeProgram,
  },
  adam: {
    id: 'adam',
    op: 'adam',
    title: 'a step of Adam',
    dims: ['elements'],
    sizes: {cache: [32_768], dram: [33_554_432]},
    check: [1003],
    values: {v: Math.abs},
    program: adamProgram,
  },
} as const satisfies Record<string, GpuKernel>

/** Sizes of the shared kernels that fill a GPU: the native ones are a processor's. */
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
  'add+rmsnorm': [16_384, 4096],
  'bias+gelu': [16_384, 4096],
}

/** Where every part of a program has a shader. */
const covered = (program: Program): boolean =>
  program.parts.every(({kernel, dims, types}) => !types && shaderOf(kernel, dims))

const sized = <D extends KernelDef | PairDef>(def: D): D => {
  const dram = gpuSizes[def.id]
  return dram && dram.length === def.dims.length ? {...def, sizes: {...def.sizes, dram}} : def
}

/** GPU kernels by id. */
export const gpuKernels: Readonly<Record<string, GpuKernel>> = {
  ...Object.fromEntries(
    Object.values(kernels as Readonly<Record<string, KernelDef>>)
      .filter((def) => covered(def.program(def.check)))
      .map((def) => [def.id, sized(def)]),
  ),
  ...own,
}

/** GPU pairs by id. */
export const gpuPairs: Readonly<Record<string, GpuPair>> = Object.fromEntries(
  Object.values(pairs as Readonly<Record<string, PairDef>>)
    .filter((def) => covered(def.unfused(def.check)) && covered(def.fused(def.check)))
    .map((def) => [def.id, sized(def)]),
)
