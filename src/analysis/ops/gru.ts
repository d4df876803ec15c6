import {gateSums, type RecurrentDims, recurrentBackward, recurrentCost, stepsRule} from './rnn.ts'
import type {OpDef} from './types.ts'

const logistic = (x: number) => 1 / (1 + Math.exp(-x))

export const gru: OpDef<'gru', RecurrentDims> = {
  kind: 'gru',
  title: 'a GRU layer over a sequence: reset and update gates, new state; its steps cannot run in parallel',
  trait: 'contraction',
  formula: '6·batch·seq·hidden·(input + hidden) + batch·seq·hidden·(13 + 3·biases)',
  where: `per channel and step: two sigmoids of 3, reset·state 1 and add 1, tanh 1, h = (1 − z)·n + z·h of 4, 3 adds per bias; ${stepsRule}`,
  source: 'Cho et al. 2014 (arXiv:1406.1078); reset after the product, as cuDNN and PyTorch compute it',
  cost: (d) => recurrentCost(d, 3, 13, 3, 1),
  // gates and the state's part of the new state are kept (4). dn = dh·(1 − z) (2), dz = dh·(h − n) (2), dh·z, tanh 3, two
  // products with the reset gate, sigmoids 2 × 3, two gradients of the next step added: 18
  backward: (d) => recurrentBackward(d, 3, 18, 4),
  reference(d, inputs) {
    const sums = gateSums(d, 3, inputs)
    const n = d.hidden
    const h = Float64Array.from(inputs.at(-1)!)
    const y = new Float64Array(d.batch * d.seq * n)
    for (let b = 0; b < d.batch; b++) {
      for (let t = 0; t < d.seq; t++) {
        const [x, s] = [sums(b, t, h, 'input'), sums(b, t, h, 'state')]
        for (let j = 0; j < n; j++) {
          const r = logistic(x[j]! + s[j]!)
          const z = logistic(x[n + j]! + s[n + j]!)
          const fresh = Math.tanh(x[2 * n + j]! + r * s[2 * n + j]!)
          h[b * n + j] = (1 - z) * fresh + z * h[b * n + j]!
        }
        y.set(h.subarray(b * n, (b + 1) * n), (b * d.seq + t) * n)
      }
    }
    return [y, h]
  },
  examples: [
    {
      dims: {batch: 1, seq: 2, input: 3, hidden: 4, biases: 2},
      flops: 488,
      bytes: 520,
      source: 'by hand: 6·2·4·7 + 2·4·19; 4 B × (6 + 3·3·4 + 3·4·4 + 2·12 + 4 read, 8 + 4 written)',
    },
  ],
}
