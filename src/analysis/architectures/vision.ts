/** What the graphs of image models share: feature maps, and the layers that turn one into the next. */
import {AnalysisError} from '../errors.ts'
import {type Graph, GraphBuilder, type Tensor} from '../graph.ts'
import {adaptiveAvgPool} from '../ops/adaptive-avg-pool.ts'
import {add} from '../ops/add.ts'
import {avgPool} from '../ops/avg-pool.ts'
import {batchnorm} from '../ops/batchnorm.ts'
import {concat} from '../ops/concat.ts'
import {conv} from '../ops/conv.ts'
import {gelu} from '../ops/gelu.ts'
import {groupnorm} from '../ops/groupnorm.ts'
import {layernorm} from '../ops/layernorm.ts'
import {linear} from '../ops/linear.ts'
import {maxPool} from '../ops/max-pool.ts'
import {relu} from '../ops/relu.ts'
import {relu6} from '../ops/relu6.ts'
import {sigmoid} from '../ops/sigmoid.ts'
import {silu} from '../ops/silu.ts'
import {ceilPadding, positionsOf} from '../ops/window.ts'
import type {ModelTraits, ModelWork} from './types.ts'

/** A feature map [batch, channels, height, width]; a row of features has height and width 1. */
export interface Feature {
  readonly tensor: Tensor
  readonly channels: number
  readonly height: number
  readonly width: number
}

export interface ConvOptions {
  readonly stride?: number
  /** zeros on each side */
  readonly padding?: number
  readonly groups?: number
  readonly bias?: boolean
}

export interface PoolOptions {
  readonly stride: number
  readonly padding?: number
  /** a last, partial window is kept */
  readonly ceil?: boolean
}

export type Activation = 'relu' | 'relu6' | 'silu' | 'gelu' | 'sigmoid'
const activations = {relu, relu6, silu, gelu, sigmoid} as const

/** Classifiers: one forward pass over images, nothing to divide over devices. */
export const imageTraits = (size: number): ModelTraits => ({
  generates: false,
  positions: null,
  shards: {},
  image: {height: size, width: size},
})

const pixels = ({height, width}: Pick<Feature, 'height' | 'width'>) => height * width

// what is not there is left out of the shape that a user sees
const strides = (stride: number) => (stride === 1 ? {} : {strideHeight: stride, strideWidth: stride})
const pads = (padHeight: number, padWidth: number) => (padHeight + padWidth === 0 ? {} : {padHeight, padWidth})

export class VisionBuilder {
  readonly graphBuilder = new GraphBuilder()
  readonly batch: number
  /** instances of the operators that are added next: equal blocks are one set of operators */
  repeat = 1

  constructor(batch: number) {
    this.batch = batch
  }

  /** The image of a workload, or features of its size divided by `scale`. */
  image(work: Pick<ModelWork, 'image'>, channels = 3, scale = 1, name = 'image'): Feature {
    if (!work.image) throw new AnalysisError('internal', 'an image model has no image size')
    const [height, width] = [Math.floor(work.image.height / scale), Math.floor(work.image.width / scale)]
    const elements = this.batch * channels * height * width
    return {tensor: this.graphBuilder.tensor(name, 'constant', elements), channels, height, width}
  }

  weight(name: string, elements: number): Tensor {
    return this.graphBuilder.weight(name, elements, this.repeat)
  }

  /** A new feature map. */
  feature(name: string, channels: number, height = 1, width = 1): Feature {
    const elements = this.batch * channels * height * width
    return {tensor: this.graphBuilder.activation(name, elements, this.repeat), channels, height, width}
  }

  elements = (x: Feature): number => this.batch * x.channels * pixels(x)

  conv(id: string, x: Feature, filters: number, kernel: number, options: ConvOptions = {}): Feature {
    const {stride = 1, padding = 0, groups = 1, bias = false} = options
    const axis = {kernel, stride, dilation: 1, pad: 2 * padding}
    const y = this.feature(id, filters, positionsOf({size: x.height, ...axis}), positionsOf({size: x.width, ...axis}))
    const inputs = [x.tensor, this.weight(`${id}.weight`, (filters * x.channels * kernel * kernel) / groups)]
    if (bias) inputs.push(this.weight(`${id}.bias`, filters))
    const dims = {
      batch: this.batch,
      channels: x.channels,
      filters,
      groups,
      height: x.height,
      width: x.width,
      kernelHeight: kernel,
      kernelWidth: kernel,
      ...strides(stride),
      ...pads(2 * padding, 2 * padding),
      bias,
    }
    this.graphBuilder.add(conv, id, dims, inputs, [y.tensor], this.repeat)
    return y
  }

  batchnorm(id: string, x: Feature): Feature {
    const y = this.feature(id, x.channels, x.height, x.width)
    const weights = [this.weight(`${id}.weight`, x.channels), this.weight(`${id}.bias`, x.channels)]
    const dims = {batch: this.batch, channels: x.channels, positions: pixels(x)}
    this.graphBuilder.add(batchnorm, id, dims, [x.tensor, ...weights], [y.tensor], this.repeat)
    return y
  }

