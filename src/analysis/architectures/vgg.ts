/** VGG nets (Simonyan & Zisserman 2014, arXiv:1409.1556, table 1), as torchvision builds them. */
import type {Graph} from '../graph.ts'
import type {Architecture, ModelWork} from './types.ts'
import {imageTraits, VisionBuilder} from './vision.ts'

export interface VggSpec {
  /** 3×3 convolutions of each of the five stages, of 64, 128, 256, 512 and 512 filters */
  readonly convolutions: readonly [number, number, number, number, number]
  readonly batchnorm: boolean
  readonly classes: number
}

const filters = [64, 128, 256, 512, 512] as const

export function vgg(spec: VggSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  let x = v.image(work)
  for (const [stage, count] of spec.convolutions.entries()) {
    const id = `stage${stage + 1}`
    for (let i = 1; i <= count; i++) {
      x = v.conv(`${id}.conv${i}`, x, filters[stage]!, 3, {padding: 1, bias: true})
      if (spec.batchnorm) x = v.batchnorm(`${id}.bn${i}`, x)
      x = v.activate(`${id}.relu${i}`, 'relu', x)
    }
    x = v.maxPool(`${id}.pool`, x, 2, {stride: 2})
  }
  x = v.flatten(v.adaptivePool('avgpool', x, 7))
  x = v.activate('head.relu1', 'relu', v.linear('head.fc1', x, 4096))
  x = v.activate('head.relu2', 'relu', v.linear('head.fc2', x, 4096))
  v.linear('head.fc3', x, spec.classes)
  return v.graph()
}

export const vggArchitecture: Architecture<VggSpec> = {graph: vgg, traits: () => imageTraits(224)}
