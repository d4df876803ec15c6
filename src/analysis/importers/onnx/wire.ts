/** The protobuf wire format, read by seeking: https://protobuf.dev/programming-guides/encoding/ */
import {type ByteWindow, badFile, textOf} from '../source.ts'

/** Names in real files stay below a few hundred bytes (module paths of deep models). */
const LONGEST_NAME = 4096
/** Lists of numbers that are kept: axes, pads, shapes, small constants. */
export const LONGEST_LIST = 65_536

/** One message: a range of the file. Each field is read at most once, in file order; what nobody asks for is skipped by length. */
export class Message {
  readonly window: ByteWindow
  readonly start: number
  readonly end: number
  private position: number
  /** number of the field that `next` stands at */
  field = 0
  private wire = 0

  constructor(window: ByteWindow, start: number, end: number) {
    this.window = window
    this.start = start
    this.end = end
    this.position = start
  }

  private fail(problem: string): never {
    badFile(this.window.origin, `is no readable ONNX file: ${problem} at byte ${this.position}`)
  }

  /** Moves to the next field. The value must be taken, or skipped with `skip`. */
  next(): boolean {
    if (this.position >= this.end) return false
    const tag = this.varint()
    this.field = Math.floor(tag / 8)
    this.wire = tag % 8
    if (this.field < 1 || this.field >= 2 ** 29) this.fail(`field number ${this.field}`)
    return true
  }

  /** An unsigned varint; negative int64 come out above 2^63, see `int`. */
  private varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      if (this.position >= this.end) this.fail('a number runs over the end of its message')
      const byte = this.window.byte(this.position++)
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    this.fail('a number of more than 10 bytes')
  }

  /** A signed varint. Negative ones fill 10 bytes: the value is assembled from the complement, exact above −2^53. */
  private signed(): number {
    const from = this.position
    const value = this.varint()
    if (value < 2 ** 63) return value
    let complement = 0
    let scale = 1
    for (let at = from; at < this.position && scale < 2 ** 63; at++) {
      complement += (~this.window.byte(at) & 0x7f) * scale
      scale *= 128
    }
    return -complement - 1
  }

  private expect(wire: number, what: string): void {
    if (this.wire !== wire) this.fail(`field ${this.field} is no ${what} (wire type ${this.wire})`)
  }

  private range(): {start: number; end: number} {
    const length = this.varint()
    const start = this.position
    if (length > this.end - start) this.fail(`a length of ${length} bytes where ${this.end - start} are left`)
    this.position = start + length
    return {start, end: this.position}
  }

  int(): number {
    this.expect(0, 'whole number')
    return this.signed()
  }

  float(): number {
    this.expect(5, 'float')
    return this.window.float32(this.fixed(4))
  }

  private fixed(bytes: number): number {
    const at = this.position
    if (bytes > this.end - at) this.fail('a number runs over the end of its message')
    this.position += bytes
    return at
  }

  message(): Message {
    this.expect(2, 'message')
    const {start, end} = this.range()
    return new Message(this.window, start, end)
  }

  /** A name. @throws AnalysisError `bad-file` above 4,096 bytes */
  text(): string {
    this.expect(2, 'text')
    const {start, end} = this.range()
    if (end - start > LONGEST_NAME)
      badFile(this.window.origin, `a name of ${end - start} bytes at byte ${start}; at most ${LONGEST_NAME} are read`)
    return textOf(this.window.slice(start, end - start))
  }

  /** A text that may be anything long: only its first 4,096 bytes are kept. */
  blob(): {start: number; length: number} {
    this.expect(2, 'bytes')
    const {start, end} = this.range()
    return {start, length: end - start}
  }

  textOf({start, length}: {start: number; length: number}): string {
    return textOf(this.window.slice(start, Math.min(length, LONGEST_NAME)))
  }

  /** Appends one value, or all of a packed list. Lists that grow too long are cut; `count` says how many there were. */
  private list(into: number[], packedWire: number, one: () => number): number {
    if (this.wire === packedWire) {
      if (into.length < LONGEST_LIST) into.push(one())
      else one()
      return 1
    }
    this.expect(2, 'list of numbers')
    const {start, end} = this.range()
    if (packedWire === 5 && (end - start) % 4 !== 0) this.fail('a list of floats that is no multiple of 4 bytes long')
    if (packedWire === 1 && (end - start) % 8 !== 0) this.fail('a list of doubles that is no multiple of 8 bytes long')
    if (packedWire !== 0 && (end - start) / (packedWire === 5 ? 4 : 8) > LONGEST_LIST)
      return (end - start) / (packedWire === 5 ? 4 : 8)
    const inner = new Message(this.window, start, end)
    let count = 0
    while (inner.position < end) {
      const value = packedWire === 0 ? inner.signed() : inner.number(packedWire)
      if (into.length < LONGEST_LIST) into.push(value)
      // varints have no fixed width: counting the rest of a long list would read it all
      else return Number.POSITIVE_INFINITY
      count++
    }
    return count
  }

  private number(wire: number): number {
    return wire === 5 ? this.window.float32(this.fixed(4)) : this.window.float64(this.fixed(8))
  }

  ints(into: number[]): number {
    return this.list(into, 0, () => this.signed())
  }

  floats(into: number[]): number {
    return this.list(into, 5, () => this.number(5))
  }

  doubles(into: number[]): number {
    return this.list(into, 1, () => this.number(1))
  }

  skip(): void {
    if (this.wire === 0) this.varint()
    else if (this.wire === 1) this.fixed(8)
    else if (this.wire === 2) this.range()
    else if (this.wire === 5) this.fixed(4)
    else this.fail(`wire type ${this.wire}`)
  }
}
