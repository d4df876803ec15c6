import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output} from './types.ts'

/**
 * `elements` results of `operations` additions, multiplications, comparisons … and `special` functions each, from inputs
 * of `read` elements together: a broadcast input is smaller than the result.
 */
export type PointwiseDims = {
  readonly elements: number
  readonly read: number
  readonly operations: number
  readonly special: number
  /** sums, differences and selections: their gradient reads no input */
  readonly linear: boolean
}

export const pointwise: OpDef<'pointwise', PointwiseDims> = {
  kind: 'pointwise',
  title: 'any function element by element, inputs broadcast to the result',
  trait: 'elementwise',
  formula: '(operations + special)·elements',
  where:
    'operations and special functions per element of the result; read: elements of all inputs together; ' +
    'backward, for each input: sums = max(elements − its own, 0), what broadcasting adds up',
  derived: ({elements, read}) => ({sums: Math.max(0, elements - read)}),
  source: 'definition; broadcasting: https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md',
  cost({elements, read, operations, special}) {
    const flops = (operations + special) * elements
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: special * elements,
      reads: [input('x', read)],
      writes: [output('y', elements)],
    }
  },
  // which function it is does not matter to its cost: the oracle repeats multiplications and exponentials
  reference({elements, read, operations, special}, [x]) {
    const y = new Float64Array(elements)
    for (let i = 0; i < elements; i++) {
      let value = x![i % read]!
      for (let k = 0; k < operations; k++) value *= 0.5
      for (let k = 0; k < special; k++) value = Math.tanh(value)
      y[i] = value
    }
    return [y]
  },
  operands: 'each',
  // of a function that is known by its counts alone: as many multiplications by a derivative as it has steps, at most
  backward({elements, read, operations, special, linear}) {
    const steps = linear ? 0 : (operations + special) * elements
    const sums = Math.max(0, elements - read)
    const reads = linear ? [gradientOf(0, elements)] : [gradientOf(0, elements), ofInput(0, read)]
    const formula = '(1 - linear)·(operations + special)·elements + sums'
    return {
      data: vectorPart(
        formula,
        steps + sums,
        {reads, writes: [{at: 0, elements: read}]},
        linear ? 0 : special * elements,
      ),
      weights: null,
    }
  },
  examples: [
    {
      dims: {elements: 768 * 1024, read: 768 * 1024 + 768, operations: 1, special: 0, linear: true},
      flops: 786_432,
      bytes: 6_294_528,
      source: 'by hand, a bias of 768 added to 1,024 rows: 4 B × (2·786,432 + 768)',
    },
    {
      dims: {elements: 10, read: 10, operations: 2, special: 1, linear: false},
      flops: 30,
      bytes: 80,
      source: 'by hand, a sigmoid of 10: negate, exp, add … as 2 operations and 1 exponential',
    },
  ],
}
