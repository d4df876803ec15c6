import {optimizer, rootOf} from './optimizer.ts'

const RATE = 0.001
const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8
// the first step: bias corrections are 1 − β
const CORRECTION1 = 1 - BETA1
const CORRECTION2 = 1 - BETA2

export const adam = optimizer({
  kind: 'adam',
  title: 'Adam: first and second moments with bias correction',
  states: ['m', 'v'],
  flops: 14,
  where: 'per parameter: m 3, v 4, two corrections, √, + ε, divide, times the rate, subtract',
  source: 'Kingma & Ba 2014 (arXiv:1412.6980) algorithm 1',
  step(w, g, [m, v]) {
    const first = BETA1 * m! + (1 - BETA1) * g
    const second = BETA2 * v! + (1 - BETA2) * g * g
    const step = first / CORRECTION1 / (rootOf(second / CORRECTION2) + EPSILON)
    return [w - RATE * step, first, second]
  },
  examples: [
    {
      dims: {elements: 1000, copy: false},
      flops: 14000,
      bytes: 28000,
      source: 'by hand: 1000 × 14; 4 B × 1000 × (4 read + 3 written)',
    },
  ],
})
