/** Row-wise kernels and pairs: softmax and norms. */
import {add} from '../../analysis/ops/add.ts'
import {layernorm} from '../../analysis/ops/layernorm.ts'
import {mul} from '../../analysis/ops/mul.ts'
import {rmsnorm} from '../../analysis/ops/rmsnorm.ts'
import {softmax} from '../../analysis/ops/softmax.ts'
import {input, output, weight} from '../../analysis/ops/types.ts'
import type {Part, Program} from '../program.ts'
import {edges, evaluating, fusedCost, type KernelDef, one, operator, type PairDef, rowCases} from './types.ts'

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

export const softmaxPart = (rows: number, cols: number, kept: number, x: string, y: string): Part =>
  evaluating('exp', operator(softmax, 'softmax', {rows, cols, kept}, [rows, cols], [x], [y]))

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
    fused: one('scale+mask+softmax', evaluating('exp', fused)),
  }
}

const rowSizes = {cache: [64, 768], dram: [8192, 4096]} as const

export const kernels = {
  softmax: {
    id: 'softmax',
    op: 'softmax',
    title: 'safe softmax of rows',
    dims: ['rows', 'cols'],
    sizes: rowSizes,
    check: [5, 133],
    cases: rowCases,
    program: ([rows, cols]) => one('softmax', softmaxPart(rows!, cols!, rows! * cols!, 'x', 'y')),
  },
  layernorm: {
    id: 'layernorm',
    op: 'layernorm',
    title: 'LayerNorm of rows',
    dims: ['rows', 'cols'],
    sizes: rowSizes,
    check: [5, 133],
    cases: rowCases,
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
    cases: rowCases,
    program: ([rows, cols]) => one('rmsnorm', rmsnormPart(rows!, cols!, 'x')),
  },
  'add+rmsnorm': {
    id: 'add+rmsnorm',
    op: 'add+rmsnorm',
    title: 'residual and RMSNorm in one pass',
    dims: ['rows', 'cols'],
    sizes: {cache: [32, 768], dram: [8192, 4096]},
    check: [5, 133],
    cases: rowCases,
    program: (dims) => residualNorm(dims).fused,
  },
  'scale+mask+softmax': {
    id: 'scale+mask+softmax',
    op: 'mul+softmax',
    title: 'scale, causal mask and softmax in one pass',
    dims: ['heads', 'seq', 'headDim'],
    sizes: {cache: [2, 128, 64], dram: [12, 2048, 64]},
    check: [3, 67, 20],
    cases: [[1, 1, 1], [2, 3, 4], ...edges.map((seq) => [2, seq, 64])],
    program: (dims) => scaleMaskSoftmax(dims).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'add+rmsnorm': {
    ...kernels['add+rmsnorm'],
    unfused: (d) => residualNorm(d).unfused,
    fused: (d) => residualNorm(d).fused,
  },
  'scale+mask+softmax': {
    ...kernels['scale+mask+softmax'],
    unfused: (d) => scaleMaskSoftmax(d).unfused,
    fused: (d) => scaleMaskSoftmax(d).fused,
  },
} as const satisfies Record<string, PairDef>
