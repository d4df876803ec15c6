import {gradientOf, ofInput, productPart} from '../training/rules.ts'
import {type ConvDims, conv, convElements, convolve} from './conv.ts'
import {input, type OpDef, output} from './types.ts'
import {forEachTap, outputsRule, tapsRule, windowCounts} from './window.ts'

/** Every patch of x laid out as a column: [batch, channels, taps, outputs], zeros where a tap is on padding. */
function columnsOf(d: ConvDims, x: Float64Array): Float64Array {
  const {inputs, outputs, taps} = windowCounts(d)
  const columns = new Float64Array(d.batch * d.channels * taps * outputs)
  for (let plane = 0; plane < d.batch * d.channels; plane++) {
    forEachTap(d, (o, t, i) => {
      columns[(plane * taps + t) * outputs + o] = x[plane * inputs + i]!
    })
  }
  return columns
}

export const convIm2col: OpDef<'conv-im2col', ConvDims> = {
  kind: 'conv-im2col',
  title: 'a convolution as one matrix product with a matrix of patches that is written and read back',
  trait: 'window',
  formula: conv.formula,
  where: `${outputsRule}; ${tapsRule}; the columns hold each input element as often as a window covers it`,
  derived: conv.derived!,
  source:
    'Chellapilla, Puri & Simard 2006, High Performance Convolutional Neural Networks for Document Processing, §3.1',
  cost(d) {
    const {outputs, taps} = convElements(d)
    const direct = conv.cost(d)
    const columns = d.batch * d.channels * taps * outputs
    return {
      ...direct,
      reads: [...direct.reads, input('columns', columns)],
      writes: [...direct.writes, output('columns', columns)],
    }
  },
  // the columns that are read back are those it has written, whatever is given for them
  reference: (d, [x, w, bias]) => [convolve(d, x!, w!, d.bias ? bias : undefined), columnsOf(d, x!)],
  // columns of dy·Wᵀ are added up where windows overlap; those of x are made once more for the filters' gradient
  backward(d) {
    const {x, weights, y, outputs, taps} = convElements(d)
    const {macs} = conv.cost(d)
    const columns = d.batch * d.channels * taps * outputs
    const products = '2·batch·filters·outputs·taps·channels/groups'
    const filters = [{at: 1, elements: weights}, ...(d.bias ? [{at: 2, elements: d.filters}] : [])]
    return {
      data: {
        ...productPart(
          `${products} + batch·channels·taps·outputs`,
          macs,
          {reads: [gradientOf(0, y), ofInput(1, weights)], writes: [{at: 0, elements: x}]},
          columns,
        ),
        workspace: columns,
      },
      weights: {
        ...productPart(
          `${products} + bias·batch·filters·outputs`,
          macs,
          {reads: [ofInput(0, x), gradientOf(0, y)], writes: filters},
          d.bias ? y : 0,
        ),
        workspace: columns,
      },
    }
  },
  examples: [
    {
      dims: {...conv.examples[0]!.dims},
      flops: 231_211_008,
      bytes: 16_203_776,
      source: 'ResNet-50 layer1 conv2: as direct, and 2 × 4 B × 64·9·56² for the columns, nine times the input',
    },
  ],
}
