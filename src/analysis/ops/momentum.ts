import {optimizer} from './optimizer.ts'

const RATE = 0.01
const MOMENTUM = 0.9

export const momentum = optimizer({
  kind: 'momentum',
  title: 'SGD with momentum: v ← μ·v + g, w ← w − η·v',
  states: ['v'],
  flops: 4,
  where: 'per parameter: multiply, add; multiply, subtract',
  source: 'Polyak 1964; Sutskever et al. 2013 (ICML) eq. 1–2, the rate outside the velocity',
  step(w, g, [v]) {
    const velocity = MOMENTUM * v! + g
    return [w - RATE * velocity, velocity]
  },
  examples: [
    {
      dims: {elements: 1000, copy: false},
      flops: 4000,
      bytes: 20000,
      source: 'by hand: 1000 × 4; 4 B × 1000 × (3 read + 2 written)',
    },
  ],
})
