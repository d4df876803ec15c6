import {elementwise} from './elementwise.ts'

export const quickGelu = elementwise({
  kind: 'quick-gelu',
  title: 'x · sigmoid(1.702·x), the approximation of GELU that CLIP uses',
  inputs: ['x'],
  flops: 4,
  special: 1,
  source: 'Hendrycks & Gimpel 2016 (arXiv:1606.08415) §2: multiply by the constant, exp, add, divide',
  apply: (x) => x! / (1 + Math.exp(-1.702 * x!)),
  examples: [{dims: {elements: 3072}, flops: 12_288, bytes: 24_576, source: '4 × 3,072; 2 × 3,072 × 4 B'}],
})
