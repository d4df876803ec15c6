import {elementwise} from './elementwise.ts'

export const sigmoid = elementwise({
  kind: 'sigmoid',
  title: '1 / (1 + e^−x)',
  inputs: ['x'],
  flops: 3,
  special: 1,
  source: 'definition of the logistic function; exp, add, divide; a sign flip is no FLOP',
  apply: (x) => 1 / (1 + Math.exp(-x!)),
  // dy·y·(1 − y)
  backward: {flops: 3, special: 0, keeps: 'output'},
  examples: [{dims: {elements: 256}, flops: 768, bytes: 2048, source: '3 × 256; 2 × 256 × 4 B'}],
})
