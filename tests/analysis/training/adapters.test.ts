/** Weights that stay as they are, and LoRA beside them. */
import {describe, expect, it} from 'vitest'
import {validateGraph} from '../../../src/analysis/graph.ts'
import {models} from '../../../src/analysis/models/index.ts'
import type {ModelDef} from '../../../src/analysis/models/types.ts'

import {ids, step, train} from '../support/training.ts'

describe('frozen weights and adapters', () => {
  it('take no gradient and no state', () => {
    const {memory} = train(models['llama-3-8b'], {freeze: ['embed', 'layers', 'norm']}).totals
    // the LM head is what is left
    expect(memory.gradients).toBe(2 * 128_256 * 4096)
    const order = ids(models['llama-3-8b'], {freeze: ['embed', 'layers', 'norm']})
    expect(order.filter((id) => /\.[dw]grad$/.test(id))).toEqual(['loss.dgrad', 'lm_head.wgrad'])
  })

  it('that are all of the model leave nothing to train', () => {
    expect(() => train(models.gpt2, {freeze: ['']})).toThrow(/leaves nothing to train/)
    expect(() => train(models.resnet18, {lora: 8, seq: undefined})).toThrow(/--lora 8: no product/)
  })

  it('of LoRA: the base has no weight gradient, the adapters have rank·(k + n) parameters each', () => {
    const rank = 16
    const {training, totals} = train(models['llama-3-8b'], {lora: rank})
    const [h, kv, f] = [4096, 1024, 14_336]
    const adapters = 32 * rank * (h + (h + 2 * kv) + (h + h) + 3 * (h + f))
    expect(training!.trainable).toBe(adapters)
    expect(totals.memory.gradients).toBe(2 * adapters)
    expect(totals.memory.optimizer).toBe(12 * adapters)
    const order = ids(models['llama-3-8b'], {lora: rank})
    expect(order).toContain('layers.attn.qkv.dgrad')
    expect(order).not.toContain('layers.attn.qkv.wgrad')
    expect(order).toContain('layers.attn.qkv.lora-a.wgrad')
    expect(order.filter((id) => id.startsWith('lm_head.wgrad') || id.startsWith('embed.wgrad'))).toEqual([])
    // no weight gradient of the base: about two thirds of the products of a full step
    expect(training!.macsRatio!).toBeGreaterThan(2)
    expect(training!.macsRatio!).toBeLessThan(2.05)
  })
})

/** GPT-3 175B: Brown et al. 2020 (arXiv:2005.14165) table 2.1. */
const gpt3: ModelDef = {
  ...models.gpt2,
  id: 'gpt-3-175b',
  spec: {
    ...models.gpt2.spec,
    ...{layers: 96, hidden: 12_288, heads: 96, kvHeads: 96, headDim: 128, ffn: 4 * 12_288, positions: 2048},
  },
}

describe('LoRA on named products', () => {
  // table 4: 4.7M and 37.7M, of rank 1 and 8 by appendix D.4 (its other reading of 37.7M, rank 2 on four matrices, is table 5's
  // 18M); table 5: three ways to spend a budget of 18M (r = 8 on one, 4 on two, 2 on four)
  it.each([
    [1, 'q v', 4_718_592, 'table 4: 4.7M'],
    [8, 'q v', 37_748_736, 'table 4: 37.7M'],
    [8, 'q', 18_874_368, 'table 5: 18M'],
    [4, 'q v', 18_874_368, 'table 5: 18M'],
    [2, 'q k v out', 18_874_368, 'table 5: 18M'],
  ])('of GPT-3 175B, rank %i on %s: %i trained weights (Hu et al. 2021, arXiv:2106.09685, %s)', (lora, on, count) => {
    const {training, totals, model} = train(gpt3, {lora, loraOn: on.split(' '), dtype: 'f16', tp: 8})
    const whole = step(gpt3, {lora, loraOn: on.split(' '), dtype: 'f16'})
    expect(whole.trainable).toBe(count)
    // the paper's table has 175,255.8M for full fine-tuning; with GPT-2's vocabulary and positions it is 174.6 billion
    expect(model.parameters.total / 1e9).toBeCloseTo(174.6, 1)
    // gradients and state of the adapters alone: 2 B, and 12 B of master weights and moments
    expect(whole.memory.gradients).toBe(2 * count)
    expect(whole.memory.optimizer).toBe(12 * count)
    expect(training!.loraOn).toEqual(on.split(' '))
    expect(totals.memory.gradients).toBeLessThan(2 * count)
  })

  // table 2: RoBERTa base 0.3M, large 0.8M, with r = 8 on queries and values (table 9); sizes of BERT's
  it.each([
    [12, 768, 294_912, '0.3M'],
    [24, 1024, 786_432, '0.8M'],
  ])('of RoBERTa with %i layers of %i: %i trained weights (table 2: %s)', (layers, hidden, count) => {
    const heads = hidden / 64
    const spec = {...models['bert-base'].spec, layers, hidden, heads, kvHeads: heads, ffn: 4 * hidden}
    expect(step({...models['bert-base'], spec}, {lora: 8, loraOn: ['q', 'v']}).trainable).toBe(count)
  })

  it('stand beside the parts of a joint product: each its own output', () => {
    const {graph} = step(models['llama-3-8b'], {lora: 8, loraOn: ['q', 'v'], fusion: 'none'})
    validateGraph(graph)
    const ids = graph.nodes.map(({id}) => id).filter((id) => id.includes('lora') && !/grad|accumulate/.test(id))
    expect(ids).toEqual(
      ['q', 'v'].flatMap((part) => ['a', 'b', 'add'].map((end) => `layers.attn.qkv.${part}.lora-${end}`)),
    )
    expect(step(models['llama-3-8b'], {lora: 8, loraOn: ['q', 'v']}).trainable).toBe(32 * 8 * (2 * 4096 + 4096 + 1024))
  })

  it('reach the layers of an encoder and of a decoder', () => {
    const t5 = models['t5-base'].spec
    const {trainable, graph} = step(models['t5-base'], {lora: 4, loraOn: ['q', 'v']})
    validateGraph(graph)
    expect(trainable).toBeGreaterThan(0)
    expect(trainable % (4 * 2 * t5.hidden)).toBe(0)
  })

  it.each([
    [{lora: 8, loraOn: ['z']}, /--lora-on z: no product of a layer has this name/],
    [{loraOn: ['q']}, /--lora-on names the products that --lora adapts/],
  ])('%j is refused', (options, message) => {
    expect(() => train(models.gpt2, options)).toThrow(message)
  })
})
