/** Compression: bytes to the last scale, work that is saved and work that is not, the ceiling that applies. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import type {Machine} from '../../../src/analysis/document/machine.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {type Graph, type Node, validateGraph} from '../../../src/analysis/graph.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {compress} from '../../../src/analysis/passes/compress.ts'
import {
  compressionOptions,
  parseLowRank,
  parsePrune,
  parseQuantize,
  resolveCompression,
} from '../../../src/analysis/passes/compression.ts'
import {storedOf} from '../../../src/analysis/passes/prune-weights.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'

const h100 = machines['h100-sxm']
const llama = models['llama-3-8b']

function compressed(model: ModelDef, options: WorkloadOptions): Graph {
  const work = resolveWorkload(model, options)
  const graph = buildGraph(model, work)
  return compress(graph, work.compression!, work.fusion, work.dtype.weights)
}

function node(graph: Graph, id: string): Node {
  const found = graph.nodes.find((n) => n.id === id)
  if (!found) throw new Error(`no ${id} among ${graph.nodes.map((n) => n.id).join(' ')}`)
  return found
}

const analyze = (model: ModelDef, options: WorkloadOptions, machine: Machine = h100) =>
  analyzeModel(model, machine, options).result
const reads = (model: ModelDef, options: WorkloadOptions, id: string) =>
  Object.fromEntries(
    analyze(model, options)
      .operators.find((op) => op.id === id)!
      .reads.map((use) => [use.name, use.bytes]),
  )

describe('rules', () => {
  it('are read as documented', () => {
    expect(parseQuantize('w4g128z,layers.attn=w8c,kv8')).toEqual([
      {where: null, what: 'weights', dtype: 'int4', granularity: 'group', group: 128, zeroPoints: true},
      {where: 'layers.attn', what: 'weights', dtype: 'int8', granularity: 'channel', group: 0, zeroPoints: false},
      {where: null, what: 'kv', dtype: 'int8', granularity: 'tensor', group: 0, zeroPoints: false},
    ])
    expect(parsePrune('2:4,layers.mlp=channels:0.25')).toEqual([
      {where: null, what: '2:4', share: 0.5},
      {where: 'layers.mlp', what: 'channels', share: 0.25},
    ])
    expect(parseLowRank('layers.mlp=64')).toEqual([{where: 'layers.mlp', rank: 64}])
    expect(resolveCompression({})).toBeNull()
  })

  it.each([
    {quantize: 'w3'},
    {quantize: 'w4g0'},
    {quantize: ''},
    {quantize: 'w4,'},
    {quantize: 'w8c,a8z'},
    {prune: '1:4'},
    {prune: 'weights:1'},
    {prune: 'weights:0.0'},
    {prune: 'channels:50%'},
    {lowRank: '0'},
    {lowRank: 'r'},
    {dequantize: 'never', quantize: 'w8'},
    {dequantize: 'fused'},
  ])('%j is refused with an example', (options) => {
    expect(() => resolveCompression(options)).toThrow(AnalysisError)
  })
})

describe('quantized weights', () => {
  const [n, k] = [2 * 14_336, 4096]
  const weights = 14_336 * k

  it('of 4 bits in groups of 128 have a scale of 2 bytes each, and zero points of 4 bits', () => {
    expect(reads(llama, {quantize: 'w4g128', seq: 8}, 'layers.mlp.up')).toMatchObject({
      w: weights / 2,
      'layers.mlp.up.weight.scales': (2 * weights) / 128,
    })
    expect(reads(llama, {quantize: 'w4g128z', seq: 8}, 'layers.mlp.up')['layers.mlp.up.weight.zero-points']).toBe(
      weights / 128 / 2,
    )
  })

  it('per channel have one scale per output, per tensor one', () => {
    expect(reads(llama, {quantize: 'w8c', seq: 8}, 'layers.mlp.up')['layers.mlp.up.weight.scales']).toBe(n)
    expect(reads(llama, {quantize: 'w8', seq: 8}, 'layers.mlp.up')['layers.mlp.up.weight.scales']).toBe(2)
  })

  it('take the memory of the model with them: 4.25 bits a weight in groups of 128', () => {
    const {totals, compression} = analyze(llama, {quantize: 'w4g128', phase: 'decode'})
    const tables = 2 * 128_256 * 4096
    const norms = 65 * 4096
    const products = 8_030_261_248 - tables - norms
    expect(totals.memory.weights).toBe(2 * (tables + norms) + (products * 4.125) / 8)
    expect(compression).toHaveLength(1)
    expect(compression![0]!.before.weights).toBe(2 * 8_030_261_248)
    expect(compression![0]!.after.weights).toBe(totals.memory.weights)
    expect(compression![0]!.after.time).toBeLessThan(compression![0]!.before.time / 2)
  })

  it('alone compute in the type of the activations; with narrow activations in the narrow type', () => {
    const computes = (quantize: string) =>
      analyze(llama, {quantize, seq: 8}).operators.find(({id}) => id === 'layers.mlp.up')!.computes
    expect(computes('w4g128')).toBe('bf16')
    expect(computes('w8c,a8c')).toBe('int8')
    expect(computes('w4g128,a8')).toBe('int8')
    expect(computes('wf8,af8')).toBe('fp8')
    expect(computes('a8')).toBe('bf16')
  })

  it('widened by an operator of their own are written and read again in full width', () => {
    const fused = compressed(llama, {quantize: 'w4g128', seq: 8})
    const apart = compressed(llama, {quantize: 'w4g128', dequantize: 'separate', seq: 8})
    expect(fused.nodes.some(({kind}) => kind === 'dequantize')).toBe(false)
    const {cost} = node(apart, 'layers.mlp.up.dequantize')
    expect(cost.writes.map(({elements, dtype}) => [elements, dtype])).toEqual([[weights, null]])
    expect(node(apart, 'layers.mlp.up').cost.reads[1]).toMatchObject({role: 'input', elements: weights, dtype: null})
    // one multiply per weight either way
    const flops = (graph: Graph) => graph.nodes.reduce((sum, {cost: c, repeat}) => sum + c.flops * repeat, 0)
    expect(flops(apart)).toBe(flops(fused))
  })

  it('follow the layer they are in, and leave the LM head and a tied table alone', () => {
    const graph = compressed(llama, {quantize: 'w8,layers.mlp=w4g128,lm_head=w8c', seq: 8})
    const type = (id: string) => node(graph, id).cost.reads[1]!.dtype
    expect([type('layers.attn.qkv'), type('layers.mlp.up'), type('lm_head')]).toEqual(['int8', 'int4', 'int8'])
    expect(node(compressed(llama, {quantize: 'w8', seq: 8}), 'lm_head').cost.reads[1]!.dtype).toBeNull()
    expect(node(compressed(models.gpt2, {quantize: 'lm_head=w8'}), 'lm_head').cost.reads[1]!.dtype).toBeNull()
  })

  it('are mixed by patterns of operator ids, each with its bits and granularity, later rules over earlier ones', () => {
    const rules = 'w4g64z,*.attn=w8c,layers.*.down=w8g32,layers.mlp.down.x=w4,layers.attn.out=wf8,a8c,*.attn=a8,kv4g32'
    const graph = compressed(llama, {quantize: rules, seq: 8, phase: 'decode', context: 64})
    const read = (id: string) => node(graph, id).cost.reads
    const weights = (id: string) => read(id).find(({role}) => role === 'weight')!.dtype
    const ids = ['layers.attn.qkv', 'layers.attn.out', 'layers.mlp.up', 'layers.mlp.down']
    expect(ids.map(weights)).toEqual(['int8', 'fp8', 'int4', 'int8'])
    const scales = (id: string) => read(id).find(({name}) => name.endsWith('scales') && !name.startsWith('x'))!.elements
    expect(ids.map(scales)).toEqual([6144, 1, (14_336 * 4096) / 64, (14_336 * 4096) / 32])
    // zero points where z asks for them alone
    expect(ids.map((id) => read(id).some(({name}) => name.endsWith('zero-points')))).toEqual([
      false,
      false,
      true,
      false,
    ])
    // activations: one scale in attention, one per token elsewhere
    const given = (id: string) => read(id).find(({name}) => name === 'x scales')!.elements
    expect(ids.map(given)).toEqual([1, 1, 8, 8])
    // the cache has bits of its own
    const cache = graph.tensors.filter(({role, name}) => role === 'kv' && !name.includes('scales'))
    expect(new Set(cache.map(({dtype}) => dtype))).toEqual(new Set(['int4']))
    // a pattern that matches nothing changes nothing
    expect(weights('lm_head')).toBeNull()
  })

  it('of every granularity: weights, activations and cache count their scales in f16, and zero points in their own width', () => {
    const [tokensCached, kvHeads, headDim, layers] = [64, 8, 128, 32]
    const values = 2 * tokensCached * kvHeads * headDim * layers
    const plain = {seq: 1, phase: 'decode', context: tokensCached - 1} as const
    const held = (quantize: string) => analyze(llama, {...plain, quantize}).totals.memory.kvCache
    expect(held('kv8')).toBe(values + 2 * layers * 2)
    expect(held('kv8c')).toBe(values + (values / headDim) * 2)
    expect(held('kv4g32')).toBe(values / 2 + (values / 32) * 2)
    expect(held('kv4g32z')).toBe(values / 2 + (values / 32) * (2 + 0.5))
    expect(held('kv8z')).toBe(values + 2 * layers * (2 + 1))
    const quantized = (quantize: string) =>
      node(compressed(llama, {quantize, seq: 16}), 'layers.mlp.up.quantize').cost.writes.map((u) => [
        u.elements,
        u.dtype,
      ])
    expect(quantized('a8')).toEqual([
      [16 * 4096, 'int8'],
      [1, 'f16'],
    ])
    expect(quantized('a8c')).toEqual([
      [16 * 4096, 'int8'],
      [16, 'f16'],
    ])
    expect(quantized('af8g128')).toEqual([
      [16 * 4096, 'fp8'],
      [(16 * 4096) / 128, 'f16'],
    ])
    // 4,096 is no multiple of 96, though 3 · 4,096 is: a group would lie in two rows
    const groupsOf = (quantize: string, seq: number) =>
      node(compressed(llama, {quantize, seq}), 'layers.mlp.up.quantize').dims.groups
    expect(groupsOf('a8g96', 3)).toBe(3)
    expect(groupsOf('a8g64', 3)).toBe((3 * 4096) / 64)
  })

  it('zero points of the cache take a subtraction of every value read, and the smallest of every group written', () => {
    const flops = (quantize: string) =>
      compressed(llama, {quantize, seq: 1, phase: 'decode', context: 63}).nodes.reduce(
        (sum, {cost, repeat}) => sum + cost.flops * repeat,
        0,
      )
    const kv = 2 * 8 * 128 * 32
    expect(flops('kv8z') - flops('kv8')).toBe(63 * kv + 2 * kv)
  })

  it('share one quantization of the activations that several products read', () => {
    const graph = compressed(llama, {quantize: 'w8c,a8c', seq: 8})
    const made = graph.nodes.filter(({kind}) => kind === 'quantize').map(({id}) => id)
    expect(made).toEqual([
      'layers.attn.qkv.quantize',
      'layers.attn.out.quantize',
      'layers.mlp.up.quantize',
      'layers.mlp.down.quantize',
    ])
    expect(node(graph, 'layers.mlp.up.quantize').dims).toEqual({groups: 8, size: 4096})
  })
})

describe('a quantized cache', () => {
  it('has half the bytes, and a scale per head and token where channels are asked for', () => {
    const decode = {phase: 'decode', context: 1000, batch: 2} as const
    const plain = analyze(llama, decode).totals.memory.kvCache
    const perTensor = analyze(llama, {...decode, quantize: 'kv8'}).totals.memory.kvCache
    const perHead = analyze(llama, {...decode, quantize: 'kv8c'}).totals.memory.kvCache
    expect(perTensor).toBe(plain / 2 + 32 * 2 * 2)
    expect(perHead).toBe(plain / 2 + (plain / 2 / 128) * 2)
  })
})

describe('pruning', () => {
  it('of single weights counts what says where they stand', () => {
    const half = {where: null, what: 'weights', share: 0.5} as const
    // a bit per place while it is the smaller, then 16 bits per weight that stays
    expect(storedOf(1024, half)).toEqual({kept: 512, index: 128})
    expect(storedOf(1024, {...half, share: 0.99})).toEqual({kept: 11, index: 22})
    expect(storedOf(1024, {...half, what: '2:4'})).toEqual({kept: 512, index: 128})
  })

  it('saves bytes and no work', () => {
    for (const prune of ['weights:0.5', '2:4']) {
      const [entry] = analyze(llama, {prune, seq: 8}).compression!
      expect(entry!.after.macs).toBe(entry!.before.macs)
      expect(entry!.after.flops).toBe(entry!.before.flops)
      expect(entry!.after.weights).toBeLessThan(0.7 * entry!.before.weights)
    }
    // a twentieth removed costs more in indices than it saves
    const [kept] = analyze(llama, {prune: 'weights:0.05', seq: 8}).compression!
    expect(kept!.after.weights).toBe(kept!.before.weights)
  })

  it('to 2:4 is faster only where the machine states a sparse ceiling', () => {
    const options = {prune: '2:4', seq: 2048}
    const {'v100-sxm': v100, 'tpu-v5e': tpu} = machines
    const up = (machine: Machine, more: WorkloadOptions) =>
      analyze(llama, more, machine).operators.find(({id}) => id === 'layers.mlp.up')!
    const bare: Machine = {...h100, ceilings: h100.ceilings.filter(({sparsity}) => !sparsity)}
    expect(up(bare, options).bound).toBe('matrix-bf16')
    expect(up(bare, options).sparsity).toBeUndefined()
    expect(up(h100, options)).toMatchObject({bound: 'matrix-bf16-sparse', sparsity: '2:4'})
    expect(up(bare, options).time.lower / up(h100, options).time.lower).toBeCloseTo(1978.9 / 989.4, 9)
    expect(up(machines['a100-80gb-sxm'], options).bound).toBe('matrix-bf16-sparse')
    expect(up(machines.mi300x, options).bound).toBe('matrix-bf16-sparse')
    for (const machine of [v100, tpu]) expect(machine.ceilings.some(({sparsity}) => sparsity)).toBe(false)
    // dense products never see it
    expect(up(h100, {seq: 2048}).bound).toBe('matrix-bf16')
    // its share of the peak is that of the sparse peak, the bound says 2:4, and the assumptions do too
    const result = analyze(llama, options)
    expect(result.totals.mfu).toBeLessThanOrEqual(1)
    expect(result.totals.mfu).toBeGreaterThan(0.7)
    expect(result.summary.distance).toMatch(/of the 2:4 bf16 peak/)
    expect(result.summary.limit).toMatch(/compute \(2:4 bf16, 1.98 PFLOP\/s\)/)
    expect(result.assumptions.join('; ')).toMatch(/peaks are dense, but for products with 2:4 weights/)
    const [entry] = result.compression!
    expect(entry!.before.time / entry!.after.time).toBeGreaterThan(1.7)
    // quantized on top: the sparse rate of the narrow type
    expect(up(h100, {...options, quantize: 'w8c,a8c'}).bound).toBe('matrix-int8-sparse')
  })

  it('of channels shrinks the products on both sides and what stands between', () => {
    const graph = compressed(llama, {prune: 'channels:0.25', seq: 8, fusion: 'none'})
    const ffn = 14_336 * 0.75
    for (const id of ['layers.mlp.up', 'layers.mlp.gate']) expect(node(graph, id).dims).toMatchObject({n: ffn, k: 4096})
    expect(node(graph, 'layers.mlp.act').dims).toEqual({elements: 8 * ffn})
    expect(node(graph, 'layers.mlp.down').dims).toMatchObject({n: 4096, k: ffn})
    // heads and the residual stream stay
    expect(node(graph, 'layers.attn.qkv').dims).toMatchObject({n: 6144, k: 4096})
  })

  it('of channels goes through convolutions, norms and pools, and stops at residual sums', () => {
    const graph = compressed(models.resnet50, {prune: 'channels:0.5', fusion: 'none'})
    // the stem's 64 filters reach the first block through its norm and pool, its shortcut as well
    expect(node(graph, 'layer1.0.conv1').dims).toMatchObject({channels: 32, filters: 32})
    expect(node(graph, 'layer1.0.downsample.0').dims).toMatchObject({channels: 32, filters: 256})
    expect(node(graph, 'layer1.1-2.conv1').dims).toMatchObject({channels: 256, filters: 32})
    expect(node(graph, 'layer1.0.bn1').dims).toMatchObject({channels: 32})
    expect(node(graph, 'layer1.0.conv2').dims).toMatchObject({channels: 32, filters: 32})
    expect(node(graph, 'layer1.0.conv3').dims).toMatchObject({channels: 32, filters: 256})
    expect(node(graph, 'fc').dims).toMatchObject({k: 2048})
  })
})

describe('low rank', () => {
  it('makes two thin products of one, where that is less', () => {
    const graph = compressed(llama, {lowRank: 'layers.mlp=256', seq: 8, fusion: 'none'})
    expect(node(graph, 'layers.mlp.up.factor-a').dims).toMatchObject({m: 8, n: 256, k: 4096})
    expect(node(graph, 'layers.mlp.up.factor-b').dims).toMatchObject({m: 8, n: 14_336, k: 256})
    expect(graph.nodes.some(({id}) => id === 'layers.attn.qkv')).toBe(true)
    const [entry] = analyze(llama, {lowRank: 'layers.mlp=256', seq: 8}).compression!
    const saved = 3 * 32 * (4096 * 14_336 - 256 * (4096 + 14_336))
    expect(entry!.before.weights - entry!.after.weights).toBe(2 * saved)
    expect(entry!.before.macs - entry!.after.macs).toBe(8 * saved)
  })

  it('leaves a product that its factors would not make smaller', () => {
    const graph = compressed(llama, {lowRank: '4096', seq: 8})
    expect(graph.nodes.some(({id}) => id.includes('factor'))).toBe(false)
  })
})

describe('compressed graphs', () => {
  const options = fc.record({
    quantize: fc.constantFrom(undefined, 'w4g128', 'w8c,a8c', 'w8z,kv4g64', 'a8,kv8c'),
    prune: fc.constantFrom(
      undefined,
      '2:4',
      'weights:0.8',
      'channels:0.5',
      'channels:0.3,layers.attn=2:4',
      'heads:0.5',
      'heads:0.5,channels:0.5,2:4',
    ),
    lowRank: fc.constantFrom(undefined, '64', 'layers=17'),
    fusion: fc.constantFrom('none', 'elementwise', 'attention', 'all'),
  })
  const any = fc.constantFrom<ModelDef>(
    models.gpt2,
    models['bert-base'],
    llama,
    models.resnet18,
    models['mobilenet-v2'],
  )

  it('are valid, need no more weights and no more MACs than before, and say so', () => {
    fc.assert(
      fc.property(any, options, (model, chosen) => {
        if (!chosen.quantize && !chosen.prune && !chosen.lowRank) return
        const work = {...chosen, dtype: 'f16'} as WorkloadOptions
        validateGraph(compressed(model, work))
        const {compression} = resolveWorkload(model, work)
        expect(resolveCompression(compressionOptions(compression))).toEqual(compression)
        const result = analyze(model, work)
        expect(() => analysisSchema.parse(result)).not.toThrow()
        for (const {before, after, pass} of result.compression!) {
          expect(after.macs, pass).toBeLessThanOrEqual(before.macs)
          expect(after.weights, pass).toBeLessThanOrEqual(before.weights)
        }
        expect(result.compression!.at(-1)!.after.weights).toBe(result.totals.memory.weights)
      }),
      {numRuns: 60},
    )
  })
})
