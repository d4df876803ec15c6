import {gradientOf, ofExtra, ofInput, productPart} from '../training/rules.ts'
import {linear} from './linear.ts'
import {swiglu} from './swiglu.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** y = (silu(x·Wg) · (x·Wu))·Wd */
export type GatedMlpDims = {readonly rows: number; readonly hidden: number; readonly ffn: number}

export const gatedMlp: OpDef<'gated-mlp', GatedMlpDims> = {
  kind: 'gated-mlp',
  title: 'a whole gated MLP (SwiGLU) as one operator: up, gate, activation, down',
  trait: 'contraction',
  formula: '6·rows·hidden·ffn + 4·rows·ffn',
  source: 'Shazeer 2020 (arXiv:2002.05202): three products and silu(gate)·up; the inner activation stays on chip',
  cost({rows, hidden, ffn}) {
    const macs = 3 * rows * hidden * ffn
    return {
      macs,
      flops: 2 * macs + 4 * rows * ffn,
      matrix: 2 * macs,
      vector: 4 * rows * ffn,
      special: rows * ffn,
      reads: [
        input('x', rows * hidden),
        weight('up', hidden * ffn),
        weight('gate', hidden * ffn),
        weight('down', ffn * hidden),
      ],
      writes: [output('y', rows * hidden)],
    }
  },
  reference({rows, hidden, ffn}, [x, up, gate, down]) {
    const into = {m: rows, n: ffn, k: hidden, bias: false}
    const u = linear.reference!(into, [x!, up!])[0]!
    const g = linear.reference!(into, [x!, gate!])[0]!
    const act = swiglu.reference!({elements: rows * ffn}, [g, u])[0]!
    return linear.reference!({m: rows, n: hidden, k: ffn, bias: false}, [act, down!])
  },
  // up and gate are kept; silu(gate)·up has a gradient of 11 per element (swiglu), dx is the sum of two products
  backward({rows, hidden, ffn}) {
    const [x, inner, matrix] = [rows * hidden, rows * ffn, hidden * ffn]
    const macs = 3 * rows * hidden * ffn
    const products = '6·rows·hidden·ffn'
    const kept = [ofExtra(0, inner), ofExtra(1, inner)]
    const all = [1, 2, 3].map((at) => ({at, elements: matrix}))
    const weights = productPart(products, macs, {
      reads: [gradientOf(0, x), ofInput(0, x), ofInput(3, matrix), ...kept],
      writes: all,
    })
    return {
      data: {
        ...productPart(
          `${products} + 11·rows·ffn + rows·hidden`,
          macs,
          {
            reads: [gradientOf(0, x), ofInput(1, matrix), ofInput(2, matrix), ofInput(3, matrix), ...kept],
            writes: [{at: 0, elements: x}],
          },
          11 * inner + x,
        ),
        special: inner,
      },
      // dy·Wdᵀ, the activation and its gradient once more: executed, no useful work
      weights: {...weights, matrix: weights.matrix + 2 * rows * hidden * ffn, vector: 15 * inner},
      extra: [
        {name: 'up', elements: inner, dtype: null},
        {name: 'gate', elements: inner, dtype: null},
      ],
    }
  },
  examples: [
    {
      dims: {rows: 1, hidden: 4096, ffn: 14_336},
      flops: 352_378_880,
      bytes: 704_675_840,
      source: 'Llama 3 8B, one token: 6·4096·14336 + 4·14336; 4 B × (3·4096·14336 + 2·4096)',
    },
  ],
}
