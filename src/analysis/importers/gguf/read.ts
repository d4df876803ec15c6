/** GGUF header: metadata and the list of tensors. Every count and length is checked against what is left of the file. */
import {quoted} from '../../errors.ts'
import {type ByteSource, ByteWindow, badFile, textOf} from '../source.ts'
import {type GgufHeader, type GgufTensor, type GgufValue, tensorTypes} from './types.ts'

/** Bounds of what is kept; the largest published files have some 2,000 tensors and 60 keys. */
const MAX_KEYS = 10_000
const MAX_TENSORS = 100_000
const LONGEST_NAME = 4096
const KEPT_NUMBERS = 1024
const MAX_DEPTH = 4
const MAX_DIMS = 8

/** Bytes of a value by its type; strings and arrays say their own. */
const widths: Readonly<Record<number, number>> = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
const STRING = 8
const ARRAY = 9

class Reader {
  readonly origin: string
  readonly size: number
  private readonly window: ByteWindow
  private at = 0

  constructor(source: ByteSource, origin: string) {
    this.window = new ByteWindow(source, origin)
    this.size = source.size
    this.origin = origin
  }

  private take(bytes: number): number {
    const from = this.at
    if (bytes > this.size - from)
      badFile(this.origin, `ends at byte ${this.size}; ${bytes} bytes more are said to follow byte ${from}`)
    this.at = from + bytes
    return from
  }

  uint32(): number {
    return this.window.uint32(this.take(4))
  }

  uint64(): number {
    return this.window.uint64(this.take(8))
  }

  /** A count of things of at least `least` bytes each. */
  count(what: string, least: number, most: number): number {
    const count = this.uint64()
    const room = Math.floor((this.size - this.at) / least)
    if (count > room) badFile(this.origin, `claims ${count} ${what} where ${room} would fill the file`)
    if (count > most) badFile(this.origin, `has ${count} ${what}; at most ${most} are read`)
    return count
  }

  name(what: string): string {
    const length = this.uint64()
    if (length > this.size - this.at)
      badFile(this.origin, `claims a ${what} of ${length} bytes where ${this.size - this.at} are left`)
    if (length > LONGEST_NAME)
      badFile(this.origin, `has a ${what} of ${length} bytes; at most ${LONGEST_NAME} are read`)
    return textOf(this.window.slice(this.take(length), length))
  }

  private number(type: number): number {
    const at = this.take(widths[type]!)
    const {window} = this
    switch (type) {
      case 0:
      case 7:
        return window.byte(at)
      case 1:
        return (window.byte(at) << 24) >> 24
      case 2:
        return window.byte(at) | (window.byte(at + 1) << 8)
      case 3:
        return ((window.byte(at) | (window.byte(at + 1) << 8)) << 16) >> 16
      case 4:
        return window.uint32(at)
      case 5:
        return window.int32(at)
      case 6:
        return window.float32(at)
      case 10:
        return window.uint64(at)
      case 11:
        return window.int64(at)
      default:
        return window.float64(at)
    }
  }

  value(type: number, depth = 0): GgufValue {
    if (type === STRING) {
      const length = this.uint64()
      const at = this.take(length)
      return textOf(this.window.slice(at, Math.min(length, LONGEST_NAME)))
    }
    if (type === ARRAY) return this.array(depth)
    if (widths[type] === undefined)
      badFile(this.origin, `has a value of the unknown type ${type} before byte ${this.at}`)
    const number = this.number(type)
    return type === 7 ? number !== 0 : number
  }

  private array(depth: number): GgufValue {
    if (depth >= MAX_DEPTH) badFile(this.origin, `has arrays more than ${MAX_DEPTH} deep`)
    const type = this.uint32()
    const width = widths[type]
    if (width === undefined && type !== STRING && type !== ARRAY)
      badFile(this.origin, `has an array of the unknown type ${type} before byte ${this.at}`)
    const length = this.count('elements of an array', width ?? (type === STRING ? 8 : 12), Number.POSITIVE_INFINITY)
    const first: number[] = []
    if (width !== undefined) {
      const end = this.at + length * width
      for (let i = 0; i < Math.min(length, KEPT_NUMBERS); i++) first.push(this.number(type))
      this.at = end
    } else if (type === STRING) for (let i = 0; i < length; i++) this.take(this.uint64())
    else for (let i = 0; i < length; i++) this.value(ARRAY, depth + 1)
    return {length, first}
  }

  tensor(): {tensor: GgufTensor; offset: number} {
    const name = this.name('tensor name')
    const rank = this.uint32()
    if (rank > MAX_DIMS)
      badFile(this.origin, `tensor ${quoted(name)} has ${rank} dimensions; at most ${MAX_DIMS} are read`)
    const shape = Array.from({length: rank}, () => this.uint64())
    const number = this.uint32()
    const type = tensorTypes[number]
    if (!type)
      badFile(this.origin, `tensor ${quoted(name)} has the unknown type ${number}`, 'is the file newer than this tool?')
    const elements = shape.reduce((n, size) => n * size, 1)
    if (!Number.isSafeInteger(elements))
      badFile(this.origin, `tensor ${quoted(name)} has ${elements.toExponential(2)} elements`)
    // blocks lie along the first axis
    if ((shape[0] ?? 1) % type.block !== 0)
      badFile(
        this.origin,
        `tensor ${quoted(name)}: rows of ${shape[0]} elements do not divide into blocks of ${type.block}`,
      )
    const bytes = (elements / type.block) * type.bytes
    return {tensor: {name, shape, dtype: type.dtype, elements, bytes}, offset: this.uint64()}
  }

  /** Every tensor must lie inside the file. */
  checkData(tensors: readonly {tensor: GgufTensor; offset: number}[], alignment: number): void {
    const start = Math.ceil(this.at / alignment) * alignment
    for (const {tensor, offset} of tensors) {
      if (start + offset + tensor.bytes > this.size)
        badFile(
          this.origin,
          `tensor ${quoted(tensor.name)} ends at byte ${start + offset + tensor.bytes}; the file has ${this.size}`,
        )
    }
  }
}

/**
 * Reads the header of a GGUF file of version 2 or 3.
 * @throws AnalysisError `bad-file`
 */
export function readGguf(source: ByteSource, origin: string): GgufHeader {
  const reader = new Reader(source, origin)
  if (reader.uint32() !== 0x46554747) badFile(origin, 'is no GGUF file: it does not begin with GGUF')
  const version = reader.uint32()
  if (version !== 2 && version !== 3)
    badFile(
      origin,
      `has GGUF version ${version}; 2 and 3 are read${version > 0xffff ? ' (is the file big-endian?)' : ''}`,
    )
  const count = reader.count('tensors', 24, MAX_TENSORS)
  const keys = reader.count('keys', 13, MAX_KEYS)
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < keys; i++) {
    const key = reader.name('key')
    metadata.set(key, reader.value(reader.uint32()))
  }
  const tensors = Array.from({length: count}, () => reader.tensor())
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1 || alignment > 2 ** 20)
    badFile(origin, `has an alignment of ${typeof alignment === 'number' ? alignment : 'another type than a number'}`)
  reader.checkData(tensors, alignment)
  return {version, metadata, tensors: tensors.map(({tensor}) => tensor)}
}