  groupnorm(id: string, x: Feature, groups: number): Feature {
    const y = this.feature(id, x.channels, x.height, x.width)
    const weights = [this.weight(`${id}.weight`, x.channels), this.weight(`${id}.bias`, x.channels)]
    const dims = {batch: this.batch, channels: x.channels, positions: pixels(x), groups}
    this.graphBuilder.add(groupnorm, id, dims, [x.tensor, ...weights], [y.tensor], this.repeat)
    return y
  }

  /** LayerNorm over the channels of each position. */
  layernorm(id: string, x: Feature): Feature {
    const y = this.feature(id, x.channels, x.height, x.width)
    const weights = [this.weight(`${id}.weight`, x.channels), this.weight(`${id}.bias`, x.channels)]
    const dims = {rows: this.batch * pixels(x), width: x.channels}
    this.graphBuilder.add(layernorm, id, dims, [x.tensor, ...weights], [y.tensor], this.repeat)
    return y
  }

  activate(id: string, kind: Activation, x: Feature): Feature {
    const y = this.feature(id, x.channels, x.height, x.width)
    this.graphBuilder.add(activations[kind], id, {elements: this.elements(x)}, [x.tensor], [y.tensor], this.repeat)
    return y
  }

  /** Convolution, BatchNorm, activation: `id.conv`, `id.bn`, `id.act`. */
  convBlock(
    id: string,
    x: Feature,
    filters: number,
    kernel: number,
    activation: Activation | null,
    options: ConvOptions = {},
  ): Feature {
    const y = this.batchnorm(`${id}.bn`, this.conv(`${id}.conv`, x, filters, kernel, options))
    return activation === null ? y : this.activate(`${id}.act`, activation, y)
  }

  private pool(op: typeof maxPool | typeof avgPool, id: string, x: Feature, kernel: number, o: PoolOptions): Feature {
    const pad = (size: number) => 2 * (o.padding ?? 0) + (o.ceil ? ceilPadding(size, kernel, o.stride) : 0)
    const [padHeight, padWidth] = [pad(x.height), pad(x.width)]
    const axis = {kernel, stride: o.stride, dilation: 1}
    const y = this.feature(
      id,
      x.channels,
      positionsOf({size: x.height, pad: padHeight, ...axis}),
      positionsOf({size: x.width, pad: padWidth, ...axis}),
    )
    const dims = {
      batch: this.batch,
      channels: x.channels,
      height: x.height,
      width: x.width,
      kernelHeight: kernel,
      kernelWidth: kernel,
      ...strides(o.stride),
      ...pads(padHeight, padWidth),
    }
    this.graphBuilder.add(op, id, dims, [x.tensor], [y.tensor], this.repeat)
    return y
  }

  maxPool(id: string, x: Feature, kernel: number, options: PoolOptions): Feature {
    return this.pool(maxPool, id, x, kernel, options)
  }

  avgPool(id: string, x: Feature, kernel: number, options: PoolOptions): Feature {
    return this.pool(avgPool, id, x, kernel, options)
  }

  /** Means of `size` × `size` windows; 1 is the global mean. */
  adaptivePool(id: string, x: Feature, size = 1): Feature {
    const y = this.feature(id, x.channels, size, size)
    const {channels, height, width} = x
    const dims = {batch: this.batch, channels, height, width, outHeight: size, outWidth: size}
    this.graphBuilder.add(adaptiveAvgPool, id, dims, [x.tensor], [y.tensor], this.repeat)
    return y
  }

  add(id: string, x: Feature, y: Feature): Feature {
    const sum = this.feature(id, x.channels, x.height, x.width)
    this.graphBuilder.add(add, id, {elements: this.elements(x)}, [x.tensor, y.tensor], [sum.tensor], this.repeat)
    return sum
  }

  /** Channels of `y` behind those of `x`. */
  concat(id: string, x: Feature, y: Feature): Feature {
    const both = this.feature(id, x.channels + y.channels, x.height, x.width)
    const dims = {rows: this.batch, first: x.channels * pixels(x), second: y.channels * pixels(y)}
    this.graphBuilder.add(concat, id, dims, [x.tensor, y.tensor], [both.tensor], this.repeat)
    return both
  }

  /** A product over the channels of each position. */
  linear(id: string, x: Feature, width: number, bias = true): Feature {
    const y = this.feature(id, width, x.height, x.width)
    const inputs = [x.tensor, this.weight(`${id}.weight`, x.channels * width)]
    if (bias) inputs.push(this.weight(`${id}.bias`, width))
    const dims = {m: this.batch * pixels(x), n: width, k: x.channels, bias}
    this.graphBuilder.add(linear, id, dims, inputs, [y.tensor], this.repeat)
    return y
  }

  /** The same elements as one row per sample: a view. */
  flatten(x: Feature): Feature {
    return {tensor: x.tensor, channels: x.channels * pixels(x), height: 1, width: 1}
  }

  /** Runs `body` for the operators of `count` equal blocks. */
  times<T>(count: number, body: () => T): T {
    const before = this.repeat
    this.repeat = before * count
    const result = body()
    this.repeat = before
    return result
  }

  /** Equal blocks from number `first` on: `body` gets their id, `0`, or `1-3` for three at once. */
  blocks(first: number, count: number, body: (id: string) => Feature): Feature {
    return this.times(count, () => body(count === 1 ? `${first}` : `${first}-${first + count - 1}`))
  }

  graph(): Graph {
    return this.graphBuilder.graph()
  }
}
