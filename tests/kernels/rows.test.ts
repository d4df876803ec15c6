import {describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, type NativeArray, type Part, pack, tensorsOf, unpack} from '../../src/kernels/program.ts'
import {kernels} from '../../src/kernels/registry.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

/** Runs a part on values for its inputs, in order, and its reference on the same. */
function run(part: Part, isa: string, inputs: readonly ArrayLike<number>[], threads = 2) {
  const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
  const native = new Map<string, NativeArray>()
  part.in.forEach((name, i) => {
    native.set(name, pack(inputs[i]!, tensors.get(name)!.type))
  })
  for (const name of part.out)
    if (!native.has(name))
      native.set(name, pack(new Float64Array(tensors.get(name)!.elements), tensors.get(name)!.type))
  const oracle = part.in.map((name) => unpack(native.get(name)!, tensors.get(name)!))
  const at = (names: readonly string[]) => names.map((name) => native.get(name)!)
  addon.runOp(isa, part.kernel, part.dims, at(part.in), at(part.out), threads)
  return {
    got: part.out.map((name) => unpack(native.get(name)!, tensors.get(name)!)),
    wanted: part.reference(oracle),
  }
}

const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY]
/** What is not finite in each of four rows of 21, whatever the vector's length: in its body, at its end, both signs, none. */
function rowsWith(plain: (i: number) => number): number[] {
  const x = Array.from({length: 4 * 21}, (_, i) => plain(i))
  x[3] = nan
  x[21 + 20] = inf
  x[42 + 5] = -inf
  x[42 + 19] = -inf
  return x
}
const wave = (i: number) => Math.sin(i * 1.7) * 2

