import {elementwise} from './elementwise.ts'

export const mul = elementwise({
  kind: 'mul',
  title: 'multiplies two tensors element by element',
  inputs: ['x', 'y'],
  flops: 1,
  special: 0,
  source: 'definition',
  apply: (x, y) => x! * y!,
  // dx = dz·y, dy = dz·x
  backward: {flops: 2, special: 0, keeps: 'inputs'},
  examples: [{dims: {elements: 1000}, flops: 1000, bytes: 12_000, source: '3 × 1,000 × 4 B'}],
})
