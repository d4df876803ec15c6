/** A step of an LSTM: products and a kernel per function against gates in one pass. */
import {add} from '../../analysis/ops/add.ts'
import {lstm} from '../../analysis/ops/lstm.ts'
import {matmul} from '../../analysis/ops/matmul.ts'
import {mul} from '../../analysis/ops/mul.ts'
import {sigmoid} from '../../analysis/ops/sigmoid.ts'
import {tanh} from '../../analysis/ops/tanh.ts'
import {type OpDef, output} from '../../analysis/ops/types.ts'
import {multiplications} from '../functions.ts'
import type {Part, Program, SpecialOperation} from '../program.ts'
import {fusedCost, type KernelDef, type Names, one, operator, type PairDef, streaming} from './types.ts'

const inputs = ['x', 'w', 'u', 'biases', 'h', 'c']
const gates = ['sum i', 'sum f', 'sum g', 'sum o']

function programs([batch, wide, hidden]: readonly number[]): {unfused: Program; fused: Program} {
  const dims = {batch: batch!, seq: 1, input: wide!, hidden: hidden!, biases: 1}
  const native = [batch!, wide!, hidden!]
  const elements = batch! * hidden!
  const all = lstm.cost(dims)
  // of one step the sequence of outputs is h itself, which a cell does not write twice
  const cell: Part = {
    kernel: 'lstm',
    dims: native,
    in: inputs,
    out: ['h new', 'c new'],
    cost: {...all, writes: all.writes.slice(1)},
    reference: (x) => lstm.reference!(dims, x).slice(1),
    // three sigmoids and two tanh of a channel; f·c + i·g and o·tanh(c)
    multiplies: (3 * multiplications.exp + 2 * multiplications.tanh + 3) * elements,
    specials: {exp: 3 * elements, tanh: 2 * elements, divide: 3 * elements},
  }
  const product = (k: number) => matmul.cost({batch: 1, m: batch!, n: 4 * hidden!, k, bias: false})
  const products: Part = {
    kernel: 'lstm-products',
    dims: native,
    in: inputs,
    out: gates,
    cost: fusedCost(
      [product(wide!), product(hidden!), add.cost({elements: 4 * elements}), add.cost({elements: 4 * elements})],
      all.reads,
      gates.map((gate) => output(gate, elements)),
    ),
    reference: ([x, w, u, biases, h]) => {
      const by = (a: Float64Array, b: Float64Array, k: number) =>
        matmul.reference!({batch: 1, m: batch!, n: 4 * hidden!, k, bias: false}, [a, b])[0]!
      const [first, second] = [by(x!, w!, wide!), by(h!, u!, hidden!)]
      return gates.map((_, gate) =>
        Float64Array.from({length: elements}, (_value, i) => {
          const channel = gate * hidden! + (i % hidden!)
          const at = Math.floor(i / hidden!) * 4 * hidden! + channel
          return first[at]! + second[at]! + biases![channel]!
        }),
      )
    },
  }
  const flat = (
    op: OpDef<string, {elements: number}>,
    from: Names,
    to: string,
    specials: Partial<Record<SpecialOperation, number>> = {},
  ) => streaming(operator(op, op.kind, {elements}, [elements, 1], from, [to], {specials}))
  const sigmoidOf = (from: string, to: string) => flat(sigmoid, [from], to, {exp: elements, divide: elements})
  const tanhOf = (from: string, to: string) => flat(tanh, [from], to, {tanh: elements})
  return {
    unfused: {
      id: 'products, 3 sigmoid, 2 tanh, 3 mul, add',
      parts: [
        products,
        sigmoidOf('sum i', 'i'),
        sigmoidOf('sum f', 'f'),
        tanhOf('sum g', 'g'),
        sigmoidOf('sum o', 'o'),
        flat(mul, ['f', 'c'], 'kept'),
        flat(mul, ['i', 'g'], 'new'),
        flat(add, ['kept', 'new'], 'c new'),
        tanhOf('c new', 'tanh c'),
        flat(mul, ['o', 'tanh c'], 'h new'),
      ],
    },
    fused: one('lstm', cell),
  }
}

export const kernels = {
  lstm: {
    id: 'lstm',
    op: 'lstm',
    title: 'a step of an LSTM, gates in one pass',
    dims: ['batch', 'input', 'hidden'],
    sizes: {cache: [8, 64, 64], dram: [64, 1024, 1024]},
    check: [3, 13, 21],
    cases: [
      [1, 1, 1],
      [0, 2, 3],
      [1, 40, 33],
      [2, 7, 64],
      [12, 16, 32],
      [13, 9, 65],
      [25, 30, 40],
      [1, 5, 300],
      [40, 300, 272],
    ],
    program: (sizes) => programs(sizes).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  lstm: {...kernels.lstm, unfused: (d) => programs(d).unfused, fused: (d) => programs(d).fused},
} as const satisfies Record<string, PairDef>
