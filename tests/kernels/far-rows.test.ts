/** Matrices beyond the caches times a vector and sums of them, with rows at which Zen 4 takes two streams (native/kernels/gemv.cc, reductions.h) and beyond; exact,
 *  as their numbers are whole. */
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {type Part, pack, tensorsOf, unpack} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {makes} from './makes.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

/** More than 1 MiB for each of three threads; rows of 8 KiB and a little less or more, bands with rows left over. */
const sizes = [
  ['f32', 1703, 2047],
  ['f32', 1024, 2048],
  ['f32', 1103, 2049],
  ['f64', 1001, 1023],
  ['f64', 901, 1025],
  ['int8', 503, 8191],
  ['int8', 514, 8192],
  ['int8', 403, 8193],
] as const

/** More than 32 MiB for each of two threads: rows in an odd number, their rests, a part that is not whole. */
const reductions = [
  ['row-sum', [8209, 2051]],
  ['row-max', [8209, 2051]],
  ['sum', [16_800_001]],
] as const

describe.each(makes)('tuned for %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  /** The first part of a program over random whole numbers, on so many threads, to the bit. */
  function runExactly(part: Part, threadCounts: readonly number[], drawn = () => -7 + Math.floor(Math.random() * 15)) {
    const tensors = tensorsOf([{id: 'exact', parts: [part]}])
    const native = part.in.map((name) => {
      const {elements, type} = tensors.get(name)!
      const low = type === 'u8' ? 7 : 0
      return pack(
        Float64Array.from({length: elements}, () => low + drawn()),
        type,
      )
    })
    const [wanted] = part.reference(part.in.map((name, i) => unpack(native[i]!, tensors.get(name)!)))
    const {elements, type} = tensors.get(part.out[0]!)!
    const bytes = Buffer.from(pack(wanted!, type).buffer)
    for (const isa of isas)
      for (const threads of threadCounts) {
        const y = pack(new Float64Array(elements).fill(type === 'i32' ? -1 : Number.NaN), type)
        addon.runOp(isa, part.kernel, part.dims, native, [y], threads)
        expect(Buffer.from(y.buffer).equals(bytes), `${isa}, ${threads} threads`).toBe(true)
      }
  }

  test.each(sizes)('gemv of %s, %s x %s', (dtype, n, k) => {
    runExactly(kernels.gemv.program([n, k], dtype).parts[0]!, [1, 3])
  })

  test.each(reductions)('%s of %s', (id, dims) => {
    // seldom large, so that the largest differs from row to row: up to 1000
    runExactly(kernels[id].program(dims).parts[0]!, [1, 2], () => Math.floor(1 / (Math.random() + 1e-3)))
  })
})
