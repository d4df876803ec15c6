/** Kernels that can be done in several ways, and the ways: which is fastest differs between GPUs, and is found by running them. */
import {convDims} from '../families/conv.ts'
import {type AttentionParams, attention} from './attention.ts'
import {attentionScores, attentionValues} from './attention-products.ts'
import {attentionTiles} from './attention-tiles.ts'
import {type ConvParams, convDirect, convProduct} from './conv.ts'
import {attentionCached, type DecodeParams, valuesCached, valuesSplit} from './decode.ts'
import {attentionSplit} from './decode-split.ts'
import {geluFunctions} from './gelu.ts'
import {matrixVector, vectorMatrix} from './gemv.ts'
import {lstmDirect, lstmProduct} from './lstm.ts'
import {matmul, type TileShape} from './matmul.ts'
import type {Quantized} from './quantized.ts'
import {type RowShape, rowShapes} from './row-kernel.ts'
import {addLayernorm, addRmsnorm, crossEntropy, layernorm, rmsnorm, softmax} from './rows.ts'
import type {Shader} from './shader.ts'
import {fewRowsProduct, weightsProduct, weightsShapes} from './skinny.ts'

type Dims = readonly number[]
/** By a shape, or by the one that the size suggests; `undefined` where a shape is of no use to these dims. */
type Tiled = (dims: Dims, tile?: TileShape) => Shader | undefined

interface Ways {
  /** serves everywhere */
  first: (dims: Dims) => Shader
  /** in an order that never changes: the same numbers mean the same at every size */
  others: (dims: Dims) => (Shader | undefined)[]
}

/** What a product is tried with: registers of a thread, threads across and down, depth, loads ahead of the arithmetic. */
const shapes: readonly TileShape[] = [
  {rows: 8, cols: 8, ahead: true, unroll: true},
  {rows: 8, cols: 8, across: 8, ahead: true, unroll: true},
  {rows: 8, cols: 8, unroll: true},
  {rows: 8, cols: 8, across: 8, unroll: true},
  {rows: 8, cols: 8, depth: 8, ahead: true, unroll: true},
  {rows: 8, cols: 8, depth: 32, unroll: true},
  {rows: 8, cols: 4, unroll: true},
  {rows: 4, cols: 8, unroll: true},
  {rows: 4, cols: 4, unroll: true},
]
/** What its relatives are tried with: compiling takes longer than running. */
const fewShapes = [shapes[0]!, shapes[1]!, shapes[6]!]
/** For products of few rows, as a step of an LSTM is: more and smaller workgroups. */
const smallShapes: readonly TileShape[] = [
  {rows: 4, cols: 4, across: 8, down: 8, ahead: true},
  {rows: 4, cols: 4, ahead: true},
  {rows: 8, cols: 4, across: 8, down: 8, ahead: true},
]

const heads = ([batch, seq, h, kvHeads, headDim, causal]: Dims): AttentionParams => ({
  batch: batch!,
  seq: seq!,
  heads: h!,
  kvHeads: kvHeads!,
  headDim: headDim!,
  causal: causal === 1,
})

const cachedHeads = (dims: Dims): DecodeParams => ({...heads(dims), cached: dims[6]!})

/** A product by the kernel for its shape: vectors have their own, and no tiles. */
const product = (batch: number, m: number, n: number, k: number, tile?: TileShape): Shader | undefined => {
  if (batch === 1 && n === 1 && m > 1) return tile ? undefined : matrixVector(m, k)
  if (batch === 1 && m === 1) return tile ? undefined : vectorMatrix(n, k)
  return matmul({batch, m, n, k, tile})
}

/** Products with quantized weights of n rows of k; 8 bits have a scale per row. */
const quantizedProduct =
  (b: Quantized): Tiled =>
  ([m, n, k, group], tile) =>
    matmul({batch: 1, m: m!, n: n!, k: k!, b, bTransposed: true, group: group ?? k!, tile})

/** A product with a bias and an activation on the way out. */
const activated =
  (epilogue: string, functions = ''): Tiled =>
  ([m, n, k], tile) =>
    matmul({batch: 1, m: m!, n: n!, k: k!, bias: true, epilogue, functions, tile})

const products = {
  gemm: ([m, n, k], tile) => product(1, m!, n!, k!, tile),
  'gemm-batched': ([batch, m, n, k], tile) => product(batch!, m!, n!, k!, tile),
  'gemm-f16': ([m, n, k], tile) => matmul({batch: 1, m: m!, n: n!, k: k!, a: 'f16', b: 'f16', c: 'f16', tile}),
  'gemm-nt': ([m, n, k], tile) => matmul({batch: 1, m: m!, n: n!, k: k!, bTransposed: true, tile}),
  'gemm-tn': ([m, n, k], tile) => matmul({batch: 1, m: m!, n: n!, k: k!, aTransposed: true, tile}),
  'gemm-strided': ([m, n, k, a, b, c], tile) =>
    matmul({batch: 1, m: m!, n: n!, k: k!, strides: {a: a!, b: b!, c: c!}, tile}),
  'gemm+bias+gelu': activated('gelu(sum)', `alias V = f32;\n${geluFunctions.erf}`),
  'gemm+bias+relu': activated('max(sum, 0.0)'),
  'gemm+bias+silu': activated('sum / (1.0 + exp(-sum))'),
  'dequantize-int8+gemm': quantizedProduct('i8'),
  'dequantize-int4+gemm': quantizedProduct('i4'),
  'attention-scores': (dims, tile) => attentionScores(heads(dims), tile),
  'attention-values': (dims, tile) => attentionValues(heads(dims), tile),
} as const satisfies Record<string, Tiled>

