import {describe, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'
import {checkProgram, errorOf, type Program, partBytes, tensorsOf, testValues} from '../../src/kernels/program.ts'
import {kernelIds, kernels, pairIds, pairs} from '../../src/kernels/registry.ts'

const addon = loadNative()
const variants = addon.cpu().isas

/** f32 rounding of sums of some hundred terms, and the 3e-7 of exp and erf. */
const tolerance = 5e-6

/** Awkward sizes per kernel: 0, 1, around vectors (1 to 16 lanes), register tiles (6, 12, 32) and blocks (96, 144, 256, 512). */
const edges = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65]
const rowCases = [...edges.map((cols) => [3, cols]), [1, 1], [0, 5], [7, 300], [33, 12]]
const cases: Record<string, number[][]> = {
  gemm: [
    ...edges.flatMap((n) => [
      [n, 5, 3],
      [5, n, 3],
      [5, 3, n],
    ]),
    [0, 4, 4],
    [4, 0, 4],
    [4, 4, 0],
    [11, 31, 255],
    [12, 32, 256],
    [13, 33, 257],
    [143, 20, 9],
    [145, 20, 9],
    [3, 513, 4],
    [150, 515, 260],
  ],
  softmax: rowCases,
  layernorm: rowCases,
  rmsnorm: rowCases,
  gelu: [[0], ...edges.map((n) => [n]), [1000]],
  add: [[0], ...edges.map((n) => [n]), [1000]],
  attention: [
    [1, 1, 1, 1],
    [2, 5, 3, 7],
    [1, 33, 2, 16],
    [1, 95, 1, 8],
    [1, 96, 1, 8],
    [1, 97, 1, 8],
    [1, 255, 1, 5],
    [1, 256, 1, 5],
    [1, 257, 2, 33],
    [1, 600, 1, 4],
  ],
  'add+rmsnorm': rowCases,
  'bias+gelu': rowCases,
  'scale+mask+softmax': [[1, 1, 1], [2, 3, 4], ...edges.map((seq) => [2, seq, 64])],
}

describe.each(variants.map(({name}) => name))('functions, %s', (isa) => {
  // arguments at every scale, both signs, the ends of the ranges, and what is not a number
  const special = [0, -0, 88.7, 88.8, 1e30, -87.2, -87.4, -1e30, Infinity, -Infinity, 0.6, -0.6, 3.92, 4]
  const x = Float32Array.from([
    ...special,
    ...Array.from({length: 20_000}, (_, i) => (i - 10_000) / 500),
    ...Array.from({length: 500}, (_, i) => (i % 2 ? -1 : 1) * 2 ** (-i / 10)),
  ])
  const run = (kernel: string, input: Float32Array) => {
    const y = new Float32Array(input.length)
    addon.runOp(isa, kernel, [input.length, 1], [input], [y], 1)
    return y
  }

  test('exp: relative error below 3e-7; 0 below -87.3, e^88.7 above 88.7', () => {
    run('exp', x).forEach((y, i) => {
      const at = x[i]!
      if (at < -87.3) expect(y).toBe(0)
      else expect(Math.abs(y / Math.exp(Math.min(at, 88.7)) - 1), `exp(${at})`).toBeLessThan(at > 88 ? 2e-5 : 3e-7)
    })
  })
  test('tanh: relative error below 3e-7', () => {
    run('tanh', x).forEach((y, i) => {
      const wanted = Math.tanh(x[i]!)
      expect(Math.abs(y - wanted), `tanh(${x[i]})`).toBeLessThanOrEqual(3e-7 * Math.abs(wanted))
    })
  })
  test('erf: absolute error below 2e-7, odd, 1 at the end', () => {
    // Maclaurin series (DLMF 7.6.1) in f64: 120 terms reach 1e-11 up to 3.92; beyond, erf is 1 to 3e-8
    const erf = (z: number) => {
      if (Math.abs(z) > 3.92) return Math.sign(z)
      let term = z
      let sum = z
      for (let n = 1; n < 120; n++) {
        term *= (-z * z) / n
        sum += term / (2 * n + 1)
      }
      return (2 / Math.sqrt(Math.PI)) * sum
    }
    run('erf', x).forEach((y, i) => {
      expect(Math.abs(y - erf(x[i]!)), `erf(${x[i]})`).toBeLessThan(2e-7)
    })
  })
  test('NaN stays NaN', () => {
    for (const kernel of ['exp', 'tanh', 'gelu']) expect(run(kernel, Float32Array.of(1, Number.NaN, 2))[1]).toBeNaN()
  })
})

test('every kernel and every pair of the registry is compiled in every variant, and has cases here', () => {
  for (const id of kernelIds) expect(cases[id]?.length, id).toBeGreaterThan(3)
  const programs: Program[] = [
    ...kernelIds.map((id) => kernels[id].program(kernels[id].check)),
    ...pairIds.map((id) => pairs[id].unfused(pairs[id].check)),
  ]
  for (const {name, kernels: compiled} of variants)
    for (const {parts} of programs) for (const {kernel} of parts) expect(compiled, name).toContain(kernel)
})

// the SSE2 variant without FMA is measured on old CPUs alone, but runs on all
const isas = [...(process.arch === 'x64' ? ['sse2'] : []), ...variants.map(({name}) => name)]

