/** The native operator kernels and the fused pairs, one literal entry each: what `perf bench` and `perf compare --fused` can run. */
import {add} from '../analysis/ops/add.ts'
import {attention} from '../analysis/ops/attention.ts'
import {attentionScores} from '../analysis/ops/attention-scores.ts'
import {attentionValues} from '../analysis/ops/attention-values.ts'
import {gelu} from '../analysis/ops/gelu.ts'
import {layernorm} from '../analysis/ops/layernorm.ts'
import {matmul} from '../analysis/ops/matmul.ts'
import {mul} from '../analysis/ops/mul.ts'
import type {AttentionDims} from '../analysis/ops/pairs.ts'
import {rmsnorm} from '../analysis/ops/rmsnorm.ts'
import {softmax} from '../analysis/ops/softmax.ts'
import {type Dims, input, type OpCost, type OpDef, output, weight} from '../analysis/ops/types.ts'
import type {Part, Program} from './program.ts'

/** A kernel that `perf bench` runs. */
export interface KernelDef {
  readonly id: string
  /** operator kind, or kinds joined by + where it is fused */
  readonly op: string
  readonly title: string
  /** what `--dims` holds, in order */
  readonly dims: readonly string[]
  /** default sizes: one that stays in a core's L2, one that comes from DRAM */
  readonly sizes: {readonly cache: readonly number[]; readonly dram: readonly number[]}
  /** a small awkward size to check results at: no multiple of any vector or tile */
  readonly check: readonly number[]
  program(dims: readonly number[]): Program
}

/** A chain of operators and the kernel that does the same in one. */
export interface PairDef extends Omit<KernelDef, 'program'> {
  unfused(dims: readonly number[]): Program
  fused(dims: readonly number[]): Program
}

type Names = readonly string[]

/** A part whose cost and oracle are one operator's own. */
function operator<K extends string, D extends Dims>(
  op: OpDef<K, D>,
  kernel: string,
  dims: D,
  native: number[],
  inputs: Names,
  outputs: Names,
): Part {
  return {kernel, dims: native, in: inputs, out: outputs, cost: op.cost(dims), reference: (x) => op.reference!(dims, x)}
}

/** The cost of several operators in one kernel: their arithmetic added up, the bytes of what goes in and comes out. */
function fusedCost(costs: readonly OpCost[], reads: OpCost['reads'], writes: OpCost['writes']): OpCost {
  const sum = (pick: (cost: OpCost) => number) => costs.reduce((total, cost) => total + pick(cost), 0)
  return {
    macs: sum((c) => c.macs),
    flops: sum((c) => c.flops),
    matrix: sum((c) => c.matrix),
    vector: sum((c) => c.vector),
    special: sum((c) => c.special),
    reads,
    writes,
  }
}

const one = (id: string, part: Part): Program => ({id, parts: [part]})

// --- elementwise parts that have a broadcast operand or move data only

const biasPart = (rows: number, cols: number, x: string, y: string): Part => ({
  kernel: 'bias',
  dims: [rows, cols],
  in: [x, 'bias'],
  out: [y],
  cost: {...add.cost({elements: rows * cols}), reads: [input('x', rows * cols), weight('bias', cols)]},
  reference: ([a, b]) => [a!.map((v, i) => v + b![i % cols]!)],
})

const scalePart = (rows: number, cols: number, headDim: number, x: string, y: string): Part => ({
  kernel: 'scale',
  dims: [rows, cols, headDim],
  in: [x],
  out: [y],
  cost: {...mul.cost({elements: rows * cols}), reads: [input('x', rows * cols)]},
  reference: ([a]) => [a!.map((v) => v / Math.sqrt(headDim))],
})

const maskPart = (rows: number, cols: number, x: string, y: string): Part => ({
  kernel: 'mask',
  dims: [rows, cols],
  in: [x],
  out: [y],
  cost: {
    macs: 0,
    flops: 0,
    matrix: 0,
    vector: 0,
    special: 0,
    reads: [input('x', rows * cols)],
    writes: [output('y', rows * cols)],
  },
  reference: ([a]) => [a!.map((v, i) => (i % cols <= Math.floor(i / cols) % cols ? v : Number.NEGATIVE_INFINITY))],
})

// --- programs

const elementwise =
  (op: typeof add | typeof gelu, inputs: Names) =>
  ([elements]: readonly number[]): Program =>
    one(
      op.kind,
      operator(op as OpDef<string, {elements: number}>, op.kind, {elements: elements!}, [elements!, 1], inputs, ['y']),
    )

