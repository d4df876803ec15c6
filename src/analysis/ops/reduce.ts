import {gradientOf, ofInput, ofOutput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/** `elements` folded into `outputs`: `operations` and `special` functions per element, `finals` operations per result. */
export type ReduceDims = {
  readonly elements: number
  readonly outputs: number
  readonly operations: number
  readonly finals: number
  readonly special: number
  /** sums and means: their gradient reads no input */
  readonly linear: boolean
}

export const reduce: OpDef<'reduce', ReduceDims> = {
  kind: 'reduce',
  title: 'sum, mean, maximum or norm over axes',
  trait: 'rowwise',
  formula: '(operations + special)·elements + finals·outputs',
  where: 'a sum is 1 operation per element; a mean divides once per result (finals); a square adds an operation',
  source: 'definition; the first element of each sum is counted like the others, as in softmax',
  cost({elements, outputs, operations, finals, special}) {
    const flops = (operations + special) * elements + finals * outputs
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: special * elements,
      reads: [input('x', elements)],
      writes: [output('y', outputs)],
    }
  },
  reference({elements, outputs, finals}, [x]) {
    const y = new Float64Array(outputs)
    for (let i = 0; i < elements; i++) y[i % outputs]! += x![i]!
    for (let i = 0; i < outputs; i++) y[i]! /= 1 + finals
    return [y]
  },
  operands: 'together',
  // a sum spreads its gradient, a mean divides it first; anything else multiplies each element by a derivative
  backward({elements, outputs, operations, finals, special, linear}) {
    const steps = linear ? 0 : (operations + special) * elements
    const kept = linear ? [] : [ofInput(0, elements), ofOutput(0, outputs)]
    return {
      data: vectorPart(
        '(1 - linear)·(operations + special)·elements + finals·outputs',
        steps + finals * outputs,
        {reads: [gradientOf(0, outputs), ...kept], writes: [{at: 0, elements}]},
        linear ? 0 : special * elements,
      ),
      weights: null,
    }
  },
  examples: [
    {
      dims: {elements: 2048 * 49, outputs: 2048, operations: 1, finals: 1, special: 0, linear: true},
      flops: 102_400,
      bytes: 409_600,
      source: 'by hand, the mean of 7 × 7 positions of 2,048 channels: 100,352 + 2,048; 4 B × (100,352 + 2,048)',
    },
  ],
}
