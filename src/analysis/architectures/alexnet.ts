/** AlexNet in the form of "One weird trick" (Krizhevsky 2014, arXiv:1404.5997), as torchvision builds it. */
import type {Graph} from '../graph.ts'
import type {Architecture, ModelWork} from './types.ts'
import {imageTraits, VisionBuilder} from './vision.ts'

export interface AlexnetSpec {
  /** filters of the five convolutions */
  readonly filters: readonly [number, number, number, number, number]
  readonly classes: number
}

const kernels = [11, 5, 3, 3, 3] as const

export function alexnet(spec: AlexnetSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  let x = v.image(work)
  for (const [i, filters] of spec.filters.entries()) {
    const kernel = kernels[i]!
    const options = i === 0 ? {stride: 4, padding: 2} : {padding: Math.floor(kernel / 2)}
    x = v.conv(`features.conv${i + 1}`, x, filters, kernel, {bias: true, ...options})
    x = v.activate(`features.relu${i + 1}`, 'relu', x)
    if (i === 0 || i === 1 || i === 4) x = v.maxPool(`features.pool${i + 1}`, x, 3, {stride: 2})
  }
  x = v.flatten(v.adaptivePool('avgpool', x, 6))
  x = v.activate('classifier.relu1', 'relu', v.linear('classifier.fc1', x, 4096))
  x = v.activate('classifier.relu2', 'relu', v.linear('classifier.fc2', x, 4096))
  v.linear('classifier.fc3', x, spec.classes)
  return v.graph()
}

export const alexnetArchitecture: Architecture<AlexnetSpec> = {graph: alexnet, traits: () => imageTraits(224)}
