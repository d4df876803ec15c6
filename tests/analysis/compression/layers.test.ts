/** Rules that tell equal layers apart by number: the split changes nothing by itself, and each piece takes its own rules. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {analysisSchema} from '../../../src/analysis/document/analysis.ts'
import {evaluate} from '../../../src/analysis/evaluate.ts'
import {validateGraph} from '../../../src/analysis/graph.ts'
import {blockOf} from '../../../src/analysis/layers.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {models} from '../../../src/analysis/models/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {compressionOptions, parseQuantize, resolveCompression} from '../../../src/analysis/passes/compression.ts'
import {applyFusion, fusions} from '../../../src/analysis/passes/index.ts'
import {matches, ruleFor} from '../../../src/analysis/passes/places.ts'
import {splitLayers, unplaced} from '../../../src/analysis/passes/split-layers.ts'
import {prepareRoof} from '../../../src/analysis/roofline.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'

const h100 = machines['h100-sxm']
const roof = prepareRoof(h100)
const analyze = (model: ModelDef, options: WorkloadOptions) => analyzeModel(model, h100, options)

const plain = (model: ModelDef, options: WorkloadOptions = {}) => {
  const work = resolveWorkload(model, options)
  return {work, graph: buildGraph(model, work)}
}

describe('the split', () => {
  it('leaves work, traffic and memory of every model as they are, at every fusion level', () => {
    for (const model of Object.values(models) as ModelDef[]) {
      const {work, graph} = plain(model)
      const runs = [...new Set(graph.nodes.flatMap((node) => (node.repeat > 2 ? (blockOf(node) ?? []) : [])))]
      if (runs.length === 0) continue
      const counts = runs.map((run) => graph.nodes.find((node) => blockOf(node) === run)!.repeat)
      const paired = counts.some((count, i) => count === counts[i + 1])
      const places = runs.flatMap((run) => {
        const numbered = /^(.*)\.(\d+)-(\d+)$/.exec(run)
        return numbered ? [`${numbered[1]}.${Number(numbered[2]) + 1}.x`] : [`${run}.0`, `${run}.2-3.mlp`]
      })
      const split = splitLayers(graph, places)
      validateGraph(split)
      expect(split.nodes.length).toBeGreaterThan(graph.nodes.length)
      expect(split.tensors.every((tensor, i) => tensor.index === i)).toBe(true)
      for (const fusion of Object.keys(fusions) as (keyof typeof fusions)[]) {
        const [whole, pieces] = [graph, split].map((g) => evaluate(applyFusion(g, fusion), roof, work))
        for (const count of ['macs', 'flops', 'executedFlops', 'special'] as const)
          expect(pieces![count], `${model.id} ${count}`).toBe(whole![count])
        // layers of two kinds that are as many (Swin, Gemma 2) share kernels where they meet, numbered ones do not
        const across = paired && (fusion === 'elementwise' || fusion === 'all')
        const {weights, kvCache} = whole!.memory
        expect(pieces!.memory, `${model.id} ${fusion}`).toMatchObject(across ? {weights, kvCache} : whole!.memory)
        const digits = across ? 1 : 12
        for (const part of [pieces!.bytes.DRAM! / whole!.bytes.DRAM!, pieces!.time.lower / whole!.time.lower])
          expect(part, `${model.id} ${fusion}`).toBeCloseTo(1, digits)
      }
    }
  })

  it('cuts where some place begins or ends, and nowhere else', () => {
    const {graph} = plain(models['llama-3-8b'])
    const pieces = (places: readonly string[]) => [
      ...new Set(splitLayers(graph, places).nodes.flatMap((node) => (/^layers/.test(node.id) ? [blockOf(node)] : []))),
    ]
    expect(pieces(['layers.mlp', 'lm_head'])).toEqual(['layers'])
    expect(pieces(['layers.0', 'layers.31.attn'])).toEqual(['layers.0', 'layers.1-30', 'layers.31'])
    expect(pieces(['layers.4-7', 'layers.6-40'])).toEqual(['layers.0-3', 'layers.4-5', 'layers.6-7', 'layers.8-31'])
    expect(pieces(['layers.0-31', 'layers.32'])).toEqual(['layers'])
  })

  it('hands the stream from piece to piece, and one encoder output to all', () => {
    const {graph} = plain(models['t5-base'], {seq: 8})
    const split = splitLayers(graph, ['decoder.layers.3'])
    const node = (id: string) => split.nodes.find((n) => n.id === id)!
    expect(node('decoder.layers.3.attn.norm').inputs[0]).toBe(node('decoder.layers.0-2.mlp.residual').outputs[0])
    expect(node('decoder.layers.4-11.attn.norm').inputs[0]).toBe(node('decoder.layers.3.mlp.residual').outputs[0])
    expect(node('decoder.norm').inputs[0]).toBe(node('decoder.layers.4-11.mlp.residual').outputs[0])
    const source = ['0-2', '3', '4-11'].map((part) => node(`decoder.layers.${part}.cross.kv`).inputs[0])
    expect(new Set(source).size).toBe(1)
  })
})

describe('places', () => {
  it('match by number, and with or without one', () => {
    for (const [where, id, is] of [
      ['layers.0', 'layers.0.mlp.down', true],
      ['layers.0-3.mlp', 'layers.2-3.mlp.down', true],
      ['layers.0-3.mlp', 'layers.2-4.mlp.down', false],
      ['layers.0-3.attn', 'layers.2-3.mlp.down', false],
      ['layers.mlp', 'layers.2-4.mlp.down', true],
      ['layers', 'layers.2-4.mlp.down', true],
      ['*.down', 'layers.2-4.mlp.down', true],
      ['layers.*.down', 'layers.2-4.mlp.down', true],
      ['h.1', 'h.10.mlp', false],
      ['h.1', 'h.1.mlp', true],
      ['layer1.1-2', 'layer1.2.conv1', true],
      ['layers.local.1', 'layers.global.1.mlp.up', false],
      ['lm_head', 'layers.0.mlp.down', false],
    ] as const)
      expect(matches(where, id), `${where} ${id}`).toBe(is)
  })

  it('that are nowhere are named in a warning, with what could be named', () => {
    const {warnings} = analyze(models['gemma-2-2b'], {quantize: 'w8,layers.0=none,layers.locla=w4,layers.local.0=none'})
    const said = warnings.filter(({code}) => code === 'rule-without-operator').map(({message}) => message)
    expect(said).toHaveLength(2)
    expect(said[0]).toContain('"layers.0" names no operator')
    expect(said[0]).toContain('layers.local.0 to layers.local.12, layers.global.0 to layers.global.12')
    expect(unplaced(plain(models.gpt2).graph, ['layers.12', 'layers.11'])).toHaveLength(1)
  })

  it('with none leave what they name alone, and are written as they are read', () => {
    const text = 'w4g128,layers.0=none,layers.0.mlp=w8c,kv8'
    const rules = parseQuantize(text)
    expect(rules[1]).toEqual({where: 'layers.0', what: 'none'})
    expect(ruleFor(rules.slice(0, 3), 'layers.0.attn.qkv')).toBeUndefined()
    expect(ruleFor(rules.slice(0, 3), 'layers.0.mlp.up')).toMatchObject({dtype: 'int8'})
    expect(ruleFor(rules.slice(0, 3), 'layers.1-31.mlp.up')).toMatchObject({dtype: 'int4'})
    const options = {quantize: text, prune: '2:4,layers.0=none', lowRank: '64,layers.3-4.attn=none'}
    expect(compressionOptions(resolveCompression(options)!)).toMatchObject(options)
    expect(() => parseQuantize('none')).toThrow(/--quantize/)
  })
})

describe('layers in types of their own', () => {
  const llama = models['llama-3-8b']
  // weights of one layer: queries, keys, values, output; gate, up, down; two norms
  const products = 4096 * 6144 + 4096 * 4096 + 3 * 4096 * 14_336
  const outside = 2 * (2 * 128_256 * 4096 + 4096)

  it('first and last layer whole, the others in 4 bits: bytes by hand', () => {
    const {result} = analyze(llama, {quantize: 'w4g128,layers.0=none,layers.31=none'})
    const narrow = products / 2 + (products / 128) * 2
    expect(result.totals.memory.weights).toBe(outside + 32 * 2 * 8192 + 2 * 2 * products + 30 * narrow)
    expect(result.compression![0]!.before.weights).toBe(2 * 8_030_261_248)
    analysisSchema.parse(result)
  })

  it('any layers may be chosen, whatever the others have', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({min: 0, max: 31}), {maxLength: 6}), (chosen) => {
        const {result} = analyze(llama, {quantize: ['w4', ...chosen.map((i) => `layers.${i}=w8c`)].join(',')})
        const matrices = 5
        const channels = 6144 + 4096 + 14_336 * 2 + 4096
        const bytes =
          (32 - chosen.length) * (products / 2 + 2 * matrices) +
          chosen.length * (products + 2 * channels) +
          outside +
          32 * 2 * 8192
        expect(result.totals.memory.weights).toBe(bytes)
        expect(result.totals.macs).toBe(analyze(llama, {}).result.totals.macs)
      }),
      {numRuns: 10},
    )
  })

  it('the cache of some layers alone, heads and ranks of others', () => {
    const cache = analyze(llama, {phase: 'decode', context: 1023, quantize: 'layers.0-15=kv8'}).result.totals.memory
    const layer = 1024 * 8 * 128 * 2
    expect(cache.kvCache).toBe(16 * (layer + 2 * 2) + 16 * 2 * layer)
    const heads = analyze(models.gpt2, {prune: 'layers.3=heads:0.5'}).result
    const qkv = (id: string) => heads.operators.find((op) => op.id === id)!.shape.n
    expect([qkv('layers.0-2.attn.qkv'), qkv('layers.3.attn.qkv'), qkv('layers.4-11.attn.qkv')]).toEqual([
      2304, 1152, 2304,
    ])
    const thin = analyze(models.gpt2, {phase: 'train', lowRank: 'layers.0.mlp=64'}).result
    expect(thin.operators.filter(({id}) => /^layers\.0\.mlp\.up\.factor-[ab]$/.test(id))).toHaveLength(2)
    expect(thin.operators.some(({id}) => id === 'layers.1-11.mlp.up')).toBe(true)
  })

  it('blocks of an image model by the numbers in their ids', () => {
    const {result} = analyze(models.resnet50, {prune: 'layer3.2-3=channels:0.5'})
    const width = (id: string) => result.operators.find((op) => op.id === id)!.shape.filters
    expect([width('layer3.1.conv1'), width('layer3.2-3.conv1'), width('layer3.4-5.conv1')]).toEqual([256, 128, 256])
  })
})
