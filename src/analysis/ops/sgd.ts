import {optimizer} from './optimizer.ts'

const RATE = 0.01

export const sgd = optimizer({
  kind: 'sgd',
  title: 'stochastic gradient descent, w ← w − η·g',
  states: [],
  flops: 2,
  where: 'per parameter: times the rate, subtract',
  source: 'Robbins & Monro 1951; Goodfellow et al. 2016, Deep Learning, algorithm 8.1',
  step(w, g) {
    return [w - RATE * g]
  },
  examples: [
    {
      dims: {elements: 1000, copy: false},
      flops: 2000,
      bytes: 12000,
      source: 'by hand: 1000 × 2; 4 B × 1000 × (2 read + 1 written)',
    },
  ],
})
