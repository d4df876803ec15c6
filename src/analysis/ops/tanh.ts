import {elementwise} from './elementwise.ts'

export const tanh = elementwise({
  kind: 'tanh',
  title: 'hyperbolic tangent',
  inputs: ['x'],
  flops: 1,
  special: 1,
  source: '1 tanh',
  apply: (x) => Math.tanh(x!),
  // dy·(1 − y²)
  backward: {flops: 3, special: 0, keeps: 'output'},
  examples: [{dims: {elements: 768}, flops: 768, bytes: 6144, source: "BERT base's pooler, one sequence"}],
})
