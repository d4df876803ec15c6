import {optimizer, rootOf} from './optimizer.ts'

const RATE = 0.01
const DECAY = 0.9
const EPSILON = 1e-8

export const rmsprop = optimizer({
  kind: 'rmsprop',
  title: 'RMSProp: s ← ρ·s + (1 − ρ)·g², w ← w − η·g/(√s + ε)',
  states: ['s'],
  flops: 9,
  where: 'per parameter: square, two multiplies, add; √, + ε, divide, times the rate, subtract',
  source: 'Tieleman & Hinton 2012, lecture 6.5; Goodfellow et al. 2016, Deep Learning, algorithm 8.5',
  step(w, g, [s]) {
    const square = DECAY * s! + (1 - DECAY) * g * g
    return [w - (RATE * g) / (rootOf(square) + EPSILON), square]
  },
  examples: [
    {
      dims: {elements: 1000, copy: false},
      flops: 9000,
      bytes: 20000,
      source: 'by hand: 1000 × 9; 4 B × 1000 × (3 read + 2 written)',
    },
  ],
})
