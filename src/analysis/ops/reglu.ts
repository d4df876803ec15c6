import {elementwise} from './elementwise.ts'

export const reglu = elementwise({
  kind: 'reglu',
  title: 'relu(gate) · up, the activation of a gated MLP with ReLU',
  inputs: ['gate', 'up'],
  flops: 2,
  special: 0,
  source: 'Shazeer 2020 (arXiv:2002.05202); a compare and one multiply',
  apply: (gate, up) => Math.max(0, gate!) * up!,
  // dup = dy·max(gate, 0) (2), dgate = dy·up where gate > 0 (2)
  backward: {flops: 4, special: 0, keeps: 'inputs'},
  examples: [{dims: {elements: 1000}, flops: 2000, bytes: 12_000, source: '2 × 1,000; 3 × 1,000 × 4 B'}],
})
