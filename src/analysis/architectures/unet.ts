/** U-Net (Ronneberger, Fischer & Brox 2015, arXiv:1505.04597, figure 1): convolutions without padding, skips cut to size. */
import type {Graph} from '../graph.ts'
import {convTranspose} from '../ops/conv-transpose.ts'
import {slice} from '../ops/slice.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Feature, imageTraits, VisionBuilder} from './vision.ts'

export interface UnetSpec {
  /** channels of the image */
  readonly channels: number
  /** filters of the first level; each level below has twice as many at half the size */
  readonly filters: number
  readonly levels: number
  /** zeros on each side of a 3×3 convolution: 0 in the paper, 1 keeps the size */
  readonly padding: number
  readonly classes: number
  /** side of the image that the paper draws */
  readonly image: number
}

/** Two 3×3 convolutions, each with a ReLU. */
function double(v: VisionBuilder, id: string, x: Feature, filters: number, padding: number): Feature {
  const y = v.activate(`${id}.relu1`, 'relu', v.conv(`${id}.conv1`, x, filters, 3, {padding, bias: true}))
  return v.activate(`${id}.relu2`, 'relu', v.conv(`${id}.conv2`, y, filters, 3, {padding, bias: true}))
}

/** Twice the size, half the channels: a 2×2 transposed convolution. */
function up(v: VisionBuilder, id: string, x: Feature): Feature {
  const filters = x.channels / 2
  const y = v.feature(id, filters, 2 * x.height, 2 * x.width)
  const weights = [v.weight(`${id}.weight`, 4 * x.channels * filters), v.weight(`${id}.bias`, filters)]
  const dims = {
    batch: v.batch,
    channels: x.channels,
    filters,
    groups: 1,
    height: x.height,
    width: x.width,
    kernelHeight: 2,
    kernelWidth: 2,
    strideHeight: 2,
    strideWidth: 2,
    bias: true,
  }
  v.graphBuilder.add(convTranspose, id, dims, [x.tensor, ...weights], [y.tensor])
  return y
}

/** The middle of `x`, as large as `like`; `x` itself where nothing is cut. */
function crop(v: VisionBuilder, id: string, x: Feature, like: Feature): Feature {
  if (x.height === like.height && x.width === like.width) return x
  const y = v.feature(id, x.channels, like.height, like.width)
  v.graphBuilder.add(slice, id, {elements: v.elements(y)}, [x.tensor], [y.tensor])
  return y
}

export function unet(spec: UnetSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  const {padding} = spec
  let x = v.image(work, spec.channels)
  const skips: Feature[] = []
  for (let level = 1; level < spec.levels; level++) {
    x = double(v, `down${level}`, x, spec.filters * 2 ** (level - 1), padding)
    skips.push(x)
    x = v.maxPool(`down${level}.pool`, x, 2, {stride: 2})
  }
  x = double(v, 'bottom', x, spec.filters * 2 ** (spec.levels - 1), padding)
  for (let level = spec.levels - 1; level >= 1; level--) {
    const id = `up${level}`
    x = up(v, `${id}.upconv`, x)
    x = v.concat(`${id}.concat`, crop(v, `${id}.crop`, skips[level - 1]!, x), x)
    x = double(v, id, x, spec.filters * 2 ** (level - 1), padding)
  }
  v.conv('head', x, spec.classes, 1, {bias: true})
  return v.graph()
}

export const unetArchitecture: Architecture<UnetSpec> = {graph: unet, traits: (spec) => imageTraits(spec.image)}
