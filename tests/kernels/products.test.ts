/** Products whose B is near (native/kernels/sweep.h) in several steps along k and of rows, those whose B is packed ahead (native/kernels/ahead.h), and all
 *  others of these sizes: exact, as their numbers are whole. */
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {pack, tensorsOf, unpack} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {makes} from './makes.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

/** Steps of 1024 words of f32 and 512 of f64 and 96 rows; two tiles of two thirds at the lower edge; vectors across that are whole and not. */
const sizes = [
  [29, 52, 1100],
  [100, 20, 1037],
  [28, 32, 2100],
  [112, 48, 1030],
  [17, 70, 1030],
] as const

/** Several blocks of B, or one; the last narrow, its last panel too; rests of steps, rows in an odd number, two tiles of two thirds at the lower edge. */
const farSizes = [
  [198, 517, 515],
  [199, 600, 450],
  [200, 300, 1100],
  [577, 130, 2060],
] as const

const programs = {
  'gemm+bias+relu': kernels['gemm+bias+relu'].program,
  gemm: kernels.gemm.program,
  'gemm-nt': kernels['gemm-nt'].program,
  'gemm-tn': kernels['gemm-tn'].program,
  'gemm-strided': ([m, n, k]: readonly number[], dtype?: 'f32' | 'f64' | 'int8') =>
    kernels['gemm-strided'].program([m!, n!, k!, k! + 3, n! + 5, n! + 1], dtype),
  'gemm-batched': (size: readonly number[], dtype?: 'f32' | 'f64') =>
    kernels['gemm-batched'].program([2, ...size], dtype),
}

describe.each(makes)('tuned for %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  test.each([
    ...['gemm', 'gemm-nt', 'gemm-tn', 'gemm-strided', 'gemm-batched'].flatMap((id) => [
      [id, 'f32'] as const,
      [id, 'f64'] as const,
    ]),
    ['gemm+bias+relu', 'f32'] as const,
    ['gemm', 'int8'] as const,
    ['gemm-strided', 'int8'] as const,
  ])('%s of %s', (id, dtype) => {
    const rowMajor = ['gemm', 'gemm-strided', 'gemm+bias+relu'].includes(id) && dtype !== 'int8'
    for (const size of rowMajor ? [...sizes, ...farSizes] : sizes) {
      const part = (programs[id as keyof typeof programs] as typeof kernels.gemm.program)(size, dtype).parts[0]!
      const tensors = tensorsOf([{id, parts: [part]}])
      const numbers = (name: string, i: number) =>
        Float64Array.from(
          {length: tensors.get(name)!.elements},
          (_, at) => (at * (i ? 5 : 3) + (at >> 4)) % (i ? 7 : 5),
        )
      const inputs = part.in.map(numbers)
      const wanted = part.reference(inputs)[0]!
      const native = part.in.map((name, i) => pack(inputs[i]!, tensors.get(name)!.type))
      const y = tensors.get(part.out[0]!)!
      for (const isa of isas)
        for (const threads of [1, 3]) {
          const out = pack(new Float64Array(y.elements).fill(dtype === 'int8' ? -1 : Number.NaN), y.type)
          addon.runOp(isa, part.kernel, part.dims, native, [out], threads)
          const got = unpack(out, y)
          const wrong = wanted.findIndex(
            (v, i) => !(v === got[i] || (id === 'gemm-strided' && i % (size[1] + 1) === size[1])),
          )
          expect(wrong, `${isa}, ${size.join(' x ')}, ${threads} threads`).toBe(-1)
        }
    }
  })
})
