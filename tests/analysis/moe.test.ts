/** Mixtures of experts and latent attention: operators by hand, what is read and active, both forms of attention equal. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {type AnalyzeOptions, analyzeModel} from '../../src/analysis/analyze.ts'
import {transformer} from '../../src/analysis/architectures/transformer.ts'
import {analysisSchema} from '../../src/analysis/document/analysis.ts'
import {activeParameters, parameterCount, validateGraph} from '../../src/analysis/graph.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {headLinear} from '../../src/analysis/ops/head-linear.ts'
import {linear} from '../../src/analysis/ops/linear.ts'
import {mlaAttention} from '../../src/analysis/ops/mla-attention.ts'
import {mlaKeys} from '../../src/analysis/ops/mla-keys.ts'
import {mlaRope} from '../../src/analysis/ops/mla-rope.ts'
import {moeCombine} from '../../src/analysis/ops/moe-combine.ts'
import {moeGate} from '../../src/analysis/ops/moe-gate.ts'
import {moeGateSigmoid} from '../../src/analysis/ops/moe-gate-sigmoid.ts'
import {moeLinear, slotsOf} from '../../src/analysis/ops/moe-linear.ts'
import {applyFusion} from '../../src/analysis/passes/index.ts'
import {close, numbers} from './support/arrays.ts'
import {nodeOf, tokens, total} from './support/workloads.ts'

describe('the router', () => {
  it('chooses the largest, weights that sum to one', () => {
    const logits = Float64Array.from([0, 3, 1, 2])
    const dims = {rows: 1, experts: 4, topK: 2, all: true, normalized: true}
    const [weights, chosen] = moeGate.reference!(dims, [logits])
    expect(Array.from(chosen!)).toEqual([1, 3])
    expect(weights![0]! + weights![1]!).toBeCloseTo(1, 12)
    // softmax over the chosen two is the same as over all, normalized
    const [after] = moeGate.reference!({...dims, all: false, normalized: false}, [logits])
    close(weights!, after!)
  })

  it('DeepSeek: the bias moves the choice, not the weight', () => {
    const dims = {rows: 1, experts: 3, topK: 1, bias: true}
    const [weights, chosen] = moeGateSigmoid.reference!(dims, [
      Float64Array.from([2, 1, 0]),
      Float64Array.from([0, 0, 9]),
    ])
    expect([chosen![0], weights![0]]).toEqual([2, 1])
  })
})

describe('expert products', () => {
  it('give each row the weights of its expert: as one linear per expert', () => {
    const [rows, k, n, experts] = [5, 3, 2, 3]
    const [x, w] = [numbers(rows * k), numbers(experts * k * n, 2)]
    const of = Float64Array.from([2, 0, 1, 1, 2])
    const dims = {assigned: rows, experts, n, k, bias: false, slots: 0, busiest: 0}
    const [y] = moeLinear.reference!(dims, [x, of, w])
    for (let i = 0; i < rows; i++) {
      const own = w.subarray(of[i]! * k * n, (of[i]! + 1) * k * n)
      const [expected] = linear.reference!({m: 1, n, k, bias: false}, [x.subarray(i * k, (i + 1) * k), own])
      close(y!.subarray(i * n, (i + 1) * n), expected!)
    }
  })

  it('the combination sums by weight', () => {
    const outputs = Float64Array.from([1, 2, 10, 20])
    const [y] = moeCombine.reference!({rows: 1, topK: 2, width: 2}, [outputs, Float64Array.from([0.25, 0.5])])
    expect(Array.from(y!)).toEqual([5.25, 10.5])
  })

  it('read the weights of no more experts than there are rows or experts', () => {
    const read = (assigned: number) =>
      moeLinear.cost({assigned, experts: 8, n: 5, k: 7, bias: false, slots: 0, busiest: 0}).reads[2]!.elements / 35
    expect([1, 2, 7, 8, 9, 1000].map(read)).toEqual([1, 2, 7, 8, 8, 8])
  })

  it('pad to a capacity: executed grows, useful does not; what is beyond is dropped', () => {
    const cost = (slots: number) =>
      moeLinear.cost({assigned: 16, experts: 4, n: 5, k: 7, bias: false, slots, busiest: 0})
    expect(slotsOf(16, 4, undefined)).toBe(0)
    expect(slotsOf(16, 4, 1.25)).toBe(5)
    expect([cost(0).matrix, cost(5).matrix]).toEqual([2 * 16 * 35, 2 * 20 * 35])
    expect([cost(0).flops, cost(5).flops, cost(3).flops]).toEqual([2 * 16 * 35, 2 * 16 * 35, 2 * 12 * 35])
  })
})

describe('models', () => {
  // active: total less the experts that are not chosen; the figures in billions are those of the papers and model cards
  it.each([
    ['mixtral-8x7b', 46_702_792_704 - 6 * 32 * 3 * 4096 * 14_336, 12.9, 0],
    ['mixtral-8x22b', 140_630_071_296 - 6 * 56 * 3 * 6144 * 16_384, 39.1, 0],
    ['qwen3-30b-a3b', 3_353_032_704, 3.3, 0],
    ['deepseek-v3', 671_026_419_200 - 248 * 58 * 3 * 7168 * 2048, 36.7, 1],
    ['gpt-oss-20b', 4_187_440_704, 3.61, 1],
    ['gpt-oss-120b', 116_829_156_672 - 124 * 36 * (3 * 2880 * 2880 + 3 * 2880), 5.13, 1],
    ['deepseek-v2', 235_741_434_880 - 154 * 59 * 3 * 5120 * 1536, 21, 1],
    ['deepseek-v2-lite', 15_706_484_224 - 58 * 26 * 3 * 2048 * 1408, 2.4, 1],
    ['qwen3-235b-a22b', 235_093_634_560 - 120 * 94 * 3 * 4096 * 1536, 22, 0],
    ['llama-4-maverick', 400_711_848_960 - 127 * 24 * 3 * 5120 * 8192, 17, 0],
    ['llama-4-scout', 107_769_861_120 - 15 * 48 * 3 * 5120 * 8192, 17, 0],
  ] as const)('%s has %i active parameters', (id, active, billions, embeddingLeftOut) => {
    const graph = transformer(models[id].spec, tokens(1))
    expect(activeParameters(graph)).toBe(active)
    // some count the input embedding out, and round down or up
    const counted = activeParameters(graph) - embeddingLeftOut * parameterCount(graph).embedding
    expect(Math.abs(counted / 1e9 - billions)).toBeLessThan(0.2)
  })

  it('Llama 4 Maverick has what Scout has not: the vision encoder that both metadata count cancels', () => {
    const text = (id: 'llama-4-scout' | 'llama-4-maverick') =>
      parameterCount(transformer(models[id].spec, tokens(1))).total
    // safetensors metadata of Llama-4-Maverick-17B-128E-Instruct and Llama-4-Scout-17B-16E-Instruct
    expect(text('llama-4-maverick') - text('llama-4-scout')).toBe(401_583_781_376 - 108_641_793_536)
  })

  it('say so in the analysis', () => {
    const {parameters} = analyzeModel(models['mixtral-8x7b'], machines['h100-sxm']).result.model
    expect(parameters).toMatchObject({total: 46_702_792_704, active: 12_879_925_248})
    const dense = analyzeModel(models['qwen3-8b'], machines['h100-sxm']).result.model.parameters
    expect(dense.active).toBe(dense.total)
  })

  it('compute what the chosen experts compute, and read what routing can touch', () => {
    const {spec} = models['mixtral-8x7b']
    const expert = 4096 * 14_336
    for (const [batch, touched] of [
      [1, 2],
      [3, 6],
      [64, 8],
    ] as const) {
      const up = nodeOf(transformer(spec, tokens(1, {batch, context: 100})), 'layers.mlp.up').cost
      expect(up.macs).toBe(batch * 2 * expert)
      expect(up.reads[2]!.elements).toBe(touched * expert)
    }
  })

  it('have the operators of a mixture, shared experts where there are some', () => {
    const ids = (id: 'mixtral-8x7b' | 'deepseek-v3') => transformer(models[id].spec, tokens(2)).nodes.map((n) => n.id)
    for (const part of ['router', 'topk', 'dispatch', 'up', 'gate', 'act', 'down', 'combine'])
      expect(ids('mixtral-8x7b')).toContain(`layers.mlp.${part}`)
    expect(ids('deepseek-v3')).toContain('layers.moe.mlp.shared.up')
    expect(ids('deepseek-v3')).toContain('layers.dense.mlp.up')
    expect(ids('deepseek-v3')).not.toContain('layers.dense.mlp.router')
  })

  it('pad with a capacity factor: executed work, the same useful work', () => {
    const {spec} = models['mixtral-8x7b']
    const padded = {...spec, mixture: {...spec.mixture!, capacityFactor: 1.5}}
    const [plain, more] = [spec, padded].map((s) => transformer(s, tokens(64)))
    validateGraph(more!)
    expect(total(more!, (n) => n.cost.flops)).toBe(total(plain!, (n) => n.cost.flops))
    expect(nodeOf(more!, 'layers.mlp.up').cost.matrix).toBe(1.5 * nodeOf(plain!, 'layers.mlp.up').cost.matrix)
  })

  it('wait for the busiest expert: 1.5 times the mean is 1.5 times the work, and none of it more useful', () => {
    const up = (options: AnalyzeOptions) =>
      analyzeModel(models['mixtral-8x7b'], machines['h100-sxm'], {seq: 8192, ...options}).result.operators.find(
        ({id}) => id === 'layers.mlp.up',
      )!
    const plain = up({})
    const hot = up({imbalance: 1.5})
    expect([hot.flops, hot.executedFlops]).toEqual([plain.flops, 1.5 * plain.executedFlops])
    expect(hot.time.lower).toBeCloseTo(1.5 * plain.time.lower, 12)
    // balanced experts that wait for one another are those that do not
    expect(up({imbalance: 1}).executedFlops).toBe(plain.executedFlops)
    // with room for 1.25 times the mean, a quarter of one expert's mean load is dropped
    const room = up({imbalance: 1.5, capacityFactor: 1.25})
    expect(room.executedFlops).toBe(1.25 * plain.executedFlops)
    expect(plain.macs - room.macs).toBe(0.25 * (16_384 / 8) * 4096 * 14_336)
    expect(up({imbalance: 1.25, capacityFactor: 1.25}).macs).toBe(plain.macs)
    // one expert cannot have more than every token
    expect(up({seq: 1, imbalance: 4}).shape.busiest).toBe(1)
  })

  it('say what was asked of their routing, and other models refuse it', () => {
    const {result} = analyzeModel(models['mixtral-8x7b'], machines['h100-sxm'], {imbalance: 1.5, capacityFactor: 2})
    expect(() => analysisSchema.parse(result)).not.toThrow()
    expect(result.workload).toMatchObject({routing: {imbalance: 1.5, capacityFactor: 2}})
    expect(result.assumptions.join(' ')).toMatch(/busiest expert gets 1.5 times the mean/)
    const refused = (id: 'gpt2' | 'mixtral-8x7b', options: AnalyzeOptions) => () =>
      analyzeModel(models[id], machines['h100-sxm'], options)
    expect(refused('gpt2', {imbalance: 2})).toThrow('--imbalance 2 does not apply to gpt2')
    for (const options of [{imbalance: 0.9}, {imbalance: 4.1}, {capacityFactor: 0}, {capacityFactor: Number.NaN}])
      expect(refused('mixtral-8x7b', options), JSON.stringify(options)).toThrow('is not a number from')
  })

  it.each([2, 4, 8])('divide experts over %i devices', (tp) => {
    const {spec} = models['mixtral-8x7b']
    const [one, part] = [transformer(spec, tokens(4)), transformer(spec, tokens(4, {tp}))]
    validateGraph(part)
    for (const id of ['up', 'gate', 'down'])
      expect(nodeOf(part, `layers.mlp.${id}`).cost.macs * tp).toBe(nodeOf(one, `layers.mlp.${id}`).cost.macs)
  })
})

describe('latent attention', () => {
  const {spec} = models['deepseek-v3']
  const step = transformer(spec, tokens(1, {context: 2047}))

  it('caches one latent and one rotated key per token and layer: 70,272 bytes in bf16', () => {
    const held = (context: number) =>
      transformer(spec, tokens(1, {context}))
        .tensors.filter((t) => t.role === 'kv')
        .reduce((sum, t) => sum + 2 * t.elements * t.repeat, 0)
    expect(held(9) - held(8)).toBe(70_272)
  })

  it('has the same parameters in both forms', () => {
    expect(parameterCount(step).total).toBe(parameterCount(transformer(spec, tokens(7))).total)
  })

  it('decodes on the latent, read once when fused', () => {
    const kv = (node: {cost: {reads: readonly {role: string; elements: number}[]}}) =>
      node.cost.reads.filter((use) => use.role === 'kv').reduce((sum, use) => sum + use.elements, 0)
    expect(kv(nodeOf(step, 'layers.moe.attn.scores'))).toBe(2047 * 576)
    expect(kv(nodeOf(step, 'layers.moe.attn.values'))).toBe(2047 * 512)
    const fused = applyFusion(step, 'attention').nodes.find((n) => n.kind === 'mla-attention')!
    expect(kv(fused)).toBe(2047 * 576)
    expect(fused.cost).toEqual(
      mlaAttention.cost({
        ...{batch: 1, seq: 1, cached: 2047, heads: 128},
        ...{keyDim: 576, valueDim: 512, shared: true, causal: true},
      }),
    )
  })

  it('gives the same numbers expanded and absorbed', () => {
    fc.assert(
      fc.property(fc.integer({min: 1, max: 4}), fc.integer({min: 1, max: 3}), (seq, heads) => {
        const [rank, nope, rope, value] = [5, 3, 2, 4]
        const latent = numbers(seq * rank)
        const table = numbers(seq * rope, 3)
        const q = numbers(seq * heads * (nope + rope), 4)
        const [wK, wV] = [numbers(heads * nope * rank, 5), numbers(heads * rank * value, 6)]
        const dims = {batch: 1, seq, heads, nope, headDim: rope, rank}
        const [turned, joined] = mlaRope.reference!(dims, [q, latent, numbers(seq * rope, 7), table])
        // keys of a head from the latent: k[h] = latent · W[h]ᵀ where W is [heads, nope, rank]
        const k = Float64Array.from({length: seq * heads * nope}, (_, i) => {
          const [t, h, c] = [Math.floor(i / heads / nope), Math.floor(i / nope) % heads, i % nope]
          let sum = 0
          for (let r = 0; r < rank; r++) sum += latent[t * rank + r]! * wK[(h * nope + c) * rank + r]!
          return sum
        })
        const shared = joined!.filter((_, i) => i % (rank + rope) >= rank)
        const [keys] = mlaKeys.reference!({rows: seq, heads, nope, rope}, [k, shared])
        const repeated = Float64Array.from({length: seq * heads * rank}, (_, i) => {
          const [t, r] = [Math.floor(i / heads / rank), i % rank]
          return latent[t * rank + r]!
        })
        const expand = {rows: seq, heads, n: value, k: rank, carried: 0}
        const [v] = headLinear.reference!(expand, [repeated, wV])
        const common = {batch: 1, seq, cached: 0, heads, causal: true}
        const plain = {...common, keyDim: nope + rope, valueDim: value, shared: false}
        const [expanded] = mlaAttention.reference!(plain, [turned!, keys!, v!])

        const into = {rows: seq, heads, n: rank, k: nope, carried: rope}
        const [absorbed] = headLinear.reference!(into, [turned!, wK])
        // both forms divide by the root of their key width: undo that difference
        const factor = Math.sqrt((rank + rope) / (nope + rope))
        const inLatent = {...common, keyDim: rank + rope, valueDim: rank, shared: true}
        const [o] = mlaAttention.reference!(inLatent, [absorbed!.map((x) => x * factor), joined!])
        const [result] = headLinear.reference!(expand, [o!, wV])
        close(result!, expanded!)
      }),
      {numRuns: 20},
    )
  })
})
