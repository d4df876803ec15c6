/** Meta-tests: a model that is added to the registry is tested without writing a test for it; then what is known of each. */
import {readdirSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {transformer} from '../../src/analysis/architectures/transformer.ts'
import {parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef, type TransformerModel, traitsOf} from '../../src/analysis/models/types.ts'
import {applyFusion, type Fusion, fusions} from '../../src/analysis/passes/index.ts'
import {bytesIn, nodeOf, standard, tokens, total, workloads} from './support/workloads.ts'

const registry: Readonly<Record<string, ModelDef>> = models
const all = Object.entries(registry)
const transformers = Object.values(registry)
  .filter((model): model is TransformerModel => model.architecture === 'transformer')
  // layers of one kind that attend to everything; the others have tests of their own (language.test.ts, moe.test.ts)
  .filter(({spec}) => !spec.groups && !spec.mixture && !spec.latent)
  .map((model) => [model.id, model] as const)
const folder = new URL('../../src/analysis/models/', import.meta.url)

describe('the registry of models', () => {
  it('has a file for every model and a model for every file', () => {
    const files = readdirSync(folder).filter((name) => name !== 'index.ts' && name !== 'types.ts')
    expect(files.map((name) => name.replace(/\.ts$/, '')).sort()).toEqual(Object.keys(models).sort())
    for (const [id, model] of all) expect(model.id).toBe(id)
  })

  it.each([
    ['gpt2', 124_439_808],
    ['llama-3-8b', 8_030_261_248],
    ['llama-3-70b', 70_553_706_496],
    ['mistral-7b', 7_241_732_096],
    ['qwen2.5-7b', 7_615_616_512],
    ['bert-base', 109_482_240],
    // the defaults of the generic transformer are GPT-2's
    ['transformer', 124_439_808],
  ] as const)('%s has %i parameters', (id, parameters) => {
    expect(parameterCount(transformer(models[id].spec, tokens(1))).total).toBe(parameters)
  })
})

describe.each(all)('%s', (_, model) => {
  it('says where its dimensions come from and reproduces its published parameter count', () => {
    expect(model.source.length).toBeGreaterThan(10)
    if (!model.published) return
    expect(parameterCount(buildGraph(model, standard(model, 5))).total).toBe(model.published.parameters)
    expect(model.published.source.length).toBeGreaterThan(10)
  })

  it.each(Object.keys(fusions) as Fusion[])('is a valid graph under every workload, --fusion %s', (fusion) => {
    for (const work of workloads(model)) validateGraph(applyFusion(buildGraph(model, work), fusion))
  })

  it('costs more with more of anything', () => {
    const {generates, positions, constantState = false, srcSeq} = traitsOf(model)
    const cost = (work: Parameters<typeof tokens>[1], seq = positions === null ? 1 : 16) => {
      const graph = buildGraph(model, standard(model, seq, work))
      return {flops: total(graph, (node) => node.cost.flops), bytes: bytesIn(graph, 'f32')}
    }
    const base = cost({})
    const larger = [cost({batch: 2})]
    if (positions !== null) larger.push(cost({}, 17))
    // with a context the encoder has run already
    if (generates && !constantState && srcSeq === undefined) larger.push(cost({context: 1}))
    for (const more of larger) {
      expect(more.flops).toBeGreaterThan(base.flops)
      expect(more.bytes).toBeGreaterThan(base.bytes)
    }
  })
})

describe.each(transformers)('%s is a transformer', (_, model) => {
  const {spec} = model

  it('has heads that divide', () => {
    expect(spec.heads % spec.kvHeads).toBe(0)
    expect(spec.headDim % 2).toBe(0)
  })

  it('has the operator ids of the contract', () => {
    const ids = transformer(spec, tokens(2)).nodes.map((node) => node.id)
    const contract = ['norm', 'qkv', 'scores', 'softmax', 'values', 'out'].map((id) => `layers.attn.${id}`)
    contract.push('embed', 'layers.mlp.norm', 'layers.mlp.up', 'layers.mlp.act', 'layers.mlp.down')
    if (spec.causal) contract.push('layers.attn.kv-write')
    if (spec.positionEncoding === 'rope') contract.push('layers.attn.rope')
    if (spec.gated) contract.push('layers.mlp.gate')
    if (spec.normPlacement === 'pre') contract.push('norm')
    if (spec.lmHead) contract.push('lm_head')
    for (const id of contract) expect(ids).toContain(id)
    expect(ids.includes('layers.attn.kv-write')).toBe(spec.causal)
  })
})

describe.each(transformers.filter(([, model]) => model.spec.causal))('%s generates', (_, model) => {
  const {spec} = model
  const kv = (graph: ReturnType<typeof transformer>, direction: 'reads' | 'writes') =>
    total(graph, ({cost}) =>
      cost[direction].filter((use) => use.role === 'kv').reduce((sum, use) => sum + use.elements, 0),
    )

  it('decodes for less than it prefills', () => {
    const prefill = transformer(spec, tokens(512))
    const decode = transformer(spec, tokens(1, {context: 511}))
    expect(total(decode, (n) => n.cost.flops)).toBeLessThan(total(prefill, (n) => n.cost.flops) / 10)
    expect(bytesIn(decode, 'bf16')).toBeLessThan(bytesIn(prefill, 'bf16'))
  })

  it('reads C cached tokens and writes one in a decode step', () => {
    const perToken = 2 * spec.kvHeads * spec.headDim * spec.layers
    for (const [batch, context] of [
      [1, 0],
      [1, 2048],
      [3, 100],
    ] as const) {
      const step = transformer(spec, tokens(1, {batch, context}))
      expect(kv(step, 'reads')).toBe(batch * context * perToken)
      expect(kv(step, 'writes')).toBe(batch * perToken)
      // what is held afterwards
      const held = step.tensors.filter((t) => t.role === 'kv').reduce((sum, t) => sum + t.elements * t.repeat, 0)
      expect(held).toBe(batch * (context + 1) * perToken)
    }
    const prefill = transformer(spec, tokens(64, {batch: 2}))
    expect(kv(prefill, 'reads')).toBe(0)
    expect(kv(prefill, 'writes')).toBe(2 * 64 * perToken)
  })

  it('attends to C + 1 keys in a decode step, and to the triangle in a prefill', () => {
    const step = transformer(spec, tokens(1, {context: 100}))
    expect(nodeOf(step, 'layers.attn.scores').cost.macs).toBe(101 * spec.heads * spec.headDim)
    const s = 24
    for (const context of [0, 10]) {
      const graph = transformer(spec, tokens(s, {context, batch: 2}))
      const pairs = 2 * spec.heads * (s * context + (s * (s + 1)) / 2)
      for (const id of ['scores', 'values'])
        expect(nodeOf(graph, `layers.attn.${id}`).cost.macs).toBe(pairs * spec.headDim)
      expect(nodeOf(graph, 'layers.attn.softmax').cost.flops).toBe(5 * pairs)
      // materialized scores are computed and stored as a rectangle
      const rectangle = 2 * spec.heads * s * (context + s)
      expect(nodeOf(graph, 'layers.attn.scores').cost.matrix).toBe(2 * rectangle * spec.headDim)
      expect(nodeOf(graph, 'layers.attn.scores').cost.writes[0]!.elements).toBe(rectangle)
    }
  })

  it('computes the logits of the last token alone, or of all when asked', () => {
    const head = (logits: 'last' | 'all') => nodeOf(transformer(spec, tokens(33, {batch: 4, logits})), 'lm_head').cost
    expect(head('last').macs).toBe(4 * spec.vocab * spec.hidden)
    expect(head('all').macs).toBe(4 * 33 * spec.vocab * spec.hidden)
    expect(head('last').writes[0]!.elements).toBe(4 * spec.vocab)
  })
})

describe('the classic formulas (FFN = 4h, b·s tokens, FLOP per layer)', () => {
  const h = 256
  const [b, s] = [3, 40]
  const base = models.transformer.spec
  const spec = {...base, hidden: h, heads: 8, kvHeads: 8, headDim: h / 8, ffn: 4 * h}
  const graph = transformer({...spec, causal: false, lmHead: false}, tokens(s, {batch: b}))
  const macs = (...ids: string[]) => ids.reduce((sum, id) => sum + nodeOf(graph, `layers.${id}`).cost.macs, 0)

  it.each([
    ['MLP', ['mlp.up', 'mlp.down'], 16 * b * s * h ** 2],
    ['QKV projections', ['attn.qkv'], 6 * b * s * h ** 2],
    ['output projection', ['attn.out'], 2 * b * s * h ** 2],
    ['attention products without a mask', ['attn.scores', 'attn.values'], 4 * b * s ** 2 * h],
  ])('%s', (_, ids, flops) => {
    expect(2 * macs(...ids)).toBe(flops)
  })

  it('grouped-query attention shrinks keys, values and cache by heads ÷ KV heads, and no product of scores', () => {
    const of = (kvHeads: number) => transformer({...spec, kvHeads}, tokens(1, {context: 99}))
    const [full, grouped] = [of(8), of(2)]
    const held = (g: typeof full) => g.tensors.find((t) => t.role === 'kv')!.elements
    expect(held(full)).toBe(4 * held(grouped))
    expect(nodeOf(grouped, 'layers.attn.scores').cost.flops).toBe(nodeOf(full, 'layers.attn.scores').cost.flops)
    expect(nodeOf(grouped, 'layers.attn.qkv').cost.macs).toBe(h * (h + (2 * h) / 4))
  })
})

describe('weights', () => {
  it('count a tied table once, and read it whole for the logits', () => {
    const {spec} = models.gpt2
    const tied = parameterCount(transformer(spec, tokens(1)))
    const untied = parameterCount(transformer({...spec, tied: false}, tokens(1)))
    expect(untied.total - tied.total).toBe(spec.vocab * spec.hidden)
    expect(tied.embedding).toBe((spec.vocab + spec.positions) * spec.hidden)
    const graph = transformer(spec, tokens(8))
    expect(nodeOf(graph, 'lm_head').inputs[1]).toBe(nodeOf(graph, 'embed').inputs[1])
    expect(nodeOf(graph, 'embed').cost.reads[1]!.elements).toBe(8 * spec.hidden)
    expect(nodeOf(graph, 'lm_head').cost.reads[1]!.elements).toBe(spec.vocab * spec.hidden)
  })

  it('follow the closed form of Llama-like models', () => {
    for (const id of ['llama-3-8b', 'llama-3-70b', 'mistral-7b'] as const) {
      const {layers: l, hidden: h, heads, kvHeads, headDim, ffn, vocab} = models[id].spec
      const layer = h * (heads + 2 * kvHeads) * headDim + heads * headDim * h + 3 * h * ffn + 2 * h
      expect(parameterCount(transformer(models[id].spec, tokens(1))).total).toBe(2 * vocab * h + l * layer + h)
    }
  })

  it('BERT base has a pooler on the first token, token types, and no head', () => {
    const graph = transformer(models['bert-base'].spec, tokens(128, {batch: 2}))
    expect(nodeOf(graph, 'pooler').cost.macs).toBe(2 * 768 * 768)
    expect(nodeOf(graph, 'pooler').cost.reads[0]!.elements).toBe(2 * 768)
    expect(graph.nodes.map((n) => n.id)).not.toContain('lm_head')
    // both types in a pair of sentences, one in a single token; positions no longer than the table
    const rows = (id: string, seq: number) =>
      nodeOf(transformer(models['bert-base'].spec, tokens(seq)), id).cost.reads[1]!.elements / 768
    expect([rows('embed.token-type', 128), rows('embed.token-type', 1)]).toEqual([2, 1])
    expect([rows('embed.position', 128), rows('embed.position', 1000)]).toEqual([128, 512])
  })
})

describe('tensor parallelism', () => {
  const {spec} = models['llama-3-70b']
  const one = transformer(spec, tokens(16, {batch: 2}))
  it.each([2, 4, 8])('divides products, weights and cache by %i, replicates norms', (tp) => {
    const part = transformer(spec, tokens(16, {batch: 2, tp}))
    validateGraph(part)
    for (const id of ['qkv', 'scores', 'values', 'out'].map((name) => `layers.attn.${name}`))
      expect(nodeOf(part, id).cost.macs * tp).toBe(nodeOf(one, id).cost.macs)
    for (const id of ['layers.mlp.up', 'layers.mlp.gate', 'layers.mlp.down', 'lm_head'])
      expect(nodeOf(part, id).cost.macs * tp).toBe(nodeOf(one, id).cost.macs)
    expect(nodeOf(part, 'layers.attn.norm').cost).toEqual(nodeOf(one, 'layers.attn.norm').cost)
    const held = (g: typeof one) => g.tensors.find((t) => t.role === 'kv')!.elements
    expect(held(part) * tp).toBe(held(one))
    const norms = (2 * spec.layers + 1) * spec.hidden
    expect((parameterCount(part).total - norms) * tp).toBe(parameterCount(one).total - norms)
  })

  it('keeps one KV head per device where there are more devices than KV heads', () => {
    const part = transformer(spec, tokens(1, {context: 9, tp: 16}))
    validateGraph(part)
    expect(nodeOf(part, 'layers.attn.scores').dims).toMatchObject({heads: 4, kvHeads: 1})
  })
})
