/** Formats are recognised by content: every fixture under the name "unknown". */
import {readdirSync, readFileSync} from 'node:fs'
import {expect, it} from 'vitest'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {importers, importModel, sniff} from '../../../src/analysis/importers/index.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {safetensors, tinyLlama} from './support/gguf.ts'
import {model, node, value} from './support/onnx.ts'

const fixture = (path: string) => readFileSync(new URL(`../../fixtures/${path}`, import.meta.url))
const text = (content: string) => new TextEncoder().encode(content)

/** Files of every format; a format without one fails the next test. */
const files: Readonly<Record<keyof typeof importers, readonly Uint8Array[]>> = {
  onnx: [
    ...['resnet50', 'squeezenet', 'shufflenet'].map((name) => fixture(`onnx/light_${name}.onnx`)),
    model({nodes: [node('Relu', 'x', 'y')], inputs: [value('x', [2])]}),
  ],
  gguf: [tinyLlama()],
  safetensors: [safetensors({w: {dtype: 'F16', shape: [4], bytes: 8}})],
  'safetensors-index': [text('{"metadata": {}, "weight_map": {}}')],
  'hf-config': readdirSync(new URL('../../fixtures/hf', import.meta.url))
    .filter((name) => name.endsWith('.json'))
    .map((name) => fixture(`hf/${name}`)),
}

it.each(Object.entries(files))('recognises %s', (id, all) => {
  expect(all.length).toBeGreaterThan(0)
  for (const file of all) expect(sniff(bytesSource(file))?.id).toBe(id)
})

it('every format has an id, a title and a file', () => {
  expect(Object.keys(files).sort()).toEqual(Object.keys(importers).sort())
  for (const [id, format] of Object.entries(importers)) expect(format.id).toBe(id)
})

it.each([
  ['onnx', files.onnx[3]!],
  ['gguf', files.gguf[0]!],
  ['hf-config', files['hf-config'][0]!],
] as const)('reads %s named "unknown"', async (_, file) => {
  const {model: read} = await importModel({origin: 'unknown', source: bytesSource(file), beside: () => null})
  expect(read.id.length).toBeGreaterThan(0)
})

it.each([
  ['random bytes', Uint8Array.from({length: 500}, (_, i) => (i * 167 + 13) % 256)],
  ['zeros', new Uint8Array(100)],
  ['nothing', new Uint8Array(0)],
])('%s are of no known format', async (_, file) => {
  const error = await importModel({origin: 'unknown', source: bytesSource(file), beside: () => null}).catch((e) => e)
  expect(error).toBeInstanceOf(AnalysisError)
  expect(error.exitCode).toBe(3)
})

it.each([
  ['prose', 'no model at all\n', /is of no known format/],
  [
    'a pointer of Git LFS',
    'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
    /pointer of Git LFS/,
  ],
  ['a web page', '<!DOCTYPE html><html lang="en"></html>', /is a web page/],
  ['broken JSON', '{"model_type": "gpt2",', /not JSON/],
])('%s in the place of a model is called what it is', async (_, content, message) => {
  const read = importModel({origin: 'model.onnx', source: bytesSource(text(content)), beside: () => null})
  await expect(read).rejects.toThrow(message)
})
