/** Matrix products with what follows them, or beside one another: bias and activation on the tile, Q, K and V from joined weights. */
import {add} from '../../analysis/ops/add.ts'
import {gelu} from '../../analysis/ops/gelu.ts'
import {linear} from '../../analysis/ops/linear.ts'
import {relu} from '../../analysis/ops/relu.ts'
import {silu} from '../../analysis/ops/silu.ts'
import {input, weight} from '../../analysis/ops/types.ts'
import {multiplications} from '../functions.ts'
import type {Part, Program} from '../program.ts'
import {gemmCases} from './matmul.ts'
import {evaluating, fusedCost, type KernelDef, one, operator, type PairDef, streaming} from './types.ts'

const linearPart = (m: number, n: number, k: number, w: string, y: string): Part =>
  operator(linear, 'gemm', {m, n, k, bias: false}, [m, n, k], ['x', w], [y])

const biasPart = (rows: number, cols: number): Part =>
  streaming(
    {
      kernel: 'bias',
      dims: [rows, cols],
      in: ['h', 'bias'],
      out: ['sum'],
      cost: {...add.cost({elements: rows * cols}), reads: [input('h', rows * cols), weight('bias', cols)]},
      reference: ([h, bias]) => [h!.map((v, i) => v + bias![i % cols]!)],
    },
    cols,
  )

const activations = {
  gelu: {op: gelu, special: 'erf', multiplies: multiplications.gelu},
  relu: {op: relu, special: undefined, multiplies: 0},
  silu: {op: silu, special: 'exp', multiplies: multiplications.silu},
} as const
type Activation = keyof typeof activations

function activated(name: Activation, [m, n, k]: readonly number[]): {unfused: Program; fused: Program} {
  const {op, special, multiplies} = activations[name]
  const elements = m! * n!
  const within = (part: Part) => (special ? {...evaluating(special, part), multiplies: multiplies * elements} : part)
  const product = linearPart(m!, n!, k!, 'w', 'h')
  const bias = biasPart(m!, n!)
  const act = streaming(within(operator(op, name, {elements}, [elements, 1], ['sum'], ['y'])))
  const kernel = `gemm+bias+${name}`
  const fused: Part = {
    kernel,
    dims: [m!, n!, k!],
    in: ['x', 'w', 'bias'],
    out: ['y'],
    cost: fusedCost([product.cost, bias.cost, act.cost], [...product.cost.reads, bias.cost.reads[1]!], act.cost.writes),
    reference: ([x, w, b]) => act.reference(bias.reference([product.reference([x!, w!])[0]!, b!])),
  }
  return {
    unfused: {id: `gemm, bias, ${name}`, parts: [product, bias, act]},
    fused: one(kernel, within(fused)),
  }
}

/** Keys and values are as wide as each other; queries may be wider (grouped heads). */
function qkv([m, k, q, kv]: readonly number[]): {unfused: Program; fused: Program} {
  return {
    unfused: {
      id: 'gemm, gemm, gemm',
      parts: [
        linearPart(m!, q!, k!, 'wq', 'q'),
        linearPart(m!, kv!, k!, 'wk', 'k'),
        linearPart(m!, kv!, k!, 'wv', 'v'),
      ],
    },
    fused: one('qkv', linearPart(m!, q! + 2 * kv!, k!, 'wqkv', 'qkv')),
  }
}

const activatedDef = (name: Activation) =>
  ({
    op: `linear+add+${name}`,
    title: `matrix product, bias and ${name}, on each tile while it is in L1`,
    dims: ['m', 'n', 'k'],
    sizes: {cache: [128, 256, 128], dram: [4096, 4096, 256]},
    check: [37, 71, 301],
    cases: gemmCases,
  }) as const

const geluDef = {id: 'gemm+bias+gelu', ...activatedDef('gelu')}
const reluDef = {id: 'gemm+bias+relu', ...activatedDef('relu')}
const siluDef = {id: 'gemm+bias+silu', ...activatedDef('silu')}

const qkvDef = {
  id: 'qkv',
  op: 'linear',
  title: 'queries, keys and values from one matrix product with joined weights',
  dims: ['m', 'k', 'q', 'kv'],
  sizes: {cache: [32, 192, 192, 64], dram: [16, 4096, 4096, 1024]},
  grows: ['q', 'kv'],
  check: [37, 301, 71, 33],
  cases: [
    [1, 1, 1, 1],
    [0, 5, 3, 2],
    [3, 0, 5, 2],
    [13, 33, 40, 7],
    [7, 64, 64, 16],
  ],
} as const

export const kernels = {
  'gemm+bias+gelu': {...geluDef, program: (d) => activated('gelu', d).fused},
  'gemm+bias+relu': {...reluDef, program: (d) => activated('relu', d).fused},
  'gemm+bias+silu': {...siluDef, program: (d) => activated('silu', d).fused},
  qkv: {...qkvDef, program: (d) => qkv(d).fused},
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'gemm+bias+gelu': {
    ...geluDef,
    unfused: (d) => activated('gelu', d).unfused,
    fused: (d) => activated('gelu', d).fused,
  },
  'gemm+bias+relu': {
    ...reluDef,
    unfused: (d) => activated('relu', d).unfused,
    fused: (d) => activated('relu', d).fused,
  },
  'gemm+bias+silu': {
    ...siluDef,
    unfused: (d) => activated('silu', d).unfused,
    fused: (d) => activated('silu', d).fused,
  },
  qkv: {...qkvDef, unfused: (d) => qkv(d).unfused, fused: (d) => qkv(d).fused},
} as const satisfies Record<string, PairDef>
