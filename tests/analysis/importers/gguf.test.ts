/** GGUF: sizes from the metadata, bytes of every tensor from its block format, hostile headers. */
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {findMachine} from '../../../src/analysis/catalog.ts'
import {dtypeBits} from '../../../src/analysis/dtype.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {checkHeader} from '../../../src/analysis/importers/gguf/gate.ts'
import {tensorTypes} from '../../../src/analysis/importers/gguf/types.ts'
import {parseGguf} from '../../../src/analysis/importers/gguf.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {buildGraph} from '../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {ARRAY, type GgufEntry, gguf, STRING, tiny, tinyLlama, tinyParts, U32} from './support/gguf.ts'

const parse = (
  file: Uint8Array,
  origin = 'dir/tiny.gguf',
  beside: (name: string) => Uint8Array | undefined = () => undefined,
) =>
  parseGguf({
    origin,
    source: bytesSource(file),
    beside: (name) => {
      const other = beside(name)
      return other ? bytesSource(other) : null
    },
  })
const machine = findMachine('h100-sxm')

/** Bytes of the weights in the file, by hand. */
const {layers, hidden, heads, kvHeads, headDim, ffn, vocab} = tiny
const perLayer = {
  norms: 2 * hidden,
  q: hidden * heads * headDim,
  k: hidden * kvHeads * headDim,
  v: hidden * kvHeads * headDim,
  out: heads * headDim * hidden,
  ffn: 2 * hidden * ffn,
  down: ffn * hidden,
}
const q4 = (n: number) => (n / 256) * 144
const q6 = (n: number) => (n / 256) * 210
const plain =
  4 * perLayer.norms + q4(perLayer.q + perLayer.k + perLayer.v + perLayer.out + perLayer.ffn + perLayer.down)
const wide = plain + q6(perLayer.v + perLayer.down) - q4(perLayer.v + perLayer.down)
const stored = wide + (layers - 1) * plain + q4(hidden * vocab) + q6(hidden * vocab) + 4 * hidden

describe('a file of mixed types', async () => {
  const {model, warnings} = await parse(tinyLlama())
  const graph = (options = {}) => buildGraph(model, resolveWorkload(model, options))

  it('is a transformer of its sizes, named by its metadata', () => {
    expect(warnings).toEqual([])
    expect(model).toMatchObject({architecture: 'stored', id: 'tiny', name: 'Tiny Llama', dtype: 'f16'})
    expect(model.spec).toMatchObject({base: {layers, hidden, heads, kvHeads, headDim, ffn, vocab, tied: false}})
    const all = Object.values(perLayer).reduce((a, b) => a + b, 0)
    expect(parameterCount(graph()).total).toBe(layers * all + 2 * hidden * vocab + hidden)
  })

  it('holds exactly the bytes of its tensors, whatever --dtype says', () => {
    for (const dtype of ['f16', 'f32', 'bf16'] as const)
      expect(analyzeModel(model, machine, {dtype}).result.totals.memory.weights).toBe(stored)
  })

  it('reads queries, keys and values each in its own type', () => {
    const node = graph().nodes.find(({id}) => id === 'layers.from-0.attn.qkv')!
    expect(node.cost.reads.map(({dtype, elements}) => [dtype, elements])).toEqual([
      [null, 2048 * hidden],
      ['q4_k', perLayer.q],
      ['q4_k', perLayer.k],
      ['q6_k', perLayer.v],
    ])
    expect(graph().nodes.find(({id}) => id === 'layers.from-1.attn.qkv')!.repeat).toBe(layers - 1)
  })

  it('reads of a quantized table the rows it gathers', () => {
    const node = graph({seq: 2}).nodes.find(({id}) => id === 'embed')!
    expect(node.cost.reads[1]).toMatchObject({dtype: 'q4_k', elements: 2 * hidden})
  })

  it.each([{phase: 'decode', context: 100}, {batch: 3, seq: 7}, {tp: 2}])('is a valid graph: %j', (options) => {
    validateGraph(graph(options))
  })

  it('is divided by --tp but for its norms', () => {
    const held = analyzeModel(model, machine, {tp: 2}).result.totals.memory.weights
    const norms = 4 * (2 * layers + 1) * hidden
    expect(2 * (held - norms)).toBe(stored - norms)
  })
})

