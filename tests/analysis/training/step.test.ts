/** A training step: which operators it has, what it counts, what it needs in memory. */
import {describe, expect, it} from 'vitest'
import {analysisText} from '../../../reports/text/analysis.ts'
import {memory} from '../../../reports/views/memory.ts'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import {GraphBuilder, validateGraph} from '../../../src/analysis/graph.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {ops} from '../../../src/analysis/ops/index.ts'
import {chooseRows} from '../../../src/analysis/rows.ts'
import {trainingStep} from '../../../src/analysis/training/index.ts'
import {resolveTraining, trainingOptions} from '../../../src/analysis/training/options.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'
import {failure} from '../support/failure.ts'

const dense: readonly ModelDef[] = [models.gpt2, models['bert-base'], models['llama-3-8b'], models['qwen2.5-7b']]
const h100 = machines['h100-sxm']

function step(model: ModelDef, options: WorkloadOptions = {}) {
  const work = resolveWorkload(model, {phase: 'train', seq: 64, ...options})
  const whole = () => buildGraph(model, {...work, tp: 1})
  return trainingStep(buildGraph(model, work), work.training!, work.dtype, work.fusion, {tp: work.tp, whole})
}

const train = (model: ModelDef, options: WorkloadOptions = {}) =>
  analyzeModel(model, h100, {phase: 'train', seq: 64, ...options}).result

const ids = (model: ModelDef, options: WorkloadOptions = {}) => step(model, options).graph.nodes.map(({id}) => id)

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

