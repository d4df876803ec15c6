/** Matrix times vector with weights of 8 and 4 bits: what writing x in digits may cost, and what cannot be written so. */
import {describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, pack, tensorsOf, testValues, unpack} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'

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
