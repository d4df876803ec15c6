/** Random access to the bytes of a file: what every binary format reads from, so that a file of any size is never held whole. */
import {AnalysisError} from '../errors.ts'

/** A file of `size` bytes. `read` answers up to `length` bytes from `offset`; fewer only at the end of the file. */
export interface ByteSource {
  readonly size: number
  read(offset: number, length: number): Uint8Array
}

/** Bytes that are in memory already. */
export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
})

/** What messages call a file: the end of its path, which names it. */
export const placeOf = (origin: string): string => (origin.length > 200 ? `…${origin.slice(-199)}` : origin)

/** @throws AnalysisError `bad-file` beginning with the file's name */
export function badFile(
  origin: string,
  problem: string,
  next = 'is it complete? compare its size with the original',
): never {
  throw new AnalysisError('bad-file', `${placeOf(origin)}: ${problem}`, [next])
}

/** Large enough that a header is a few reads, small enough that skipping over 1,000 weights copies 64 MB at most. */
const WINDOW = 64 * 1024

/** Reads through a window that moves with the reader. Bytes are looked up one by one, so the fast path is one comparison. */
export class ByteWindow {
  readonly source: ByteSource
  readonly origin: string
  private bytes: Uint8Array = new Uint8Array(0)
  private view = new DataView(this.bytes.buffer)
  private start = 0

  constructor(source: ByteSource, origin: string) {
    this.source = source
    this.origin = origin
  }

  private move(offset: number, length: number): void {
    const wanted = Math.min(Math.max(WINDOW, length), this.source.size - offset)
    this.bytes = wanted > 0 ? this.source.read(offset, wanted) : new Uint8Array(0)
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
    this.start = offset
    if (this.bytes.length < length) badFile(this.origin, `ends at byte ${this.source.size}, inside a value`)
  }

  /** Position in `view` of `length` bytes from `offset`; it may put another `view` in its place. */
  private at(offset: number, length: number): number {
    const position = offset - this.start
    if (position >= 0 && position + length <= this.bytes.length) return position
    this.move(offset, length)
    return 0
  }

  byte(offset: number): number {
    const position = offset - this.start
    if (position >= 0 && position < this.bytes.length) return this.bytes[position]!
    this.move(offset, 1)
    return this.bytes[0]!
  }

  slice(offset: number, length: number): Uint8Array {
    const position = this.at(offset, length)
    return this.bytes.subarray(position, position + length)
  }

  uint32(offset: number): number {
    const position = this.at(offset, 4)
    return this.view.getUint32(position, true)
  }

  int32(offset: number): number {
    const position = this.at(offset, 4)
    return this.view.getInt32(position, true)
  }

  float32(offset: number): number {
    const position = this.at(offset, 4)
    return this.view.getFloat32(position, true)
  }

  float64(offset: number): number {
    const position = this.at(offset, 8)
    return this.view.getFloat64(position, true)
  }

  /** Exact below 2^53; larger counts come out as the nearest double, which every limit refuses. */
  uint64(offset: number): number {
    const position = this.at(offset, 8)
    return this.view.getUint32(position, true) + this.view.getUint32(position + 4, true) * 2 ** 32
  }

  int64(offset: number): number {
    const position = this.at(offset, 8)
    return this.view.getUint32(position, true) + this.view.getInt32(position + 4, true) * 2 ** 32
  }
}

const decoder = new TextDecoder('utf-8')

/** UTF-8 to text; bytes that are none become U+FFFD. */
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)
