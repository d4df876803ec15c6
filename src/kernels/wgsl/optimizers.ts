/** Optimizer steps in place, and the passes that a framework without a fused Adam makes. */
import {elementwise} from './elementwise.ts'
import type {Shader} from './shader.ts'

/** Rates and corrections as in the operator's reference (Kingma & Ba 2014, algorithm 1, t = 1). */
const firstMoment = '0.9 * m + 0.1 * g'
const secondMoment = '0.999 * v + 0.001 * g * g'
const root = (v: string) => `sqrt(max(${v} * 1000.0, V(0.0))) + 1e-8`

const step =
  (inputs: readonly string[], outputs: readonly string[], body: string) =>
  (elements: number): Shader =>
    elementwise({elements, inputs: inputs.map((name) => ({name})), outputs, body: () => body})

/** The first step of Adam: weights and both moments change where they lie. */
export const adam = step(
  ['w', 'g', 'm', 'v'],
  ['w', 'm', 'v'],
  `  let out_m = ${firstMoment};
  let out_v = ${secondMoment};
  let out_w = w - 0.001 * ((out_m * 10.0) / (${root('out_v')}));`,
)

export const adamFirst = step(['m', 'g'], ['m'], `  let out_m = ${firstMoment};`)
export const adamSecond = step(['v', 'g'], ['v'], `  let out_v = ${secondMoment};`)
export const adamRoot = step(['v'], ['r'], `  let out_r = ${root('v')};`)
export const adamStep = step(['m', 'r'], ['d'], '  let out_d = (m * 10.0) / r;')
export const adamDescend = step(['w', 'd'], ['w'], '  let out_w = w - 0.001 * d;')

/** v ← 0.9·v + g, w ← w − 0.01·v: the constants of the operator `momentum`. */
export const momentum = step(
  ['w', 'g', 'v'],
  ['w', 'v'],
  `  let out_v = 0.9 * v + g;
  let out_w = w - 0.01 * out_v;`,
)
