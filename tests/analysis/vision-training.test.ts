/** Training steps of image models: the gradients of convolutions, pools and norms, and what they keep. */
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {GraphBuilder, validateGraph} from '../../src/analysis/graph.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../src/analysis/models/types.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import type {Dims, OpDef} from '../../src/analysis/ops/types.ts'
import {withBatchStatistics} from '../../src/analysis/training/batch-statistics.ts'
import {gpu} from './support/machines.ts'
import {standard, total} from './support/workloads.ts'

const trained = (model: ModelDef, batch = 2) => analyzeModel(model, gpu, {phase: 'train', batch}).result

describe('a training step', () => {
  it.each([
    'resnet18',
    'vgg11',
    'mobilenet-v2',
    'densenet121',
    'convnext-tiny',
    'vit-b-16',
    'swin-t',
    'efficientnet-b0',
  ] as const)('of %s makes three times the products of its forward pass, less the gradient of the image', (id) => {
    const result = trained(models[id])
    const forward = buildGraph(models[id], standard(models[id], 1, {batch: 2}))
    const macs = total(forward, (node) => node.cost.macs)
    const first = forward.nodes.find((node) => node.kind === 'conv')!
    expect(result.totals.macs).toBe(3 * macs - first.cost.macs)
  })

  it.each(['squeezenet1-1', 'unet', 'sd-1.5-unet'] as const)('of %s has a rule for every operator', (id) => {
    expect(trained(models[id], 1).totals.complete).toBe(true)
  })

  it('takes the statistics of a BatchNorm from the batch', () => {
    const kinds = new Set(trained(models.resnet18).operators.map((op) => op.kind))
    expect(kinds).not.toContain('batchnorm')
    for (const kind of ['batchnorm-train', 'batchnorm-train-dgrad', 'batchnorm-train-wgrad'])
      expect(kinds).toContain(kind)
  })

  it('keeps the positions of the largest elements, eight bytes each', () => {
    const op = trained(models.resnet18).operators.find((o) => o.id === 'maxpool')!
    expect(op.writes.map((use) => use.bytes)).toEqual([2 * 64 * 56 * 56 * 4, 2 * 64 * 56 * 56 * 8])
  })
})

describe('batchnorm-train', () => {
  it('is what replaces a folded BatchNorm, tensors and ids alike', () => {
    const graph = buildGraph(models.resnet18, standard(models.resnet18, 1))
    const replaced = withBatchStatistics(graph)
    validateGraph(replaced)
    expect(replaced.nodes.map((node) => node.id)).toEqual(graph.nodes.map((node) => node.id))
    const plain = new GraphBuilder().graph()
    expect(withBatchStatistics(plain)).toBe(plain)
  })

  it('normalizes each channel over samples and positions', () => {
    const dims = {batch: 3, channels: 2, positions: 5}
    const x = Float64Array.from({length: 30}, (_, i) => Math.cos(3 * i))
    const [y] = ops['batchnorm-train'].reference!(dims, [x, Float64Array.of(1, 2), Float64Array.of(0, 7)])
    for (const [c, mean, deviation] of [
      [0, 0, 1],
      [1, 7, 2],
    ] as const) {
      const values = Array.from(y!).filter((_, i) => Math.floor(i / 5) % 2 === c)
      expect(values.reduce((sum, v) => sum + v, 0) / 15).toBeCloseTo(mean, 9)
      expect(Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 15)).toBeCloseTo(deviation, 3)
    }
  })
})

describe('gradients', () => {
  const cases: readonly (readonly [OpDef, Dims])[] = Object.values(ops as Readonly<Record<string, OpDef>>).flatMap(
    // a table is read by the row and has its gradient whole
    (op) => (op.backward && op.kind !== 'embedding' ? op.examples.map((example) => [op, example.dims] as const) : []),
  )

  it.each(
    cases.map(([op, dims]) => [op.kind, op, dims] as const),
  )('of %s write what forward reads, and no more', (_, op, dims) => {
    const {reads, writes} = op.cost(dims)
    const rule = op.backward!(dims)
    for (const part of [rule.data, rule.weights]) {
      if (!part) continue
      for (const {at, elements} of part.writes) expect(elements).toBeLessThanOrEqual(reads[at]!.elements)
      for (const {of, at, elements} of part.reads) {
        const whole = of === 'input' ? reads[at] : of === 'extra' ? rule.extra![at] : writes[at]
        expect(elements).toBeLessThanOrEqual(whole!.elements)
      }
      expect(2 * part.macs).toBeLessThanOrEqual(part.flops)
    }
  })
})