it('every block type has the bits of its blocks', () => {
  for (const {dtype, block, bytes} of Object.values(tensorTypes)) expect(dtypeBits[dtype] * block).toBe(8 * bytes)
})

it('reads every block type, K, IQ, TQ and MXFP4 among them', async () => {
  const types = Object.entries(tensorTypes)
  const tensors = types.map(([number, {block, bytes}]) => ({
    name: `t${number}`,
    shape: [2 * block, 3],
    type: Number(number),
    bytes: 6 * bytes,
  }))
  const {model} = await parse(gguf([['general.architecture', STRING, 'zebra']], tensors))
  const {totals} = analyzeModel(model, machine).result
  expect(totals.memory.weights).toBe(types.reduce((sum, [, {bytes}]) => sum + 6 * bytes, 0))
})

it('long lists and texts never reach the library: a vocabulary of 50,000, a template of 3 MB', async () => {
  const tokens = Array.from({length: 50_000}, (_, i) => `t${i}`)
  const more: GgufEntry[] = [
    ['tokenizer.ggml.merges', ARRAY, tokens],
    ['tokenizer.chat_template', STRING, 'x'.repeat(3_000_000)],
    ['tokenizer.ggml.token_type', ARRAY, tokens.map(() => 1)],
    ['llama.vocab_size', U32, 100],
  ]
  const file = tinyLlama(more)
  const checked = checkHeader(bytesSource(file), 'tiny.gguf')
  expect(checked.bytes.length).toBeLessThan(4096)
  expect((await parse(file)).warnings).toEqual([])
})

describe('models in several files', () => {
  const [entries, tensors] = tinyParts()
  const part = (number: number, from: number, to: number, more: readonly GgufEntry[]) =>
    gguf([...more, ['split.no', U32, number - 1], ['split.count', U32, 3]], tensors.slice(from, to))
  const files: Record<string, Uint8Array> = {
    'tiny-00001-of-00003.gguf': part(1, 0, 0, entries),
    'tiny-00002-of-00003.gguf': part(2, 0, 9, []),
    'tiny-00003-of-00003.gguf': part(3, 9, tensors.length, []),
  }
  const names = Object.keys(files)

  it.each(names)('whichever part is named: %s', async (name) => {
    const {model, warnings} = await parse(files[name]!, `dir/${name}`, (other) => files[other])
    expect(warnings).toEqual([])
    expect(model.id).toBe('tiny')
    expect(analyzeModel(model, machine).result.totals.memory.weights).toBe(stored)
  })

  it.each<[string, string, (name: string) => Uint8Array | undefined, RegExp]>([
    [
      'a part that is missing',
      'tiny-00001-of-00003.gguf',
      (name) => (name.includes('00003-of') ? undefined : files[name]),
      /tiny-00003-of-00003.gguf does not lie beside it/,
    ],
    ['a name that is not numbered', 'tiny.gguf', () => undefined, /its name does not tell the others/],
    ['the same part twice', 'tiny-00001-of-00003.gguf', () => files[names[1]!], /the same tensor in two of its parts/],
  ])('%s is refused', async (_, name, beside, expected) => {
    await expect(parse(files[names[0]!]!, `dir/${name}`, beside)).rejects.toThrow(expected)
  })
})

it('of an architecture that is not read, the weights alone', async () => {
  const {model, warnings} = await parse(tinyLlama([], 'zebra'))
  expect(warnings.map(({code}) => code)).toEqual(['weights-only'])
  const {result} = analyzeModel(model, machine)
  expect(result.totals).toMatchObject({complete: false, flops: 0, memory: {weights: stored}})
  expect(result.unknown).toEqual([{op: 'forward pass', count: 1}])
})

it('weights that are not in the file are said', async () => {
  const entries = [
    ['general.architecture', STRING, 'llama'],
    ['llama.block_count', U32, 1],
    ['llama.embedding_length', U32, 256],
    ['llama.feed_forward_length', U32, 512],
    ['llama.attention.head_count', U32, 4],
    ['llama.context_length', U32, 128],
    ['llama.vocab_size', U32, 100],
  ] as const
  const {warnings} = await parse(gguf(entries, []))
  expect(warnings[0]).toMatchObject({code: 'missing-weights'})
})

