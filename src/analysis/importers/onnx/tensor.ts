/** TensorProto: sizes of weights, values of small tensors. Field numbers: onnx/onnx.proto3. */
import {quoted} from '../../errors.ts'
import {badFile} from '../source.ts'
import {elementBits, type OnnxTensor} from './types.ts'
import type {Message} from './wire.ts'

/** Shape arithmetic works on a handful of numbers; attention masks of ids and the like stay sizes. */
export const SMALL = 4096
const MAX_RANK = 64

/** Elements of a shape. @throws AnalysisError `bad-file` for a negative size or a count beyond 2^53 */
export function elementsOf(shape: readonly number[], origin: string, name: string): number {
  let elements = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0)
      badFile(origin, `tensor ${quoted(name)} has a dimension of ${size}`, 'sizes are whole numbers from 0')
    elements *= size
  }
  if (!Number.isSafeInteger(elements))
    badFile(origin, `tensor ${quoted(name)} has ${elements.toExponential(2)} elements; counts are exact below 2^53`)
  return elements
}

/** A half as a double. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24)
}

/** Values of `raw_data`, little endian; `null` for types that no shape is made of. */
function rawValues(at: Message, start: number, type: number, count: number): number[] | null {
  const {window} = at
  const values: number[] = []
  for (let i = 0; i < count; i++) {
    if (type === 7) values.push(window.int64(start + 8 * i))
    else if (type === 13) values.push(window.uint64(start + 8 * i))
    else if (type === 6) values.push(window.int32(start + 4 * i))
    else if (type === 12) values.push(window.uint32(start + 4 * i))
    else if (type === 1) values.push(window.float32(start + 4 * i))
    else if (type === 11) values.push(window.float64(start + 8 * i))
    else if (type === 2 || type === 9) values.push(window.byte(start + i))
    else if (type === 3) values.push((window.byte(start + i) << 24) >> 24)
    else if (type === 10) values.push(half(window.byte(start + 2 * i) | (window.byte(start + 2 * i + 1) << 8)))
    else return null
  }
  return values
}

/** Reads a tensor without its weights. @throws AnalysisError `bad-file` where sizes and bytes disagree */
export function readTensor(at: Message): OnnxTensor {
  const {origin} = at.window
  const shape: number[] = []
  const listed: number[] = []
  let type = 0
  let name = ''
  let raw: {start: number; length: number} | null = null
  let external: string | null = null
  let outside = false
  while (at.next()) {
    if (at.field === 1) at.ints(shape)
    else if (at.field === 2) type = at.int()
    else if (at.field === 4) at.floats(listed)
    else if (at.field === 5 || at.field === 7 || at.field === 11) at.ints(listed)
    else if (at.field === 8) name = at.text()
    else if (at.field === 9) raw = at.blob()
    else if (at.field === 10) at.doubles(listed)
    else if (at.field === 13) external = locationOf(at.message()) ?? external
    else if (at.field === 14) outside = at.int() === 1
    else at.skip()
    if (shape.length > MAX_RANK) badFile(origin, `tensor ${quoted(name)} has more than ${MAX_RANK} dimensions`)
  }
  if (elementBits[type] === undefined) badFile(origin, `tensor ${quoted(name)} has the unknown element type ${type}`)
  const elements = elementsOf(shape, origin, name)
  const bits = elementBits[type]!
  if (raw && bits > 0 && !outside && raw.length !== Math.ceil((elements * bits) / 8))
    badFile(
      origin,
      `tensor ${quoted(name)} has ${raw.length} bytes; ${elements} elements need ${Math.ceil((elements * bits) / 8)}`,
    )
  const small = elements <= SMALL && !outside
  const values = !small
    ? null
    : raw
      ? rawValues(at, raw.start, type, elements)
      : listed.length === elements
        ? listed
        : null
  return {name, type, shape, values, external: outside ? (external ?? '') : null}
}

/** `location` among the key–value pairs of external data. */
function locationOf(pair: Message): string | null {
  let key = ''
  let value = ''
  while (pair.next()) {
    if (pair.field === 1) key = pair.text()
    else if (pair.field === 2) value = pair.text()
    else pair.skip()
  }
  return key === 'location' ? value : null
}
