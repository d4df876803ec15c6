/** Tensors as a GPU stores them: f32, f16, and packed 8- and 4-bit integers, in 32-bit words. */
import type {Format} from '../wgsl/shader.ts'

const scratch = new DataView(new ArrayBuffer(4))

/** The nearest f16, ties to even, as its 16 bits (IEEE 754-2019 §3.6: 5 bits of exponent, 10 of fraction). */
export function toF16(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  // 65520 and above round to infinity
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  const size = Math.abs(Math.fround(value))
  const round = (scaled: number) => {
    const low = Math.floor(scaled)
    const rest = scaled - low
    return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low
  }
  if (magnitude < 0x38800000) return sign | round(size * 2 ** 24)
  const exponent = (magnitude >>> 23) - 127
  return sign | (((exponent + 14) << 10) + round((size / 2 ** exponent) * 1024))
}

/** The value of 16 bits of f16. */
export function fromF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}

const levels: Readonly<Record<'i32' | 'i8' | 'i4', number>> = {i32: 2 ** 31 - 1, i8: 127, i4: 7}

/** Values in [−1, 1) as the format holds them; integers use its whole range. */
export function quantize(values: Float32Array, format: Format): Float32Array {
  if (format === 'f32') return values
  if (format === 'f16') return values.map((value) => fromF16(toF16(value)))
  return values.map((value) => Math.round(value * levels[format]) + 0)
}

/** Packs values that the format holds exactly. */
export function encode(values: Float32Array, format: Format): Uint32Array<ArrayBuffer> {
  if (format === 'f32') return new Uint32Array(Float32Array.from(values).buffer)
  if (format === 'i32') return new Uint32Array(Int32Array.from(values).buffer)
  const bits = format === 'f16' ? 16 : format === 'i8' ? 8 : 4
  const per = 32 / bits
  const words = new Uint32Array(Math.ceil(values.length / per))
  values.forEach((value, i) => {
    const code = format === 'f16' ? toF16(value) : value & (2 ** bits - 1)
    words[Math.floor(i / per)]! |= code << ((i % per) * bits)
  })
  return words
}

/** Unpacks `count` values. */
export function decode(words: Uint32Array<ArrayBuffer>, format: Format, count: number): Float32Array {
  if (format === 'f32') return new Float32Array(words.buffer, words.byteOffset, count)
  if (format === 'i32') return Float32Array.from(new Int32Array(words.buffer, words.byteOffset, count))
  const bits = format === 'f16' ? 16 : format === 'i8' ? 8 : 4
  const per = 32 / bits
  return Float32Array.from({length: count}, (_, i) => {
    const word = words[Math.floor(i / per)]!
    if (format === 'f16') return fromF16((word >>> ((i % per) * 16)) & 0xffff)
    return (word << (32 - bits * ((i % per) + 1))) >> (32 - bits)
  })
}
