/** The WGSL kernels by the name and the dims of a program's part: the names of the native kernels, and some more. */
import {attention} from './attention.ts'
import {attentionTiles} from './attention-tiles.ts'
import {conv} from './conv.ts'
import {attentionCached, scoresCached, valuesCached} from './decode.ts'
import {embedding, spmm} from './gather.ts'
import {gelu, geluFunctions} from './gelu.ts'
import {matrixVector, vectorMatrix} from './gemv.ts'
import {lstm, lstmProducts} from './lstm.ts'
import {attentionScores, attentionValues, matmul} from './matmul.ts'
import {adam, adamDescend, adamFirst, adamRoot, adamSecond, adamStep, momentum} from './optimizers.ts'
import {quantize} from './quantize.ts'
import {dequantize, type Quantized, quantizedMatrixVector} from './quantized.ts'
import {reduceParts} from './reductions.ts'
import {rope} from './rope.ts'
import {addLayernorm, addRmsnorm, crossEntropy, layernorm, rmsnorm, softmax} from './rows.ts'
import type {Shader} from './shader.ts'
import {
  add,
  batchnorm,
  bias,
  chain,
  mask,
  mul,
  negativeLog,
  relu,
  scale,
  scaleScores,
  shift,
  sigmoid,
  silu,
  swiglu,
  tanh,
} from './simple.ts'
import {transpose} from './transpose.ts'

type Make = (dims: readonly number[]) => Shader

const heads = ([batch, seq, h, kvHeads, headDim, causal]: readonly number[]) => ({
  batch: batch!,
  seq: seq!,
  heads: h!,
  kvHeads: kvHeads!,
  headDim: headDim!,
  causal: causal === 1,
})

const cachedHeads = (dims: readonly number[]) => ({...heads(dims), cached: dims[6]!})

/** Products with quantized weights of n rows of k; 8 bits have a scale per row. */
const quantizedProduct =
  (b: Quantized): Make =>
  ([m, n, k, group]) =>
    matmul({batch: 1, m: m!, n: n!, k: k!, b, bTransposed: true, group: group ?? k!})
const quantizedVector =
  (format: Quantized): Make =>
  ([n, k, group]) =>
    quantizedMatrixVector(format, n!, k!, group ?? k!)
const widened =
  (format: Quantized): Make =>
  ([groups, size]) =>
    dequantize(format, groups!, size!)
/** An elementwise generator as a kernel. */
const flat =
  (make: (elements: number) => Shader): Make =>
  ([elements]) =>
    make(elements!)

/** A product by the kernel for its shape: vectors have their own. */
function product(batch: number, m: number, n: number, k: number): Shader {
  if (batch === 1 && n === 1 && m > 1) return matrixVector(m, k)
  if (batch === 1 && m === 1) return vectorMatrix(n, k)
  return matmul({batch, m, n, k})
}

/** A product with a bias and an activation on the way out. */
const activated =
  (epilogue: string, functions = ''): Make =>
  ([m, n, k]) =>
    matmul({batch: 1, m: m!, n: n!, k: k!, bias: true, epilogue, functions})

/** A convolution; the name of the native kernel says whether it has a bias, and so does the last dimension. */
const convolutions =
  (normalized: boolean): Make =>
  ([batch, channels, filters, groups, height, width, kernel, stride, dilation, pad, biased]) =>
    conv({
      batch: batch!,
      channels: channels!,
      filters: filters!,
      groups: groups!,
      height: height!,
      width: width!,
      kernelHeight: kernel!,
      kernelWidth: kernel!,
      strideHeight: stride!,
      strideWidth: stride!,
      dilationHeight: dilation!,
      dilationWidth: dilation!,
      padHeight: pad!,
      padWidth: pad!,
      bias: biased === 1,
      normalized,
    })
const convolution = convolutions(false)

