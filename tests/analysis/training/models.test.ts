/** Meta-tests: a model that is added can be trained without writing a test for it. */
import {describe, expect, it} from 'vitest'
import {validateGraph} from '../../../src/analysis/graph.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef, traitsOf} from '../../../src/analysis/models/types.ts'
import {stepOf, type TrainingWork} from '../../../src/analysis/training/evaluate.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'

const all: readonly [string, ModelDef][] = Object.entries(models)

const total = (nodes: readonly {cost: {flops: number}; repeat: number}[]) =>
  nodes.reduce((sum, {cost, repeat}) => sum + cost.flops * repeat, 0)

describe.each(all)('a training step of %s', (_, model) => {
  const seq = traitsOf(model).positions === null ? undefined : 16
  const step = (fusion: 'none' | 'attention', recompute: 'none' | 'full') => {
    const work = resolveWorkload(model, {phase: 'train', seq, fusion, recompute}) as TrainingWork
    return stepOf(model, buildGraph(model, work), work, fusion, () => buildGraph(model, work))
  }

  it('is a valid graph that takes at most three times the MACs of forward, the same work at every level', () => {
    const steps = [step('none', 'none'), step('attention', 'none'), step('none', 'full')]
    for (const {graph, macs} of steps) {
      validateGraph(graph)
      // a first layer needs no data gradient; graph networks with fixed edge weights take none of them
      expect(macs.step).toBeLessThanOrEqual(3 * macs.forward)
      expect(macs.step).toBeGreaterThanOrEqual(2 * macs.forward)
    }
    expect(new Set(steps.map(({graph}) => total(graph.nodes))).size).toBe(1)
  })

  it('trains every weight that a gradient reaches', () => {
    const work = resolveWorkload(model, {phase: 'train', seq}) as TrainingWork
    const graph = buildGraph(model, work)
    const {trainable} = stepOf(model, graph, work, 'none', () => graph)
    const weights = graph.tensors.filter(({role}) => role === 'weight')
    const count = weights.reduce((sum, {elements, repeat}) => sum + elements * repeat, 0)
    expect(trainable).toBeLessThanOrEqual(count)
    expect(trainable).toBeGreaterThan(0.98 * count)
  })
})
