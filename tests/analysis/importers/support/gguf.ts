/** Writes GGUF and safetensors files for tests: headers, and as many zeros as the weights would fill. */

import type {ByteSource} from '../../../../src/analysis/importers/source.ts'

export type GgufEntry = readonly [
  key: string,
  type: number,
  value: number | string | boolean | readonly string[] | readonly number[],
]

const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)]
const u64 = (value: number | bigint) => [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)]
const string = (text: string) => {
  const bytes = [...new TextEncoder().encode(text)]
  return [...u64(bytes.length), ...bytes]
}

export const U32 = 4
export const BOOL = 7
export const STRING = 8
export const ARRAY = 9

function entry([key, type, value]: GgufEntry): number[] {
  if (type === STRING) return [...string(key), ...u32(type), ...string(String(value))]
  if (type === ARRAY) {
    const list = value as readonly (string | number)[]
    const strings = typeof list[0] === 'string'
    return [
      ...string(key),
      ...u32(type),
      ...u32(strings ? STRING : U32),
      ...u64(list.length),
      ...list.flatMap((one) => (strings ? string(String(one)) : u32(Number(one)))),
    ]
  }
  if (type === BOOL) return [...string(key), ...u32(type), Number(value)]
  return [...string(key), ...u32(type), ...u32(Number(value))]
}

export interface GgufTensorParts {
  readonly name: string
  readonly shape: readonly number[]
  /** ggml type number, and the bytes that the weights fill */
  readonly type: number
  readonly bytes: number
}

/** A header, and the bytes of the whole file. */
function headerOf(entries: readonly GgufEntry[], tensors: readonly GgufTensorParts[], version: number) {
  let offset = 0
  const infos = tensors.map(({name, shape, type, bytes}) => {
    const info = [
      ...string(name),
      ...u32(shape.length),
      ...shape.flatMap((size) => u64(size)),
      ...u32(type),
      ...u64(offset),
    ]
    offset += Math.ceil(bytes / 32) * 32
    return info
  })
  const head = [0x47, 0x47, 0x55, 0x46, ...u32(version), ...u64(tensors.length), ...u64(entries.length)]
  const header = Uint8Array.from([head, ...entries.map(entry), ...infos].flat())
  return {header, size: Math.ceil(header.length / 32) * 32 + offset}
}

export function gguf(entries: readonly GgufEntry[], tensors: readonly GgufTensorParts[], version = 3): Uint8Array {
  const {header, size} = headerOf(entries, tensors, version)
  const file = new Uint8Array(size)
  file.set(header)
  return file
}

/** A file of any size: its header, and zeros that nobody stores. */
export function ggufSource(entries: readonly GgufEntry[], tensors: readonly GgufTensorParts[]): ByteSource {
  const {header, size} = headerOf(entries, tensors, 3)
  return {
    size,
    read(offset, length) {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)))
      if (offset < header.length) bytes.set(header.subarray(offset, Math.min(header.length, offset + bytes.length)))
      return bytes
    },
  }
}

/** A safetensors file of weights in their order. */
export function safetensors(
  weights: Readonly<Record<string, {dtype: string; shape: readonly number[]; bytes: number}>>,
): Uint8Array {
  let offset = 0
  const entries = Object.entries(weights).map(([name, {dtype, shape, bytes}]) => {
    const one = {dtype, shape, data_offsets: [offset, offset + bytes]}
    offset += bytes
    return [name, one]
  })
  return withHeader(JSON.stringify(Object.fromEntries(entries)), offset)
}

export function withHeader(header: string, data: number): Uint8Array {
  const text = new TextEncoder().encode(header)
  const file = new Uint8Array(8 + text.length + data)
  file.set(u64(text.length))
  file.set(text, 8)
  return file
}

/** Sizes of a tiny Llama: 3 layers, hidden 256, 4 heads of 64, 2 KV heads, FFN 512, vocabulary 100. */
export const tiny = {layers: 3, hidden: 256, heads: 4, kvHeads: 2, headDim: 64, ffn: 512, vocab: 100}

const F32 = {type: 0, per: 4}
export const Q4K = {type: 12, per: 144 / 256}
export const Q6K = {type: 14, per: 210 / 256}

/** Its file: products in q4_k, but the values' and the last products of layer 0 in q6_k, the norms in f32. */
export function tinyLlama(more: readonly GgufEntry[] = [], arch = 'llama'): Uint8Array {
  const [entries, tensors] = tinyParts(arch)
  return gguf([...entries, ...more], tensors)
}

/** What the file is made of. */
export function tinyParts(arch = 'llama'): [GgufEntry[], GgufTensorParts[]] {
  const {layers, hidden, heads, kvHeads, headDim, ffn, vocab} = tiny
  const one = (name: string, shape: readonly number[], {type, per}: typeof F32) => ({
    name,
    shape,
    type,
    bytes: shape.reduce((a, b) => a * b, 1) * per,
  })
  const tensors = [
    one('token_embd.weight', [hidden, vocab], Q4K),
    one('output_norm.weight', [hidden], F32),
    one('output.weight', [hidden, vocab], Q6K),
  ]
  for (let i = 0; i < layers; i++) {
    const wide = i === 0 ? Q6K : Q4K
    const blk = (name: string) => `blk.${i}.${name}.weight`
    tensors.push(
      one(blk('attn_norm'), [hidden], F32),
      one(blk('attn_q'), [hidden, heads * headDim], Q4K),
      one(blk('attn_k'), [hidden, kvHeads * headDim], Q4K),
      one(blk('attn_v'), [hidden, kvHeads * headDim], wide),
      one(blk('attn_output'), [heads * headDim, hidden], Q4K),
      one(blk('ffn_norm'), [hidden], F32),
      one(blk('ffn_gate'), [hidden, ffn], Q4K),
      one(blk('ffn_up'), [hidden, ffn], Q4K),
      one(blk('ffn_down'), [ffn, hidden], wide),
    )
  }
  const entries: GgufEntry[] = [
    ['general.architecture', STRING, arch],
    ['general.name', STRING, 'Tiny Llama'],
    [`${arch}.block_count`, U32, layers],
    [`${arch}.embedding_length`, U32, hidden],
    [`${arch}.feed_forward_length`, U32, ffn],
    [`${arch}.attention.head_count`, U32, heads],
    [`${arch}.attention.head_count_kv`, U32, kvHeads],
    [`${arch}.context_length`, U32, 2048],
    ['tokenizer.ggml.tokens', ARRAY, ['a', 'bc', 'def']],
  ]
  return [entries, tensors]
}
