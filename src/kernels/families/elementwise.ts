/** Elementwise kernels and pairs. */
import {add} from '../../analysis/ops/add.ts'
import {gelu} from '../../analysis/ops/gelu.ts'
import {geluTanh} from '../../analysis/ops/gelu-tanh.ts'
import {mul} from '../../analysis/ops/mul.ts'
import {pointwise} from '../../analysis/ops/pointwise.ts'
import {relu} from '../../analysis/ops/relu.ts'
import {scale} from '../../analysis/ops/scale.ts'
import {silu} from '../../analysis/ops/silu.ts'
import {swiglu} from '../../analysis/ops/swiglu.ts'
import {input, type OpDef, weight} from '../../analysis/ops/types.ts'
import {multiplications} from '../functions.ts'
import type {Part, Program} from '../program.ts'
import {
  flatCases,
  fusedCost,
  type KernelDef,
  type Names,
  one,
  operator,
  type PairDef,
  rowCases,
  rowShape,
  streaming,
} from './types.ts'

/** A part over a tensor of any shape: the native kernels see it as rows of one. */
const flatPart = (op: OpDef<string, {elements: number}>, elements: number, inputs: Names, y = 'y'): Part =>
  streaming(operator(op, op.kind, {elements}, [elements, 1], inputs, [y]))

const products = {
  silu: multiplications.silu,
  swiglu: multiplications.silu + 1,
  'gelu-tanh': multiplications['gelu-tanh'],
} as const

/** An evaluation of exp and a division each: x·sigmoid(x) is x / (1 + e^−x), and so is GELU's tanh form with another argument. */
const sigmoidPart = (
  op: typeof silu | typeof swiglu | typeof geluTanh,
  elements: number,
  inputs: Names,
  y = 'y',
): Part => ({
  ...flatPart(op, elements, inputs, y),
  multiplies: products[op.kind] * elements,
  specials: {exp: elements, divide: elements},
  // with AVX-512 GELU's tanh form has a table as its other form has, and divides nothing
  ...(op.kind === 'gelu-tanh' ? {otherwise: {erf: elements}} : {}),
})

const geluPart = (elements: number, x: string): Part => ({
  ...flatPart(gelu, elements, [x]),
  multiplies: multiplications.gelu * elements,
  specials: {erf: elements},
})

function biasGelu([rows, cols]: readonly number[]): {unfused: Program; fused: Program} {
  const elements = rows! * cols!
  const bias: Part = {
    kernel: 'bias',
    dims: [rows!, cols!],
    in: ['x', 'bias'],
    out: ['h'],
    cost: {...add.cost({elements}), reads: [input('x', elements), weight('bias', cols!)]},
    reference: ([a, b]) => [a!.map((v, i) => v + b![i % cols!]!)],
  }
  const act = geluPart(elements, 'h')
  const fused: Part = {
    kernel: 'bias+gelu',
    dims: [rows!, cols!],
    in: ['x', 'bias'],
    out: ['y'],
    multiplies: multiplications.gelu * elements,
    specials: {erf: elements},
    cost: fusedCost([bias.cost, act.cost], bias.cost.reads, act.cost.writes),
    reference: (x) => act.reference(bias.reference(x)),
  }
  return {
    unfused: {id: 'bias, gelu', parts: [streaming(bias, cols!), act]},
    fused: one('bias+gelu', streaming(fused, cols!)),
  }
}

function siluGate([elements]: readonly number[]): {unfused: Program; fused: Program} {
  const product = flatPart(mul, elements!, ['h', 'up'])
  return {
    unfused: {id: 'silu, mul', parts: [sigmoidPart(silu, elements!, ['gate'], 'h'), product]},
    fused: one('swiglu', sigmoidPart(swiglu, elements!, ['gate', 'up'])),
  }
}

/** What a chain adds in every second step; it multiplies by the constant of the operator `scale` in the others. */
const SHIFT = 0.25