describe('hostile headers', () => {
  const whole = tinyLlama()
  const patched = (at: number, bytes: readonly number[]) => {
    const copy = whole.slice()
    copy.set(bytes, at)
    return copy
  }
  const huge = [0, 0, 0, 0, 0, 0, 0, 0x10]
  const message = async (file: Uint8Array) => {
    try {
      await parse(file)
    } catch (error) {
      expect(error).toBeInstanceOf(AnalysisError)
      expect((error as AnalysisError).code).toBe('bad-file')
      expect((error as AnalysisError).message).not.toContain('\n')
      return (error as AnalysisError).message
    }
    throw new Error('nothing was thrown')
  }

  it.each<[string, Uint8Array, RegExp]>([
    ['2^60 tensors', patched(8, huge), /claims 1152921504606847000 tensors where \d+ would fill the file/],
    ['2^60 keys', patched(16, huge), /claims 1152921504606847000 keys/],
    ['a key of 2^60 bytes', patched(24, huge), /claims a key of 1152921504606847000 bytes/],
    ['version 1', patched(4, [1]), /version 1; 2 and 3 are read/],
    ['big-endian', patched(4, [0, 0, 0, 3]), /big-endian/],
    ['not GGUF', patched(0, [0]), /is no GGUF file/],
    ['nothing', new Uint8Array(0), /ends at byte 0/],
    ['weights cut off', whole.subarray(0, whole.length - 64), /ends at byte \d+; the file has \d+/],
    [
      'a type that nobody knows',
      gguf([['general.architecture', STRING, 'llama']], [{name: 'x', shape: [4], type: 99, bytes: 4}]),
      /unknown type 99/,
    ],
    [
      'rows that are no blocks',
      gguf([], [{name: 'x', shape: [100], type: 12, bytes: 144}]),
      /do not divide into blocks of 256/,
    ],
    [
      'a name of a megabyte',
      gguf([], [{name: 'x'.repeat(2 ** 20), shape: [4], type: 0, bytes: 16}]),
      /name of 1048576 bytes/,
    ],
    [
      'a size of −1',
      gguf([], [{name: 'x', shape: [-1], type: 0, bytes: 0}]),
      /has 18446744073709552000 elements, which a/,
    ],
    [
      'sizes whose product is 2^60',
      gguf([], [{name: 'x', shape: [2 ** 30, 2 ** 30], type: 0, bytes: 0}]),
      /1152921504606847000 elements, which a file of \d+ bytes cannot hold/,
    ],
    ['a key of a megabyte', gguf([['x'.repeat(2 ** 20), U32, 1]], []), /has a key of 1048576 bytes/],
    ['a text for the number of parts', tinyLlama([['split.count', STRING, 'a\nb']]), /is split into "a.+b" parts/],
    ['2^31 parts', tinyLlama([['split.count', U32, 2 ** 31]]), /is split into "2147483648" parts/],
    ['an alignment of 0', tinyLlama([['general.alignment', U32, 0]]), /alignment/],
    [
      'experts that cannot be chosen',
      tinyLlama([
        ['llama.expert_count', U32, 2],
        ['llama.expert_used_count', U32, 3],
      ]),
      /chooses 3 of 2 experts/,
    ],
    ['experts of an architecture without', tinyLlama([['gemma.expert_count', U32, 2]], 'gemma'), /has none here/],
    ['no layers', tinyLlama([['llama.block_count', U32, 0]]), /llama.block_count/],
    ['a billion layers', tinyLlama([['llama.block_count', U32, 1e9]]), /claims 1000000000 layers/],
    ['sizes of another model', tinyLlama([['llama.embedding_length', U32, 512]]), /the sizes in the metadata need/],
  ])('%s', async (_, file, expected) => {
    expect(await message(file)).toMatch(expected)
  })

  it('every prefix is refused in one line', async () => {
    for (let length = 0; length < whole.length; length += length < 3000 ? 7 : 997)
      await message(whole.subarray(0, length))
  })
})
