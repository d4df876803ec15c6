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
    for (let i = 0; i < count; i++) {
      const id = `features.${stage + 1}.${i}`
      x = v.conv(`${id}.conv`, x, filters[stage]!, 3, {padding: 1, bias: true})
      if (spec.batchnorm) x = v.batchnorm(`${id}.bn`, x)
      x = v.activate(`${id}.relu`, 'relu', x)
    }
    x = v.maxPool(`features.${stage + 1}.pool`, x, 2, {stride: 2})
  }
  x = v.flatten(v.adaptivePool('avgpool', x, 7))
  x = v.activate('classifier.relu1', 'relu', v.linear('classifier.fc1', x, 4096))
  x = v.activate('classifier.relu2', 'relu', v.linear('classifier.fc2', x, 4096))
  v.linear('classifier.fc3', x, spec.classes)
  return v.graph()
}

export const vggArchitecture: Architecture<VggSpec> = {graph: vgg, traits: () => imageTraits(224)}
