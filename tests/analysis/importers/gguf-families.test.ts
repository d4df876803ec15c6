/** GGUF of every family: the header that llama.cpp writes becomes the model that its config.json becomes. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import type {Mamba2Spec} from '../../../src/analysis/architectures/mamba2.ts'
import type {TransformerSpec} from '../../../src/analysis/architectures/transformer.ts'
import {bytesOf} from '../../../src/analysis/dtype.ts'
import {activeParameters, type Graph, parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {parseGguf} from '../../../src/analysis/importers/gguf.ts'
import {parseConfig} from '../../../src/analysis/importers/hf-config.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {type GgufEntry, ggufSource, U32} from './support/gguf.ts'
import {gating, mamba2File, transformerFile, type WrittenFile} from './support/gguf-families.ts'

const configOf = (name: string) =>
  parseConfig(readFileSync(new URL(`../../fixtures/hf/${name}.json`, import.meta.url), 'utf8'), name).model

const read = ({entries, tensors}: WrittenFile) =>
  parseGguf({origin: 'model.gguf', source: ggufSource(entries, tensors), beside: () => null})

const graphOf = (model: ModelDef, options = {}) => buildGraph(model, resolveWorkload(model, options))

const work = ({nodes}: Graph) => ({
  macs: nodes.reduce((sum, {cost, repeat}) => sum + cost.macs * repeat, 0),
  flops: nodes.reduce((sum, {cost, repeat}) => sum + cost.flops * repeat, 0),
  operators: new Set(nodes.map(({id}) => id.replace(/^layers\.(?:from-\d+|[a-z-]+)\.(attn|mlp)/, '$1'))).size,
})

/** Bytes of the tensors as they are written. */
const written = ({tensors}: WrittenFile) => tensors.reduce((sum, {bytes}) => sum + bytes, 0)

const held = ({tensors}: Graph) =>
  tensors
    .filter(({role}) => role === 'weight')
    .reduce((sum, {elements, dtype, repeat}) => sum + bytesOf(elements, dtype ?? 'f16') * repeat, 0)

const workloads = [{seq: 300}, {phase: 'decode', context: 9000, batch: 3}] as const

type Case = readonly [config: string, arch: string, more?: readonly GgufEntry[], dense?: (layer: number) => boolean]

const moe = (arch: string, ffn: number): GgufEntry => [`${arch}.expert_feed_forward_length`, U32, ffn]

const cases: Case[] = [
  ['llama-3-8b', 'llama'],
  ['mistral-7b-v0.1', 'llama'],
  ['mixtral-8x7b', 'llama'],
  ['qwen2.5-7b', 'qwen2'],
  ['qwen3-8b', 'qwen3'],
  ['qwen3-30b-a3b', 'qwen3moe', [moe('qwen3moe', 768)]],
  ['phi-3-mini-4k', 'phi3'],
  ['gemma-2-9b', 'gemma2'],
  ['gemma-3-12b', 'gemma3'],
  [
    'deepseek-v2-lite',
    'deepseek2',
    [moe('deepseek2', 1408), ['deepseek2.leading_dense_block_count', U32, 1], ...gating('deepseek2', false, false)],
  ],
  [
    'deepseek-v3',
    'deepseek2',
    [moe('deepseek2', 2048), ['deepseek2.leading_dense_block_count', U32, 3], ...gating('deepseek2', true, true)],
  ],
  ['gpt-oss-20b', 'gpt-oss', [moe('gpt-oss', 2880)]],
  ['llama-4-scout', 'llama4', [moe('llama4', 8192), ['llama4.interleave_moe_layer_step', U32, 1]]],
]

for (const [config, arch, more, dense] of cases)
  describe(`${config} as ${arch}`, async () => {
    const expected = configOf(config)
    if (expected.architecture !== 'transformer') throw new Error(`${config} is no transformer`)
    const file = transformerFile(arch, expected.spec, more, dense)
    const {model, warnings} = await read(file)

    it('has the parameters of its config.json, and the active ones', () => {
      expect(warnings).toEqual([])
      expect(model.architecture).toBe('stored')
      expect(parameterCount(graphOf(model))).toEqual(parameterCount(graphOf(expected)))
      expect(activeParameters(graphOf(model))).toBe(activeParameters(graphOf(expected)))
    })

    it.each(workloads)('does the same work: %j', (options) => {
      const [a, b] = [graphOf(model, options), graphOf(expected, options)]
      validateGraph(a)
      expect(work(a)).toEqual(work(b))
    })

    it('holds the bytes of its tensors', () => {
      expect(held(graphOf(model))).toBe(written(file))
    })
  })

