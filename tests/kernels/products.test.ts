/** Products whose B is near (native/kernels/sweep.h) in several steps along k and of rows, those whose B is packed ahead (native/kernels/ahead.h), and all
 *  others of these sizes: exact, as their numbers are whole. */
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {pack, tensorsOf, unpack} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {checkProgram} from '../../src/kernels/verify.ts'
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

/** The same of bytes, whose steps are four: in one block and several, with rests of a step and of its rows, and just beneath the fewest rows and steps. */
const byteSizes = [
  [192, 64, 509],
  [192, 65, 508],
  [191, 64, 512],
  [198, 517, 1030],
  [199, 600, 515],
  [200, 129, 1100],
  [577, 130, 2063],
] as const

/** The same where B is turned, four steps at a time: rests of those, narrow last blocks, one row fewer than is taken, parts of three threads. */
const turnedSizes = [
  [769, 517, 515],
  [772, 130, 2063],
  [767, 530, 514],
  [774, 1610, 518],
] as const

/** Of bytes the largest and the smallest, whose products and sums 16 bits do not hold. */
const bytesOf = [
  [255, 0, 254, 1, 255],
  [-128, 127, -128, 0, -127, 64, -1],
] as const

const programs = {
  'gemm+bias+relu': kernels['gemm+bias+relu'].program,
  gemm: kernels.gemm.program,
  'gemm-nt': kernels['gemm-nt'].program,
  'gemm-tn': kernels['gemm-tn'].program,
  'gemm-strided': ([m, n, k]: readonly number[], dtype?: 'f32' | 'f64' | 'int8') =>
    kernels['gemm-strided'].program([m!, n!, k!, k! + 3, n! + 5, n! + 1], dtype),
  'gemm-batched': (size: readonly number[], dtype?: 'f32' | 'f64' | 'int8') =>
    kernels['gemm-batched'].program([2, ...size], dtype),
}

/** Each make with its own L2, and Intel's with the least that products are made for, whose blocks are many, and with the most. */
const ways = [
  ...makes.map((make) => [make, 0] as const),
  ...[2 ** 18, 2 ** 22].filter(() => makes.some((make) => make === 'intel')).map((l2) => ['intel', l2] as const),
]

describe.each(ways)('tuned for %s, %i bytes of L2', (make, l2) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make, l2)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own, 0)).toBe(own))

  test.each([
    ...['gemm', 'gemm-nt', 'gemm-tn', 'gemm-strided', 'gemm-batched'].flatMap((id) => [
      [id, 'f32'] as const,
      [id, 'f64'] as const,
      [id, 'int8'] as const,
    ]),
    ['gemm+bias+relu', 'f32'] as const,
  ])('%s of %s', (id, dtype) => {
    const rowMajor = ['gemm', 'gemm-strided', 'gemm+bias+relu'].includes(id)
    const more = id === 'gemm-nt' ? turnedSizes : !rowMajor ? [] : dtype === 'int8' ? byteSizes : farSizes
    for (const size of [...sizes, ...more]) {
      const part = (programs[id as keyof typeof programs] as typeof kernels.gemm.program)(size, dtype).parts[0]!
      const tensors = tensorsOf([{id, parts: [part]}])
      const numbers = (name: string, i: number) =>
        Float64Array.from({length: tensors.get(name)!.elements}, (_, at) => {
          const value = (at * (i ? 5 : 3) + (at >> 4)) % (i ? 7 : 5)
          return dtype === 'int8' ? bytesOf[i ? 1 : 0]![value]! : value
        })
      const inputs = part.in.map(numbers)
      const wanted = part.reference(inputs)[0]!
      const native = part.in.map((name, i) => pack(inputs[i]!, tensors.get(name)!.type))
      const y = tensors.get(part.out[0]!)!
      // the widest instructions alone look at the size of L2
      for (const isa of l2 ? isas.slice(-1) : isas)
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

// bands of columns and blocks of steps that end in parts of a tile, of a turn and of a group; a thread's share is still larger than what lies near
test.each([
  ['dequantize-int8+gemm', [50, 3000, 300]],
  ['dequantize-int4+gemm', [50, 3000, 320, 64]],
] as const)('%s %j: widened weights in bands', {timeout: 60_000}, (id, dims) => {
  for (const threads of [1, 2, 3])
    expect(
      checkProgram(addon, kernels[id].program(dims), isas.at(-1)!, threads),
      `${threads} threads`,
    ).toBeLessThanOrEqual(kernels[id].tolerance)
})
