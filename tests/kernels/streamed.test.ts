import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, isStreamed, type Part, tensorsOf, testValues} from '../../src/kernels/program.ts'
import {type KernelDef, kernelIds, kernels, type PairDef, pairIds, pairs} from '../../src/kernels/registry.ts'
import {makes} from './makes.ts'
import {bytesOf, outputsAt, valuesOf} from './outputs.ts'

const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)

const kernelDefs: readonly KernelDef[] = kernelIds.map((id) => kernels[id])
const pairDefs: readonly PairDef[] = pairIds.map((id) => pairs[id])
/** Every part of every kernel and pair, at its size from memory. */
const allParts: Part[] = []
for (const program of [
  ...kernelDefs.map(({program, sizes}) => program(sizes.dram)),
  ...pairDefs.flatMap(({unfused, fused, sizes}) => [unfused(sizes.dram), fused(sizes.dram)]),
])
  allParts.push(...program.parts)
/** One of every kernel that writes large outputs past the caches. */
const parts = new Map<string, Part>()
for (const part of allParts) if (isStreamed(part) && !parts.has(part.kernel)) parts.set(part.kernel, part)

describe('what is written past the caches', () => {
  test('most kernels of one pass have such outputs', () => {
    expect([...parts.keys()]).toEqual(
      expect.arrayContaining(['relu', 'add', 'softmax', 'layernorm', 'transpose', 'embedding']),
    )
  })

  // the roof of stores that read their line first lies a third lower: a chain that forgets the mark is predicted too slow
  test('a kernel that writes past the caches in one program is known to do so in every other', () => {
    // of a convolution depthwise planes alone go past the caches
    const forgetful = allParts.filter(({kernel, streams}) => parts.has(kernel) && !streams && kernel !== 'conv')
    expect(forgetful.map(({kernel, dims}) => `${kernel} ${dims.join('x')}`)).toEqual([])
  })
})

describe.each(
  makes,
)('an output that is written past the caches holds what one that is not holds, tuned for %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  test.each([...parts])('%s', {timeout: 120_000}, (_, part) => {
    const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
    const inputs = new Map(part.in.map((name, i) => [name, valuesOf(tensors.get(name)!, i)]))
    for (const by of make === own ? [isas[0]!, isas.at(-1)!] : [isas.at(-1)!]) {
      // rows that begin 4 B beside a line are never streamed; arrays begin at a multiple of 16 B, so one of these four at a line
      const plain = outputsAt(part, inputs, 4, by)
      for (const offset of [0, 16, 32, 48])
        outputsAt(part, inputs, offset, by).forEach((values, i) => {
          if (bytesOf(values).equals(bytesOf(plain[i]!))) return
          // norms may sum a row in another order, and its variance loses up to four bits to the shift: 16 x 2^-24 of an element
          expect(errorOf(values, plain[i]!), `${by}, ${offset} B, ${part.out[i]}`).toBeLessThan(3e-6)
        })
    }
  })

  // 33 MiB of products, each of which a thread takes whole; at 4 B beside a line they are stored as ever. Rows that end in a part of a tile, and not
  test.each([
    ['f32', 512],
    ['f64', 512],
    ['f32', 331],
    ['f64', 331],
    ['int8', 512],
    ['int8', 331],
  ] as const)('gemm-batched %s of %i rows', {timeout: 120_000}, (dtype, rows) => {
    const batch = Math.ceil((33 * 2 ** 20) / (rows * 512 * (dtype === 'f64' ? 8 : 4)))
    const part = kernels['gemm-batched'].program([batch, rows, 512, 8], dtype).parts[0]!
    const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
    const inputs = new Map(part.in.map((name, i) => [name, valuesOf(tensors.get(name)!, i)]))
    for (const by of isas) {
      const [plain] = outputsAt(part, inputs, dtype === 'f64' ? 8 : 4, by)
      for (const offset of [0, 16, 32, 48])
        expect(errorOf(outputsAt(part, inputs, offset, by)[0]!, plain!), `${by}, ${offset} B`).toBeLessThan(1e-6)
    }
  })
})