describe.each(isas)('what is not finite, %s', (isa) => {
  test.each([
    'softmax',
    'layernorm',
    'rmsnorm',
    'add+layernorm',
    'add+rmsnorm',
    'bias+gelu',
    'row-sum',
    'row-max',
  ] as const)('%s treats it as its reference does, row by row', (id) => {
    const part = kernels[id].program([4, 21]).parts[0]!
    const ones = Array.from({length: 4 * 21}, (_, i) => wave(i + 5))
    const {got, wanted} = run(part, isa, [rowsWith(wave), ...part.in.slice(1).map(() => ones)])
    for (const [i, values] of wanted.entries()) expect(errorOf(got[i]!, values)).toBeLessThan(1e-5)
  })

  test.each([
    'relu',
    'scale',
    'add',
    'mul',
    'silu',
    'gelu',
    'gelu-tanh',
    'swiglu',
  ] as const)('%s treats it as its reference does', (id) => {
    const part = kernels[id].program([84]).parts[0]!
    const x = rowsWith((i) => wave(i) * 10 ** ((i % 9) - 4))
    // the ends of exp's range, and what overflows a square
    x.splice(60, 6, 89, -89, 1e30, -1e30, -3e38, 3e38)
    const {got, wanted} = run(part, isa, [x, Array.from({length: 84}, (_, i) => wave(i))])
    expect(errorOf(got[0]!, wanted[0]!.map(Math.fround))).toBeLessThan(1e-5)
  })

  test('row-max: one that is not a number, wherever it stands, and rows of -infinity', () => {
    const cols = 151
    const part = kernels['row-max'].program([cols + 1, cols]).parts[0]!
    const x = Float64Array.from({length: (cols + 1) * cols}, (_, i) => wave(i) - 3)
    for (let r = 0; r < cols; r++) x[r * cols + r] = nan
    x.fill(-inf, cols * cols)
    const {got, wanted} = run(part, isa, [x])
    expect(wanted[0]!.subarray(0, cols).every(Number.isNaN)).toBe(true)
    expect(errorOf(got[0]!, wanted[0]!)).toBe(0)
  })

  test('cross-entropy: huge and tiny logits, infinities, a target at -infinity', () => {
    const part = kernels['cross-entropy'].program([5, 19]).parts[0]!
    const x = Array.from({length: 95}, (_, i) => wave(i) * (i < 19 ? 1e30 : i < 38 ? 1e-30 : 40))
    x[2 * 19 + 3] = -inf
    x[3 * 19 + 4] = inf
    x[4 * 19 + 18] = nan
    const {got, wanted} = run(part, isa, [x, [1, 5, 3, 2, 0]])
    expect(errorOf(got[0]!, wanted[0]!)).toBeLessThan(1e-5)
    expect(got[0]![2]).toBe(inf)
  })

  test('softmax of longer rows than a chunk: the maximum anywhere, all equal, all -infinity', () => {
    const cols = 2500
    const part = kernels.softmax.program([5, cols]).parts[0]!
    const x = Float64Array.from({length: 5 * cols}, (_, i) => wave(i) * 30)
    x[10] = 200
    x[cols + 2499] = 200
    x.fill(-inf, 2 * cols, 3 * cols - 1)
    x.fill(88, 3 * cols, 4 * cols)
    x.fill(-inf, 4 * cols)
    const {got, wanted} = run(part, isa, [x])
    expect(errorOf(got[0]!, wanted[0]!)).toBeLessThan(1e-5)
  })

  test.each([
    ['softmax', [6, 128]],
    ['softmax', [6, 133]],
    ['scale+mask+softmax', [1, 128, 4]],
    ['scale+mask+softmax', [1, 150, 4]],
    ['cross-entropy', [6, 133]],
  ] as const)('%s %j: rows far from 0, values far above and far below the first', (id, dims) => {
    const part = kernels[id].program(dims).parts[0]!
    const cols = dims[1]
    const rows = id === 'scale+mask+softmax' ? cols : dims[0]
    const far = [0, 1000, -1000, 3e38, -60, 70]
    const x = Float64Array.from({length: rows * cols}, (_, i) => wave(i) * 5 + far[Math.floor(i / cols) % far.length]!)
    for (let r = 0; r < rows; r += 5) {
      // a row that begins low, or with infinity below 0, and whose maximum lies behind
      x[r * cols] = r % 2 ? -inf : -500
      x[r * cols + Math.min(r, cols - 1)] = 200
      if (cols > 40) x.fill(-inf, r * cols + 40, r * cols + 60)
    }
    const targets = Array.from({length: rows}, (_, r) => (r * 7) % 40)
    const {got, wanted} = run(part, isa, [x, targets])
    expect(errorOf(got[0]!, wanted[0]!)).toBeLessThan(1e-5)
  })

  test.each([1, 2, 3])('scale+mask+softmax: rows of eight vectors in mirrored pairs, %i threads', (threads) => {
    const [heads, cols] = [4, 128]
    const part = kernels['scale+mask+softmax'].program([heads, cols, 4]).parts[0]!
    const x = Float64Array.from({length: heads * cols * cols}, (_, i) => wave(i))
    const at = (head: number, row: number, col: number) => (head * cols + row) * cols + col
    // behind the mask nothing may count
    for (let row = 0; row < cols - 1; row++) x[at(0, row, row + 1)] = row % 2 ? 3e38 : -3e38
    // sums that overflow or vanish in the upper row of a pair, in the lower, in both, and on either side of the vector that they share
    x[at(1, 20, 20)] = 300
    x[at(1, 100, 99)] = 300
    x[at(1, 30, 30)] = x[at(1, 96, 96)] = 300
    x[at(1, 90, 90)] = nan
    x[at(1, 50, 3)] = inf
    x.fill(-300, at(1, 40, 1), at(1, 40, 41))
    x[at(1, 40, 0)] = -30
    x.fill(-inf, at(2, 70, 1), at(2, 70, 71))
    // a row that wants a shift ends the pairs, in the middle of a block and at its beginning
    x[at(2, 37, 0)] = 150
    x[at(3, 126, 0)] = -150
    const {got, wanted} = run(part, isa, [x], threads)
    const kept = (_: unknown, i: number) => i % cols <= Math.floor(i / cols) % cols
    expect(errorOf(got[0]!.filter(kept), wanted[0]!.filter(kept))).toBeLessThan(1e-5)
    // behind the mask is 0, in rows that are not numbers NaN as well
    expect(got[0]!.filter((v, i) => !kept(v, i) && Math.abs(v) > 0)).toHaveLength(0)
  })

  test('layernorm about a far first element, and of rows without variance', () => {
    const part = kernels.layernorm.program([3, 300]).parts[0]!
    const x = Array.from({length: 900}, (_, i) => (i < 300 ? 1000 + wave(i) : i < 600 ? 7 : wave(i)))
    x[0] = -1e4
    x[600] = 1e5
    const ones = Array<number>(300).fill(1)
    const {got, wanted} = run(part, isa, [x, ones, ones])
    expect(errorOf(got[0]!, wanted[0]!)).toBeLessThan(2e-4)
  })

  test('quantize: ties to even, the ends of the range, groups of zeros and of what is not finite', () => {
    const part = kernels.quantize.program([5, 20]).parts[0]!
    const x = new Float64Array(100)
    // scale 1: 127 is the largest
    x.set([127, -127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5, -126.5, 0.49, 3.51, 0, -0, 63.5, 64.5])
    x.set([1e-45, 0], 40)
    x.set([inf, 1, -3], 60)
    x.set([nan, 1, -3], 80)
    const {got, wanted} = run(part, isa, [x])
    expect([...got[0]!.subarray(0, 16)].map((v) => v + 0)).toEqual([
      127, -127, 0, 2, 2, 0, -2, -2, 126, -126, 0, 4, 0, 0, 64, 64,
    ])
    expect([...got[0]!.subarray(20, 40)].every((v) => v === 0)).toBe(true)
    expect([...got[0]!.subarray(40)].every((v) => v === 0)).toBe(true)
    expect(errorOf(got[1]!, wanted[1]!)).toBeLessThan(1e-7)
  })

  test.each([
    'quantize',
    'quantize-int4',
  ] as const)('%s: rows of any size, down to those of which f32 has no inverse', (id) => {
    for (const cols of [20, 128]) {
      const sizes = [1e-45, 1e-39, 3e-38, 3.6e-37, 3.9e-37, 2e-35, 9e-35, 1e-30, 1e30]
      const part = kernels[id].program([sizes.length, cols]).parts[0]!
      // far from what lies between two numbers
      const x = sizes.flatMap((size) => Array.from({length: cols}, (_, i) => (size * ((i % 15) - 7)) / 7))
      const {got, wanted} = run(part, isa, [x])
      expect([...got[0]!].map((v) => v + 0)).toEqual([...wanted[0]!].map((v) => v + 0))
    }
  })

  // where rows end four at a time: any number of them, what is not finite and what has no inverse in each of their places
  test.each([64, 320, 768, 1024, 1088])('quantize of few rows of %i elements', (cols) => {
    for (let rows = 1; rows <= 14; rows++)
      for (const threads of [1, 2, 3]) {
        const part = kernels.quantize.program([rows, cols]).parts[0]!
        const x = Array.from({length: rows * cols}, (_, i) => (((i * 37) % 31) - 15) * 3 ** (Math.floor(i / cols) % 5))
        const odd = [nan, inf, -inf, 1e-45, 0]
        for (let r = rows % 5; r < rows; r += 5) x.fill(odd[(r + rows) % 5]!, r * cols, r * cols + (r % 2 ? cols : 3))
        const {got, wanted} = run(part, isa, [x], threads)
        expect(
          [...got[0]!].map((v) => v + 0),
          `${rows} rows`,
        ).toEqual([...wanted[0]!].map((v) => v + 0))
        expect(errorOf(got[1]!, wanted[1]!), `scales of ${rows} rows`).toBeLessThan(1e-6)
      }
  })

  test('quantize-int4: ties to even from -7 to 7, and back by dequantize-int4', () => {
    const part = kernels['quantize-int4'].program([2, 38]).parts[0]!
    const x = Float64Array.from({length: 76}, (_, i) => ((i % 29) - 14) / 2)
    x[0] = 7
    x[38] = -7
    const {got, wanted} = run(part, isa, [x])
    expect([...got[0]!]).toEqual([...wanted[0]!].map((v) => v + 0))
    const back = run(kernels['dequantize-int4'].program([2, 38]).parts[0]!, isa, [got[0]!, got[1]!])
    expect(errorOf(back.got[0]!, back.wanted[0]!)).toBe(0)
    expect(errorOf(back.got[0]!, x)).toBeLessThanOrEqual(0.5)
  })

  test('adam: a second moment below zero, zero, infinite and NaN', () => {
    const part = kernels.adam.program([21]).parts[0]!
    const v: number[] = Array.from({length: 21}, (_, i) => (i % 3 === 0 ? -0.5 : 0.25))
    v.splice(4, 3, 0, inf, nan)
    const rest = Array.from({length: 21}, (_, i) => wave(i))
    const g = [...rest]
    g[4] = 0
    const {got, wanted} = run(part, isa, [rest, g, rest, v])
    for (const [i, values] of wanted.entries()) expect(errorOf(got[i]!, values)).toBeLessThan(1e-5)
  })
})
