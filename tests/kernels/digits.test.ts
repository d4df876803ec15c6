/** Matrix times vector with weights of 8 and 4 bits: what writing x in digits may cost, and what cannot be written so. */
import {describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, pack, tensorsOf, testValues, unpack} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {makes} from './makes.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

const formats = [
  {id: 'dequantize-int8+gemv', dims: [], most: 128},
  {id: 'dequantize-int4+gemv', dims: [32], most: 8},
  {id: 'dequantize-int4+gemv', dims: [64], most: 8},
  {id: 'dequantize-int4+gemv', dims: [128], most: 8},
] as const

/** The product of n × k weights, changed by `change` where that is given, with x; and its error as a share of the sum of magnitudes. */
function product(
  isa: string,
  {id, dims, most}: (typeof formats)[number],
  [n, k]: readonly [number, number],
  change: (x: Float32Array, q: Float32Array, scales: Float32Array) => void = () => {},
) {
  const part = kernels[id].program([n, k, ...dims]).parts[0]!
  const tensors = tensorsOf([{id, parts: [part]}])
  const values = (name: string, seed: number) => testValues(tensors.get(name)!.elements, seed)
  const [x, q, scales] = [values('x', 3), values('q', 4), values('scales', 5)]
  for (let i = 0; i < q.length; i++) q[i] = Math.floor(q[i]! * most)
  change(x, q, scales)
  const native = [pack(x, 'f32'), pack(q, tensors.get('q')!.type), pack(scales, 'f32')]
  const out = pack(new Float64Array(n), 'f32')
  addon.runOp(isa, part.kernel, part.dims, native, [out], 2)
  const inputs = part.in.map((name, i) => unpack(native[i]!, tensors.get(name)!))
  const got = unpack(out, tensors.get('y')!)
  const wanted = part.reference(inputs)[0]!
  const magnitudes = part.reference(inputs.map((values) => values.map(Math.abs)))[0]!
  return {got, wanted, share: Math.max(...wanted.map((v, i) => Math.abs(got[i]! - v) / magnitudes[i]!))}
}

/** Bytes of any weights, for scales that are finite. */
function weightBytes(count: number): Int8Array {
  const bytes = new Int8Array(count)
  let state = 1
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[i] = state >> 24
  }
  return bytes
}

/** Weights of 20 MiB and more are fetched from memory, and their rows taken there and back: digits.h and gemv.cc; 4 bits from 128 MiB on nearer on Intel. */
test.each([
  {id: 'dequantize-int8+gemv', dims: [], rows: 1290, k: 16_451, perByte: 1},
  {id: 'dequantize-int4+gemv', dims: [64], rows: 2510, k: 16_768, perByte: 2},
  {id: 'dequantize-int4+gemv', dims: [128], rows: 16_010, k: 16_768, perByte: 2},
] as const)('$id: $rows rows from memory are what they are from the caches', {timeout: 120_000}, ({
  id,
  dims,
  rows,
  k,
  perByte,
}) => {
  const q = weightBytes((rows * k) / perByte)
  expect(q.length).toBeGreaterThanOrEqual(20 * 2 ** 20)
  const groups = k / (dims[0] ?? k)
  const x = testValues(k, 3)
  const scales = testValues(rows * groups, 5)
  const bytes = (from: number, to: number) => q.subarray((from * k) / perByte, (to * k) / perByte)
  const typed = (part: Int8Array) => (perByte === 1 ? part : new Uint8Array(part.buffer, part.byteOffset, part.length))
  const run = (isa: string, from: number, to: number) => {
    const y = new Float32Array(to - from).fill(Number.NaN)
    const inputs = [x, typed(bytes(from, to)), scales.subarray(from * groups, to * groups)]
    addon.runOp(isa, id, [to - from, k, ...dims], inputs, [y], 2)
    return y
  }
  const wanted = Array.from({length: 5}, (_, i) => [...run('scalar', (i * rows) / 5, ((i + 1) * rows) / 5)]).flat()
  const size = Math.max(...wanted.map(Math.abs))
  const own = addon.tuneFor()
  try {
    for (const make of makes) {
      addon.tuneFor(make)
      for (const isa of isas) {
        const got = run(isa, 0, rows)
        const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(got[i]! - value)), 0)
        expect(worst / size, `${isa}, ${make}`).toBeLessThan(1e-5)
        expect(got.every(Number.isFinite)).toBe(true)
      }
    }
  } finally {
    addon.tuneFor(own)
  }
})

describe.each(isas)('digits of x, %s', (isa) => {
  test.each(formats)('$id $dims: even data over several parts of x', (format) => {
    // two whole parts of 64 vectors of 512 bits and a bit, and fewer rows than streams beside whole blocks of them
    const {share} = product(isa, format, [37, format.most === 8 ? 16_768 : 8_297])
    // without vectors thousands of products are added one after another in f32
    expect(share).toBeLessThan(isa === 'scalar' ? 1e-5 : 1e-7)
  })

  test.each(formats)('$id $dims: one element far above the others, which no weight takes', (format) => {
    const k = format.most === 8 ? 384 : 389
    const {share} = product(isa, format, [21, k], (x, q) => {
      x[40] = 1e4
      for (let row = 0; row < 21; row++) q[row * k + 40] = 0
    })
    expect(share).toBeLessThan(1e-4)
  })

  test.each(formats)('$id $dims: zeros, and numbers near the ends of the range', (format) => {
    expect([...product(isa, format, [5, 256], (x) => x.fill(0)).got].every((v) => v === 0)).toBe(true)
    for (const size of [1e-36, 1e-30, 1e30]) {
      const {share} = product(isa, format, [5, 256], (x) => {
        for (let i = 0; i < x.length; i++) x[i]! *= size
      })
      expect(share, `${size}`).toBeLessThan(2e-5)
    }
  })

  test.each(formats)('$id $dims: NaN and infinity in x and in scales', (format) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const inX = product(isa, format, [9, 256], (x, q) => {
        x[77] = value
        for (let row = 0; row < 9; row++) q[row * 256 + 77] = 3
      })
      expect(errorOf(inX.got, inX.wanted)).toBeLessThan(1e-4)
      const inScales = product(isa, format, [9, 256], (_x, _q, scales) => {
        scales[scales.length - 1] = value
      })
      expect(Number.isFinite(inScales.got[8])).toBe(false)
      expect(errorOf(inScales.got.subarray(0, 8), inScales.wanted.subarray(0, 8))).toBeLessThan(1e-3)
    }
  })
})
