/** The WGSL kernels by the name and the dims of a program's part: the names of the native kernels, and some more. */
import {adam} from './adam.ts'
import {attention} from './attention.ts'
import {conv} from './conv.ts'
import {gelu} from './gelu.ts'
import {matrixVector, vectorMatrix} from './gemv.ts'
import {attentionScores, attentionValues, matmul} from './matmul.ts'
import {rope} from './rope.ts'
import {addRmsnorm, layernorm, rmsnorm, softmax} from './rows.ts'
import type {Shader} from './shader.ts'
import {add, bias, mask, scale, swiglu} from './simple.ts'

type Make = (dims: readonly number[]) => Shader

const heads = ([batch, seq, h, kvHeads, headDim, causal]: readonly number[]) => ({
  batch: batch!,
  seq: seq!,
  heads: h!,
  kvHeads: kvHeads!,
  headDim: headDim!,
  causal: causal === 1,
})

/** A product by the kernel for its shape: vectors have their own. */
function product(batch: number, m: number, n: number, k: number): Shader {
  if (batch === 1 && n === 1 && m > 1) return matrixVector(m, k)
  if (batch === 1 && m === 1) return vectorMatrix(n, k)
  return matmul({batch, m, n, k})
}

/** A convolution; the name of the native kernel says whether it has a bias, and so does the last dimension. */
const convolution: Make = ([batch, channels, filters, groups, height, width, kernel, stride, dilation, pad, biased]) =>
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
  })

/** Generators by kernel; dims as the parts of the programs give them. */
export const wgsl = {
  gemm: ([m, n, k]) => product(1, m!, n!, k!),
  'gemm-batched': ([batch, m, n, k]) => product(batch!, m!, n!, k!),
  'gemm-f16': ([m, n, k]) => matmul({batch: 1, m: m!, n: n!, k: k!, a: 'f16', b: 'f16', c: 'f16'}),
  'gemm-int8': ([m, n, k, group]) => matmul({batch: 1, m: m!, n: n!, k: k!, b: 'i8', group: group!}),
  'gemm-int4': ([m, n, k, group]) => matmul({batch: 1, m: m!, n: n!, k: k!, b: 'i4', group: group!}),
  softmax: ([rows, cols]) => softmax({rows: rows!, cols: cols!}),
  layernorm: ([rows, cols]) => layernorm(rows!, cols!),
  rmsnorm: ([rows, cols]) => rmsnorm(rows!, cols!),
  gelu: ([elements]) => gelu({elements: elements!, form: 'erf'}),
  'gelu-tanh': ([elements]) => gelu({elements: elements!, form: 'tanh'}),
  add: ([elements]) => add(elements!),
  bias: ([rows, cols]) => bias(rows! * cols!, cols!),
  scale: ([rows, cols, headDim]) => scale(rows! * cols!, headDim!),
  mask: ([rows, cols]) => mask(rows! * cols!, cols!),
  swiglu: ([elements]) => swiglu(elements!),
  'add+rmsnorm': ([rows, cols]) => addRmsnorm(rows!, cols!),
  'bias+gelu': ([rows, cols]) => gelu({elements: rows! * cols!, form: 'erf', biasCols: cols!}),
  'scale+mask+softmax': ([rows, cols, headDim]) => softmax({rows: rows!, cols: cols!, causalHeadDim: headDim!}),
  rope: ([batch, seq, h, kvHeads, headDim]) =>
    rope({batch: batch!, seq: seq!, heads: h!, kvHeads: kvHeads!, headDim: headDim!}),
  attention: (dims) => attention(heads(dims)),
  'attention-scores': (dims) => attentionScores(heads(dims)),
  'attention-values': (dims) => attentionValues(heads(dims)),
  adam: ([elements]) => adam(elements!),
  conv: convolution,
  'conv+bias': convolution,
} as const satisfies Record<string, Make>

export type WgslKernel = keyof typeof wgsl

/** The shader of a part. */
export function shaderOf(kernel: string, dims: readonly number[]): Shader | undefined {
  return Object.hasOwn(wgsl, kernel) ? (wgsl as Readonly<Record<string, Make>>)[kernel]!(dims) : undefined
}
