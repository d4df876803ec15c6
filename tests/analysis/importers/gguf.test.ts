/** GGUF: sizes from the metadata, bytes of every tensor from its block format, hostile headers. */
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {findMachine} from '../../../src/analysis/catalog.ts'
import {dtypeBits} from '../../../src/analysis/dtype.ts'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {parameterCount, validateGraph} from '../../../src/analysis/graph.ts'
import {tensorTypes} from '../../../src/analysis/importers/gguf/types.ts'
import {parseGguf} from '../../../src/analysis/importers/gguf.ts'
import {bytesSource} from '../../../src/analysis/importers/source.ts'
import {buildGraph} from '../../../src/analysis/models/types.ts'
import {resolveWorkload} from '../../../src/analysis/workload.ts'
import {gguf, STRING, tiny, tinyLlama, U32} from './support/gguf.ts'

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
