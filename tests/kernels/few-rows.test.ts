import {afterAll, describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {testValues} from '../../src/kernels/program.ts'
import {makes} from './makes.ts'

// Products of few rows whose B is larger than half of L2 take a loop of their own (native/kernels/few-rows.h), which the small sizes of
// operators.test.ts do not reach.
const addon = loadNative()
const isas = addon.cpu().isas.map(({name}) => name)
const own = addon.tuneFor()
const widest = isas.at(-1)!
afterAll(() => expect(addon.tuneFor(own)).toBe(own))

const activations = {
  gemm: (v: number) => v,
  'gemm-tn': (v: number) => v,
  'gemm-strided': (v: number) => v,
  'gemm+bias+relu': (v: number) => (v < 0 ? 0 : v),
}
const kernels = Object.keys(activations) as (keyof typeof activations)[]

const matrix = (rows: number, columns: number, pitch: number, seed: number) => {
  const values = Float32Array.from(testValues(4099, seed))
  const all = new Float32Array(rows * pitch).fill(Number.NaN)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) all[i * pitch + j] = values[(i * columns + j) % 4099]!
  return all
}

function check(kernel: keyof typeof activations, [m, n, k]: readonly [number, number, number], threads: number) {
  const gap = kernel === 'gemm-strided' ? 3 : 0
  const transposed = kernel === 'gemm-tn'
  const a = transposed ? matrix(k, m, m, 1) : matrix(m, k, k + gap, 1)
  const b = matrix(k, n, n + gap, 2)
  const bias = kernel === 'gemm+bias+relu' ? matrix(1, n, n, 3) : undefined
  // what is not finite stays in its row and its column
  const rowA = transposed ? 1 : k + gap
  const alongA = transposed ? m : 1
  const bad = m > 2 && k > 2
  if (bad) {
    a[2 * rowA + alongA] = Number.NaN
    b[(k - 1) * (n + gap) + n - 1] = Number.POSITIVE_INFINITY
  }
  const rowC = n + gap
  const c = new Float32Array(m * rowC + 16).fill(-7)
  const dims = kernel === 'gemm-strided' ? [m, n, k, k + gap, n + gap, rowC] : [m, n, k]
  addon.runOp(widest, kernel, dims, bias ? [a, b, bias] : [a, b], [c.subarray(0, m * rowC)], threads)
  const sums = new Float64Array(n)
  let worst = 0
  for (let i = 0; i < m; i++) {
    if (bias) sums.set(bias)
    else sums.fill(0)
    for (let p = 0; p < k; p++) {
      const left = a[i * rowA + p * alongA]!
      for (let j = 0; j < n; j++) sums[j]! += left * b[p * (n + gap) + j]!
    }
    for (let j = 0; j < n; j++) {
      const expected = activations[kernel](sums[j]!)
      const got = c[i * rowC + j]!
      if (!Object.is(got, expected)) worst = Math.max(worst, Math.abs(got - expected) / Math.sqrt(k))
      if (Number.isNaN(worst)) throw new Error(`${kernel} ${m}x${n}x${k}, ${i}, ${j}: ${got} for ${expected}`)
    }
    for (let j = n; j < rowC; j++) expect(c[i * rowC + j]).toBe(-7)
  }
  expect(worst, `${kernel} ${m}x${n}x${k}`).toBeLessThan(1e-5)
  expect(c.subarray(m * rowC).every((v) => v === -7)).toBe(true)
}

describe.each(makes)('few rows and a large matrix, tuned for %s', (make) => {
  test.each(kernels)('%s', {timeout: 120_000}, (kernel) => {
    addon.tuneFor(make)
    for (const m of [1, 2, 3, 4, 5, 8, 9, 12, 13, 16, 17, 24, 25, 32, 33]) check(kernel, [m, 1003, 301], 1)
    for (const m of [3, 16, 19]) {
      check(kernel, [m, 1003, 1207], 3) // B of each thread is large still
      check(kernel, [m, 8303, 37], 1) // sums of more columns than are kept at a time
      check(kernel, [m, 301_003, 1], 1)
      check(kernel, [m, 1, 301_003], 1)
    }
  })

  // gates are added to their biases; the last rows of a batch in blocks, and all of a broad one whose x is near and whose h is not
  test.each([
    [14, 1301, 261],
    [40, 1301, 261],
    [540, 64, 300],
    [64, 70, 1040],
  ])('lstm-products of %i rows, %i and %i channels', {timeout: 120_000}, (batch, input, hidden) => {
    const of = (count: number, seed: number) => matrix(1, count, count, seed)
    const inputs = [
      of(batch * input, 1),
      of(input * 4 * hidden, 2),
      of(hidden * 4 * hidden, 3),
      of(4 * hidden, 4),
      of(batch * hidden, 5),
      of(batch * hidden, 6),
    ]
    const gates = (by: string) => {
      const outs = [0, 1, 2, 3].map(() => new Float32Array(batch * hidden).fill(Number.NaN))
      addon.runOp(by, 'lstm-products', [batch, input, hidden], inputs, outs, 1)
      return outs
    }
    addon.tuneFor(make)
    const plain = gates(isas[0]!)
    gates(widest).forEach((values, g) => {
      expect(values.every((v, i) => Math.abs(v - plain[g]![i]!) < 1e-3)).toBe(true)
    })
  })
})

// A batch of which products have no rows, and B more than L2 holds.
test.each(makes)('no rows and a large matrix, tuned for %s', (make) => {
  addon.tuneFor(make)
  const [none, b] = [new Float32Array(), new Float32Array(1024 * 1024)]
  for (const threads of [1, 2]) addon.runOp(widest, 'gemm-batched', [1, 0, 1024, 1024], [none, b], [none], threads)
})

// Up to 64 rows where no cache is taken to hold B.
test('more rows and a matrix from memory', {timeout: 120_000}, () => {
  const [n, k] = [4105, 4100] as const
  const b = matrix(k, n, n, 2)
  for (const m of [34, 49, 64]) {
    const a = matrix(m, k, k, 1)
    const by = (make: 'intel' | 'amd' | 'other', threads: number) => {
      addon.tuneFor(make)
      const c = new Float32Array(m * n).fill(Number.NaN)
      addon.runOp(widest, 'gemm', [m, n, k], [a, b], [c], threads)
      return c
    }
    const blocked = by('other', 1)
    const values = by('intel', 1)
    expect(
      values.every((v, i) => Math.abs(v - blocked[i]!) < 1e-3),
      `${m} rows`,
    ).toBe(true)
  }
})
