import {elementwise} from './elementwise.ts'

export const quickGelu = elementwise({
  kind: 'quick-gelu',
  title: 'x · sigmoid(1.702·x), the approximation of GELU that CLIP uses',
  inputs: ['x'],
  flops: 4,
  special: 1,
  source: 'Hendrycks & Gimpel 2016 (arXiv:1606.08415) §2: multiply by the constant, exp, add, divide',
  apply: (x) => x! / (1 + Math.exp(-1.702 * x!)),
  // s = sigmoid(1.702·x) (4), dy·s·(1 + 1.702x·(1 − s)) (5)
  backward: {flops: 9, special: 1, keeps: 'inputs'},
  examples: [{dims: {elements: 3072}, flops: 12_288, bytes: 24_576, source: '4 × 3,072; 2 × 3,072 × 4 B'}],
})
