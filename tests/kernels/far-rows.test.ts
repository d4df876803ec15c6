/** Matrices beyond the caches times a vector, with rows at which Zen 4 takes two streams (native/kernels/gemv.cc) and beyond; exact, as their numbers are whole. */
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {pack, tensorsOf, unpack} from '../../src/kernels/program.ts'
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

describe.each(makes)('tuned for %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  test.each(sizes)('gemv of %s, %s x %s', (dtype, n, k) => {
    const part = kernels.gemv.program([n, k], dtype).parts[0]!
    const tensors = tensorsOf([{id: 'gemv', parts: [part]}])
    const native = part.in.map((name) => {
      const {elements, type} = tensors.get(name)!
      const low = type === 'u8' ? 0 : -7
      return pack(
        Float64Array.from({length: elements}, () => low + Math.floor(Math.random() * 15)),
        type,
      )
    })
    const [wanted] = part.reference(part.in.map((name, i) => unpack(native[i]!, tensors.get(name)!)))
    for (const isa of isas)
      for (const threads of [1, 3]) {
        const name = part.out[0]!
        const {elements, type} = tensors.get(name)!
        const y = pack(new Float64Array(elements).fill(type === 'i32' ? -1 : Number.NaN), type)
        addon.runOp(isa, part.kernel, part.dims, native, [y], threads)
        expect(
          Buffer.from(y.buffer).equals(Buffer.from(pack(wanted!, type).buffer)),
          `${isa}, ${threads} threads`,
        ).toBe(true)
      }
  })
})
