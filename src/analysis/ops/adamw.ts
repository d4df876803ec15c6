import {optimizer, rootOf} from './optimizer.ts'

const RATE = 0.001
const BETA1 = 0.9
const BETA2 = 0.999
const EPSILON = 1e-8
// the first step: bias corrections are 1 − β
const CORRECTION1 = 1 - BETA1
const CORRECTION2 = 1 - BETA2
const DECAY = 0.01

export const adamw = optimizer({
  kind: 'adamw',
  title: 'AdamW: Adam with weight decay apart from the gradient',
  states: ['m', 'v'],
  flops: 16,
  where: 'per parameter: the 14 of Adam; decay times weight, subtract',
  source: 'Loshchilov & Hutter 2017 (arXiv:1711.05101) algorithm 2',
  step(w, g, [m, v]) {
    const first = BETA1 * m! + (1 - BETA1) * g
    const second = BETA2 * v! + (1 - BETA2) * g * g
    const step = first / CORRECTION1 / (rootOf(second / CORRECTION2) + EPSILON)
    return [w - RATE * step - RATE * DECAY * w, first, second]
  },
  examples: [
    {
      dims: {elements: 1000, copy: false},
      flops: 16000,
      bytes: 28000,
      source: 'by hand: 1000 × 16; 4 B × 1000 × (4 read + 3 written)',
    },
  ],
})
