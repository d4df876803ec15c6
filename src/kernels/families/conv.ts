/** Convolution, BatchNorm, and their chain with ReLU. */
import {batchnorm} from '../../analysis/ops/batchnorm.ts'
import {type ConvDims, conv, convElements} from '../../analysis/ops/conv.ts'
import {relu} from '../../analysis/ops/relu.ts'
import {input, weight} from '../../analysis/ops/types.ts'
import type {Part, Program} from '../program.ts'
import {fusedCost, type KernelDef, one, operator, type PairDef, streaming} from './types.ts'

const names = [
  'batch',
  'channels',
  'filters',
  'groups',
  'height',
  'width',
  'kernel',
  'stride',
  'dilation',
  'pad',
  'bias',
] as const

/** The operator's dims, of a kernel's in the order of `names`. */
export function convDims(sizes: readonly number[]) {
  const [batch, channels, filters, groups, height, width, kernel, stride, dilation, pad, bias] = sizes as number[]
  return {
    batch: batch!,
    channels: channels!,
    filters: filters!,
    groups: groups!,
    height: height!,
    width: width!,
    kernelHeight: kernel!,
    kernelWidth: kernel!,
    strideHeight: stride!,
    strideWidth: stride!,
    dilationHeight: dilation!,
    dilationWidth: dilation!,
    padHeight: pad!,
    padWidth: pad!,
    bias: bias === 1,
  } satisfies ConvDims
}

const convPart = (kernel: string, sizes: readonly number[], y = 'y'): Part =>
  sizes[10] === 1
    ? operator(conv, `${kernel}+bias`, convDims(sizes), sizes, ['x', 'w', 'bias'], [y])
    : operator(conv, kernel, convDims(sizes), sizes, ['x', 'w'], [y])

const depthwise = ([batch, channels, height, width, kernel, stride, dilation, pad]: readonly number[]) =>
  [batch!, channels!, channels!, channels!, height!, width!, kernel!, stride!, dilation!, pad!, 0] as const

/** Rows go straight to memory where stride and dilation are 1. */
const depthwisePart = (sizes: readonly number[]): Part => {
  const native = depthwise(sizes)
  const part = convPart('conv', native)
  const [width, kernel, stride, dilation, pad] = sizes.slice(3) as number[]
  const isPlain = stride === 1 && dilation === 1 && [3, 5, 7].includes(kernel!)
  return isPlain ? streaming(part, width! + pad! - kernel! + 1) : part
}

const batchnormPart = (dims: {batch: number; channels: number; positions: number}, x: string, y: string): Part =>
  streaming(
    operator(batchnorm, 'batchnorm', dims, [dims.batch, dims.channels, dims.positions], [x, 'scale', 'shift'], [y]),
    dims.positions,
  )

function convBatchnormRelu(sizes: readonly number[]): {unfused: Program; fused: Program} {
  const native = [...sizes, 0]
  const d = convDims(native)
  const {x, weights, y, outputs} = convElements(d)
  const product = convPart('conv', native, 'sums')
  const norm = batchnormPart({batch: d.batch, channels: d.filters, positions: outputs}, 'sums', 'normalized')
  const act = streaming(operator(relu, 'relu', {elements: y}, [y, 1], ['normalized'], ['y']))
  const fused: Part = {
    kernel: 'conv+batchnorm+relu',
    dims: native,
    in: ['x', 'w', 'scale', 'shift'],
    out: ['y'],
    cost: fusedCost(
      [product.cost, norm.cost, act.cost],
      [input('x', x), weight('w', weights), weight('scale', d.filters), weight('shift', d.filters)],
      act.cost.writes,
    ),
    reference: ([a, w, scale, shift]) =>
      act.reference(norm.reference([product.reference([a!, w!])[0]!, scale!, shift!])),
  }
  return {unfused: {id: 'conv, batchnorm, relu', parts: [product, norm, act]}, fused: one('conv+batchnorm+relu', fused)}
}

