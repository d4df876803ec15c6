import {gateSums, type RecurrentDims, recurrentBackward, recurrentCost, stepsRule} from './rnn.ts'
import type {OpDef} from './types.ts'

const logistic = (x: number) => 1 / (1 + Math.exp(-x))

export const lstm: OpDef<'lstm', RecurrentDims> = {
  kind: 'lstm',
  title: 'an LSTM layer over a sequence: input, forget, cell and output gates; its steps cannot run in parallel',
  trait: 'contraction',
  formula: '8·batch·seq·hidden·(input + hidden) + batch·seq·hidden·(15 + 4·biases)',
  where: `per channel and step: three sigmoids of 3, two tanh, c = f·c + i·g of 3, the output gate 1, 4 adds per bias; ${stepsRule}`,
  source: 'Hochreiter & Schmidhuber 1997; the form of Zaremba et al. 2014 (arXiv:1409.2329) §3.1',
  cost: (d) => recurrentCost(d, 4, 15, 5, 2),
  // gates and cell state are kept (5). dc = dh·o·(1 − tanh² c) + dc (5), five products with gates and states, sigmoids 3 × 3,
  // tanh 3, the gradient of the next step added: 23
  backward: (d) => recurrentBackward(d, 4, 23, 5),
  reference(d, inputs) {
    const sums = gateSums(d, 4, inputs)
    const n = d.hidden
    const h = Float64Array.from(inputs.at(-2)!)
    const c = Float64Array.from(inputs.at(-1)!)
    const y = new Float64Array(d.batch * d.seq * n)
    for (let b = 0; b < d.batch; b++) {
      for (let t = 0; t < d.seq; t++) {
        const s = sums(b, t, h, 'both')
        for (let j = 0; j < n; j++) {
          const [i, f, g, o] = [logistic(s[j]!), logistic(s[n + j]!), Math.tanh(s[2 * n + j]!), logistic(s[3 * n + j]!)]
          c[b * n + j] = f * c[b * n + j]! + i * g
          h[b * n + j] = o * Math.tanh(c[b * n + j]!)
        }
        y.set(h.subarray(b * n, (b + 1) * n), (b * d.seq + t) * n)
      }
    }
    return [y, h, c]
  },
  examples: [
    {
      dims: {batch: 20, seq: 35, input: 650, hidden: 650, biases: 1},
      flops: 4_740_645_000,
      bytes: 17_378_400,
      source:
        'Zaremba et al. 2014, medium: 8·700·650·1,300 + 700·650·19; 4 B × (2·700·650 + 4·650·1,300 + 4·650 + 4·20·650)',
    },
  ],
}