const gemmProgram = ([m, n, k]: readonly number[]): Program =>
  one('gemm', operator(matmul, 'gemm', {batch: 1, m: m!, n: n!, k: k!, bias: false}, [m!, n!, k!], ['a', 'b'], ['c']))

const softmaxPart = (rows: number, cols: number, kept: number, x: string, y: string): Part =>
  operator(softmax, 'softmax', {rows, cols, kept}, [rows, cols], [x], [y])

const rmsnormPart = (rows: number, width: number, x: string): Part =>
  operator(rmsnorm, 'rmsnorm', {rows, width}, [rows, width], [x, 'gamma'], ['y'])

function residualNorm([rows, cols]: readonly number[]): {unfused: Program; fused: Program} {
  const elements = rows! * cols!
  const sum = operator(add, 'add', {elements}, [elements, 1], ['x', 'residual'], ['h'])
  const norm = rmsnormPart(rows!, cols!, 'h')
  const fused: Part = {
    kernel: 'add+rmsnorm',
    dims: [rows!, cols!],
    in: ['x', 'residual', 'gamma'],
    out: ['h', 'y'],
    cost: fusedCost(
      [sum.cost, norm.cost],
      [input('x', elements), input('residual', elements), weight('gamma', cols!)],
      [output('h', elements), output('y', elements)],
    ),
    reference: ([x, residual, gamma]) => {
      const [h] = sum.reference([x!, residual!])
      return [h!, norm.reference([h!, gamma!])[0]!]
    },
  }
  return {unfused: {id: 'add, rmsnorm', parts: [sum, norm]}, fused: one('add+rmsnorm', fused)}
}

function biasGelu([rows, cols]: readonly number[]): {unfused: Program; fused: Program} {
  const elements = rows! * cols!
  const bias = biasPart(rows!, cols!, 'x', 'h')
  const act = operator(gelu, 'gelu', {elements}, [elements, 1], ['h'], ['y'])
  const fused: Part = {
    kernel: 'bias+gelu',
    dims: [rows!, cols!],
    in: ['x', 'bias'],
    out: ['y'],
    cost: fusedCost([bias.cost, act.cost], bias.cost.reads, act.cost.writes),
    reference: (x) => act.reference(bias.reference(x)),
  }
  return {unfused: {id: 'bias, gelu', parts: [bias, act]}, fused: one('bias+gelu', fused)}
}

function scaleMaskSoftmax([heads, seq, headDim]: readonly number[]): {unfused: Program; fused: Program} {
  const rows = heads! * seq!
  const kept = (heads! * (seq! * (seq! + 1))) / 2
  const scale = scalePart(rows, seq!, headDim!, 'x', 'scaled')
  const mask = maskPart(rows, seq!, 'scaled', 'masked')
  const normalize = softmaxPart(rows, seq!, kept, 'masked', 'y')
  const total = fusedCost([scale.cost, mask.cost, normalize.cost], scale.cost.reads, normalize.cost.writes)
  const fused: Part = {
    kernel: 'scale+mask+softmax',
    dims: [rows, seq!, headDim!],
    in: ['x'],
    out: ['y'],
    // the fused kernel leaves out what the mask discards
    cost: {...total, flops: 6 * kept, vector: 6 * kept},
    reference: (x) => normalize.reference(mask.reference(scale.reference(x))),
  }
  return {
    unfused: {id: 'scale, mask, softmax', parts: [scale, mask, normalize]},
    fused: one('scale+mask+softmax', fused),
  }
}

function attentionPrograms([batch, seq, heads, headDim]: readonly number[]): {unfused: Program; fused: Program} {
  const d: AttentionDims = {
    batch: batch!,
    seq: seq!,
    cached: 0,
    heads: heads!,
    kvHeads: heads!,
    headDim: headDim!,
    causal: true,
  }
  const native = [batch!, seq!, heads!, heads!, headDim!, 1]
  const rows = batch! * heads! * seq!
  const kept = (batch! * heads! * seq! * (seq! + 1)) / 2
  return {
    unfused: {
      id: 'attention-scores, softmax, attention-values',
      parts: [
        operator(attentionScores, 'attention-scores', d, native, ['q', 'k'], ['scores']),
        softmaxPart(rows, seq!, kept, 'scores', 'weights'),
        operator(attentionValues, 'attention-values', d, native, ['weights', 'v'], ['o']),
      ],
    },
    fused: one('attention', operator(attention, 'attention', d, native, ['q', 'k', 'v'], ['o'])),
  }
}

const rowSizes = {cache: [64, 768], dram: [8192, 4096]} as const

