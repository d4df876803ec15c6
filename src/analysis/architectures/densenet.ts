/** Densely connected nets (Huang et al. 2016, arXiv:1608.06993, table 1), as torchvision builds them. */
import type {Graph} from '../graph.ts'
import type {Architecture, ModelWork} from './types.ts'
import {imageTraits, VisionBuilder} from './vision.ts'

export interface DensenetSpec {
  readonly growth: number
  readonly stem: number
  /** layers of each dense block */
  readonly layers: readonly number[]
  /** filters of the 1×1 convolution of a layer, in units of the growth */
  readonly bottleneck: number
  readonly classes: number
}

export function densenet(spec: DensenetSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  let x = v.conv('conv0', v.image(work), spec.stem, 7, {stride: 2, padding: 3})
  x = v.activate('relu0', 'relu', v.batchnorm('norm0', x))
  x = v.maxPool('pool0', x, 3, {stride: 2, padding: 1})
  for (const [stage, layers] of spec.layers.entries()) {
    for (let i = 1; i <= layers; i++) {
      const id = `denseblock${stage + 1}.denselayer${i}`
      let y = v.activate(`${id}.relu1`, 'relu', v.batchnorm(`${id}.norm1`, x))
      y = v.conv(`${id}.conv1`, y, spec.bottleneck * spec.growth, 1)
      y = v.activate(`${id}.relu2`, 'relu', v.batchnorm(`${id}.norm2`, y))
      y = v.conv(`${id}.conv2`, y, spec.growth, 3, {padding: 1})
      // the new features are stored behind the old ones: the bytes of joining all features that there are
      x = v.concat(`${id}.concat`, x, y)
    }
    if (stage === spec.layers.length - 1) break
    const id = `transition${stage + 1}`
    const y = v.activate(`${id}.relu`, 'relu', v.batchnorm(`${id}.norm`, x))
    x = v.avgPool(`${id}.pool`, v.conv(`${id}.conv`, y, Math.floor(x.channels / 2), 1), 2, {stride: 2})
  }
  x = v.activate('relu5', 'relu', v.batchnorm('norm5', x))
  v.linear('classifier', v.adaptivePool('avgpool', x), spec.classes)
  return v.graph()
}

export const densenetArchitecture: Architecture<DensenetSpec> = {graph: densenet, traits: () => imageTraits(224)}
