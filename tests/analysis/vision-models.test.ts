/** Image models: what the table of torchvision does not say. Sizes, blocks, windows, fusion, the two U-Nets. */
import {describe, expect, it} from 'vitest'
import type {Graph} from '../../src/analysis/graph.ts'
import {parameterCount} from '../../src/analysis/graph.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph} from '../../src/analysis/models/types.ts'
import {applyFusion} from '../../src/analysis/passes/index.ts'
import {bytesIn, nodeOf, standard, total} from './support/workloads.ts'

type ImageModel =
  | 'resnet50'
  | 'vgg16'
  | 'densenet121'
  | 'swin-t'
  | 'vit-b-16'
  | 'unet'
  | 'sd-1.5-unet'
  | 'convnext-tiny'

const square = (side: number) => ({image: {height: side, width: side}})
const graphOf = (id: ImageModel | 'resnet18', more: Parameters<typeof standard>[2] = {}): Graph =>
  buildGraph(models[id], standard(models[id], 1, more))
const macs = (graph: Graph) => total(graph, (node) => node.cost.macs)

describe('feature maps', () => {
  it('of ResNet-50 halve from 224 to 7, as in table 1 of the paper', () => {
    const graph = graphOf('resnet50')
    const sizes = ['layer1.0.conv1', 'layer2.1-3.conv1', 'layer3.1-5.conv1', 'layer4.1-2.conv1'].map(
      (id) => nodeOf(graph, id).dims.height,
    )
    expect([nodeOf(graph, 'maxpool').dims.height, ...sizes]).toEqual([112, 56, 28, 14, 7])
    expect(nodeOf(graph, 'layer3.1-5.conv2').repeat).toBe(5)
    expect(graph.nodes.filter((node) => node.kind === 'conv').reduce((n, node) => n + node.repeat, 0)).toBe(53)
  })

  it('of DenseNet-121 grow by 32 channels a layer and halve in each transition', () => {
    const graph = graphOf('densenet121')
    const channels = (id: string) => nodeOf(graph, id).dims.channels
    expect(channels('denseblock1.denselayer6.norm1')).toBe(64 + 5 * 32)
    expect(['transition1.conv', 'transition2.conv', 'transition3.conv', 'norm5'].map(channels)).toEqual([
      256, 512, 1024, 1024,
    ])
  })

  it('scale convolutions with the image, and leave the classifier alone', () => {
    for (const id of ['resnet50', 'densenet121'] as const) {
      const head = (graph: Graph) => graph.nodes.at(-1)!.cost.macs
      const [small, large] = [graphOf(id), graphOf(id, square(448))]
      expect(macs(large) - head(large)).toBe(4 * (macs(small) - head(small)))
      expect(parameterCount(large).total).toBe(parameterCount(small).total)
    }
    // a rectangle: adaptive pools take any shape
    expect(macs(graphOf('vgg16', {image: {height: 256, width: 320}}))).toBeGreaterThan(macs(graphOf('vgg16')))
  })
})

describe('attention over images', () => {
  it('of ViT is quadratic in the patches, of Swin linear', () => {
    const products = (graph: Graph) => total(graph, (node) => (node.kind === 'attention-scores' ? node.cost.macs : 0))
    expect(products(graphOf('vit-b-16'))).toBe(12 * 197 ** 2 * 768)
    expect(products(graphOf('vit-b-16', square(448)))).toBe(12 * 785 ** 2 * 768)
    expect(products(graphOf('swin-t', square(448)))).toBe(4 * products(graphOf('swin-t')))
  })

  it('of Swin pads to whole windows, computes them, and cuts them off again', () => {
    const graph = graphOf('swin-t', square(256))
    // 64 × 64 patches: 10 × 10 windows of 7 × 7, of which 70² tokens are computed
    expect(nodeOf(graph, 'stage1.plain.attn.qkv').cost.macs).toBe(70 ** 2 * 96 * 288)
    expect(nodeOf(graph, 'stage1.plain.mlp.up').cost.macs).toBe(64 ** 2 * 96 * 384)
    expect(nodeOf(graph, 'stage1.shifted.attn.bias').dims.masked).toBe(true)
    expect(nodeOf(graphOf('swin-t'), 'stage4.shifted.attn.bias').dims.masked).toBe(false)
  })

  it('keeps its bias on chip under fused attention', () => {
    const graph = applyFusion(graphOf('swin-t'), 'attention')
    const node = nodeOf(graph, 'stage1.shifted.attn.scores+bias+softmax+values')
    const before = graphOf('swin-t')
    const parts = ['scores', 'bias', 'softmax', 'values'].map((id) => nodeOf(before, `stage1.shifted.attn.${id}`).cost)
    expect(node.cost.flops).toBe(parts.reduce((sum, cost) => sum + cost.flops, 0))
    // q, k, v, the table, the mask, and the output: no scores
    const tokens = 56 * 56 * 96
    const moved = [...node.cost.reads, ...node.cost.writes].reduce((sum, use) => sum + use.elements, 0)
    expect(moved).toBe(4 * tokens + 13 ** 2 * 3 + 64 * 49 ** 2)
  })
})

