import {elementwise} from './elementwise.ts'
import {geluTanh} from './gelu-tanh.ts'

export const geglu = elementwise({
  kind: 'geglu',
  title: 'gelu(gate) · up, the activation of a gated MLP with the tanh form of GELU',
  inputs: ['gate', 'up'],
  flops: 10,
  special: 1,
  source: 'Shazeer 2020 (arXiv:2002.05202); GELU by tanh (9) and one multiply',
  apply: (gate, up) => geluTanh.reference!({elements: 1}, [Float64Array.of(gate!)])[0]![0]! * up!,
  // u, t = tanh u and Φ = ½(1 + t) (8), dup = dy·gate·Φ (2); Φ + ½gate·(1 − t²)·u′ (9) times dy·up (2)
  backward: {flops: 21, special: 1, keeps: 'inputs'},
  examples: [{dims: {elements: 14_336}, flops: 143_360, bytes: 172_032, source: 'Gemma 2 9B FFN, one token'}],
})