describe('recomputation', () => {
  it('executes the forward pass of the layers again, and hfu says so', () => {
    const none = train(models.gpt2, {fusion: 'none'})
    const full = train(models.gpt2, {fusion: 'none', recompute: 'full'})
    const layers = none.operators.filter(({id}) => id.startsWith('layers.') && !/grad|accumulate/.test(id))
    const again = layers.reduce((sum, op) => sum + op.executedFlops * op.repeat, 0)
    expect(full.totals.executedFlops - none.totals.executedFlops).toBe(again)
    expect(full.training!.flops.recomputed).toBe(again)
    expect(full.training!.hfu!).toBeGreaterThan(full.totals.mfu!)
    expect(full.totals.memory.activations).toBeLessThan(none.totals.memory.activations)
    expect(full.totals.time.lower).toBeGreaterThan(none.totals.time.lower)
  })

  it('of the attention core needs no more than the core', () => {
    const order = ids(models.gpt2, {fusion: 'none', recompute: 'selective'})
    expect(order.filter((id) => id.endsWith('.recompute'))).toEqual([
      'layers.attn.scores.recompute',
      'layers.attn.softmax.recompute',
      'layers.attn.values.recompute',
    ])
    expect(ids(models.gpt2, {recompute: 'selective'}).filter((id) => id.endsWith('.recompute'))).toEqual([])
  })

  it('of whole layers keeps the input of each, also where layers of two kinds alternate', () => {
    // 2·s·b·h of each of the 42 layers, and of the last one's result (Korthikanti et al. 2022, table 2)
    for (const [id, layers] of [
      ['gemma-2-9b', 42],
      ['gpt-oss-20b', 24],
      ['deepseek-v2-lite', 27],
    ] as const) {
      const {saved} = step(models[id], {recompute: 'full'})
      const {hidden} = models[id].spec
      const streams = saved.filter(({elements, operator}) => elements === 64 * hidden && operator !== 'norm')
      expect(streams.reduce((sum, {repeat}) => sum + repeat, 0)).toBe(layers + 1)
      expect(streams.every(({bytes}) => bytes === 2 * 64 * hidden)).toBe(true)
    }
  })

  it('of whole layers takes the blocks of image models, repeated or not', () => {
    for (const id of [
      'resnet18',
      'densenet121',
      'vgg16',
      'squeezenet1-1',
      'swin-t',
      'efficientnet-b0',
      'sd-1.5-unet',
    ] as const) {
      const [none, full] = [train(models[id], {seq: undefined}), train(models[id], {seq: undefined, recompute: 'full'})]
      expect(full.training!.savedBytes).toBeLessThan(none.training!.savedBytes / 1.5)
      expect(full.training!.flops.recomputed).toBeGreaterThan(0.6 * full.training!.flops.forward)
      expect(full.totals.flops).toBe(none.totals.flops)
    }
    // of ResNet-18: stem and head, and what each of its eight blocks hands to the next
    const inputs = step(models.resnet18, {seq: undefined, recompute: 'full'}).saved.filter(({operator}) =>
      operator.endsWith('.relu'),
    )
    expect(inputs.map(({operator}) => operator).slice(0, 3)).toEqual([
      'layer1.0.relu',
      'layer1.1.relu',
      'layer2.0.relu',
    ])
    expect(inputs).toHaveLength(7)
  })

  it('of the attention core takes cross attention too', () => {
    const {graph, saved} = step(models['t5-base'], {fusion: 'none', recompute: 'selective'})
    const again = graph.nodes.flatMap(({id}) => (id.endsWith('.recompute') ? [id] : []))
    for (const part of ['scores', 'softmax', 'values'])
      expect(again).toContain(`decoder.layers.cross.${part}.recompute`)
    expect(saved.filter(({operator}) => /softmax|scores/.test(operator))).toEqual([])
  })

  it('that finds nothing to compute again says so', () => {
    const said = (id: 'gpt2' | 'mamba2-130m' | 'logistic-regression' | 't5-base', recompute: string) =>
      analyzeModel(models[id], h100, {phase: 'train', recompute}).warnings.flatMap(({code, message}) =>
        code === 'nothing-recomputed' ? [message] : [],
      )
    expect(said('gpt2', 'selective')).toEqual([expect.stringContaining('(--fusion none keeps them)')])
    expect(said('mamba2-130m', 'selective')).toEqual([expect.stringContaining('no scores of attention')])
    expect(said('logistic-regression', 'full')).toEqual([expect.stringContaining('no layers or blocks')])
    expect(said('gpt2', 'full')).toEqual([])
    // relative position bias is trained through scores in memory, whatever the fusion level
    expect(said('t5-base', 'selective')).toEqual([])
  })

  it('writes masks and row statistics once: where they are read', () => {
    const {graph} = step(models.gpt2, {recompute: 'full', dropout: true})
    const masks = graph.nodes.filter(({outputs}) => outputs.some(({name}) => /mask|log-sum-exp/.test(name)))
    expect(masks.map(({id}) => id)).toEqual([
      'loss',
      'layers.attn.scores+softmax+values.recompute',
      'layers.attn.out-dropout.recompute',
      'layers.mlp.down-dropout.recompute',
    ])
  })

  it('offloads to the host over a link, and keeps one layer on the device', () => {
    const here = train(models.gpt2)
    const away = train(models.gpt2, {offload: 64e9})
    expect(away.training!.offload).toEqual({
      bytes: here.training!.savedBytes,
      bandwidth: 64e9,
      seconds: (2 * here.training!.savedBytes) / 64e9,
      operators: here.totals.time.lower,
    })
    expect(away.totals.memory.activations).toBeLessThan(here.totals.memory.activations)
  })

  it('takes the longer of link and operators at best, and both at worst', () => {
    const here = train(models.gpt2).totals
    const [slow, fast] = [train(models.gpt2, {offload: 1e9}), train(models.gpt2, {offload: 1e15})]
    const seconds = slow.training!.offload!.seconds
    expect(seconds).toBeGreaterThan(here.time.lower)
    expect(slow.totals.time).toMatchObject({lower: seconds, upper: here.time.upper + seconds})
    expect(slow.totals.bound).toBe('offload-link')
    expect(slow.totals.mfu).toBeCloseTo((here.mfu! * here.time.lower) / seconds, 10)
    expect(slow.operators.reduce((sum, {share}) => sum + share, 0)).toBeCloseTo(here.time.lower / seconds, 10)
    expect(slow.summary.limit).toMatch(/^Link: offloaded activations take/)
    expect(fast.totals.time.lower).toBe(here.time.lower)
    expect(fast.totals.bound).toBe(here.bound)
    expect(() => analysisSchema.parse(slow)).not.toThrow()
  })

  it('promises no saving of operators that wait for the link in any case', () => {
    const advice = train(models.gpt2, {offload: 1e9, fusion: 'none'}).advice
    expect(advice.filter(({rule}) => rule === 'fuse-chain')).toEqual([])
    expect(train(models.gpt2, {fusion: 'none'}).advice.some(({rule}) => rule === 'fuse-chain')).toBe(true)
  })

  it('is in the memory view and in the terminal', () => {
    const result = train(models.gpt2, {offload: 1e9})
    const kept = /wait in the memory of the host: .* over the link of 1 GB\/s, there and back\. The step waits for it/
    expect(memory.describe(result)).toMatch(kept)
    const view = {color: false, width: 120, chart: false, ...chooseRows(result, {})}
    expect(analysisText(result, view)).toMatch(/offload.*there and back at 1 GB\/s/)
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
