import {elementwise} from './elementwise.ts'

export const elu = elementwise({
  kind: 'elu',
  title: 'x where it is positive, e^x − 1 elsewhere',
  inputs: ['x'],
  flops: 3,
  special: 1,
  source: 'Clevert et al. 2016 (arXiv:1511.07289) eq. 16: compare, exp, subtract',
  apply: (x) => (x! > 0 ? x! : Math.expm1(x!)),
  // dy where y > 0, else dy·(y + 1): compare, add, multiply
  backward: {flops: 3, special: 0, keeps: 'output'},
  examples: [{dims: {elements: 1000}, flops: 3000, bytes: 8000, source: '3 × 1,000; 2 × 1,000 × 4 B'}],
})