/** Around tiles and vectors, and everything that a convolution can have; without the bias. */
const cases: readonly (readonly number[])[] = [
  [1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
  [1, 3, 9, 1, 7, 5, 3, 1, 1, 2],
  [2, 4, 4, 4, 6, 6, 3, 2, 1, 1],
  [1, 2, 8, 1, 9, 9, 3, 1, 2, 4],
  [2, 29, 70, 1, 4, 5, 3, 1, 1, 2],
  [3, 2, 13, 1, 5, 7, 3, 2, 1, 3],
  [1, 300, 13, 1, 3, 3, 1, 1, 1, 0],
  [1, 4, 12, 2, 17, 33, 1, 2, 1, 0],
  [1, 2, 67, 1, 13, 40, 5, 3, 2, 6],
  [1, 1, 66, 1, 17, 17, 17, 1, 1, 16],
  [1, 2, 70, 1, 2, 2, 3, 1, 1, 6],
  [1, 6, 12, 6, 9, 37, 3, 1, 1, 2],
  [1, 3, 3, 3, 20, 70, 5, 2, 3, 9],
  [1, 40, 11, 1, 13, 17, 3, 1, 1, 2],
  [1, 2, 7, 1, 40, 3, 3, 1, 1, 2],
  [2, 6, 26, 2, 9, 21, 3, 1, 2, 4],
  [2, 50, 13, 1, 19, 29, 1, 1, 1, 0],
  [1, 257, 133, 1, 7, 12, 1, 1, 1, 0],
  [1, 6, 66, 1, 46, 47, 3, 2, 1, 2],
  [0, 2, 3, 1, 4, 4, 3, 1, 1, 2],
]
const biased = cases.flatMap((sizes, i) => [
  [...sizes, i % 2],
  [...sizes, 1 - (i % 2)],
])
const resnet = [1, 128, 128, 1, 28, 28, 3, 1, 1, 2]

const convKernel = <K extends string>(id: K, title: string) => ({
  id,
  op: 'conv',
  title,
  dims: names,
  sizes: {cache: [1, 16, 16, 1, 28, 28, 3, 1, 1, 2, 0], dram: [8, 64, 64, 1, 56, 56, 3, 1, 1, 2, 0]},
  check: [2, 6, 14, 2, 11, 9, 3, 2, 1, 1, 1],
  cases: biased,
  program: (sizes: readonly number[]) => one(id, convPart(id, sizes)),
})

export const kernels = {
  conv: convKernel('conv', 'two-dimensional convolution, as an implicit matrix product or direct'),
  'conv-direct': convKernel('conv-direct', 'two-dimensional convolution on padded planes, without gathering'),
  'conv-depthwise': {
    id: 'conv-depthwise',
    op: 'conv',
    title: 'depthwise convolution: a filter per channel',
    dims: ['batch', 'channels', 'height', 'width', 'kernel', 'stride', 'dilation', 'pad'],
    sizes: {cache: [1, 16, 28, 28, 3, 1, 1, 2], dram: [8, 256, 112, 112, 3, 1, 1, 2]},
    grows: ['batch'],
    check: [2, 3, 11, 19, 3, 2, 1, 2],
    cases: [
      [1, 1, 1, 1, 1, 1, 1, 0],
      [1, 2, 5, 5, 5, 1, 1, 4],
      [2, 3, 9, 66, 3, 1, 2, 4],
      [1, 2, 16, 16, 7, 3, 1, 5],
      [1, 2, 1, 1, 3, 1, 1, 2],
      [2, 3, 5, 3, 3, 1, 1, 2],
      [1, 3, 9, 15, 3, 1, 1, 0],
      [1, 2, 5, 117, 3, 1, 1, 2],
      [1, 3, 1, 128, 3, 1, 1, 2],
      [1, 1, 4, 151, 3, 1, 1, 1],
      [1, 2, 6, 33, 3, 1, 1, 3],
      [1, 2, 4, 64, 5, 1, 1, 4],
      [1, 2, 3, 5, 5, 1, 1, 9],
      [1, 2, 11, 35, 7, 1, 1, 6],
      [1, 3, 2, 70, 7, 1, 1, 13],
    ],
    program: (sizes) => one('conv-depthwise', depthwisePart(sizes)),
  },
  batchnorm: {
    id: 'batchnorm',
    op: 'batchnorm',
    title: 'BatchNorm with folded statistics',
    dims: ['batch', 'channels', 'positions'],
    sizes: {cache: [1, 64, 196], dram: [16, 128, 12_544]},
    grows: ['batch'],
    check: [2, 5, 133],
    cases: [
      [1, 1, 1],
      [0, 2, 3],
      [2, 3, 16],
      [3, 7, 65],
      [4, 5, 49],
      [3, 5, 17],
      [1, 2, 300],
    ],
    program: ([batch, channels, positions]) =>
      one('batchnorm', batchnormPart({batch: batch!, channels: channels!, positions: positions!}, 'x', 'y')),
  },
  'conv+batchnorm+relu': {
    id: 'conv+batchnorm+relu',
    op: 'conv+batchnorm+relu',
    title: 'convolution with BatchNorm and ReLU on the way out',
    dims: names.slice(0, 10),
    sizes: {cache: [1, 16, 16, 1, 28, 28, 3, 1, 1, 2], dram: [8, 64, 256, 1, 56, 56, 1, 1, 1, 0]},
    check: [2, 6, 14, 2, 11, 9, 3, 2, 1, 1],
    cases: [...cases, resnet.map((size, i) => (i === 1 || i === 2 ? 20 : size))],
    program: (sizes) => convBatchnormRelu(sizes).fused,
  },
} as const satisfies Record<string, KernelDef>

export const pairs = {
  'conv+batchnorm+relu': {
    ...kernels['conv+batchnorm+relu'],
    unfused: (d) => convBatchnormRelu(d).unfused,
    fused: (d) => convBatchnormRelu(d).fused,
  },
} as const satisfies Record<string, PairDef>
