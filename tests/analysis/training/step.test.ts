/** A training step: which operators it has, what it counts, what it needs in memory. */
import {describe, expect, it} from 'vitest'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import {GraphBuilder, validateGraph} from '../../../src/analysis/graph.ts'
import {models} from '../../../src/analysis/models/index.ts'
import type {ModelDef} from '../../../src/analysis/models/types.ts'
import {ops} from '../../../src/analysis/ops/index.ts'
import {trainingStep} from '../../../src/analysis/training/index.ts'
import {resolveTraining, trainingOptions} from '../../../src/analysis/training/options.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'
import {failure} from '../support/failure.ts'
import {ids, step, train} from '../support/training.ts'

const dense: readonly ModelDef[] = [models.gpt2, models['bert-base'], models['llama-3-8b'], models['qwen2.5-7b']]

const refused = (options: WorkloadOptions) => failure(() => resolveWorkload(models.gpt2, options))

describe('a step', () => {
  it.each(
    dense.map((model) => [model.id, model] as const),
  )('of %s is a valid graph at every fusion level', (_, model) => {
    for (const fusion of ['none', 'elementwise', 'attention', 'all'] as const)
      for (const recompute of ['none', 'selective', 'full'])
        validateGraph(step(model, {fusion, recompute, dropout: true}).graph)
  })

  it.each(
    dense.map((model) => [model.id, model] as const),
  )('of %s takes three times the MACs of forward', (_, model) => {
    for (const fusion of ['none', 'attention', 'all'] as const) {
      for (const recompute of ['none', 'full'] as const) {
        const {macs} = step(model, {fusion, recompute})
        expect(macs.step).toBe(3 * macs.forward)
      }
    }
  })

  it('of a dense model is near 6·N per token where attention is small', () => {
    const {training, model} = train(models['llama-3-8b'])
    expect(training!.sixN).toBe(6 * model.parameters.total)
    // the embedding's gather is no product: what is left is N without it
    const products = model.parameters.total - model.parameters.embedding
    expect(training!.flopsPerToken! / (6 * products)).toBeGreaterThan(1)
    expect(training!.flopsPerToken! / (6 * products)).toBeLessThan(1.01)
  })

  it('goes forward, to the loss, back in reverse order, and to the optimizer', () => {
    const order = ids(models.gpt2, {fusion: 'none'})
    const at = (id: string) => {
      expect(order).toContain(id)
      return order.indexOf(id)
    }
    const expected = [
      'embed',
      'layers.attn.qkv',
      'lm_head',
      'loss',
      'loss.dgrad',
      'lm_head.dgrad',
      'layers.mlp.down.wgrad',
    ]
    const later = [
      'layers.attn.values.dgrad',
      'layers.attn.scores.dgrad',
      'layers.attn.qkv.dgrad',
      'embed.wgrad',
      'optimizer',
    ]
    const positions = [...expected, ...later].map(at)
    expect(positions).toEqual(positions.toSorted((a, b) => a - b))
    expect(order).not.toContain('embed.dgrad')
    expect(order).not.toContain('layers.attn.kv-write')
    // the table of GPT-2 is used twice: its two gradients are added
    expect(order).toContain('embed.wgrad.accumulate')
    expect(ids(models['llama-3-8b'])).not.toContain('embed.wgrad.accumulate')
  })

  it('has no data gradient in a first layer that no weight stands before', () => {
    const b = new GraphBuilder()
    const [h, act, y] = [b.activation('h', 32), b.activation('act', 32), b.activation('y', 8)]
    b.add(
      ops.linear,
      'first',
      {m: 4, n: 8, k: 3, bias: true},
      [b.tensor('x', 'constant', 12), b.weight('w', 24), b.weight('b', 8)],
      [h],
    )
    b.add(ops.relu, 'act', {elements: 32}, [h], [act])
    b.add(ops.linear, 'second', {m: 4, n: 2, k: 8, bias: false}, [act, b.weight('v', 16)], [y])
    const graph = b.graph()
    const f32 = {weights: 'f32', activations: 'f32', kv: 'f32'} as const
    const {graph: trained, saved} = trainingStep(graph, resolveTraining({}, 1), f32, 'none', {
      tp: 1,
      whole: () => graph,
    })
    const order = trained.nodes.map(({id}) => id)
    expect(order).toEqual([
      'first',
      'act',
      'second',
      'loss',
      'loss.dgrad',
      'second.dgrad',
      'second.wgrad',
      'act.dgrad',
      'first.wgrad',
      'optimizer',
    ])
    // ReLU's gradient needs its output, which the next product keeps anyway; h is not kept
    expect(saved.map(({name}) => name)).toEqual(['act', 'y', 'loss.log-sum-exp'])
  })

  it('adds the gradients that meet at a residual once per layer', () => {
    const {graph} = step(models.gpt2, {fusion: 'none'})
    const sums = graph.nodes.filter(({id}) => id.endsWith('.accumulate') && !id.includes('wgrad'))
    expect(sums.map(({id, repeat}) => [id, repeat])).toEqual([
      ['layers.mlp.norm.accumulate', 12],
      ['layers.attn.norm.accumulate', 12],
    ])
  })

  it('counts the same useful work at every fusion level and under recomputation', () => {
    const flops = (options: WorkloadOptions) => train(models.gpt2, options).totals.flops
    const plain = flops({fusion: 'none'})
    for (const fusion of ['elementwise', 'attention', 'all'] as const) expect(flops({fusion})).toBe(plain)
    for (const recompute of ['selective', 'full']) expect(flops({fusion: 'none', recompute})).toBe(plain)
  })
})

