/** Residual nets (He et al. 2015, arXiv:1512.03385), ResNeXt (Xie et al. 2016, arXiv:1611.05431) and wide ones, as torchvision builds them. */
import type {Graph} from '../graph.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Feature, imageTraits, VisionBuilder} from './vision.ts'

export interface ResnetSpec {
  readonly block: 'basic' | 'bottleneck'
  /** blocks of each of the four stages */
  readonly blocks: readonly [number, number, number, number]
  /** groups of the 3×3 convolution of a bottleneck */
  readonly groups: number
  /** its channels per group in the first stage: 64 in a plain net */
  readonly groupWidth: number
  readonly classes: number
}

function block(v: VisionBuilder, id: string, x: Feature, spec: ResnetSpec, planes: number, stride: number): Feature {
  const bottleneck = spec.block === 'bottleneck'
  const out = bottleneck ? 4 * planes : planes
  const normed = (
    n: number,
    input: Feature,
    filters: number,
    kernel: number,
    options: {stride?: number; groups?: number},
  ) =>
    v.batchnorm(
      `${id}.bn${n}`,
      v.conv(`${id}.conv${n}`, input, filters, kernel, {padding: kernel === 3 ? 1 : 0, ...options}),
    )
  let y: Feature
  if (bottleneck) {
    const width = (planes * spec.groupWidth * spec.groups) / 64
    // the stride is in the 3×3 convolution ("v1.5"), where the paper has it in the first
    y = v.activate(`${id}.relu1`, 'relu', normed(1, x, width, 1, {}))
    y = v.activate(`${id}.relu2`, 'relu', normed(2, y, width, 3, {stride, groups: spec.groups}))
    y = normed(3, y, out, 1, {})
  } else {
    y = v.activate(`${id}.relu1`, 'relu', normed(1, x, out, 3, {stride}))
    y = normed(2, y, out, 3, {})
  }
  const shortcut =
    stride === 1 && x.channels === out
      ? x
      : v.batchnorm(`${id}.downsample.1`, v.conv(`${id}.downsample.0`, x, out, 1, {stride}))
  return v.activate(`${id}.relu`, 'relu', v.add(`${id}.add`, y, shortcut))
}

export function resnet(spec: ResnetSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  let x = v.conv('conv1', v.image(work), 64, 7, {stride: 2, padding: 3})
  x = v.activate('relu', 'relu', v.batchnorm('bn1', x))
  x = v.maxPool('maxpool', x, 3, {stride: 2, padding: 1})
  for (const [stage, count] of spec.blocks.entries()) {
    const planes = 64 * 2 ** stage
    const name = `layer${stage + 1}`
    // the first block changes the shape, the others are alike
    x = block(v, `${name}.0`, x, spec, planes, stage === 0 ? 1 : 2)
    if (count > 1) x = v.blocks(1, count - 1, (id) => block(v, `${name}.${id}`, x, spec, planes, 1))
  }
  v.linear('fc', v.adaptivePool('avgpool', x), spec.classes)
  return v.graph()
}

export const resnetArchitecture: Architecture<ResnetSpec> = {graph: resnet, traits: () => imageTraits(224)}