/** Generators by kernel; dims as the parts of the programs give them. */
export const wgsl = {
  gemm: ([m, n, k]) => product(1, m!, n!, k!),
  'gemm-batched': ([batch, m, n, k]) => product(batch!, m!, n!, k!),
  'gemm-f16': ([m, n, k]) => matmul({batch: 1, m: m!, n: n!, k: k!, a: 'f16', b: 'f16', c: 'f16'}),
  'gemm-nt': ([m, n, k]) => matmul({batch: 1, m: m!, n: n!, k: k!, bTransposed: true}),
  'gemm-tn': ([m, n, k]) => matmul({batch: 1, m: m!, n: n!, k: k!, aTransposed: true}),
  'gemm-strided': ([m, n, k, a, b, c]) => matmul({batch: 1, m: m!, n: n!, k: k!, strides: {a: a!, b: b!, c: c!}}),
  'gemm+bias+gelu': activated('gelu(sum)', `alias V = f32;\n${geluFunctions.erf}`),
  'gemm+bias+relu': activated('max(sum, 0.0)'),
  'gemm+bias+silu': activated('sum / (1.0 + exp(-sum))'),
  gemv: ([n, k]) => matrixVector(n!, k!, true),
  'dequantize-int8': widened('i8'),
  'dequantize-int4': widened('i4'),
  'dequantize-int8+gemv': quantizedVector('i8'),
  'dequantize-int4+gemv': quantizedVector('i4'),
  'dequantize-int8+gemm': quantizedProduct('i8'),
  'dequantize-int4+gemm': quantizedProduct('i4'),
  softmax: ([rows, cols]) => softmax({rows: rows!, cols: cols!}),
  layernorm: ([rows, cols]) => layernorm(rows!, cols!),
  rmsnorm: ([rows, cols]) => rmsnorm(rows!, cols!),
  'add+layernorm': ([rows, cols]) => addLayernorm(rows!, cols!),
  'cross-entropy': ([rows, classes]) => crossEntropy(rows!, classes!),
  'negative-log': ([rows, classes]) => negativeLog(rows!, classes!),
  'row-sum': ([rows, cols]) => reduceParts('sum', rows!, cols!),
  'row-max': ([rows, cols]) => reduceParts('max', rows!, cols!),
  'sum-parts': ([elements, parts]) => reduceParts('sum', parts!, Math.ceil(elements! / parts!), elements!),
  quantize: ([groups, size]) => quantize('i8', groups!, size!),
  'quantize-int4': ([groups, size]) => quantize('i4', groups!, size!),
  transpose: ([batch, rows, cols]) => transpose(batch!, rows!, cols!),
  embedding: ([rows, width]) => embedding(rows!, width!),
  spmm: ([nodes, , features, h]) => spmm({nodes: nodes!, features: features!, heads: h!, weighted: false}),
  'spmm-weighted': ([nodes, , features, h]) => spmm({nodes: nodes!, features: features!, heads: h!, weighted: true}),
  lstm: ([batch, input, hidden]) => lstm(batch!, input!, hidden!),
  'lstm-products': ([batch, input, hidden]) => lstmProducts(batch!, input!, hidden!),
  sigmoid: flat(sigmoid),
  tanh: flat(tanh),
  batchnorm: ([batch, channels, positions]) => batchnorm(batch!, channels!, positions!),
  gelu: ([elements]) => gelu({elements: elements!, form: 'erf'}),
  'gelu-tanh': ([elements]) => gelu({elements: elements!, form: 'tanh'}),
  add: flat(add),
  mul: flat(mul),
  relu: flat(relu),
  silu: flat(silu),
  scale: flat(scale),
  shift: flat(shift),
  chain: ([elements, k]) => chain(elements!, k!),
  bias: ([rows, cols]) => bias(rows! * cols!, cols!),
  'scale-scores': ([rows, cols, headDim]) => scaleScores(rows! * cols!, headDim!),
  mask: ([rows, cols]) => mask(rows! * cols!, cols!),
  swiglu: flat(swiglu),
  'add+rmsnorm': ([rows, cols]) => addRmsnorm(rows!, cols!),
  'bias+gelu': ([rows, cols]) => gelu({elements: rows! * cols!, form: 'erf', biasCols: cols!}),
  'scale+mask+softmax': ([rows, cols, headDim]) => softmax({rows: rows!, cols: cols!, causalHeadDim: headDim!}),
  rope: ([batch, seq, h, kvHeads, headDim]) =>
    rope({batch: batch!, seq: seq!, heads: h!, kvHeads: kvHeads!, headDim: headDim!}),
  attention: (dims) => attention(heads(dims)),
  'attention-scores': (dims) => attentionScores(heads(dims)),
  'attention-values': (dims) => attentionValues(heads(dims)),
  'attention-cached': (dims) => attentionCached(cachedHeads(dims)),
  'attention-scores-cached': (dims) => scoresCached(cachedHeads(dims)),
  'attention-values-cached': (dims) => valuesCached(cachedHeads(dims)),
  adam: flat(adam),
  'adam-first': flat(adamFirst),
  'adam-second': flat(adamSecond),
  'adam-root': flat(adamRoot),
  'adam-step': flat(adamStep),
  'adam-descend': flat(adamDescend),
  momentum: flat(momentum),
  conv: convolution,
  'conv+bias': convolution,
  'conv+batchnorm+relu': convolutions(true),
} as const satisfies Record<string, Make>

export type WgslKernel = keyof typeof wgsl

/** The shader of a part. */
export function shaderOf(kernel: string, dims: readonly number[]): Shader | undefined {
  return Object.hasOwn(wgsl, kernel) ? (wgsl as Readonly<Record<string, Make>>)[kernel]!(dims) : undefined
}

/** Register tiles of a product that are tried beside the one that its size suggests. */
const tiles = [
  {rows: 8, cols: 8},
  {rows: 8, cols: 4},
  {rows: 4, cols: 8},
  {rows: 4, cols: 4},
] as const

/** Other ways to do the same: which is fastest differs between GPUs, and is found by running them. The same numbers mean the same at every size. */
const others: Readonly<Record<string, (dims: readonly number[]) => (Shader | undefined)[]>> = {
  gemm: ([m, n, k]) => (m === 1 || n === 1 ? [] : tiles.map((tile) => matmul({batch: 1, m: m!, n: n!, k: k!, tile}))),
  attention: (dims) => [attentionTiles(heads(dims), 32), attentionTiles(heads(dims), 64)],
}

/** The shaders of a part: the first serves everywhere, those after it are `undefined` where they do not fit the dims. */
export function variantsOf(kernel: string, dims: readonly number[]): (Shader | undefined)[] {
  const first = shaderOf(kernel, dims)
  return first ? [first, ...(others[kernel]?.(dims) ?? [])] : []
}