const productWays = Object.fromEntries(
  Object.entries<Tiled>(products).map(([id, make]) => [
    id,
    {
      first: (dims: Dims) => make(dims)!,
      others: (dims: Dims) => [
        ...(id === 'gemm' ? shapes : fewShapes).map((tile) => make(dims, tile)),
        ...(fewRowsWays[id]?.(dims) ?? []),
      ],
    },
  ]),
) as Record<keyof typeof products, Ways>

/** Ways of products of few rows: by columns, or by rows of weights where one side is a vector or lies along k. */
const fewRowsWays: Readonly<Record<string, (dims: Dims) => (Shader | undefined)[]>> = {
  gemm: ([m, n, k]) => [
    ...[1, 256, 1024].map((wanted) => (n === 1 ? undefined : fewRowsProduct(m!, n!, k!, wanted))),
    ...weightsShapes.map((shape) =>
      n === 1 && m! > 1 ? weightsProduct({m: 1, n: m!, k: k!, names: ['w', 'x']}, shape) : undefined,
    ),
  ],
  'gemm-nt': ([m, n, k]) =>
    weightsShapes.map((shape) => weightsProduct({m: m!, n: n!, k: k!, names: ['x', 'w']}, shape)),
}

/** Filters of a group from which a convolution is a product: below, most of a tile's rows would be empty. */
const productFilters = 16

/** A convolution; the name of the native kernel says whether it has a bias, and so does the last dimension. */
function convolution(normalized: boolean): Ways {
  const params = (dims: Dims): ConvParams => ({...convDims(dims), normalized})
  const isProduct = ({filters, groups}: ConvParams) => filters / groups >= productFilters
  return {
    first: (dims) => {
      const d = params(dims)
      return isProduct(d) ? convProduct(d) : convDirect(d)
    },
    others: (dims) => {
      const d = params(dims)
      return [isProduct(d) ? convDirect(d) : undefined, ...fewShapes.map((tile) => convProduct(d, tile))]
    },
  }
}

/** Sequences from which a step of an LSTM is a product. */
const productBatch = 16

const lstmWays = (whole: boolean): Ways => ({
  first: ([batch, wide, hidden]) => (batch! < productBatch ? lstmDirect : lstmProduct)(batch!, wide!, hidden!, whole),
  others: ([batch, wide, hidden]) => [
    lstmDirect(batch!, wide!, hidden!, whole),
    ...smallShapes.map((tile) => lstmProduct(batch!, wide!, hidden!, whole, tile)),
  ],
})

/** A kernel of rows by its usual shape, and by every other. */
const rowWays = (make: (dims: Dims, shape?: RowShape) => Shader): Ways => ({
  first: (dims) => make(dims),
  others: (dims) => rowShapes(dims[1]!).map((shape) => shape && make(dims, shape)),
})

const conv = convolution(false)

/** By the names and the dims of a program's parts. */
export const tiled = {
  ...productWays,
  conv,
  'conv+bias': conv,
  'conv+batchnorm+relu': convolution(true),
  softmax: rowWays(([rows, cols], shape) => softmax({rows: rows!, cols: cols!, shape})),
  'scale+mask+softmax': rowWays(([rows, cols, headDim], shape) =>
    softmax({rows: rows!, cols: cols!, causalHeadDim: headDim!, shape}),
  ),
  'cross-entropy': rowWays(([rows, classes], shape) => crossEntropy(rows!, classes!, shape)),
  layernorm: rowWays(([rows, cols], shape) => layernorm(rows!, cols!, shape)),
  rmsnorm: rowWays(([rows, cols], shape) => rmsnorm(rows!, cols!, shape)),
  'add+layernorm': rowWays(([rows, cols], shape) => addLayernorm(rows!, cols!, shape)),
  'add+rmsnorm': rowWays(([rows, cols], shape) => addRmsnorm(rows!, cols!, shape)),
  lstm: lstmWays(true),
  'lstm-products': lstmWays(false),
  gemv: {
    first: ([n, k]: Dims) => matrixVector(n!, k!, true),
    others: ([n, k]: Dims) =>
      weightsShapes.map((shape) => weightsProduct({m: 1, n: n!, k: k!, names: ['x', 'w']}, shape)),
  },
  'attention-cached': {
    first: (dims: Dims) => attentionCached(cachedHeads(dims)),
    others: (dims: Dims) =>
      (['subgroups', 'tree'] as const).flatMap((by) =>
        ([256, 128, 512] as const).map((chunk) => attentionSplit(cachedHeads(dims), {chunk, by})),
      ),
  },
  'attention-values-cached': {
    first: (dims: Dims) => valuesCached(cachedHeads(dims)),
    others: (dims: Dims) => [1, 512].map((wanted) => valuesSplit(cachedHeads(dims), wanted)),
  },
  attention: {
    first: (dims: Dims) => attention(heads(dims)),
    others: (dims: Dims) => [
      attentionTiles(heads(dims), {queries: 32, rows: 4}),
      attentionTiles(heads(dims), {queries: 64, rows: 4}),
      attentionTiles(heads(dims), {queries: 32, rows: 8}),
      attentionTiles(heads(dims), {queries: 64, rows: 8}),
    ],
  },
} as const satisfies Record<string, Ways>
