import {elementwise} from './elementwise.ts'

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI)

export const geluTanh = elementwise({
  kind: 'gelu-tanh',
  title: 'x · Φ(x) by the tanh approximation (GPT-2’s gelu_new)',
  inputs: ['x'],
  flops: 9,
  special: 1,
  source:
    'Hendrycks & Gimpel 2016 (arXiv:1606.08415) eq. 2: 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))): 6 multiplies (x³ two of them), 2 adds, tanh',
  apply: (x) => 0.5 * x! * (1 + Math.tanh(SQRT_2_OVER_PI * (x! + 0.044715 * x! * x! * x!))),
  // u = c·x·(1 + a·x²) (5), t = tanh u, u′ = c·(1 + 3a·x²) (3), dy·(½(1 + t) + ½x·(1 − t²)·u′) (9)
  backward: {flops: 18, special: 1, keeps: 'inputs'},
  examples: [{dims: {elements: 1024 * 3072}, flops: 28_311_552, bytes: 25_165_824, source: 'GPT-2 FFN, 1,024 tokens'}],
})
