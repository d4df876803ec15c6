/** Elementwise kernels and pairs. */
import {add} from '../../analysis/ops/add.ts'
import {gelu} from '../../analysis/ops/gelu.ts'
import {input, type OpDef, weight} from '../../analysis/ops/types.ts'
import type {Part, Program} from '../program.ts'
import {
  evaluating,
  flatCases,
  fusedCost,
  type KernelDef,
  type Names,
  one,
  operator,
  type PairDef,
  rowCases,
} from './types.ts'

const biasPart = (rows: number, cols: number, x: string, y: string): Part => ({
  kernel: 'bias',
  dims: [rows, cols],
  in: [x, 'bias'],
  out: [y],
  cost: {...add.cost({elements: rows * cols}), reads: [input('x', rows * cols), weight('bias', cols)]},
  reference: ([a, b]) => [a!.map((v, i) => v + b![i % cols]!)],
})

/** A part over a tensor of any shape: the native kernels see it as rows of one. */
const flatPart = (op: OpDef<string, {elements: number}>, elements: number, inputs: Names, y = 'y'): Part =>
  operator(op, op.kind, {elements}, [elements, 1], inputs, [y])

const geluPart = (elements: number, x: string): Part => evaluating('erf', flatPart(gelu, elements, [x]))

function biasGelu([rows, cols]: readonly number[]): {unfused: Program; fused: Program} {
  const elements = rows! * cols!
  const bias = biasPart(rows!, cols!, 'x', 'h')
  const act = geluPart(elements, 'h')
  const fused: Part = {
    kernel: 'bias+gelu',
    dims: [rows!, cols!],
    in: ['x', 'bias'],
    out: ['y'],
    cost: fusedCost([bias.cost, act.cost], bias.cost.reads, act.cost.writes),
    reference: (x) => act.reference(bias.reference(x)),
  }
  return {unfused: {id: 'bias, gelu', parts: [bias, act]}, fused: one('bias+gelu', evaluating('erf', fused))}
}

const rowSizes = {cache: [64, 768], dram: [8192, 4096]} as const

export const kernels = {
  gelu: {
    id: 'gelu',
    op: 'gelu',
    title: 'GELU with the error function',
    dims: ['elements'],
    sizes: {cache: [49_152], dram: [33_554_432]},
    check: [1003],
    cases: flatCases,
    program: ([elements]) => one('gelu', geluPart(elements!, 'x')),
  },
  add: {
    id: 'add',
    op: 'add',
    title: 'sum of two tensors',
    dims: ['elements'],
    sizes: {cache: [32_768], dram: [33_554_432]},
    check: [1003],
    cases: flatCases,
    program: ([elements]) => one('add', flatPart(add, elements!, ['x', 'y2'])),
  },
  'bias+gelu': {
    id: 'bias+gelu',
    op: 'add+gelu',
    title: 'bias and GELU in one pass',
    dims: ['rows', 'cols'],
    sizes: rowSizes,
    check: [5, 133],
    cases: rowCases,
    program: (dims) => biasGelu(dims).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'bias+gelu': {...kernels['bias+gelu'], unfused: (d) => biasGelu(d).unfused, fused: (d) => biasGelu(d).fused},
} as const satisfies Record<string, PairDef>
