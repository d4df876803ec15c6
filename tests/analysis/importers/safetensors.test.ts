/** safetensors: headers, shards, a config.json beside them, hostile lengths. */
import {readdirSync, readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {findMachine} from '../../../src/analysis/catalog.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {parameterCount} from '../../../src/analysis/graph.ts'
import {parseConfig} from '../../../src/analysis/importers/hf-config.ts'
import {importModel} from '../../../src/analysis/importers/index.ts'
import {readSafetensors, readShardIndex} from '../../../src/analysis/importers/safetensors.ts'
import {type ByteSource, bytesSource} from '../../../src/analysis/importers/source.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {safetensors, withHeader} from './support/gguf.ts'

const machine = findMachine('h100-sxm')
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const folder = (files: Readonly<Record<string, Uint8Array>>, name: string) =>
  importModel({
    origin: `models/tiny/${name}`,
    source: bytesSource(files[name]!),
    beside: (other) => (Object.hasOwn(files, other) ? bytesSource(files[other]!) : null),
  })
const modelAndWork = (model: ModelDef) => [model, resolveWorkload(model, {})] as const
const two = {
  a: {dtype: 'BF16', shape: [10, 20], bytes: 400},
  b: {dtype: 'F32', shape: [], bytes: 4},
}

describe('the header', () => {
  it('lists names, types and sizes', () => {
    expect(readSafetensors(bytesSource(safetensors(two)), 'x')).toEqual([
      {name: 'a', dtype: 'bf16', elements: 200},
      {name: 'b', dtype: 'f32', elements: 1},
    ])
  })

  const entry = (value: unknown) => withHeader(JSON.stringify({w: value}), 16)
  it.each<[string, Uint8Array, RegExp]>([
    ['a header of 2^60 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x10, 0x7b), /more than the file has/],
    ['a header that is no JSON', withHeader('{"a": ', 0), /is not JSON/],
    ['a negative size', entry({dtype: 'F32', shape: [-4], data_offsets: [0, 16]}), /no shape of whole numbers/],
    ['too many elements', entry({dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 16]}), /elements/],
    ['an unknown type', entry({dtype: 'F3', shape: [4], data_offsets: [0, 16]}), /unknown type "F3"/],
    ['a prototype for a type', entry({dtype: 'constructor', shape: [4], data_offsets: [0, 16]}), /unknown type/],
    [
      'data behind the end',
      entry({dtype: 'F32', shape: [8], data_offsets: [0, 32]}),
      /ends at byte 32 of the data; the file has 16/,
    ],
    [
      'fewer bytes than elements',
      entry({dtype: 'F32', shape: [4], data_offsets: [0, 12]}),
      /has 12 bytes; 4 elements of F32 need 16/,
    ],
    [
      'tensors in one another',
      withHeader(
        JSON.stringify({
          a: {dtype: 'F32', shape: [2], data_offsets: [4, 12]},
          b: {dtype: 'F32', shape: [2], data_offsets: [0, 8]},
          empty: {dtype: 'F32', shape: [0], data_offsets: [4, 4]},
        }),
        16,
      ),
      /the data of tensor "a" begin at byte 4, inside those of "b"/,
    ],
    ['no entry', entry(null), /unknown type/],
    ['a name of a megabyte', withHeader(JSON.stringify({['n'.repeat(2 ** 20)]: {}}), 0), /name of 1048576 characters/],
  ])('refuses %s', (_, file, message) => {
    expect(() => readSafetensors(bytesSource(file), 'x')).toThrow(AnalysisError)
    expect(() => readSafetensors(bytesSource(file), 'x')).toThrow(message)
  })
})

describe('a model of weights', () => {
  it('knows its weights alone where nothing lies beside it', async () => {
    const {model, warnings} = await folder({'model.safetensors': safetensors(two)}, 'model.safetensors')
    expect(warnings[0]!.message).toMatch(/only the weights are known: no config\.json/)
    const {result} = analyzeModel(model, machine)
    expect(result.totals).toMatchObject({complete: false, memory: {weights: 404}})
    expect(result.model.parameters.total).toBe(201)
  })

  it('takes its operators from the config.json beside it, and says where the weights differ', async () => {
    const config = readFileSync(new URL('../../fixtures/hf/gpt2.json', import.meta.url))
    const {model, warnings} = await folder(
      {'model.safetensors': safetensors(two), 'config.json': config},
      'model.safetensors',
    )
    expect(model).toMatchObject({architecture: 'transformer', id: 'tiny', dtype: 'bf16'})
    expect(warnings.at(-1)!.message).toMatch(/lists 201 weights, the model of its config\.json has 124439808/)
  })

  it('adds up its shards', async () => {
    const index = text({metadata: {total_size: 404}, weight_map: {a: 'one.safetensors', b: 'two.safetensors'}})
    const files = {
      'model.safetensors.index.json': index,
      'one.safetensors': safetensors({a: two.a}),
      'two.safetensors': safetensors({b: two.b}),
    }
    const {model} = await folder(files, 'model.safetensors.index.json')
    expect(analyzeModel(model, machine).result.totals.memory.weights).toBe(404)
    const {'two.safetensors': _, ...incomplete} = files
    await expect(folder(incomplete, 'model.safetensors.index.json')).rejects.toThrow(
      /two\.safetensors does not lie beside it/,
    )
  })

  /** A shard of one weight, of any size: zeros that nobody stores. */
  function shard(elements: number): ByteSource {
    const header = withHeader(
      JSON.stringify({w: {dtype: 'BF16', shape: [elements], data_offsets: [0, 2 * elements]}}),
      0,
    )
    const size = header.length + 2 * elements
    return {size, read: (at, length) => header.subarray(at, Math.min(at + length, header.length))}
  }

  it.each(
    readdirSync(new URL('../../fixtures/hf', import.meta.url)).filter((name) => name.endsWith('.json')),
  )('an index of shards beside its config.json: %s', async (name) => {
    const config = readFileSync(new URL(`../../fixtures/hf/${name}`, import.meta.url))
    const {total} = parameterCount(buildGraph(...modelAndWork(parseConfig(config.toString(), name).model)))
    const half = Math.floor(total / 2)
    const index = text({weight_map: {a: 'one.safetensors', b: 'two.safetensors'}})
    const files: Record<string, ByteSource> = {
      'config.json': bytesSource(config),
      'one.safetensors': shard(half),
      'two.safetensors': shard(total - half),
    }
    const {model, warnings} = await importModel({
      origin: 'models/tiny/model.safetensors.index.json',
      source: bytesSource(index),
      beside: (other) => files[other] ?? null,
    })
    // as many weights as the operators of the config have, in the type of the shards
    expect(warnings.map(({code}) => code)).not.toContain('other-weights')
    expect(model.dtype).toBe('bf16')
    expect(analyzeModel(model, machine).result.model.parameters.total).toBe(total)
  })

  it.each<[string, unknown]>([
    ['a shard with a name of a megabyte', {a: `${'n'.repeat(2 ** 20)}.safetensors`}],
    ['shards that are numbers', {a: 2 ** 60}],
    ['more shards than any', Object.fromEntries(Array.from({length: 10_001}, (_, i) => [`w${i}`, `s${i}`]))],
  ])('refuses %s', (_, map) => {
    const refused = () => readShardIndex(JSON.stringify({weight_map: map}), 'x')
    expect(refused).toThrow(AnalysisError)
    expect(refused).toThrow(/^x: .{1,300}$/)
  })

  it.each(['../x', '/etc/passwd', 'a/b', '..', '', 'x\u0000'])('refuses the shard %j', (file) => {
    expect(() => readShardIndex(JSON.stringify({weight_map: {a: file}}), 'x')).toThrow(/no file in its folder/)
  })
})
