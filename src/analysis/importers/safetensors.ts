/** Headers of safetensors files: names, types and shapes of weights. https://github.com/huggingface/safetensors#format */
import type {DType} from '../dtype.ts'
import {quoted} from '../errors.ts'
import {elementsOf} from './onnx/tensor.ts'
import {type ByteSource, badFile, placeOf, textOf} from './source.ts'
import type {ListedWeight} from './weights-only.ts'

/** The format allows 100 MB; headers of real files stay below 1 MB. */
const LONGEST_HEADER = 32 * 2 ** 20
const MAX_TENSORS = 100_000
const LONGEST_NAME = 4096

const types: Readonly<Record<string, {readonly dtype: DType; readonly bits: number}>> = {
  F64: {dtype: 'f64', bits: 64},
  F32: {dtype: 'f32', bits: 32},
  F16: {dtype: 'f16', bits: 16},
  BF16: {dtype: 'bf16', bits: 16},
  F8_E4M3: {dtype: 'fp8', bits: 8},
  F8_E5M2: {dtype: 'fp8', bits: 8},
  F8_E8M0: {dtype: 'fp8', bits: 8},
  F4: {dtype: 'int4', bits: 4},
  I64: {dtype: 'i64', bits: 64},
  U64: {dtype: 'i64', bits: 64},
  I32: {dtype: 'f32', bits: 32},
  U32: {dtype: 'f32', bits: 32},
  I16: {dtype: 'f16', bits: 16},
  U16: {dtype: 'f16', bits: 16},
  I8: {dtype: 'int8', bits: 8},
  U8: {dtype: 'int8', bits: 8},
  BOOL: {dtype: 'int8', bits: 8},
}

/** Length of the header, or `null` where the file cannot be one. */
export function headerLength(head: Uint8Array, size: number): number | null {
  if (head.length < 9) return null
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  return head[8] === 0x7b && length >= 2 && length <= size - 8 ? length : null
}

function parsed(text: string, origin: string, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    badFile(origin, `${what} is not JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) badFile(origin, `${what} is not an object`)
  return value as Record<string, unknown>
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/**
 * Weights that a safetensors file lists.
 * @throws AnalysisError `bad-file` where lengths, shapes, types and offsets do not fit the file or one another
 */
export function readSafetensors(source: ByteSource, origin: string): ListedWeight[] {
  const place = placeOf(origin)
  const length = headerLength(source.read(0, 9), source.size)
  if (length === null) badFile(place, 'is no safetensors file: the length of its header is more than the file has')
  if (length > LONGEST_HEADER) badFile(place, `has a header of ${length} bytes; at most ${LONGEST_HEADER} are read`)
  const header = parsed(textOf(source.read(8, length)), place, 'the header')
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  if (names.length > MAX_TENSORS) badFile(place, `has ${names.length} tensors; at most ${MAX_TENSORS} are read`)
  const listed = names.map((name) => weightOf(name, header[name], source.size - 8 - length, place))
  apart(listed, place)
  return listed.map(({weight}) => weight)
}

/** The data of no tensor lie in those of another (the format page: no holes, no overlap). */
function apart(listed: readonly Listed[], origin: string): void {
  const order = listed.filter(({from, to}) => to > from).sort((a, b) => a.from - b.from)
  order.forEach(({weight, from}, i) => {
    const before = order[i - 1]
    if (before && from < before.to)
      badFile(
        origin,
        `the data of tensor ${quoted(weight.name)} begin at byte ${from}, inside those of ${quoted(before.weight.name)}`,
      )
  })
}

interface Listed {
  readonly weight: ListedWeight
  /** bytes of the data */
  readonly from: number
  readonly to: number
}

function weightOf(name: string, value: unknown, room: number, origin: string): Listed {
  if (name.length > LONGEST_NAME)
    badFile(origin, `has a name of ${name.length} characters; at most ${LONGEST_NAME} are read`)
  const entry = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const {dtype, shape, data_offsets: offsets} = entry
  const type = typeof dtype === 'string' && Object.hasOwn(types, dtype) ? types[dtype] : undefined
  if (!type) badFile(origin, `tensor ${quoted(name)} has the unknown type ${quoted(String(dtype))}`)
  if (!Array.isArray(shape) || shape.length > 64 || !shape.every(isCount))
    badFile(origin, `tensor ${quoted(name)} has no shape of whole numbers`)
  const elements = elementsOf(shape, origin, name)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    badFile(origin, `tensor ${quoted(name)} has no offsets`)
  const [from, to] = offsets as [number, number]
  if (to > room) badFile(origin, `tensor ${quoted(name)} ends at byte ${to} of the data; the file has ${room}`)
  if (to - from !== Math.ceil((elements * type.bits) / 8))
    badFile(
      origin,
      `tensor ${quoted(name)} has ${to - from} bytes; ${elements} elements of ${String(dtype)} need ${Math.ceil((elements * type.bits) / 8)}`,
    )
  return {weight: {name, dtype: type.dtype, elements}, from, to}
}

/**
 * Files that an index of shards names: plain names in its own folder.
 * @throws AnalysisError `bad-file`
 */
export function readShardIndex(text: string, origin: string): string[] {
  const place = placeOf(origin)
  const {weight_map: map} = parsed(text, place, 'the index')
  if (typeof map !== 'object' || map === null) badFile(place, 'has no weight_map')
  const files = new Set<string>()
  for (const file of Object.values(map)) {
    if (typeof file !== 'string' || !/^[\w][\w.-]{0,254}$/.test(file) || file.includes('..'))
      badFile(place, `names the shard ${quoted(String(file))}, which is no file in its folder`)
    files.add(file)
    if (files.size > 10_000) badFile(place, 'names more than 10,000 shards')
  }
  return [...files]
}
