/** Reversible layers: nothing is kept per layer, and one more forward pass of each block gives the inputs back. */
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {validateGraph} from '../../../src/analysis/graph.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef, traitsOf} from '../../../src/analysis/models/types.ts'
import {stepOf, type TrainingWork} from '../../../src/analysis/training/evaluate.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'

const h100 = machines['h100-sxm']
const all: readonly [string, ModelDef][] = Object.entries(models)

function step(model: ModelDef, options: WorkloadOptions = {}) {
  const seq = traitsOf(model).positions === null ? undefined : 16
  const work = resolveWorkload(model, {phase: 'train', seq, recompute: 'reversible', ...options}) as TrainingWork
  const graph = () => buildGraph(model, work)
  return stepOf(model, graph(), work, work.fusion, graph)
}

const problem = (model: ModelDef): string | null => {
  try {
    step(model)
    return null
  } catch (error) {
    if (error instanceof AnalysisError && error.code === 'bad-flag') return error.message
    throw error
  }
}

describe('models', () => {
  it.each(
    all.filter(([, model]) => problem(model) === null),
  )('%s: valid at every fusion level, the work of full', (id, model) => {
    // blocks that change the shape of what they read are no residual ones: full recomputes them, reversible keeps them
    const partly = id === 'mobilenet-v2' || id === 'efficientnet-b0'
    for (const fusion of ['none', 'elementwise', 'attention', 'all'] as const) {
      const [reversible, full] = [step(model, {fusion}), step(model, {fusion, recompute: 'full'})]
      validateGraph(reversible.graph)
      // a subtraction for each sum, and no block twice
      expect(reversible.flops).toEqual(partly ? {...full.flops, recomputed: expect.any(Number)} : full.flops)
      expect(reversible.macs).toEqual(full.macs)
      if (partly) expect(reversible.flops.recomputed).toBeLessThan(full.flops.recomputed)
      else expect(reversible.savedBytes).toBeLessThanOrEqual(full.savedBytes)
    }
  })

  it('that are pre-norm transformers or have residual layers alone take it', () => {
    const taken = all.filter(([, model]) => problem(model) === null).map(([id]) => id)
    for (const id of [
      'gpt2',
      'llama-3-8b',
      'gemma-2-9b',
      'deepseek-v3',
      'llama-4-scout',
      'mamba2-130m',
      'vit-b-16',
      't5-base',
    ])
      expect(taken).toContain(id)
    for (const id of [
      'bert-base',
      'resnet18',
      'resnet50',
      'densenet121',
      'vgg16',
      'lstm-lm',
      'logistic-regression',
      'gcn',
    ])
      expect(taken).not.toContain(id)
  })

  it.each([
    ['bert-base', /layers\.attn\.norm stands where x \+ F\(x\) should/],
    ['resnet50', /relu|act.* stands where/],
    ['vgg16', /no layer of this model repeats/],
  ])('%s is refused with the operator in the way', (id, message) => {
    expect(problem((models as Readonly<Record<string, ModelDef>>)[id]!)).toMatch(message)
  })
})

const deep = (layers: number): ModelDef => ({...models.gpt2, spec: {...models.gpt2.spec, layers}})
/** Bytes of one stream of GPT-2 in f32, 16 tokens. */
const stream = 16 * 768 * 4

describe('memory', () => {
  it('of activations does not depend on the number of layers', () => {
    const memory = (layers: number, recompute: string) => step(deep(layers), {recompute}).memory.activations
    expect(memory(48, 'reversible')).toBe(memory(4, 'reversible'))
    // full recomputation keeps the input of each layer
    expect(memory(48, 'full') - memory(4, 'full')).toBe(44 * stream)
  })

  it('holds the two streams that leave the last layer, once', () => {
    const {saved} = step(models.gpt2)
    const streams = saved.filter(({operator}) => operator.startsWith('layers.'))
    expect(streams.map(({operator, bytes, repeat}) => [operator, bytes, repeat])).toEqual([
      ['layers.attn.residual', stream, 1],
      ['layers.mlp.residual', stream, 1],
    ])
  })

  it('of layers of two kinds in a row holds the streams of the last kind alone', () => {
    const {saved, graph} = step(models['deepseek-v3'])
    const streams = saved.filter(({operator}) => operator.startsWith('layers.'))
    expect(streams).toHaveLength(2)
    expect(new Set(streams.map(({operator}) => operator.split('.')[1]))).toEqual(
      new Set([graph.nodes.findLast(({id}) => id.endsWith('.mlp.residual'))!.id.split('.')[1]]),
    )
  })

  it('keeps the output of an encoder once, which every layer of the decoder reads', () => {
    for (const recompute of ['none', 'full', 'reversible']) {
      const {saved, graph} = step(models['t5-base'], {recompute, fusion: 'none'})
      const read = graph.nodes.find(({id}) => id === 'decoder.layers.cross.kv')!.inputs[0]!
      expect(saved.find(({name}) => name === read.name)?.repeat).toBe(1)
    }
  })
})

describe('the backward pass', () => {
  it('goes through the blocks from the last: branch, subtraction, then their gradients', () => {
    const ids = step(deep(2), {fusion: 'none'}).graph.nodes.map(({id}) => id)
    const order = [
      'layers.mlp.up.recompute',
      'layers.mlp.residual.invert',
      'layers.attn.norm.recompute',
      'layers.attn.residual.invert',
      'layers.mlp.down.dgrad',
      'layers.attn.norm.dgrad',
    ].map((id) => ids.indexOf(id))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(order[0]).toBeGreaterThan(0)
    expect(ids).not.toContain('layers.mlp.residual.recompute')
  })

  it('works with dropout, adapters, sequence parallelism and offload', () => {
    for (const options of [{dropout: true}, {lora: 4}, {tp: 2, sequenceParallel: true}, {offload: 64e9}])
      validateGraph(step(models.gpt2, options).graph)
  })

  it('is in the document', () => {
    const {result} = analyzeModel(models.gpt2, h100, {phase: 'train', recompute: 'reversible'})
    expect(() => analysisSchema.parse(result)).not.toThrow()
    expect(result.training!.recompute).toBe('reversible')
    expect(result.assumptions.join('\n')).toContain('reversible layers')
  })
})