// Groups are looked through a group before they are written, further ahead where they come from memory: no group's result depends on the others.
test.each(makes)('quantize-int4 of groups from memory, tuned for %s, is that of few', {timeout: 120_000}, (make) => {
  const own = addon.tuneFor()
  addon.tuneFor(make)
  try {
    const size = 128
    const groups = 2 ** 23 / size + 3
    const x = Float32Array.from(valuesOf({elements: groups * size, type: 'f32'}, 0), (v, i) => v * (1 + (i % 911)))
    x[size + 5] = Number.NaN
    x[7 * size] = Number.POSITIVE_INFINITY
    for (const by of isas) {
      const run = (from: number, to: number) => {
        const q = new Uint8Array(((to - from) * size) / 2).fill(0x3b)
        const scales = new Float32Array(to - from).fill(Number.NaN)
        addon.runOp(by, 'quantize-int4', [to - from, size], [x.subarray(from * size, to * size)], [q, scales], 2)
        return [Buffer.from(q.buffer), Buffer.from(scales.buffer)]
      }
      const all = run(0, groups)
      for (let from = 0; from < groups; from += 8191) {
        const to = Math.min(groups, from + 8191)
        const [q, scales] = run(from, to)
        expect(all[0]!.subarray((from * size) / 2, (to * size) / 2).equals(q!), `${by}, groups from ${from}`).toBe(true)
        expect(all[1]!.subarray(4 * from, 4 * to).equals(scales!), `${by}, scales from ${from}`).toBe(true)
      }
    }
  } finally {
    addon.tuneFor(own)
  }
})

// Below some width the row of a norm waits in L1 for its sums, beyond it is read again: both sides of it, whole steps of a loop and not. The
// second row's first element lies so far from its mean that its squares are summed again.
const norms = ['layernorm', 'rmsnorm', 'add+layernorm', 'add+rmsnorm'] as const
describe.each(norms)('%s of rows that are streamed', (id) => {
  test.each([16, 976, 2048, 2992, 3088])('of %i columns', {timeout: 120_000}, (cols) => {
    const part = kernels[id].program([Math.ceil(2 ** 23 / cols) + 3, cols]).parts[0]!
    expect(isStreamed(part)).toBe(true)
    const tensors = tensorsOf([{id, parts: [part]}])
    const inputs = new Map(part.in.map((name, i) => [name, valuesOf(tensors.get(name)!, i)]))
    inputs.get(part.in[0]!)![cols] = 1e3
    for (const by of isas) {
      const plain = outputsAt(part, inputs, 4, by)
      for (const offset of [0, 16, 32, 48])
        outputsAt(part, inputs, offset, by).forEach((values, i) => {
          if (bytesOf(values).equals(bytesOf(plain[i]!))) return
          expect(errorOf(values, plain[i]!), `${by}, ${offset} B, ${part.out[i]}`).toBeLessThan(1e-5)
        })
    }
  })
})

// Runs of rows that begin anywhere in a square block, edges within a line and at its end, and rows that are left one by one.
describe('a causal mask of rows that are streamed', () => {
  test.each([16, 496, 2048])('of %i columns', {timeout: 120_000}, (cols) => {
    const rows = Math.ceil(2 ** 23 / cols) + 3
    const chain = pairs['scale+mask+softmax'].unfused([1, cols, 64]).parts.find(({kernel}) => kernel === 'mask')!
    const x = valuesOf({elements: rows * cols, type: 'f32'}, 0)
    for (const by of isas) {
      const y = new Float32Array(rows * cols + 16)
      for (const from of [0, 4, 8, 12]) {
        const out = y.fill(1).subarray(from, from + rows * cols)
        addon.runOp(by, chain.kernel, [rows, cols], [x], [out], 2)
        const wrong = out.findIndex(
          (v, i) => v !== (i % cols <= Math.floor(i / cols) % cols ? x[i]! : Number.NEGATIVE_INFINITY),
        )
        expect(wrong, `${by}, ${4 * from} B`).toBe(-1)
      }
    }
  })
})

