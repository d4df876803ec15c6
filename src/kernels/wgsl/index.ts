/** The WGSL kernels by the name and the dims of a program's part: the names of the native kernels, and some more. */
import {scoresCached} from './decode.ts'
import {embedding, spmm} from './gather.ts'
import {gelu} from './gelu.ts'
import {adam, adamDescend, adamFirst, adamRoot, adamSecond, adamStep, momentum} from './optimizers.ts'
import {quantize} from './quantize.ts'
import {dequantize, type Quantized, quantizedMatrixVector} from './quantized.ts'
import {reduceParts} from './reductions.ts'
import {rope} from './rope.ts'
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
import {tiled} from './tiled.ts'
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

/** Generators by kernel; dims as the parts of the programs give them. */
export const wgsl = {
  ...(Object.fromEntries(Object.entries(tiled).map(([id, {first}]) => [id, first])) as Record<
    keyof typeof tiled,
    Make
  >),
  'dequantize-int8': widened('i8'),
  'dequantize-int4': widened('i4'),
  'dequantize-int8+gemv': quantizedVector('i8'),
  'dequantize-int4+gemv': quantizedVector('i4'),
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
  'bias+gelu': ([rows, cols]) => gelu({elements: rows! * cols!, form: 'erf', biasCols: cols!}),
  rope: ([batch, seq, h, kvHeads, headDim]) =>
    rope({batch: batch!, seq: seq!, heads: h!, kvHeads: kvHeads!, headDim: headDim!}),
  'attention-scores-cached': (dims) => scoresCached(cachedHeads(dims)),
  adam: flat(adam),
  'adam-first': flat(adamFirst),
  'adam-second': flat(adamSecond),
  'adam-root': flat(adamRoot),
  'adam-step': flat(adamStep),
  'adam-descend': flat(adamDescend),
  momentum: flat(momentum),
} as const satisfies Record<string, Make>

/** The shader of a part. */
export function shaderOf(kernel: string, dims: readonly number[]): Shader | undefined {
  return Object.hasOwn(wgsl, kernel) ? (wgsl as Readonly<Record<string, Make>>)[kernel]!(dims) : undefined
}

/** The shaders of a part: the first serves everywhere, those after it are `undefined` where they do not fit the dims. */
export function variantsOf(kernel: string, dims: readonly number[]): (Shader | undefined)[] {
  const first = shaderOf(kernel, dims)
  if (!first) return []
  return [first, ...(Object.hasOwn(tiled, kernel) ? tiled[kernel as keyof typeof tiled].others(dims) : [])]
}
