/** `--conv-algorithm`: the same results by other algorithms, over whole models. */
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import {analysisSchema} from '../../src/analysis/document/analysis.ts'
import {type Graph, type Node, validateGraph} from '../../src/analysis/graph.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../src/analysis/models/types.ts'
import {compressionOptions} from '../../src/analysis/passes/compression.ts'
import {algorithms} from '../../src/analysis/passes/index.ts'
import type {AlgorithmPass} from '../../src/analysis/passes/types.ts'
import {stepOf, type TrainingWork} from '../../src/analysis/training/evaluate.ts'
import {resolveWorkload} from '../../src/analysis/workload.ts'
import {bytesIn, total} from './support/workloads.ts'

const h100 = machines['h100-sxm']
const all: readonly (readonly [string, AlgorithmPass])[] = Object.entries(algorithms)
const graphOf = (model: ModelDef): Graph => buildGraph(model, resolveWorkload(model, {}))
const withConvolutions = Object.values(models as Readonly<Record<string, ModelDef>>).filter((model) =>
  graphOf(model).nodes.some(({kind}) => kind === 'conv'),
)
const isConv = ({kind}: Node) => kind === 'conv' || kind === 'conv-im2col' || kind === 'conv-winograd'
const count = (name: 'macs' | 'flops') => (graph: Graph) => total(graph, (node) => node.cost[name])

describe.each(all)('%s', (name, pass) => {
  it('says what it changes, and with every model keeps to it', () => {
    expect(withConvolutions.length).toBeGreaterThan(10)
    for (const model of withConvolutions) {
      const before = graphOf(model)
      for (const training of [false, true]) {
        const after = pass.apply(before, training)
        validateGraph(after)
        expect(pass.apply(after, training)).toEqual(after)
        expect(after.nodes.filter(isConv)).toHaveLength(before.nodes.filter(isConv).length)
        if (pass.changes === 'bytes') {
          expect(count('macs')(after)).toBe(count('macs')(before))
          expect(count('flops')(after)).toBe(count('flops')(before))
          expect(bytesIn(after, 'f32')).toBeGreaterThanOrEqual(bytesIn(before, 'f32'))
        } else expect(count('macs')(after)).toBeLessThanOrEqual(count('macs')(before))
      }
    }
  })

  it('trains: a valid step, the same weights, twice the products of forward at most', () => {
    for (const model of [models.resnet18, models.vgg11, models['mobilenet-v2'], models['sd-1.5-unet']] as ModelDef[]) {
      const step = (convAlgorithm: string) => {
        const work = resolveWorkload(model, {phase: 'train', convAlgorithm, fusion: 'none'}) as TrainingWork
        const graph = () => (work.compression ? pass.apply(buildGraph(model, work), true) : buildGraph(model, work))
        return stepOf(model, graph(), work, 'none', graph)
      }
      const [direct, changed] = [step('direct'), step(name)]
      validateGraph(changed.graph)
      expect(changed.trainable).toBe(direct.trainable)
      expect(changed.macs.step).toBeLessThanOrEqual(3 * changed.macs.forward)
      expect(changed.macs.step).toBeGreaterThan(2.5 * changed.macs.forward)
    }
  })
})

describe('Winograd', () => {
  it('takes every convolution of VGG-16, each with 16 multiplications where direct has 36', () => {
    const before = graphOf(models.vgg16)
    const after = algorithms.winograd.apply(before, false)
    const convs = after.nodes.filter(isConv)
    expect(convs).toHaveLength(13)
    for (const {id, kind, cost} of convs) {
      expect(kind).toBe('conv-winograd')
      // 224 to 14 pixels: no tile is cut
      expect(cost.macs * 36).toBe(before.nodes.find((node) => node.id === id)!.cost.macs * 16)
    }
    const weights = (graph: Graph) =>
      graph.tensors.filter(({role}) => role === 'weight').reduce((sum, {elements}) => sum + elements, 0)
    const filters = before.nodes.filter(isConv).reduce((sum, {inputs}) => sum + inputs[1]!.elements, 0)
    expect(weights(after) - weights(before)).toBe((filters * 7) / 9)
  })

  it('leaves strides, 1×1, groups and other sizes alone', () => {
    const run = (model: ModelDef, kind: string) =>
      algorithms.winograd
        .apply(graphOf(model), false)
        .nodes.reduce((sum, node) => sum + (node.kind === kind ? node.repeat : 0), 0)
    expect(run(models['mobilenet-v2'], 'conv-winograd')).toBe(0)
    // ResNet-50: 3×3 in 16 blocks, of which three halve the image
    expect([run(models.resnet50, 'conv-winograd'), run(models.resnet50, 'conv')]).toEqual([13, 40])
    expect(run(models['resnext50-32x4d'], 'conv-winograd')).toBe(0)
  })

  it('in training transforms the filters every step and trains them in their own form', () => {
    const work = resolveWorkload(models.vgg11, {phase: 'train', convAlgorithm: 'winograd'}) as TrainingWork
    const graph = () => algorithms.winograd.apply(buildGraph(models.vgg11, work), true)
    const {graph: step} = stepOf(models.vgg11, graph(), work, 'attention', graph)
    const ids = step.nodes.map(({id}) => id)
    const first = step.nodes.find(({kind}) => kind === 'conv-winograd')!.id
    for (const id of [`${first}.filters`, `${first}.wgrad`, `${first}.filters.wgrad`]) expect(ids).toContain(id)
  })
})

describe('the document', () => {
  it.each([
    ['im2col', 'conv-im2col'],
    ['winograd', 'conv-winograd'],
  ])('shows %s before and after', (convAlgorithm, pass) => {
    for (const phase of ['forward', 'train']) {
      const {result} = analyzeModel(models.resnet50, h100, {convAlgorithm, phase})
      expect(() => analysisSchema.parse(result)).not.toThrow()
      const [entry] = result.compression!
      expect(entry!.pass).toBe(pass)
      expect(entry!.after.flops).toBe(result.totals.flops)
      if (pass === 'conv-im2col') expect(entry!.after.bytes).toBeGreaterThan(entry!.before.bytes)
      else expect(entry!.after.macs).toBeLessThan(entry!.before.macs)
      expect(result.assumptions.join('\n')).toContain(pass === 'conv-im2col' ? '20 of 53' : '13 of 53')
      const {compression} = resolveWorkload(models.resnet50, {convAlgorithm, phase})
      expect(compressionOptions(compression)).toMatchObject({convAlgorithm})
    }
  })

  it('has nothing to show for direct, and refuses what it does not know', () => {
    expect(analyzeModel(models.resnet50, h100, {convAlgorithm: 'direct'}).result.compression).toBeUndefined()
    expect(() => resolveWorkload(models.resnet50, {convAlgorithm: 'fft'})).toThrow(
      /--conv-algorithm "fft" is not known/,
    )
  })
})
