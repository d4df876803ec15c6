/** Kernels that are cut into bands and runs from memory, at sizes that leave a rest of each; and sparse products whose rows come from there. */
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, type Part, tensorsOf} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {makes} from './makes.ts'
import {bytesOf, outputsAt, valuesOf} from './outputs.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

/** The largest difference between outputs at a line, one of the four places, and beside every line, there as the cores of `make` have them. */
function largestDifference(part: Part, by: string, threads: number, make = addon.tuneFor()): number {
  const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
  const inputs = new Map(part.in.map((name, i) => [name, valuesOf(tensors.get(name)!, i)]))
  const tuned = addon.tuneFor()
  addon.tuneFor(make)
  const plain = outputsAt(part, inputs, tensors.get(part.out[0]!)!.type === 'f64' ? 8 : 4, by, threads)
  addon.tuneFor(tuned)
  const others = [0, 16, 32, 48].flatMap((offset) =>
    outputsAt(part, inputs, offset, by, threads).map((values, i) =>
      bytesOf(values).equals(bytesOf(plain[i]!)) ? 0 : errorOf(values, plain[i]!),
    ),
  )
  return Math.max(...others)
}

describe.each(makes)('rests of what is streamed, tuned for %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  // tokens that four bands do not divide, queries that are streamed beside keys that are not, halves of odd lines, and fewer tokens than bands
  test.each([
    [1, 2051, 32, 1, 128],
    [1, 2051, 43, 32, 96],
    [1, 3, 21_900, 3, 128],
  ])('rope of %i x %i tokens of %i and %i heads of %i', {timeout: 120_000}, (...dims) => {
    const part = kernels.rope.program(dims).parts[0]!
    for (const threads of [1, 3]) expect(largestDifference(part, isas.at(-1)!, threads)).toBe(0)
  })

  // rows that bands do not divide, narrower than four lines, wider and no multiple of them; fewer rows than bands
  test.each([
    [174_775, 48, 50],
    [8077, 1040, 50],
    [9, 932_080, 2],
  ])('embedding of %i rows of %i floats from %i', {timeout: 120_000}, (...dims) => {
    const part = kernels.embedding.program(dims).parts[0]!
    for (const threads of [1, 3]) expect(largestDifference(part, isas.at(-1)!, threads)).toBe(0)
  })

  // One in 900 rows has a thousand neighbours, which are summed in parts; the others two, or none. Rows of whole lines go past the caches, others not;
  // heads narrower than a vector are taken across.
  test.each([
    [90_000, 100, 1],
    [70_000, 15, 8],
    [53_000, 160, 1],
    [27_000, 32, 10],
  ])('spmm of %i rows from memory, of %i features and %i heads', {timeout: 120_000}, (nodes, features, heads) => {
    const width = features * heads
    const rows = new Int32Array(nodes + 1)
    for (let i = 0; i < nodes; i++) rows[i + 1] = rows[i]! + (i % 900 === 7 ? 1000 : i % 3 === 0 ? 2 : 0)
    const edges = rows[nodes]!
    const columns = Int32Array.from({length: edges}, (_, e) => (e * 48_271) % nodes)
    const x = valuesOf({elements: nodes * width, type: 'f32'}, 0)
    const weights = valuesOf({elements: edges * heads, type: 'f32'}, 1)
    for (const weighted of [false, true]) {
      const wanted = new Float64Array(nodes * width)
      for (let i = 0; i < nodes; i++)
        for (let e = rows[i]!; e < rows[i + 1]!; e++)
          for (let c = 0, h = 0; h < heads; h++) {
            const weight = weighted ? weights[e * heads + h]! : 1
            for (const end = c + features; c < end; c++) wanted[i * width + c]! += weight * x[columns[e]! * width + c]!
          }
      const kernel = weighted ? 'spmm-weighted' : 'spmm'
      const inputs = [x, columns, rows, ...(weighted ? [weights] : [])]
      for (const offset of [0, 4, 8, 12]) {
        const out = new Float32Array(nodes * width + 32).fill(-7).subarray(offset)
        const y = out.subarray(0, nodes * width)
        addon.runOp(isas.at(-1)!, kernel, [nodes, edges, features, heads], inputs, [y.fill(Number.NaN)], 3)
        let worst = 0
        for (let i = 0; i < wanted.length; i++) worst = Math.max(worst, Math.abs(y[i]! - wanted[i]!))
        expect(worst, `${kernel}, ${4 * offset} B`).toBeLessThan(1e-4)
        expect(out.subarray(nodes * width).every((v) => v === -7)).toBe(true)
      }
    }
  })
})

// Past the caches on Intel's cores alone. Rests of rows over whole tiles, with B's panel in L1 and, one step deeper, not; and fewer rows than a tile.
describe.skipIf(!makes.some((make) => make === 'intel'))("gemm-batched, tuned for Intel's cores", () => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor('intel')).toBe('intel'))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  const rests = [1, 2, 5].flatMap((rest) => [
    [2, 8196 + rest, 512, 64],
    [2, 8196 + rest, 512, 65],
  ])
  const few = [
    [16_400, 1, 512, 1],
    [8200, 2, 512, 1],
    [2400, 7, 512, 1],
    [2064, 8, 512, 1],
  ]
  test.each([...rests, ...few])('%i of %i x %i x %i', {timeout: 120_000}, (...dims) => {
    for (const dtype of ['f32', 'f64'] as const) {
      const part = kernels['gemm-batched'].program(dims, dtype).parts[0]!
      expect(largestDifference(part, isas.at(-1)!, 2, 'amd'), dtype).toBeLessThan(1e-5)
    }
  })
})
