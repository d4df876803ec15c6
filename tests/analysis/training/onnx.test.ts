/** A model that came from a file trains like one that we know by name. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {validateGraph} from '../../../src/analysis/graph.ts'
import {parseOnnx} from '../../../src/analysis/importers/onnx.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {stepOf, type TrainingWork} from '../../../src/analysis/training/evaluate.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {model, node, tensor, value} from '../importers/support/onnx.ts'

const read = (bytes: Uint8Array): ModelDef => parseOnnx(bytesSource(bytes), 'test.onnx', {}).model
const fixture = (name: string) => read(readFileSync(new URL(`../../fixtures/onnx/light_${name}.onnx`, import.meta.url)))

function step(of: ModelDef, options = {}) {
  const work = resolveWorkload(of, {phase: 'train', ...options}) as TrainingWork
  const graph = () => buildGraph(of, work)
  return stepOf(of, graph(), work, work.fusion, graph)
}

describe('files', () => {
  it.each(['resnet50', 'shufflenet', 'squeezenet'])('light_%s.onnx trains at every fusion level', (name) => {
    const of = fixture(name)
    for (const fusion of ['none', 'elementwise', 'attention', 'all'] as const) {
      const {graph, macs, loss} = step(of, {fusion})
      validateGraph(graph)
      expect(macs.step / macs.forward).toBeGreaterThan(2.5)
      expect(macs.step).toBeLessThanOrEqual(3 * macs.forward)
      expect(loss).toBe('cross-entropy')
    }
  })

  it('a ResNet-50 of a file has the gradients of ours, operator for operator', () => {
    const train = (of: ModelDef) => step(of, {fusion: 'none'})
    const [file, ours] = [train(fixture('resnet50')), train(models.resnet50)]
    expect(file.macs).toEqual(ours.macs)
    expect(file.trainable).toBe(ours.trainable)
    const count = (kind: string, {graph}: typeof ours) =>
      graph.nodes.reduce((sum, one) => sum + (one.kind === kind ? one.repeat : 0), 0)
    for (const kind of ['conv-dgrad', 'conv-wgrad', 'batchnorm-train-dgrad', 'linear-wgrad', 'max-pool-dgrad'])
      expect([kind, count(kind, file)]).toEqual([kind, count(kind, ours)])
  })
})

describe('operators of a file', () => {
  const small = read(
    model({
      nodes: [
        node('MatMul', 'x w', 'a'),
        node('Add', 'a b', 'c'),
        node('Mul', 'c c', 'd'),
        node('Einsum', 'd v', 'e', {equation: 'ij,jk->ik'}),
        node('Concat', 'e c', 'f', {axis: 1}),
        node('ReduceMean', 'f', 'g', {axes: [1], keepdims: 1}),
        node('Greater', 'g g', 'h'),
        node('Sub', 'f g', 'y'),
      ],
      initializers: [tensor('w', [3, 4]), tensor('b', [4]), tensor('v', [4, 5])],
      inputs: [value('x', [2, 3])],
      outputs: [value('y', [2, 9])],
    }),
  )

  it('have gradients of data and weights apart, whichever operand the weight is', () => {
    const {graph, trainable} = step(small, {fusion: 'none'})
    validateGraph(graph)
    expect(trainable).toBe(12 + 4 + 20)
    const by = new Map(graph.nodes.map((one) => [one.id, one]))
    // the result is 2 × 5, from 2 × 4 and 4 × 5: 40 MACs for each operand
    expect(by.get('e.dgrad')?.cost.macs).toBe(40)
    expect(by.get('e.wgrad')?.cost.macs).toBe(40)
    // the bias takes the sum over 2 rows of 4: 4 additions; the gradient of an addition multiplies nothing and keeps nothing
    expect(by.get('c.wgrad')?.cost.flops).toBe(4)
    expect(by.get('c.dgrad')?.cost.flops).toBe(0)
    expect(by.get('c.wgrad')?.inputs.map(({name}) => name)).toEqual(['gradient of c'])
    // two halves of one gradient, no arithmetic; a comparison has none
    expect(by.get('f.dgrad')?.outputs).toHaveLength(2)
    expect(by.has('h.dgrad')).toBe(false)
    // the mean divides: one FLOP per result; what a mean was subtracted from adds up 9 gradients of each row
    expect(by.get('g.dgrad')?.cost.flops).toBe(2)
    expect(by.get('y.dgrad')?.cost.flops).toBe(18 - 2)
  })

  it('give a whole analysis', () => {
    const {result} = analyzeModel(small, machines['h100-sxm'], {phase: 'train'})
    expect(result.totals.complete).toBe(true)
    expect(result.training?.loss).toBe('mse-loss')
    expect(result.training?.saved.map(({name}) => name)).not.toContain('a')
  })
})
