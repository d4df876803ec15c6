/** GELU: exact by the error function, and GPT-2's tanh form; with and without a bias row. */
import {elementwise} from './elementwise.ts'
import type {Shader} from './shader.ts'

export interface GeluParams {
  elements: number
  form: 'erf' | 'tanh'
  /** a row of this length is added first */
  biasCols?: number
}

/**
 * The error function by Abramowitz & Stegun 7.1.26, |error| ≤ 1.5e-7 (WGSL has none).
 * On `V`. (1 + tanh u) ÷ 2 is 1 ÷ (1 + e^(−2u)): drivers' tanh is too coarse (`tanhOf`). u is held above −15, where e^(−2u) cannot overflow.
 */
export const geluFunctions = {
  erf: `fn erf(x: V) -> V {
  let a = abs(x);
  let t = V(1.0) / (V(1.0) + 0.3275911 * a);
  let p = t * (V(0.254829592) + t * (V(-0.284496736) + t * (V(1.421413741) + t * (V(-1.453152027) + t * V(1.061405429)))));
  return sign(x) * (V(1.0) - p * exp(-a * a));
}
fn gelu(x: V) -> V { return 0.5 * x * (V(1.0) + erf(x * 0.7071067811865476)); }`,
  tanh: `fn gelu(x: V) -> V {
  let u = 0.7978845608028654 * (x + 0.044715 * x * x * x);
  return x / (1.0 + exp(-2.0 * max(u, V(-15.0))));
}`,
} as const

export const gelu = ({elements, form, biasCols}: GeluParams): Shader =>
  elementwise({
    elements,
    inputs: biasCols === undefined ? [{name: 'x'}] : [{name: 'x'}, {name: 'bias', cols: biasCols}],
    outputs: ['y'],
    functions: geluFunctions[form],
    body: () => `  let out_y = gelu(${biasCols === undefined ? 'x' : 'x + bias'});`,
  })
