import {elementwise} from './elementwise.ts'

export const silu = elementwise({
  kind: 'silu',
  title: 'x · sigmoid(x) = x / (1 + e^−x)',
  inputs: ['x'],
  flops: 3,
  special: 1,
  source: 'Hendrycks & Gimpel 2016 (arXiv:1606.08415), Elfwing et al. 2018; exp, add, divide; a sign flip is no FLOP',
  apply: (x) => x! / (1 + Math.exp(-x!)),
  // with s = 1/(1 + e^−x) (exp, add, divide): dy·s·(1 + x·(1 − s))
  backward: {flops: 8, special: 1, keeps: 'inputs'},
  examples: [{dims: {elements: 1000}, flops: 3000, bytes: 8000, source: '3 × 1,000; 2 × 1,000 × 4 B'}],
})