describe('other layouts', () => {
  const scout = configOf('llama-4-scout')
  const mixtral = configOf('mixtral-8x7b')
  const base = (model: ModelDef) => (model as {readonly spec: TransformerSpec}).spec

  it('of Mamba-2', async () => {
    const expected = configOf('mamba2-2.7b')
    const file = mamba2File(expected.spec as Mamba2Spec)
    const {model, warnings} = await read(file)
    expect(warnings).toEqual([])
    for (const options of workloads) {
      validateGraph(graphOf(model, options))
      expect(work(graphOf(model, options))).toEqual(work(graphOf(expected, options)))
    }
    expect(parameterCount(graphOf(model))).toEqual(parameterCount(graphOf(expected)))
    expect(held(graphOf(model))).toBe(written(file))
  })

  it('experts one by one, as Mixtral was written at first', async () => {
    const file = transformerFile('llama', base(mixtral))
    const apart = file.tensors.flatMap((tensor) => {
      if (!tensor.name.includes('_exps')) return [tensor]
      const [k, n, experts] = tensor.shape as [number, number, number]
      return Array.from({length: experts}, (_, i) => ({
        ...tensor,
        name: tensor.name.replace('_exps', `.${i}`),
        shape: [k, n],
        bytes: tensor.bytes / experts,
      }))
    })
    const {model, warnings} = await read({entries: file.entries, tensors: apart})
    expect(warnings).toEqual([])
    expect(parameterCount(graphOf(model))).toEqual(parameterCount(graphOf(mixtral)))
    const reads = (one: ModelDef) =>
      graphOf(one, {phase: 'decode', context: 1}).nodes.map(({cost}) =>
        cost.reads.reduce((n, use) => n + use.elements, 0),
      )
    expect(reads(model)).toEqual(reads(mixtral))
  })

  it('latent attention as it was written at first: keys and values up in one tensor, sizes of a whole head', async () => {
    const lite = configOf('deepseek-v2-lite')
    const leading: GgufEntry = ['deepseek2.leading_dense_block_count', U32, 1]
    const {entries, tensors} = transformerFile('deepseek2', base(lite), [moe('deepseek2', 1408), leading])
    const sizes: Record<string, number> = {key_length: 192, value_length: 128}
    const old = entries
      .filter(([key]) => !key.endsWith('_mla'))
      .map(([key, type, held]): GgufEntry => [key, type, sizes[key.split('.').at(-1)!] ?? held])
    const joined = tensors.flatMap((tensor) => {
      if (tensor.name.includes('attn_v_b')) return []
      if (!tensor.name.includes('attn_k_b')) return [tensor]
      const elements = 512 * 16 * (128 + 128)
      return [{...tensor, name: tensor.name.replace('_k_b', '_kv_b'), shape: [512, 16 * 256], bytes: 2 * elements}]
    })
    const {model, warnings} = await read({entries: old, tensors: joined})
    expect(warnings).toEqual([])
    expect(parameterCount(graphOf(model))).toEqual(parameterCount(graphOf(lite)))
    expect(work(graphOf(model, workloads[1]))).toEqual(work(graphOf(lite, workloads[1])))
  })

  it('every other layer dense, with a width of its own (Llama 4 Maverick)', async () => {
    const {groups: _, mixture, ...rest} = base(scout)
    const spec: TransformerSpec = {...rest, layers: 8, ffn: 16_384, mixture: mixture!}
    const step: GgufEntry = ['llama4.interleave_moe_layer_step', U32, 2]
    const file = transformerFile('llama4', spec, [moe('llama4', 8192), step], (layer) => layer % 2 === 0)
    const {model, warnings} = await read(file)
    expect(warnings).toEqual([])
    const groups = (model as unknown as {spec: {base: TransformerSpec}}).spec.base.groups!
    expect(groups.map(({name, ...kind}) => kind)).toEqual([
      {layers: 4, chunk: 8192, dense: true},
      {layers: 2, chunk: 8192},
      {layers: 2, positionless: true},
    ])
    expect(held(graphOf(model))).toBe(written(file))
  })

  it('a shared expert with a gate (Qwen1.5-MoE): 14,315,784,192 parameters', async () => {
    const spec = base(configOf('qwen1.5-moe-a2.7b'))
    const lengths: GgufEntry[] = [moe('qwen2moe', 1408), ['qwen2moe.expert_shared_feed_forward_length', U32, 5632]]
    const {model, warnings} = await read(transformerFile('qwen2moe', spec, lengths))
    expect(warnings).toEqual([])
    const graph = graphOf(model)
    validateGraph(graph)
    expect(parameterCount(graph).total).toBe(14_315_784_192)
    // the default prompt of 2,048 tokens: one product per channel
    expect(graph.nodes.find(({id}) => id.endsWith('mlp.shared.combine'))?.cost.flops).toBe(2048 * 2048)
  })
})
