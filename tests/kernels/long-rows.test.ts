/** Rows of which L1 does not hold two or three: kernels on Intel's cores then take them in another order (native/kernels/norms.cc, rows.cc). */
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, pack, tensorsOf, unpack} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {makes} from './makes.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

/** Around 4, 8, 12 and 16 KiB of columns, one and more rows, whole vectors and not. */
const sizes = [
  [7, 1536],
  [5, 2053],
  [5, 3072],
  [3, 4096],
  [4, 4111],
  [3, 6144],
  [5, 6149],
  [1, 8192],
  [2, 16400],
] as const
/** One lane adds up thousands of squares in f32: 1.5e-5 has been seen. */
const tolerance = 5e-5
const ids = ['softmax', 'cross-entropy', 'layernorm', 'rmsnorm', 'add+layernorm', 'add+rmsnorm'] as const

describe.each(makes)('tuned for %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  test.each(ids)('%s', (id) => {
    for (const size of sizes) {
      const [rows, cols] = size
      const part = kernels[id].program(size).parts[0]!
      const tensors = tensorsOf([{id, parts: [part]}])
      const inputs = part.in.map((name) => {
        const {elements, type} = tensors.get(name)!
        if (type === 'i32') return Float64Array.from({length: elements}, () => Math.floor(Math.random() * cols))
        // every third row is far from 0, where softmax takes a shift away
        return Float64Array.from(
          {length: elements},
          (_, i) => 2 * Math.random() - 1 + (!id.endsWith('norm') && Math.floor(i / cols) % 3 === 0 ? 60 : 0),
        )
      })
      const native = part.in.map((name, i) => pack(inputs[i]!, tensors.get(name)!.type))
      const wanted = part.reference(part.in.map((name, i) => unpack(native[i]!, tensors.get(name)!)))
      for (const isa of isas)
        for (const threads of [1, 3]) {
          const out = part.out.map((name) => {
            const {elements, type} = tensors.get(name)!
            return pack(new Float64Array(elements).fill(Number.NaN), type)
          })
          addon.runOp(isa, part.kernel, part.dims, native, out, threads)
          for (const [i, name] of part.out.entries())
            expect(
              errorOf(unpack(out[i]!, tensors.get(name)!), wanted[i]!),
              `${isa}, ${rows} x ${cols}, ${threads} threads`,
            ).toBeLessThan(tolerance)
        }
    }
  })
})
