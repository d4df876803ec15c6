import {elementwise} from './elementwise.ts'

export const relu = elementwise({
  kind: 'relu',
  title: 'max(x, 0)',
  inputs: ['x'],
  flops: 1,
  special: 0,
  source: 'Nair & Hinton 2010; 1 max',
  apply: (x) => Math.max(x!, 0),
  // dy where y > 0: one comparison; the sign of the output is enough
  backward: {flops: 1, special: 0, keeps: 'output'},
  examples: [{dims: {elements: 1000}, flops: 1000, bytes: 8000, source: '2 × 1,000 × 4 B'}],
})
