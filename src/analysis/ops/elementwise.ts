/** The shape shared by operators that compute one output element from one element of each input. */
import {gradientOf, ofInput, ofOutput, vectorPart} from '../training/rules.ts'
import {type Backward, type Example, input, type OpDef, output} from './types.ts'

export type ElementwiseDims = {readonly elements: number}

interface ElementwiseParts<K extends string> {
  kind: K
  title: string
  /** names of the inputs; their number is the arity */
  inputs: readonly string[]
  /** FLOPs per element */
  flops: number
  /** transcendentals among them */
  special: number
  source: string
  apply(...x: number[]): number
  /** FLOPs of all its input gradients per element, and what they need beside the output's gradient */
  backward?: {flops: number; special: number; keeps: 'inputs' | 'output' | 'nothing'} | 'passes'
  examples: readonly Example<ElementwiseDims>[]
}

/** Inputs in one kernel: all gradients are written at once. */
function gradientRule(rule: NonNullable<ElementwiseParts<string>['backward']>, arity: number) {
  const inputs = Array.from({length: arity}, (_, at) => at)
  return ({elements}: ElementwiseDims): Backward => {
    if (rule === 'passes') return {data: null, weights: null, passes: inputs}
    const kept = {
      inputs: inputs.map((at) => ofInput(at, elements)),
      output: [ofOutput(0, elements)],
      nothing: [],
    }[rule.keeps]
    const moves = {reads: [gradientOf(0, elements), ...kept], writes: inputs.map((at) => ({at, elements}))}
    const formula = rule.flops === 1 ? 'elements' : `${rule.flops}·elements`
    return {data: vectorPart(formula, rule.flops * elements, moves, rule.special * elements), weights: null}
  }
}

/** Defines an elementwise operator from its scalar function and its FLOPs per element. */
export function elementwise<K extends string>(parts: ElementwiseParts<K>): OpDef<K, ElementwiseDims> {
  return {
    kind: parts.kind,
    title: parts.title,
    trait: 'elementwise',
    formula: parts.flops === 1 ? 'elements' : `${parts.flops}·elements`,
    source: parts.source,
    cost: ({elements}) => ({
      macs: 0,
      flops: parts.flops * elements,
      matrix: 0,
      vector: parts.flops * elements,
      special: parts.special * elements,
      reads: parts.inputs.map((name) => input(name, elements)),
      writes: [output('y', elements)],
    }),
    reference({elements}, inputs) {
      const y = new Float64Array(elements)
      for (let i = 0; i < elements; i++) y[i] = parts.apply(...inputs.map((x) => x[i]!))
      return [y]
    },
    ...(parts.backward ? {backward: gradientRule(parts.backward, parts.inputs.length)} : {}),
    examples: parts.examples,
  }
}

/** The error function to f64 precision (absolute error below 1e-15): its series for small |x|, a continued fraction beyond. */
export function erf(x: number): number {
  const z = Math.abs(x)
  if (z > 6) return Math.sign(x)
  if (z < 2.5) {
    // Abramowitz & Stegun 7.1.6: 2/√π · e^(−z²) · Σ 2^n z^(2n+1) / (1·3·…·(2n+1))
    let term = z
    let sum = z
    for (let n = 1; n < 100 && term > sum * 1e-17; n++) {
      term *= (2 * z * z) / (2 * n + 1)
      sum += term
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum
  }
  // Abramowitz & Stegun 7.1.14: erfc(z) = e^(−z²)/√π · 1/(z + (1/2)/(z + 1/(z + (3/2)/(z + …))))
  let fraction = z
  for (let k = 60; k >= 1; k--) fraction = z + k / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / fraction)
}
