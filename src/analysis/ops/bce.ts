import {ofInput, vectorPart} from '../training/rules.ts'
import {elementwise} from './elementwise.ts'

const forward = elementwise({
  kind: 'bce',
  title: 'binary cross-entropy on a logit: max(x, 0) − x·y + log(1 + e^−|x|), the loss of logistic regression',
  inputs: ['logit', 'target'],
  flops: 7,
  special: 2,
  source:
    'Bishop 2006, Pattern Recognition and Machine Learning, eq. 4.90, in its stable form: max, multiply, subtract, exp, add, log, add',
  apply: (x, y) => Math.max(x!, 0) - x! * y! + Math.log1p(Math.exp(-Math.abs(x!))),
  examples: [{dims: {elements: 128}, flops: 896, bytes: 1536, source: '7 × 128; 3 × 128 × 4 B'}],
})

export const bce: typeof forward = {
  ...forward,
  // σ(x) − y: exp, add, divide, subtract; a loss starts the backward pass
  backward: ({elements}) => ({
    data: vectorPart(
      '4·elements',
      4 * elements,
      {reads: [ofInput(0, elements), ofInput(1, elements)], writes: [{at: 0, elements}]},
      elements,
    ),
    weights: null,
  }),
}