/** x · 1.5, + 0.25, · 1.5 …: `k` operators one after the other, each reading what the last one wrote; or all in one pass. */
function chain([elements, k]: readonly number[]): {unfused: Program; fused: Program} {
  const parts = Array.from({length: k!}, (_, i): Part => {
    const x = i === 0 ? 'x' : `h${i}`
    const y = i === k! - 1 ? 'y' : `h${i + 1}`
    if (i % 2 === 0) return flatPart(scale, elements!, [x], y)
    return streaming({
      kernel: 'shift',
      dims: [elements!, 1],
      in: [x],
      out: [y],
      cost: pointwise.cost({elements: elements!, read: elements!, operations: 1, special: 0, linear: true}),
      reference: ([a]) => [a!.map((v) => v + SHIFT)],
    })
  })
  const fused: Part = {
    kernel: 'chain',
    dims: [elements!, k!],
    in: ['x'],
    out: ['y'],
    cost: fusedCost(
      parts.map(({cost}) => cost),
      [input('x', elements!)],
      parts.at(-1)?.cost.writes ?? [],
    ),
    reference: (x) => parts.reduce((values, part) => [...part.reference(values)], [...x]),
  }
  return {
    unfused: {id: parts.map(({kernel}) => kernel).join(', '), parts},
    fused: one('chain', streaming(fused)),
  }
}

const flat = {
  dims: ['elements'],
  sizes: {cache: [49_152], dram: [33_554_432]},
  grows: ['elements'],
  check: [1003],
  cases: flatCases,
} as const

/** An elementwise operator of one or two inputs as a kernel. */
const flatKernel = <K extends string>(
  op: OpDef<K, {elements: number}>,
  title: string,
  part: (elements: number) => Part,
) => ({...flat, id: op.kind, op: op.kind, title, program: ([n]: readonly number[]) => one(op.kind, part(n!))})

export const kernels = {
  relu: flatKernel(relu, 'max(x, 0)', (n) => flatPart(relu, n, ['x'])),
  scale: flatKernel(scale, 'a tensor times one number', (n) => flatPart(scale, n, ['x'])),
  add: flatKernel(add, 'sum of two tensors', (n) => flatPart(add, n, ['x', 'x2'])),
  mul: flatKernel(mul, 'product of two tensors', (n) => flatPart(mul, n, ['x', 'x2'])),
  silu: flatKernel(silu, 'x / (1 + e^−x)', (n) => sigmoidPart(silu, n, ['x'])),
  gelu: flatKernel(gelu, 'GELU with the error function', (n) => geluPart(n, 'x')),
  'gelu-tanh': flatKernel(geluTanh, 'GELU by its tanh approximation', (n) => sigmoidPart(geluTanh, n, ['x'])),
  swiglu: flatKernel(swiglu, 'silu(gate) · up in one pass', (n) => sigmoidPart(swiglu, n, ['gate', 'up'])),
  'bias+gelu': {
    id: 'bias+gelu',
    op: 'add+gelu',
    title: 'bias and GELU in one pass',
    ...rowShape,
    check: [5, 133],
    cases: rowCases,
    program: (dims) => biasGelu(dims).fused,
  },
  chain: {
    id: 'chain',
    op: 'scale+pointwise',
    title: 'k elementwise operators in one pass',
    dims: ['elements', 'k'],
    sizes: {cache: [49_152, 4], dram: [33_554_432, 4]},
    grows: ['elements'],
    check: [1003, 5],
    cases: [2, 3, 4, 5, 6, 7, 8].flatMap((k) => [
      [0, k],
      [1, k],
      [17, k],
      [260, k],
    ]),
    program: (dims) => chain(dims).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'bias+gelu': {...kernels['bias+gelu'], unfused: (d) => biasGelu(d).unfused, fused: (d) => biasGelu(d).fused},
  swiglu: {...kernels.swiglu, unfused: (d) => siluGate(d).unfused, fused: (d) => siluGate(d).fused},
  chain: {...kernels.chain, unfused: (d) => chain(d).unfused, fused: (d) => chain(d).fused},
} as const satisfies Record<string, PairDef>
