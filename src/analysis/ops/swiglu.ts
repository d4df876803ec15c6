import {elementwise} from './elementwise.ts'

export const swiglu = elementwise({
  kind: 'swiglu',
  title: 'silu(gate) · up, the activation of a gated MLP',
  inputs: ['gate', 'up'],
  flops: 4,
  special: 1,
  source: 'Shazeer 2020 (arXiv:2002.05202); silu (exp, add, divide) and one multiply',
  apply: (gate, up) => (gate! / (1 + Math.exp(-gate!))) * up!,
  // s = sigmoid(gate) (3), silu = gate·s, dup = dy·silu, dgate = dy·up·s·(1 + gate·(1 − s)) (6)
  backward: {flops: 11, special: 1, keeps: 'inputs'},
  examples: [{dims: {elements: 14_336}, flops: 57_344, bytes: 172_032, source: 'Llama 3 8B, one token'}],
})
