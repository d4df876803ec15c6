/** Norm kernels, and their pairs with the residual sum before them. */
import {add} from '../../analysis/ops/add.ts'
import {layernorm} from '../../analysis/ops/layernorm.ts'
import {rmsnorm} from '../../analysis/ops/rmsnorm.ts'
import {input, output, weight} from '../../analysis/ops/types.ts'
import type {Part, Program} from '../program.ts'
import {fusedCost, type KernelDef, one, operator, type PairDef, rowCases, rowShape, streaming} from './types.ts'

const norms = {layernorm, rmsnorm}
const weightsOf = {layernorm: ['gamma', 'beta'], rmsnorm: ['gamma']} as const
type Norm = keyof typeof norms

const normPart = (norm: Norm, rows: number, width: number, x: string): Part =>
  streaming(operator(norms[norm], norm, {rows, width}, [rows, width], [x, ...weightsOf[norm]], ['y']), width)

function residualNorm(kind: Norm, [rows, cols]: readonly number[]): {unfused: Program; fused: Program} {
  const elements = rows! * cols!
  const sum = streaming(operator(add, 'add', {elements}, [elements, 1], ['x', 'residual'], ['h']))
  const norm = normPart(kind, rows!, cols!, 'h')
  const weights = weightsOf[kind]
  const fused: Part = {
    kernel: `add+${kind}`,
    dims: [rows!, cols!],
    in: ['x', 'residual', ...weights],
    out: ['h', 'y'],
    cost: fusedCost(
      [sum.cost, norm.cost],
      [input('x', elements), input('residual', elements), ...weights.map((name) => weight(name, cols!))],
      [output('h', elements), output('y', elements)],
    ),
    reference: ([x, residual, ...rest]) => {
      const [h] = sum.reference([x!, residual!])
      return [h!, norm.reference([h!, ...rest])[0]!]
    },
  }
  return {
    unfused: {id: `add, ${kind}`, parts: [sum, norm]},
    fused: one(`add+${kind}`, streaming(fused, cols!)),
  }
}

const shape = {...rowShape, check: [5, 133], cases: rowCases} as const

export const kernels = {
  layernorm: {
    ...shape,
    id: 'layernorm',
    op: 'layernorm',
    title: 'LayerNorm of rows',
    program: ([rows, cols]) => one('layernorm', normPart('layernorm', rows!, cols!, 'x')),
  },
  rmsnorm: {
    ...shape,
    id: 'rmsnorm',
    op: 'rmsnorm',
    title: 'RMSNorm of rows',
    program: ([rows, cols]) => one('rmsnorm', normPart('rmsnorm', rows!, cols!, 'x')),
  },
  'add+layernorm': {
    ...shape,
    id: 'add+layernorm',
    op: 'add+layernorm',
    title: 'residual and LayerNorm in one pass',
    sizes: {cache: [32, 768], dram: [8192, 4096]},
    program: (dims) => residualNorm('layernorm', dims).fused,
  },
  'add+rmsnorm': {
    ...shape,
    id: 'add+rmsnorm',
    op: 'add+rmsnorm',
    title: 'residual and RMSNorm in one pass',
    sizes: {cache: [32, 768], dram: [8192, 4096]},
    program: (dims) => residualNorm('rmsnorm', dims).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'add+layernorm': {
    ...kernels['add+layernorm'],
    unfused: (d) => residualNorm('layernorm', d).unfused,
    fused: (d) => residualNorm('layernorm', d).fused,
  },
  'add+rmsnorm': {
    ...kernels['add+rmsnorm'],
    unfused: (d) => residualNorm('rmsnorm', d).unfused,
    fused: (d) => residualNorm('rmsnorm', d).fused,
  },
} as const satisfies Record<string, PairDef>
