import {AnalysisError} from '../errors.ts'
import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import type {ConvDims} from './conv.ts'
import {input, type OpDef, output, weight} from './types.ts'
import {type Axis, axesOf, forEachTap, span, tapsRule} from './window.ts'

/**
 * Sizes as of a convolution; `extra…` are rows added at the end of an output (PyTorch's `output_padding`).
 * y[batch, filters, …], each axis (size − 1)·stride + span − pad + extra long.
 */
export type ConvTransposeDims = ConvDims & {
  readonly extraDepth?: number
  readonly extraHeight?: number
  readonly extraWidth?: number
}

/**
 * Length of an output along an axis.
 * @throws AnalysisError `bad-dimension` where the padding cuts all of it off
 */
function lengthOf(axis: Axis, extra = 0): number {
  const length = (axis.size - 1) * axis.stride + span(axis) - axis.pad + extra
  if (length >= 1) return length
  throw new AnalysisError('bad-dimension', `a padding of ${axis.pad} leaves nothing of ${length + axis.pad} outputs`, [
    `use a padding below ${length + axis.pad}`,
  ])
}

/** The convolution whose data gradient this is: from the outputs here to the inputs here. */
function adjoint(d: ConvTransposeDims) {
  const [deep, high, wide] = axesOf(d)
  const sizes = {
    depth: lengthOf(deep, d.extraDepth),
    height: lengthOf(high, d.extraHeight),
    width: lengthOf(wide, d.extraWidth),
  }
  return {...d, ...sizes, outputs: sizes.depth * sizes.height * sizes.width}
}

function counts(d: ConvTransposeDims) {
  const {outputs} = adjoint(d)
  const [deep, high, wide] = axesOf(d)
  return {
    inputs: deep.size * high.size * wide.size,
    outputs,
    taps: deep.kernel * high.kernel * wide.kernel,
  }
}

export const convTranspose: OpDef<'conv-transpose', ConvTransposeDims> = {
  kind: 'conv-transpose',
  title: 'a transposed convolution: each input element spreads over a window of the output',
  trait: 'contraction',
  formula: '2·batch·channels·inputs·taps·filters/groups + bias·batch·filters·outputs',
  where:
    `inputs = depth·height·width; ${tapsRule}; outputs = product over the axes of (size − 1)·stride + ` +
    'dilation·(kernel − 1) + 1 − pad + extra; products that padding cuts off count',
  derived: counts,
  source: 'Dumoulin & Visin 2016 (arXiv:1603.07285) §4',
  cost(d) {
    const {inputs, outputs, taps} = counts(d)
    const macs = (d.batch * d.channels * inputs * taps * d.filters) / d.groups
    const y = d.batch * d.filters * outputs
    const biased = d.bias ? y : 0
    const reads = [input('x', d.batch * d.channels * inputs), weight('w', (d.channels * d.filters * taps) / d.groups)]
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
  // w is [channels, filters ÷ groups, taps], as PyTorch stores it
  reference(d, [x, w, bias]) {
    const {inputs, outputs, taps} = counts(d)
    const [channelsPerGroup, perGroup] = [d.channels / d.groups, d.filters / d.groups]
    const y = new Float64Array(d.batch * d.filters * outputs)
    if (d.bias) for (let i = 0; i < y.length; i++) y[i] = bias![Math.floor(i / outputs) % d.filters]!
    const back = adjoint(d)
    for (let b = 0; b < d.batch; b++) {
      for (let c = 0; c < d.channels; c++) {
        const first = Math.floor(c / channelsPerGroup) * perGroup
        for (let f = 0; f < perGroup; f++) {
          const to = (b * d.filters + first + f) * outputs
          const from = (b * d.channels + c) * inputs
          forEachTap(back, (i, t, o) => {
            // `extra` may give the adjoint one more window, which no input of ours feeds
            if (i < inputs) y[to + o]! += x![from + i]! * w![(c * perGroup + f) * taps + t]!
          })
        }
      }
    }
    return [y]
  },
  backward(d) {
    const {inputs, outputs, taps} = counts(d)
    const {macs} = convTranspose.cost(d)
    const [x, y] = [d.batch * d.channels * inputs, d.batch * d.filters * outputs]
    const weights = (d.channels * d.filters * taps) / d.groups
    const products = '2·batch·channels·inputs·taps·filters/groups'
    return {
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
        channels: 1024,
        filters: 512,
        groups: 1,
        depth: 1,
        height: 28,
        width: 28,
        kernelDepth: 1,
        kernelHeight: 2,
        kernelWidth: 2,
        strideDepth: 1,
        strideHeight: 2,
        strideWidth: 2,
        padDepth: 0,
        padHeight: 0,
        padWidth: 0,
        extraDepth: 0,
        extraHeight: 0,
        extraWidth: 0,
        bias: true,
      },
      flops: 3_289_939_968,
      bytes: 18_024_448,
      source:
        'U-Net (Ronneberger 2015), first up-convolution: 2·28²·1024·512·4 + 512·56²; 4 B × (802,816 + 2,097,152 + 512 + 1,605,632)',
    },
    {
      dims: {
        batch: 1,
        channels: 1,
        filters: 1,
        groups: 1,
        height: 2,
        width: 2,
        kernelHeight: 3,
        kernelWidth: 3,
        bias: false,
      },
      flops: 72,
      bytes: 116,
      source: 'by hand: 4 elements × 9 taps × 2; 4 B × (4 + 9 + 16)',
    },
  ],
}
