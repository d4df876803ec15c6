/** SqueezeNet (Iandola et al. 2016, arXiv:1602.07360) 1.0 and 1.1, as torchvision builds them. */
import type {Graph} from '../graph.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Feature, imageTraits, VisionBuilder} from './vision.ts'

export interface SqueezenetSpec {
  readonly stem: {readonly filters: number; readonly kernel: number}
  /** fire modules by stage: filters of the squeeze; each half of the expansion has four times as many (1×1, 3×3) */
  readonly fires: readonly (readonly number[])[]
  /** filters of each half of the expansions */
  readonly expands: readonly (readonly number[])[]
  readonly classes: number
}

function fire(v: VisionBuilder, id: string, x: Feature, squeeze: number, expand: number): Feature {
  const s = v.activate(`${id}.squeeze.relu`, 'relu', v.conv(`${id}.squeeze`, x, squeeze, 1, {bias: true}))
  const one = v.activate(`${id}.expand1x1.relu`, 'relu', v.conv(`${id}.expand1x1`, s, expand, 1, {bias: true}))
  const three = v.conv(`${id}.expand3x3`, s, expand, 3, {padding: 1, bias: true})
  return v.concat(`${id}.concat`, one, v.activate(`${id}.expand3x3.relu`, 'relu', three))
}

export function squeezenet(spec: SqueezenetSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  const {filters, kernel} = spec.stem
  let x = v.activate('stem.relu', 'relu', v.conv('stem.conv', v.image(work), filters, kernel, {stride: 2, bias: true}))
  let n = 2
  for (const [stage, squeezes] of spec.fires.entries()) {
    // the paper's MaxPool keeps partial windows
    x = v.maxPool(`pool${stage + 1}`, x, 3, {stride: 2, ceil: true})
    for (const [i, squeeze] of squeezes.entries()) x = fire(v, `fire${n++}`, x, squeeze, spec.expands[stage]![i]!)
  }
  x = v.activate('classifier.relu', 'relu', v.conv('classifier.conv', x, spec.classes, 1, {bias: true}))
  v.adaptivePool('classifier.pool', x)
  return v.graph()
}

export const squeezenetArchitecture: Architecture<SqueezenetSpec> = {graph: squeezenet, traits: () => imageTraits(224)}
