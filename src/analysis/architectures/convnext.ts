/** ConvNeXt (Liu et al. 2022, arXiv:2201.03545), as torchvision builds it; feature maps are channels-last, so that no axes are swapped. */
import type {Graph} from '../graph.ts'
import {layerScale} from '../ops/layer-scale.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Feature, imageTraits, VisionBuilder} from './vision.ts'

export interface ConvnextSpec {
  readonly channels: readonly number[]
  readonly blocks: readonly number[]
  readonly classes: number
  /** side of the images it is made for; absent: 224 */
  readonly image?: number
}

function block(v: VisionBuilder, id: string, x: Feature): Feature {
  let y = v.conv(`${id}.dwconv`, x, x.channels, 7, {padding: 3, groups: x.channels, bias: true})
  y = v.linear(`${id}.up`, v.layernorm(`${id}.norm`, y), 4 * x.channels)
  y = v.linear(`${id}.down`, v.activate(`${id}.act`, 'gelu', y), x.channels)
  const scaled = v.feature(`${id}.scale`, x.channels, x.height, x.width)
  const dims = {rows: v.batch * x.height * x.width, width: x.channels}
  const inputs = [y.tensor, v.weight(`${id}.scale.gamma`, x.channels)]
  v.graphBuilder.add(layerScale, `${id}.scale`, dims, inputs, [scaled.tensor], v.repeat)
  return v.add(`${id}.add`, scaled, x)
}

export function convnext(spec: ConvnextSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  let x = v.image(work)
  for (const [i, channels] of spec.channels.entries()) {
    // norm before the reduction between stages, after it in the stem
    if (i === 0) x = v.layernorm('stem.norm', v.conv('stem.conv', x, channels, 4, {stride: 4, bias: true}))
    else x = v.conv(`downsample${i}.conv`, v.layernorm(`downsample${i}.norm`, x), channels, 2, {stride: 2, bias: true})
    x = v.blocks(0, spec.blocks[i]!, (id) => block(v, `stage${i + 1}.${id}`, x))
  }
  v.linear('head', v.layernorm('norm', v.adaptivePool('avgpool', x)), spec.classes)
  return v.graph()
}

export const convnextArchitecture: Architecture<ConvnextSpec> = {
  graph: convnext,
  traits: ({image = 224}) => imageTraits(image),
}
