/**
 * Nets of inverted residual blocks: MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381, table 2) and EfficientNet (Tan & Le
 * 2019, arXiv:1905.11946, table 1), which adds squeeze-and-excitation; as torchvision builds them.
 */
import type {Graph} from '../graph.ts'
import {channelScale} from '../ops/channel-scale.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Activation, type Feature, imageTraits, VisionBuilder} from './vision.ts'

export interface InvertedStage {
  /** channels inside, in units of the input's */
  readonly expand: number
  readonly kernel: number
  /** of the first block; the others keep the size */
  readonly stride: number
  readonly channels: number
  readonly blocks: number
}

export interface MobilenetSpec {
  readonly stem: number
  readonly stages: readonly InvertedStage[]
  readonly head: number
  readonly activation: Activation
  /** squeeze-and-excitation in every block, its channels a quarter of the block's input */
  readonly squeeze: boolean
  readonly classes: number
  /** side of the images it is made for; absent: 224 */
  readonly image?: number
}

/** x · sigmoid(W₂ · silu(W₁ · mean(x))), by channel. */
function excite(v: VisionBuilder, id: string, x: Feature, squeezed: number): Feature {
  let s = v.adaptivePool(`${id}.avgpool`, x)
  s = v.activate(`${id}.act`, 'silu', v.conv(`${id}.fc1`, s, squeezed, 1, {bias: true}))
  s = v.activate(`${id}.gate`, 'sigmoid', v.conv(`${id}.fc2`, s, x.channels, 1, {bias: true}))
  const y = v.feature(`${id}.scale`, x.channels, x.height, x.width)
  const dims = {batch: v.batch, channels: x.channels, positions: x.height * x.width}
  v.graphBuilder.add(channelScale, `${id}.scale`, dims, [x.tensor, s.tensor], [y.tensor], v.repeat)
  return y
}

function inverted(v: VisionBuilder, id: string, x: Feature, spec: MobilenetSpec, s: InvertedStage, stride: number) {
  const inner = x.channels * s.expand
  const act = spec.activation
  let y = s.expand === 1 ? x : v.convBlock(`${id}.expand`, x, inner, 1, act)
  y = v.convBlock(`${id}.depthwise`, y, inner, s.kernel, act, {stride, padding: (s.kernel - 1) / 2, groups: inner})
  if (spec.squeeze) y = excite(v, `${id}.se`, y, Math.max(1, Math.floor(x.channels / 4)))
  y = v.convBlock(`${id}.project`, y, s.channels, 1, null)
  return stride === 1 && x.channels === s.channels ? v.add(`${id}.add`, x, y) : y
}

export function mobilenet(spec: MobilenetSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  let x = v.convBlock('stem', v.image(work), spec.stem, 3, spec.activation, {stride: 2, padding: 1})
  for (const [i, stage] of spec.stages.entries()) {
    const name = `stage${i + 1}`
    x = inverted(v, `${name}.0`, x, spec, stage, stage.stride)
    if (stage.blocks > 1) x = v.blocks(1, stage.blocks - 1, (id) => inverted(v, `${name}.${id}`, x, spec, stage, 1))
  }
  x = v.convBlock('head', x, spec.head, 1, spec.activation)
  v.linear('classifier', v.adaptivePool('avgpool', x), spec.classes)
  return v.graph()
}

export const mobilenetArchitecture: Architecture<MobilenetSpec> = {
  graph: mobilenet,
  traits: ({image = 224}) => imageTraits(image),
}