describe.each(isas)('results against the f64 reference, %s', (isa) => {
  test.each(kernelIds)('%s', (id) => {
    for (const dims of [...cases[id]!, [...kernels[id].check]])
      for (const threads of [1, 2, 5]) {
        const error = checkProgram(addon, kernels[id].program(dims), isa, threads)
        expect(error, `${dims.join('x')}, ${threads} threads`).toBeLessThan(tolerance)
      }
  })

  test.each(pairIds)('%s unfused', (id) => {
    for (const dims of [...cases[id]!, [...pairs[id].check]])
      expect(checkProgram(addon, pairs[id].unfused(dims), isa, 3), dims.join('x')).toBeLessThan(tolerance)
  })

  test('kernels write their outputs and nothing around them, at any alignment', () => {
    const guard = 64
    for (const id of kernelIds)
      for (const shift of [0, 1, 3]) {
        const {parts} = kernels[id].program(kernels[id].check)
        const part = parts[0]!
        const tensors = tensorsOf([{id, parts}])
        const place = (elements: number) => {
          const whole = new Float32Array(elements + 2 * guard + shift).fill(12345)
          return {whole, view: whole.subarray(guard + shift, guard + shift + elements)}
        }
        const inputs = part.in.map((name, i) => {
          const placed = place(tensors.get(name)!)
          placed.view.set(testValues(placed.view.length, i))
          return placed
        })
        const outputs = part.out.map((name) => place(tensors.get(name)!))
        for (const {view} of outputs) view.fill(Number.NaN)
        const before = inputs.map(({whole}) => whole.slice())
        addon.runOp(
          isa,
          part.kernel,
          part.dims,
          inputs.map((x) => x.view),
          outputs.map((x) => x.view),
          2,
        )
        const wanted = part.reference(inputs.map(({view}) => Float64Array.from(view)))
        outputs.forEach(({whole, view}, i) => {
          expect(errorOf(view, wanted[i]!), `${id} shifted by ${shift}`).toBeLessThan(tolerance)
          const around = [...whole.subarray(0, guard + shift), ...whole.subarray(guard + shift + view.length)]
          expect(
            around.every((value) => value === 12345),
            `${id} writes outside its output`,
          ).toBe(true)
        })
        inputs.forEach(({whole}, i) => {
          expect(whole, `${id} changes its input`).toEqual(before[i])
        })
      }
  })

  test('softmax and exp at their limits: infinities, NaN, large and equal values', () => {
    const run = (row: number[]) => {
      const y = new Float32Array(row.length)
      addon.runOp(isa, 'softmax', [1, row.length], [Float32Array.from(row)], [y], 1)
      return [...y]
    }
    expect(run([1e30, -1e30, 0])).toEqual([1, 0, 0])
    expect(run([Number.NEGATIVE_INFINITY, 0])).toEqual([0, 1])
    expect(run(Array<number>(20).fill(88))).toEqual(Array<number>(20).fill(Math.fround(0.05)))
    expect(run([0, Number.NaN, 1]).every(Number.isNaN)).toBe(true)
    expect(run([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]).every(Number.isNaN)).toBe(true)
    const sum = run(Array.from({length: 1000}, (_, i) => Math.sin(i) * 80)).reduce((a, b) => a + b)
    expect(sum).toBeCloseTo(1, 5)
  })

  test('gelu over its whole range', () => {
    const x = Float32Array.from({length: 4001}, (_, i) => (i - 2000) / 100)
    const y = new Float32Array(x.length)
    addon.runOp(isa, 'gelu', [x.length, 1], [x], [y], 1)
    const wanted = kernels.gelu.program([x.length]).parts[0]!.reference([Float64Array.from(x)])[0]!
    expect(errorOf(y, wanted)).toBeLessThan(2e-6)
  })
})

test('an error is absolute below 1, relative above, infinite where one side is not a number', () => {
  expect(errorOf([1.5, 0], [1, 0])).toBe(0.5)
  expect(errorOf([150], [100])).toBe(0.5)
  expect(errorOf([Number.NaN], [0])).toBe(Number.POSITIVE_INFINITY)
  expect(errorOf([Number.NaN, Number.NEGATIVE_INFINITY], [Number.NaN, Number.NEGATIVE_INFINITY])).toBe(0)
})

test('a fused program moves fewer bytes than its chain and computes no more', () => {
  for (const id of pairIds) {
    for (const dims of [pairs[id].sizes.cache, pairs[id].sizes.dram]) {
      const bytes = (program: Program) => program.parts.reduce((sum, part) => sum + partBytes(part), 0)
      const flops = (program: Program) => program.parts.reduce((sum, {cost}) => sum + cost.flops, 0)
      const [chain, fused] = [pairs[id].unfused(dims), pairs[id].fused(dims)]
      expect(bytes(fused), id).toBeLessThan(bytes(chain))
      expect(flops(fused), id).toBeLessThanOrEqual(flops(chain))
    }
  }
})

test('wrong calls are refused', () => {
  const isa = variants[0]!.name
  const x = new Float32Array(4)
  expect(() => addon.runOp(isa, 'nothing', [4, 1], [x], [x], 1)).toThrow(TypeError)
  expect(() => addon.runOp(isa, 'gelu', [4], [x], [x], 1)).toThrow(TypeError)
  expect(() => addon.runOp(isa, 'gelu', [4, 1], [x, x], [x], 1)).toThrow(TypeError)
  expect(() => addon.runOp(isa, 'gelu', [4, 1], [new Float64Array(4) as unknown as Float32Array], [x], 1)).toThrow(
    TypeError,
  )
})