// Rows that L1 does not hold are taken from four bands of a thread's rows, and those that are left one by one: which ones depends on how many threads
// there are, and a row's results must not. One of the four places begins a line, and only there outputs go past the caches.
describe.each(norms)('%s of rows from memory', (id) => {
  test('is the same to the bit for one thread and for three', {timeout: 120_000}, () => {
    const cols = 4112
    const widest = isas.at(-1)!
    const part = kernels[id].program([Math.ceil(2 ** 23 / cols) + 3, cols]).parts[0]!
    const tensors = tensorsOf([{id, parts: [part]}])
    const inputs = new Map(part.in.map((name, i) => [name, valuesOf(tensors.get(name)!, i)]))
    const same = [0, 16, 32, 48].filter((offset) => {
      const alone = outputsAt(part, inputs, offset, widest, 1)
      return outputsAt(part, inputs, offset, widest, 3).every((values, i) => bytesOf(values).equals(bytesOf(alone[i]!)))
    })
    expect(same).not.toEqual([])
  })
})

// Rows of two or three heads in turn, opposite ones together, and those that are left one by one: heads that do not divide among threads, pairs and threes,
// rows of whole blocks of lines and not, and rows whose shift was wrong, or that hold what is not finite, beside ones that are plain.
describe.each(makes)('a masked softmax of rows that are streamed, tuned for %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))
  test.each([496, 976, 1552, 2048, 3088])('of %i columns', {timeout: 120_000}, (seq) => {
    const heads = Math.ceil(2 ** 23 / seq ** 2) + 3
    const part = kernels['scale+mask+softmax'].program([heads, seq, 64]).parts[0]!
    expect(isStreamed(part)).toBe(true)
    const inputs = new Map([['x', valuesOf(tensorsOf([{id: 'masked', parts: [part]}]).get('x')!, 0)]])
    const x = inputs.get('x')!
    for (let r = 0; r < heads * seq; r += 7) {
      x[r * seq] = [-1e4, Number.NEGATIVE_INFINITY, Number.NaN, 1e4][r % 4]!
      x[r * seq + (r % seq)] = 5e3
    }
    for (const by of isas) {
      const [plain] = outputsAt(part, inputs, 4, by)
      for (const offset of [0, 16, 32, 48])
        for (const threads of by === isas.at(-1) ? [1, 3] : [1]) {
          const [values] = outputsAt(part, inputs, offset, by, threads)
          if (bytesOf(values!).equals(bytesOf(plain!))) continue
          expect(errorOf(values!, plain!), `${by}, ${offset} B, ${threads} threads`).toBeLessThan(1e-5)
        }
    }
  })
})