/** Kernels by id. */
export const kernels = {
  gemm: {
    id: 'gemm',
    op: 'matmul',
    title: 'matrix product c[m,n] = a[m,k]·b[k,n], blocked and packed',
    dims: ['m', 'n', 'k'],
    sizes: {cache: [192, 192, 192], dram: [2048, 2048, 2048]},
    check: [37, 71, 301],
    program: gemmProgram,
  },
  softmax: {
    id: 'softmax',
    op: 'softmax',
    title: 'safe softmax of rows',
    dims: ['rows', 'cols'],
    sizes: rowSizes,
    check: [5, 133],
    program: ([rows, cols]) => one('softmax', softmaxPart(rows!, cols!, rows! * cols!, 'x', 'y')),
  },
  layernorm: {
    id: 'layernorm',
    op: 'layernorm',
    title: 'LayerNorm of rows',
    dims: ['rows', 'cols'],
    sizes: rowSizes,
    check: [5, 133],
    program: ([rows, cols]) =>
      one(
        'layernorm',
        operator(layernorm, 'layernorm', {rows: rows!, width: cols!}, [rows!, cols!], ['x', 'gamma', 'beta'], ['y']),
      ),
  },
  rmsnorm: {
    id: 'rmsnorm',
    op: 'rmsnorm',
    title: 'RMSNorm of rows',
    dims: ['rows', 'cols'],
    sizes: rowSizes,
    check: [5, 133],
    program: ([rows, cols]) => one('rmsnorm', rmsnormPart(rows!, cols!, 'x')),
  },
  gelu: {
    id: 'gelu',
    op: 'gelu',
    title: 'GELU with the error function',
    dims: ['elements'],
    sizes: {cache: [49_152], dram: [33_554_432]},
    check: [1003],
    program: elementwise(gelu, ['x']),
  },
  add: {
    id: 'add',
    op: 'add',
    title: 'sum of two tensors',
    dims: ['elements'],
    sizes: {cache: [32_768], dram: [33_554_432]},
    check: [1003],
    program: elementwise(add, ['x', 'y2']),
  },
  attention: {
    id: 'attention',
    op: 'attention',
    title: 'causal attention with an online softmax',
    dims: ['batch', 'seq', 'heads', 'headDim'],
    sizes: {cache: [1, 128, 4, 64], dram: [1, 2048, 12, 64]},
    check: [2, 101, 3, 20],
    program: (dims) => attentionPrograms(dims).fused,
  },
  'add+rmsnorm': {
    id: 'add+rmsnorm',
    op: 'add+rmsnorm',
    title: 'residual and RMSNorm in one pass',
    dims: ['rows', 'cols'],
    sizes: {cache: [32, 768], dram: [8192, 4096]},
    check: [5, 133],
    program: (dims) => residualNorm(dims).fused,
  },
  'bias+gelu': {
    id: 'bias+gelu',
    op: 'add+gelu',
    title: 'bias and GELU in one pass',
    dims: ['rows', 'cols'],
    sizes: rowSizes,
    check: [5, 133],
    program: (dims) => biasGelu(dims).fused,
  },
  'scale+mask+softmax': {
    id: 'scale+mask+softmax',
    op: 'mul+softmax',
    title: 'scale, causal mask and softmax in one pass',
    dims: ['heads', 'seq', 'headDim'],
    sizes: {cache: [2, 128, 64], dram: [12, 2048, 64]},
    check: [3, 67, 20],
    program: (dims) => scaleMaskSoftmax(dims).fused,
  },
} as const satisfies Record<string, KernelDef>

/** Fused pairs by id: the id of the fused kernel. */
export const pairs = {
  'add+rmsnorm': {
    ...kernels['add+rmsnorm'],
    unfused: (d) => residualNorm(d).unfused,
    fused: (d) => residualNorm(d).fused,
  },
  'bias+gelu': {...kernels['bias+gelu'], unfused: (d) => biasGelu(d).unfused, fused: (d) => biasGelu(d).fused},
  'scale+mask+softmax': {
    ...kernels['scale+mask+softmax'],
    unfused: (d) => scaleMaskSoftmax(d).unfused,
    fused: (d) => scaleMaskSoftmax(d).fused,
  },
  attention: {
    ...kernels.attention,
    unfused: (d) => attentionPrograms(d).unfused,
    fused: (d) => attentionPrograms(d).fused,
  },
} as const satisfies Record<string, PairDef>

export type KernelId = keyof typeof kernels
export type PairId = keyof typeof pairs
export const kernelIds = Object.keys(kernels) as KernelId[]
export const pairIds = Object.keys(pairs) as PairId[]
