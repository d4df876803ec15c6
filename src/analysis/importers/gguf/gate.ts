/**
 * What stands before the GGUF library: a walk over the header that checks every count and length against what is left of
 * the file, and hands on a header of its own making. Long lists (the vocabulary) and long texts (chat templates) are left
 * out of it: nothing here asks for them, and the library would hold them all.
 */
import {quoted} from '../../errors.ts'
import {type ByteSource, ByteWindow, badFile, textOf} from '../source.ts'

/** Bounds of what is kept; the largest published files have some 2,000 tensors and 60 keys. */
const MAX_KEYS = 10_000
const MAX_TENSORS = 100_000
const LONGEST_NAME = 4096
/** lists with one number per layer */
const LONGEST_LIST = 4096
const MAX_DEPTH = 4
const MAX_DIMS = 8
/** The library refuses more than 50 MB; 100,000 tensors with names of 60 characters take 11 MB. */
const LARGEST_HEADER = 32 * 2 ** 20

/** Bytes of a value by its type; strings and arrays say their own. */
const widths: Readonly<Record<number, number>> = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
const STRING = 8
const ARRAY = 9

/** A header that is safe to parse: every count and length in it is true of its bytes. */
export interface CheckedHeader {
  readonly version: number
  /** magic, version, counts, the values that are kept, and every tensor */
  readonly bytes: Uint8Array
  /** where the header of the file ends: the weights begin behind it, aligned */
  readonly end: number
}

class Walker {
  readonly origin: string
  readonly size: number
  readonly window: ByteWindow
  at = 0

  constructor(source: ByteSource, origin: string) {
    this.window = new ByteWindow(source, origin)
    this.size = source.size
    this.origin = origin
  }

  take(bytes: number): number {
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

  /** Passes over a value. @returns whether it is one that is kept */
  value(type: number): boolean {
    if (type === STRING) {
      const length = this.uint64()
      this.take(length)
      return length <= LONGEST_NAME
    }
    if (type === ARRAY) return this.array(0)
    const width = widths[type]
    if (width === undefined) badFile(this.origin, `has a value of the unknown type ${type} before byte ${this.at}`)
    this.take(width)
    return true
  }

  private array(depth: number): boolean {
    if (depth >= MAX_DEPTH) badFile(this.origin, `has arrays more than ${MAX_DEPTH} deep`)
    const type = this.uint32()
    const width = widths[type]
    if (width === undefined && type !== STRING && type !== ARRAY)
      badFile(this.origin, `has an array of the unknown type ${type} before byte ${this.at}`)
    const length = this.count('elements of an array', width ?? (type === STRING ? 8 : 12), Number.POSITIVE_INFINITY)
    if (width !== undefined) this.take(length * width)
    else if (type === STRING) for (let i = 0; i < length; i++) this.take(this.uint64())
    else for (let i = 0; i < length; i++) this.array(depth + 1)
    return width !== undefined && length <= LONGEST_LIST
  }

  /** Passes over a tensor: a name, sizes, a type and an offset. */
  tensor(): void {
    const name = this.name('tensor name')
    const rank = this.uint32()
    if (rank > MAX_DIMS)
      badFile(this.origin, `tensor ${quoted(name)} has ${rank} dimensions; at most ${MAX_DIMS} are read`)
    let elements = 1
    for (let i = 0; i < rank; i++) elements *= this.uint64()
    // the smallest format takes more than one bit of a weight, and every weight lies in the file
    if (!(elements <= this.size * 8))
      badFile(
        this.origin,
        `tensor ${quoted(name)} has ${elements} elements, which a file of ${this.size} bytes cannot hold`,
      )
    this.take(12)
  }
}

/** Pieces of the file, joined. */
function joined(walker: Walker, pieces: readonly {from: number; to: number}[], head: readonly number[]): Uint8Array {
  const length = pieces.reduce((sum, {from, to}) => sum + to - from, 0)
  if (length > LARGEST_HEADER)
    badFile(walker.origin, `has a header of ${length} bytes; at most ${LARGEST_HEADER} are read`)
  const bytes = new Uint8Array(head.length + length)
  bytes.set(head)
  let at = head.length
  for (const {from, to} of pieces) {
    bytes.set(walker.window.slice(from, to - from), at)
    at += to - from
  }
  return bytes
}

const uint64 = (value: number): number[] => [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)]

/**
 * Checks the header of a GGUF file of version 2 or 3.
 * @throws AnalysisError `bad-file` naming what is wrong and where
 */
export function checkHeader(source: ByteSource, origin: string): CheckedHeader {
  const walker = new Walker(source, origin)
  if (walker.uint32() !== 0x46554747) badFile(origin, 'is no GGUF file: it does not begin with GGUF')
  const version = walker.uint32()
  if (version !== 2 && version !== 3)
    badFile(
      origin,
      `has GGUF version ${version}; 2 and 3 are read${version > 0xffff ? ' (is the file big-endian?)' : ''}`,
    )
  const tensors = walker.count('tensors', 24, MAX_TENSORS)
  const keys = walker.count('keys', 13, MAX_KEYS)
  const pieces: {from: number; to: number}[] = []
  for (let i = 0; i < keys; i++) {
    const from = walker.at
    walker.name('key')
    if (walker.value(walker.uint32())) pieces.push({from, to: walker.at})
  }
  const kept = pieces.length
  const from = walker.at
  for (let i = 0; i < tensors; i++) walker.tensor()
  pieces.push({from, to: walker.at})
  const head = [0x47, 0x47, 0x55, 0x46, version, 0, 0, 0, ...uint64(tensors), ...uint64(kept)]
  return {version, bytes: joined(walker, pieces, head), end: walker.at}
}
