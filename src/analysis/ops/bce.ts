import {elementwise} from './elementwise.ts'

export const bce = elementwise({
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
