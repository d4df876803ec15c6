import {elementwise, erf} from './elementwise.ts'

export const gelu = elementwise({
  kind: 'gelu',
  title: 'x · Φ(x) with the exact error function',
  inputs: ['x'],
  flops: 5,
  special: 1,
  source:
    'Hendrycks & Gimpel 2016 (arXiv:1606.08415): 0.5·x·(1 + erf(x/√2)): 2 multiplies, erf, add, multiply by the constant 1/√2',
  apply: (x) => 0.5 * x! * (1 + erf(x! * Math.SQRT1_2)),
  // dy·(Φ + x·φ): Φ as in forward without x (multiply, erf, add, multiply), φ = e^(−x²/2)/√(2π) (4), and 3 to join
  backward: {flops: 11, special: 2, keeps: 'inputs'},
  examples: [{dims: {elements: 512 * 3072}, flops: 7_864_320, bytes: 12_582_912, source: 'BERT base FFN, 512 tokens'}],
})
