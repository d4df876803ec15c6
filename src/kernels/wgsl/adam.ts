/** The first step of Adam, out of place: weights, gradients and both moments in, weights and moments out. */
import {elementwise} from './elementwise.ts'
import type {Shader} from './shader.ts'

/** Rates and corrections as in the operator's reference (Kingma & Ba 2014, algorithm 1, t = 1). */
export const adam = (elements: number): Shader =>
  elementwise({
    elements,
    inputs: [{name: 'w'}, {name: 'g'}, {name: 'm'}, {name: 'v'}],
    outputs: ['w', 'm', 'v'],
    body: () => `  let out_m = 0.9 * m + 0.1 * g;
  let out_v = 0.999 * v + 0.001 * g * g;
  let step = (out_m * 10.0) / (sqrt(max(out_v * 1000.0, V(0.0))) + 1e-8);
  let out_w = w - 0.001 * step;`,
  })
