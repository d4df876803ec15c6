import {elementwise, erf} from './elementwise.ts'

export const gegluErf = elementwise({
  kind: 'geglu-erf',
  title: 'gelu(gate) · up, the activation of a gated MLP with the exact GELU',
  inputs: ['gate', 'up'],
  flops: 6,
  special: 1,
  source: 'Shazeer 2020 (arXiv:2002.05202); GELU by erf (5) and one multiply',
  apply: (gate, up) => 0.5 * gate! * (1 + erf(gate! * Math.SQRT1_2)) * up!,
  // dup = dy·gelu(gate): 5 + 1; dgate = dy·up·gelu′: 1 and the 11 of GELU's gradient
  backward: {flops: 18, special: 3, keeps: 'inputs'},
  examples: [{dims: {elements: 1000}, flops: 6000, bytes: 12_000, source: '6 × 1,000; 3 × 1,000 × 4 B'}],
})
