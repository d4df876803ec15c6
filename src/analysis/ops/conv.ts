import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'
import {forEachTap, outputsRule, tapsRule, type WindowDims, windowCounts} from './window.ts'

/** y[batch, filters, …] = Σ x[batch, channels ÷ groups, …] · w + bias; depthwise where groups = channels. */
export type ConvDims = WindowDims & {
  readonly batch: number
  readonly channels: number
  readonly filters: number
  readonly groups: number
  readonly bias: boolean
}

/** Tensors of a convolution: x, filters and bias in, y out. */
export function convElements(d: ConvDims) {
  const {inputs, outputs, taps} = windowCounts(d)
  return {
    x: d.batch * d.channels * inputs,
    weights: (d.filters * d.channels * taps) / d.groups,
    y: d.batch * d.filters * outputs,
    outputs,
    taps,
  }
}

/** Adds each product of a filter tap and an input element to its output: the loop of every direct convolution. */
export function convolve(d: ConvDims, x: Float64Array, w: Float64Array, bias: Float64Array | undefined): Float64Array {
  const {inputs, outputs, taps} = windowCounts(d)
  const [perGroup, filtersPerGroup] = [d.channels / d.groups, d.filters / d.groups]
  const y = new Float64Array(d.batch * d.filters * outputs)
  for (let b = 0; b < d.batch; b++) {
    for (let f = 0; f < d.filters; f++) {
      const to = (b * d.filters + f) * outputs
      if (bias) y.fill(bias[f]!, to, to + outputs)
      const first = Math.floor(f / filtersPerGroup) * perGroup
      for (let c = 0; c < perGroup; c++) {
        const from = (b * d.channels + first + c) * inputs
        const filter = (f * perGroup + c) * taps
        forEachTap(d, (o, t, i) => {
          y[to + o]! += x[from + i]! * w[filter + t]!
        })
      }
    }
  }
  return y
}

export const conv: OpDef<'conv', ConvDims> = {
  kind: 'conv',
  title: 'a convolution over one, two or three axes, computed directly',
  trait: 'contraction',
  formula: '2·batch·filters·outputs·taps·channels/groups + bias·batch·filters·outputs',
  where: `${outputsRule}; ${tapsRule}; taps on padding count`,
  derived: ({...d}) => {
    const {outputs, taps} = windowCounts(d)
    return {outputs, taps}
  },
  source:
    'Dumoulin & Visin 2016 (arXiv:1603.07285) §2; He & Sun 2015 (arXiv:1412.1710) eq. 1 counts the same multiplies',
  cost(d) {
    const {x, weights, y, taps} = convElements(d)
    const macs = (y * taps * d.channels) / d.groups
    const biased = d.bias ? y : 0
    const reads = [input('x', x), weight('w', weights)]
    if (d.bias) reads.push(weight('bias', d.filters))
    return {
      macs,
      flops: 2 * macs + biased,
      matrix: 2 * macs,
      vector: biased,
      special: 0,
      reads,
      writes: [output('y', y)],
    }
  },
  reference: (d, [x, w, bias]) => [convolve(d, x!, w!, d.bias ? bias : undefined)],
  backward(d) {
    const {x, weights, y} = convElements(d)
    const {macs} = conv.cost(d)
    const products = '2·batch·filters·outputs·taps·channels/groups'
    return {
      // a transposed convolution of dy, and the correlation of x with dy; the bias takes the sum of dy over positions
      data: productPart(products, macs, {
        reads: [gradientOf(0, y), ofInput(1, weights)],
        writes: [{at: 0, elements: x}],
      }),
      weights: productPart(
        `${products} + bias·batch·filters·outputs`,
        macs,
        {
          reads: [ofInput(0, x), gradientOf(0, y)],
          writes: [{at: 1, elements: weights}, ...(d.bias ? [{at: 2, elements: d.filters}] : [])],
        },
        d.bias ? y : 0,
      ),
    }
  },
  examples: [
    {
      dims: {
        batch: 1,
        channels: 64,
        filters: 64,
        groups: 1,
        depth: 1,
        height: 56,
        width: 56,
        kernelDepth: 1,
        kernelHeight: 3,
        kernelWidth: 3,
        strideDepth: 1,
        strideHeight: 1,
        strideWidth: 1,
        dilationDepth: 1,
        dilationHeight: 1,
        dilationWidth: 1,
        padDepth: 0,
        padHeight: 2,
        padWidth: 2,
        bias: false,
      },
      flops: 231_211_008,
      bytes: 1_753_088,
      source: 'ResNet-50 layer1 conv2: 2·56²·64·64·9; 4 B × (2·200,704 + 36,864)',
    },
    {
      dims: {
        batch: 1,
        channels: 2,
        filters: 4,
        groups: 2,
        height: 1,
        width: 5,
        kernelHeight: 1,
        kernelWidth: 3,
        bias: true,
      },
      flops: 84,
      bytes: 152,
      source: 'by hand, 1-D and grouped: 4 filters × 3 positions × (2·3 + 1); 4 B × (10 + 12 + 4 + 12)',
    },
  ],
}