describe('fusion', () => {
  it.each(['elementwise', 'all'] as const)('%s puts BatchNorm and activation behind the convolution', (fusion) => {
    const {nodes} = applyFusion(graphOf('resnet50'), fusion)
    const ids = nodes.map((node) => node.id)
    expect(ids).toContain('conv1+bn1+relu')
    expect(ids).toContain('layer1.0.conv2+bn2+relu2')
    expect(ids).toContain('layer1.1-2.conv3+bn3+add+relu')
    // two convolutions do not share a kernel because their outputs are added
    for (const {kind} of nodes) expect(kind.split('+').filter((part) => part === 'conv').length).toBeLessThan(2)
    // a pool needs neighbours
    expect(ids).toContain('maxpool')
  })

  it('reads the weights of a fused BatchNorm and no feature map between', () => {
    const node = nodeOf(applyFusion(graphOf('resnet50'), 'elementwise'), 'conv1+bn1+relu')
    expect(node.cost.reads.map((use) => use.elements)).toEqual([3 * 224 * 224, 64 * 3 * 49, 64, 64])
    expect(node.cost.writes.map((use) => use.elements)).toEqual([64 * 112 * 112])
  })

  it('leaves a GroupNorm alone: its groups are larger than a tile', () => {
    const graph = applyFusion(graphOf('sd-1.5-unet'), 'all')
    for (const node of graph.nodes) if (node.kind.includes('groupnorm')) expect(node.kind).toBe('groupnorm')
  })

  it('halves what a ResNet moves', () => {
    const graph = graphOf('resnet50', {batch: 32})
    expect(bytesIn(applyFusion(graph, 'elementwise'), 'f16') / bytesIn(graph, 'f16')).toBeLessThan(0.55)
  })
})

describe('U-Net', () => {
  it('has the sizes of figure 1: 572 in, 388 out, 28 at the bottom', () => {
    const graph = graphOf('unet')
    expect(
      ['down1.conv2', 'down4.conv2', 'bottom.conv2', 'up1.conv2', 'head'].map((id) => nodeOf(graph, id).dims.height),
    ).toEqual([570, 66, 30, 390, 388])
    // skips are cut from the middle: 64² to 56², 568² to 392²
    expect(nodeOf(graph, 'up4.crop').dims.elements).toBe(512 * 56 ** 2)
    expect(nodeOf(graph, 'up1.crop').dims.elements).toBe(64 * 392 ** 2)
  })

  it('has the parameters that its layers add up to', () => {
    const conv = (from: number, to: number, taps: number) => from * to * taps + to
    const double = (from: number, to: number) => conv(from, to, 9) + conv(to, to, 9)
    const down = double(1, 64) + double(64, 128) + double(128, 256) + double(256, 512) + double(512, 1024)
    const up = [1024, 512, 256, 128].reduce((sum, n) => sum + conv(n, n / 2, 4) + double(n, n / 2), 0)
    expect(parameterCount(graphOf('unet')).total).toBe(down + up + conv(64, 2, 1))
    // what Keras summaries of implementations of the figure print
    expect(parameterCount(graphOf('unet')).total).toBe(31_030_658)
  })
})

describe('Stable Diffusion U-Net', () => {
  it('has 859,520,964 parameters, 22 residual blocks, 16 transformers', () => {
    const graph = graphOf('sd-1.5-unet')
    expect(parameterCount(graph).total).toBe(859_520_964)
    expect(graph.nodes.filter((node) => node.kind === 'channel-add')).toHaveLength(22)
    expect(graph.nodes.filter((node) => node.kind === 'cross-scores')).toHaveLength(16)
    expect(nodeOf(graph, 'mid.0.tf.attn.scores').dims).toMatchObject({seq: 64, heads: 8, headDim: 160})
  })

  it('attends to as many text tokens as are given, and is two samples under guidance', () => {
    const cross = (graph: Graph) => total(graph, (node) => (node.kind === 'cross-scores' ? node.cost.macs : 0))
    expect(cross(graphOf('sd-1.5-unet', {srcSeq: 154}))).toBe(2 * cross(graphOf('sd-1.5-unet')))
    expect(macs(graphOf('sd-1.5-unet', {batch: 2}))).toBe(2 * macs(graphOf('sd-1.5-unet')))
  })
})