// Rows from memory are taken from four bands in turn on Intel's cores, those that are left one by one, and each differs in how a row that is far from
// 0, masked or not finite is found and taken again: beside plain rows in the other bands, and after them in its own.
describe.each(makes)('rows from memory, tuned for %s, are what few rows are', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))
  const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY]
  const oddities: readonly ((row: Float32Array) => unknown)[] = [
    (row) => row.fill(-inf),
    (row) => row.fill(-inf, 4),
    (row) => row.fill(-inf, 0, row.length / 2),
    (row) => row.set(row.map((v) => v - 1000)),
    (row) => row.set(row.map((v) => v + 1000)),
    (row) => row.fill(-3e38),
    (row) => row.fill(-80).fill(-7, row.length - 1),
    ...[nan, inf, -inf, 500, -1e30].flatMap((value) =>
      [0, 0.5, 1].map(
        (place) => (row: Float32Array) => row.fill(value, place * (row.length - 1), place * (row.length - 1) + 1),
      ),
    ),
  ]

  test.each([
    ['softmax', 512],
    ['softmax', 16_384],
    ['cross-entropy', 515],
    ['cross-entropy', 4099],
  ] as const)('%s of %i columns', {timeout: 120_000}, (id, cols) => {
    const rows = Math.ceil(2 ** 23 / cols) + 7
    const x = new Float32Array(valuesOf({elements: rows * cols, type: 'f32'}, 0))
    for (let r = 3; r < rows; r += 11) oddities[(r * 5) % oddities.length]!(x.subarray(r * cols, (r + 1) * cols))
    const targets = Int32Array.from({length: rows}, (_, r) => (r * 7) % cols)
    const width = id === 'softmax' ? cols : 1
    const run = (by: string, from: number, to: number, out: Float32Array) => {
      const part = x.subarray(from * cols, to * cols)
      const inputs = id === 'softmax' ? [part] : [part, targets.subarray(from, to)]
      addon.runOp(by, id, [to - from, cols], inputs, [out], 2)
      return out
    }
    for (const by of isas) {
      const wanted = new Float32Array(rows * width)
      const half = rows >> 1
      run(by, 0, half, wanted.subarray(0, half * width))
      run(by, half, rows, wanted.subarray(half * width))
      for (const offset of [0, 4, 8, 12]) {
        const out = new Float32Array(rows * width + 16).fill(0.5)
        const got = run(by, 0, rows, out.subarray(offset, offset + rows * width))
        expect(errorOf(got, wanted), `${by}, ${4 * offset} B`).toBeLessThan(1e-5)
      }
    }
  })

  // planes that shares of threads cut, and more of them than are taken together; runs of fewer floats than a step, and of steps and a rest
  test.each([
    [3, 5, 560_016],
    [513, 7, 2352],
    [9363, 7, 128],
    [1, 1, 2 ** 23 + 16],
  ])('batchnorm of %i x %i planes of %i', {timeout: 120_000}, (batch, channels, positions) => {
    const elements = batch * channels * positions
    const x = valuesOf({elements, type: 'f32'}, 0) as Float32Array
    const [scale, shift] = [testValues(channels, 1), testValues(channels, 2)].map((v) => Float32Array.from(v))
    for (const by of [isas[0]!, isas.at(-1)!])
      for (const offset of [0, 4, 8, 12]) {
        const out = new Float32Array(elements + 16).fill(Number.NaN).subarray(offset, offset + elements)
        addon.runOp(by, 'batchnorm', [batch, channels, positions], [x, scale!, shift!], [out], 3)
        let wrong = -1
        for (let i = 0, plane = 0; i < elements && wrong < 0; plane++) {
          const [a, b] = [scale![plane % channels]!, shift![plane % channels]!]
          for (const end = i + positions; i < end && wrong < 0; i++)
            if (!(Math.abs(out[i]! - (x[i]! * a + b)) < 1e-6)) wrong = i
        }
        expect(wrong, `${by}, ${4 * offset} B`).toBe(-1)
      }
  })

  // two tiles below one another, one at the bottom, columns that fill no tile, or a single one, or make a panel and a column; rows a multiple of 4 KiB apart
  test.each([
    [1, 2 ** 23 + 16, 1],
    [1, 524_304, 16],
    [1, 270_608, 31],
    [1, 5472, 1537],
    [1, 8208, 1024],
    [1, 1040, 8071],
    [3, 48, 58_261],
    [2, 16, 262_147],
    [2, 560, 8192],
  ])('transpose of %i x %i x %i', {timeout: 120_000}, (batch, rows, cols) => {
    const elements = batch * rows * cols
    // f32 counts this far
    const x = Float32Array.from({length: elements}, (_, i) => i)
    for (const by of [isas[0]!, isas.at(-1)!])
      for (const offset of [0, 4, 8, 12]) {
        const out = new Float32Array(elements + 16).fill(Number.NaN).subarray(offset, offset + elements)
        addon.runOp(by, 'transpose', [batch, rows, cols], [x], [out], 3)
        let wrong = -1
        for (let b = 0, at = 0; b < batch; b++)
          for (let c = 0; c < cols; c++)
            for (let r = 0; r < rows; r++, at++) if (out[at] !== x[(b * rows + r) * cols + c] && wrong < 0) wrong = at
        expect(wrong, `${by}, ${4 * offset} B`).toBe(-1)
      }
  })
})
