/** GGUF header: checked by `gate.ts`, parsed by the format's own library, held against the size of the file. */
import {quoted} from '../../errors.ts'
import {type ByteSource, badFile} from '../source.ts'
import {checkHeader} from './gate.ts'
import {type GgufHeader, type GgufTensor, type GgufValue, tensorTypes} from './types.ts'

/** Anything with a scheme: the library then asks `fetch` for its parts, and ours answers from memory. */
const ADDRESS = 'https://gguf.invalid/header'

/** Answers the library's range requests from bytes that are in memory already. */
const fetchFrom =
  (bytes: Uint8Array): typeof fetch =>
  async (_, init) => {
    const [, from, to] = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get('range') ?? '') ?? []
    return new Response(bytes.slice(Number(from), Number(to) + 1))
  }

type Parsed = Awaited<ReturnType<typeof import('@huggingface/gguf').gguf>>

/** A value as it is kept: whole numbers as doubles, lists as their length and numbers. */
function kept(value: unknown): GgufValue | undefined {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  const first = value.filter((one) => /number|bigint|boolean/.test(typeof one)).map(Number)
  return {length: value.length, first}
}

function tensorOf(info: Parsed['tensorInfos'][number], origin: string): GgufTensor {
  const {name} = info
  const shape = info.shape.map(Number)
  const type = tensorTypes[info.dtype]
  if (!type)
    badFile(
      origin,
      `tensor ${quoted(name)} has the unknown type ${info.dtype}`,
      'is the file newer than this tool? give the model’s config.json',
    )
  const elements = shape.reduce((n, size) => n * size, 1)
  // blocks lie along the first axis
  if ((shape[0] ?? 1) % type.block !== 0)
    badFile(origin, `tensor ${quoted(name)}: rows of ${shape[0]} elements do not divide into blocks of ${type.block}`)
  return {name, shape, dtype: type.dtype, elements, bytes: (elements / type.block) * type.bytes}
}

/** Every tensor must lie inside the file. */
function checkData(
  tensors: readonly GgufTensor[],
  offsets: readonly number[],
  start: number,
  size: number,
  at: string,
) {
  tensors.forEach(({name, bytes}, i) => {
    const end = start + offsets[i]! + bytes
    if (end > size) badFile(at, `tensor ${quoted(name)} ends at byte ${end}; the file has ${size}`)
  })
}

/**
 * Reads the header of a GGUF file of version 2 or 3.
 * @throws AnalysisError `bad-file`
 */
export async function readGguf(source: ByteSource, origin: string): Promise<GgufHeader> {
  const {version, bytes, end} = checkHeader(source, origin)
  const {gguf} = await import('@huggingface/gguf')
  let parsed: Parsed
  try {
    parsed = await gguf(ADDRESS, {fetch: fetchFrom(bytes)})
  } catch (error) {
    // what the gate lets through and the library refuses: an alignment of 0, a size above 2^32
    badFile(origin, `is no readable GGUF file: ${quoted(error instanceof Error ? error.message : String(error))}`)
  }
  const metadata = new Map<string, GgufValue>()
  for (const [key, value] of Object.entries(parsed.metadata)) {
    const own = kept(value)
    if (own !== undefined) metadata.set(key, own)
  }
  const tensors = parsed.tensorInfos.map((info) => tensorOf(info, origin))
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1 || alignment > 2 ** 20)
    badFile(origin, `has an alignment of ${typeof alignment === 'number' ? alignment : 'another type than a number'}`)
  const start = Math.ceil(end / alignment) * alignment
  const offsets = parsed.tensorInfos.map(({offset}) => Number(offset))
  checkData(tensors, offsets, start, source.size, origin)
  return {version, metadata, tensors}
}
