import {elementwise} from './elementwise.ts'

/** any number shows the shape of the operator; the factor is not part of its cost */
const FACTOR = 1.5

export const scale = elementwise({
  kind: 'scale',
  title: 'a tensor times one number',
  inputs: ['x'],
  flops: 1,
  special: 0,
  source: 'definition; Gemma multiplies its embeddings by √hidden (arXiv:2403.08295)',
  apply: (x) => FACTOR * x!,
  backward: {flops: 1, special: 0, keeps: 'nothing'},
  examples: [{dims: {elements: 3584}, flops: 3584, bytes: 28_672, source: 'Gemma 2 9B, one token: 2 × 3,584 × 4 B'}],
})
