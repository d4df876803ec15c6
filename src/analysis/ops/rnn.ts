import {gradientOf, ofExtra, ofInput, ofOutput, productPart} from '../training/rules.ts'
import {type Backward, type GradientUse, input, kv, type OpDef, output, type Steps, weight} from './types.ts'

/** A recurrent layer over a sequence. */
export type RecurrentDims = {
  readonly batch: number
  readonly seq: number
  /** channels of the input */
  readonly input: number
  /** channels of the state */
  readonly hidden: number
  /** bias vectors per gate: 0, 1, or 2 as PyTorch and cuDNN keep them */
  readonly biases: number
}

/** What every recurrent layer says about its steps. */
export const stepsRule =
  'seq sequential steps: a step needs the state of the one before, so that no more than one step (batch rows) runs in parallel; x·W is one product for all steps, h·U is one per step. Time ≥ seq × the longest of: starting a kernel (where the machine states its launch overhead), the FLOPs of one h·U, and U read again through every cache level that is too far out to hold less (where sizes are known). Compulsory traffic reads the weights once per sequence; the upper bound reads U from memory in every step'

/** Sums of x·W + h·U + biases of one step, for every gate channel. */
export function gateSums(d: RecurrentDims, gates: number, inputs: readonly Float64Array[]) {
  const [x, w, u] = inputs
  const width = gates * d.hidden
  return (b: number, t: number, h: Float64Array, part: 'input' | 'state' | 'both'): Float64Array => {
    const sums = new Float64Array(width)
    for (let j = 0; j < width; j++) {
      if (part !== 'state') {
        for (let i = 0; i < d.input; i++) sums[j]! += x![(b * d.seq + t) * d.input + i]! * w![i * width + j]!
        if (d.biases > 0) sums[j]! += inputs[3]![j]!
      }
      if (part !== 'input') {
        for (let i = 0; i < d.hidden; i++) sums[j]! += h[b * d.hidden + i]! * u![i * width + j]!
        for (let k = 1; k < d.biases; k++) sums[j]! += inputs[3]![k * width + j]!
      }
    }
    return sums
  }
}

/** What follows step by step: h·U and the gates. x·W of all steps can be one product before. */
function recurrentSteps(
  {batch, seq, hidden, biases}: RecurrentDims,
  gates: number,
  pointwise: number,
  special: number,
): Steps {
  return {
    count: seq,
    matrix: 2 * batch * hidden * gates * hidden,
    vector: batch * hidden * (pointwise + gates * biases),
    special: batch * hidden * special,
    weights: weight('u', hidden * gates * hidden),
  }
}

/** The cost of a recurrent layer of `gates` gates and `pointwise` FLOPs per state channel and step besides the products. */
export function recurrentCost(d: RecurrentDims, gates: number, pointwise: number, special: number, states: number) {
  const {batch, seq, hidden, biases} = d
  const width = gates * hidden
  const macs = batch * seq * width * (d.input + hidden)
  const vector = batch * seq * hidden * (pointwise + gates * biases)
  const reads = [input('x', batch * seq * d.input), weight('w', d.input * width), weight('u', hidden * width)]
  if (biases > 0) reads.push(weight('biases', biases * width))
  reads.push(kv('h', batch * hidden))
  if (states > 1) reads.push(kv('c', batch * hidden))
  const writes = [output('y', batch * seq * hidden), kv('h', batch * hidden)]
  if (states > 1) writes.push(kv('c', batch * hidden))
  return {
    macs,
    flops: 2 * macs + vector,
    matrix: 2 * macs,
    vector,
    special: batch * seq * hidden * special,
    reads,
    writes,
    steps: recurrentSteps(d, gates, pointwise, special),
  }
}

/**
 * Backpropagation through time of a recurrent layer: each product has two factors; `pointwise` FLOPs per state channel
 * and step besides; `kept` values per state channel and step that forward writes for it. The first state takes no gradient.
 */
export function recurrentBackward(d: RecurrentDims, gates: number, pointwise: number, kept: number): Backward {
  const {batch, seq, hidden, biases} = d
  const width = gates * hidden
  const steps = batch * seq * hidden
  const macs = batch * seq * width * (d.input + hidden)
  const products = `${2 * gates}·batch·seq·hidden·(input + hidden)`
  const gate = kept > 0 ? [ofExtra(0, kept * steps)] : [ofOutput(0, steps)]
  const weights = [ofInput(1, d.input * width), ofInput(2, hidden * width)]
  const writes = [
    {at: 1, elements: d.input * width},
    {at: 2, elements: hidden * width},
  ]
  if (biases > 0) writes.push({at: 3, elements: biases * width})
  const data = productPart(
    `${products} + ${pointwise}·batch·seq·hidden`,
    macs,
    {reads: [gradientOf(0, steps), ...gate, ...weights], writes: [{at: 0, elements: batch * seq * d.input}]},
    pointwise * steps,
  )
  return {
    // the last step first, and again each needs the one that was done before
    data: {...data, steps: recurrentSteps({...d, biases: 0}, gates, pointwise, 0)},
    // from the gradients of the gates, which the data gradient leaves behind: read again like what they came from
    weights: productPart(
      `${products} + ${gates}·batch·seq·hidden·biases`,
      macs,
      {
        reads: [gradientOf(0, steps), ...gate, ofInput(0, batch * seq * d.input), ofOutput(0, steps)].filter(first),
        writes,
      },
      gates * biases * steps,
    ),
    ...(kept > 0 ? {extra: [{name: 'gates', elements: kept * steps, dtype: null}]} : {}),
  }
}

/** A tensor that is named twice is read once. */
const first = (use: GradientUse, i: number, all: readonly GradientUse[]): boolean =>
  all.findIndex(({of, at}) => of === use.of && at === use.at) === i

export const rnn: OpDef<'rnn', RecurrentDims> = {
  kind: 'rnn',
  title: 'a plain recurrent layer over a sequence, h = tanh(x·W + h·U + b); its steps cannot run in parallel',
  trait: 'contraction',
  formula: '2·batch·seq·hidden·(input + hidden) + batch·seq·hidden·(1 + biases)',
  where: `per channel and step: tanh, and an add per bias; ${stepsRule}`,
  source: 'Elman 1990, Cognitive Science 14; Goodfellow et al. 2016, Deep Learning, eq. 10.8–10.9',
  cost: (d) => recurrentCost(d, 1, 1, 1, 1),
  // dh·(1 − h²) (3), the gradient of the next step added
  backward: (d) => recurrentBackward(d, 1, 4, 0),
  reference(d, inputs) {
    const sums = gateSums(d, 1, inputs)
    const h = Float64Array.from(inputs.at(-1)!)
    const y = new Float64Array(d.batch * d.seq * d.hidden)
    for (let b = 0; b < d.batch; b++) {
      for (let t = 0; t < d.seq; t++) {
        h.set(sums(b, t, h, 'both').map(Math.tanh), b * d.hidden)
        y.set(h.subarray(b * d.hidden, (b + 1) * d.hidden), (b * d.seq + t) * d.hidden)
      }
    }
    return [y, h]
  },
  examples: [
    {
      dims: {batch: 2, seq: 3, input: 4, hidden: 5, biases: 1},
      flops: 600,
      bytes: 496,
      source: 'by hand: 2·6·5·9 + 6·5·2; 4 B × (24 + 20 + 25 + 5 + 10 read, 30 + 10 written)',
    },
  ],
}