describe('memory', () => {
  const parameters = 124_439_808

  it.each([
    ['sgd', 0],
    ['momentum', 4],
    ['rmsprop', 4],
    ['adam', 8],
    ['adamw', 8],
  ])('of %s in f32: 4 B of weights, 4 of gradients and %i of state per parameter', (optimizer, state) => {
    const {memory} = train(models.gpt2, {optimizer}).totals
    expect(memory).toMatchObject({weights: 4 * parameters, gradients: 4 * parameters, optimizer: state * parameters})
    expect(memory.peak).toBe(memory.weights + memory.gradients + memory.optimizer + memory.activations)
  })

  it('of AdamW in bf16: 16 bytes per parameter (Rajbhandari et al. 2019, arXiv:1910.02054 §3.1)', () => {
    const {memory} = train(models.gpt2, {dtype: 'bf16'}).totals
    expect(memory.weights + memory.gradients + memory.optimizer).toBe(16 * parameters)
  })

  it('of Adafactor is rows plus columns per matrix and whole for vectors', () => {
    const {memory} = train(models.gpt2, {optimizer: 'adafactor'}).totals
    const h = 768
    const matrices = [h + 3 * h, h + h, h + 4 * h, 4 * h + h].reduce((a, b) => a + b)
    const vectors = 4 * h + (3 * h + h + 4 * h + h)
    const tables = 50_257 + h + 1024 + h
    expect(memory.optimizer).toBe(4 * (12 * (matrices + vectors) + tables + 2 * h))
  })
})

describe('the document', () => {
  it('keeps its schema, and its workload asks the same again', () => {
    const options = {
      lora: 4,
      loraOn: ['q', 'out'],
      recompute: 'full',
      dropout: true,
      optimizer: 'sgd',
      freeze: ['embed'],
    }
    const result = train(models.gpt2, options)
    expect(() => analysisSchema.parse(result)).not.toThrow()
    const {training} = resolveWorkload(models.gpt2, {phase: 'train', seq: 64, ...options})
    const again = resolveWorkload(models.gpt2, {phase: 'train', seq: 64, ...trainingOptions(training)})
    expect(again.training).toEqual(training)
  })

  it('says each tensor that is kept once, and their sum', () => {
    const {saved, savedBytes, savedPerLayer} = train(models.gpt2, {fusion: 'none'}).training!
    expect(saved.reduce((sum, {bytes, repeat}) => sum + bytes * repeat, 0)).toBe(savedBytes)
    expect(new Set(saved.map(({name}) => name)).size).toBe(saved.length)
    const perLayer = saved.filter(({repeat}) => repeat === 12).reduce((sum, {bytes}) => sum + bytes, 0)
    expect(savedPerLayer).toBe(perLayer)
  })

  it.each([
    [{phase: 'train', optimizer: 'lion'}, /--optimizer "lion"/],
    [{phase: 'train', recompute: 'some'}, /--recompute "some"/],
    [{phase: 'train', lora: 0}, /--lora 0/],
    [{phase: 'train', lora: 1.5}, /--lora 1.5/],
    [{phase: 'train', sequenceParallel: true}, /--sequence-parallel/],
    [{phase: 'train', offload: 0}, /--offload-activations/],
    [{lora: 4}, /--lora does not apply to prefill/],
    [{phase: 'decode', dropout: true}, /--dropout does not apply to decode/],
    [{phase: 'train', quantize: 'w8'}, /do not apply to training/],
  ])('%j is refused', (options, message) => {
    expect(refused(options).message).toMatch(message)
    expect(refused(options).code).toBe('bad-flag')
  })
})
