/** The shape shared by optimizers that treat each parameter alone: weights and states read and written once, gradients read once. */
import {type Example, input, type OpDef, weight} from './types.ts'

export type OptimizerDims = {
  /** parameters */
  readonly elements: number
  /** writes the weights a second time, in the narrow type that the next forward pass reads */
  readonly copy: boolean
}

interface OptimizerParts<K extends string> {
  kind: K
  title: string
  /** what it keeps per parameter, by name */
  states: readonly string[]
  /** FLOPs per parameter */
  flops: number
  where: string
  source: string
  /** one parameter: weight, gradient, states → new weight, new states */
  step(w: number, g: number, states: readonly number[]): readonly number[]
  examples: readonly Example<OptimizerDims>[]
}

/** Defines an optimizer from its scalar step. */
export function optimizer<K extends string>(parts: OptimizerParts<K>): OpDef<K, OptimizerDims> {
  return {
    kind: parts.kind,
    title: parts.title,
    trait: 'elementwise',
    formula: `${parts.flops}·elements`,
    where: parts.where,
    source: parts.source,
    cost({elements, copy}) {
      const states = parts.states.map((name) => weight(name, elements))
      const writes = [weight('w', elements), ...states]
      if (copy) writes.push(weight('copy', elements))
      const flops = parts.flops * elements
      return {
        macs: 0,
        flops,
        matrix: 0,
        vector: flops,
        special: 0,
        reads: [weight('w', elements), input('g', elements), ...states],
        writes,
      }
    },
    reference({elements, copy}, [w, g, ...states]) {
      const outputs = Array.from({length: 1 + states.length}, () => new Float64Array(elements))
      for (let i = 0; i < elements; i++) {
        const next = parts.step(
          w![i]!,
          g![i]!,
          states.map((state) => state[i]!),
        )
        next.forEach((value, j) => {
          outputs[j]![i] = value
        })
      }
      return copy ? [...outputs, Float64Array.from(outputs[0]!)] : outputs
    },
    examples: parts.examples,
  }
}

/** √ of a second moment, which is never negative where it started at zero. */
export const rootOf = (moment: number): number => Math.sqrt(Math.max(moment, 0))
