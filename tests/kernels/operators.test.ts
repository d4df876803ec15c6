import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {defaultTolerance} from '../../src/kernels/families/types.ts'
import {loadNative} from '../../src/kernels/native.ts'
import {errorOf, type Program, partBytes} from '../../src/kernels/program.ts'
import {
  type KernelDef,
  type KernelDType,
  kernelIds,
  kernels,
  type PairDef,
  pairIds,
  pairs,
} from '../../src/kernels/registry.ts'
import {checkGuarded, checkProgram} from '../../src/kernels/verify.ts'

const addon = loadNative()
const variants = addon.cpu().isas

const toleranceOf = (def: {tolerance?: number}, dtype: KernelDType) => def.tolerance ?? defaultTolerance[dtype]
const typesOf = (def: {dtypes?: readonly KernelDType[]}): readonly KernelDType[] => def.dtypes ?? ['f32']
const definitions: readonly KernelDef[] = kernelIds.map((id) => kernels[id])
const pairDefinitions: readonly PairDef[] = pairIds.map((id) => pairs[id])

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

  test('exp: relative error below 3e-7; 0 below -87.3, infinity above 88.73', () => {
    run('exp', x).forEach((y, i) => {
      const at = x[i]!
      if (at < -87.3) expect(y).toBe(0)
      else if (at > 88.73) expect(y).toBe(Infinity)
      else expect(Math.abs(y / Math.exp(at) - 1), `exp(${at})`).toBeLessThan(3e-7)
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

test('every kernel and every pair of the registry is compiled in every variant, and has cases', () => {
  expect(new Set([...kernelIds, ...pairIds]).size).toBeGreaterThanOrEqual(kernelIds.length)
  for (const {id, cases} of [...definitions, ...pairDefinitions]) expect(cases.length, id).toBeGreaterThan(2)
  const programs: Program[] = [
    ...definitions.flatMap((def) => typesOf(def).map((dtype) => def.program(def.check, dtype))),
    ...pairDefinitions.flatMap((def) =>
      typesOf(def).flatMap((dtype) => [def.unfused(def.check, dtype), def.fused(def.check, dtype)]),
    ),
  ]
  for (const {name, kernels: compiled} of variants)
    for (const {parts} of programs) for (const {kernel} of parts) expect(compiled, name).toContain(kernel)
})

test('a special operation is an exp, a tanh or an erf, and counted once', () => {
  for (const def of definitions)
    for (const {cost, kernel, specials} of def.program(def.check).parts) {
      const functions = (specials?.exp ?? 0) + (specials?.tanh ?? 0) + (specials?.erf ?? 0)
      expect(functions, kernel).toBe(cost.special)
    }
})

// the SSE2 variant without FMA is measured on old CPUs alone, but runs on all
const isas = [...(process.arch === 'x64' ? ['sse2'] : []), ...variants.map(({name}) => name)]

describe.each(isas)('results against the f64 reference, %s', (isa) => {
  test.each(definitions)('$id', (def) => {
    for (const dtype of typesOf(def))
      for (const dims of [...def.cases, def.check])
        for (const threads of [1, 2, 5]) {
          const error = checkProgram(addon, def.program(dims, dtype), isa, threads)
          expect(error, `${dtype} ${dims.join('x')}, ${threads} threads`).toBeLessThanOrEqual(toleranceOf(def, dtype))
        }
  })

  test.each(pairDefinitions)('$id as a pair', (def) => {
    for (const dtype of typesOf(def))
      for (const dims of [...def.cases, def.check])
        for (const program of [def.unfused(dims, dtype), def.fused(dims, dtype)])
          expect(checkProgram(addon, program, isa, 3), `${program.id} ${dims.join('x')}`).toBeLessThanOrEqual(
            toleranceOf(def, dtype),
          )
  })

  test.each(definitions)('$id writes its outputs and nothing around them, at any alignment', (def) => {
    for (const dtype of typesOf(def))
      for (const shift of [0, 1, 3]) {
        const [part] = def.program(def.check, dtype).parts
        expect(checkGuarded(addon, part!, isa, shift), `${dtype} shifted by ${shift}`).toBeLessThanOrEqual(
          toleranceOf(def, dtype),
        )
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
  test.each([
    20, 128, 133, 768, 1100,
  ])('softmax and cross-entropy of %i columns whose rows are masked in turn', (cols) => {
    // none, -infinity but for two, lowest but for two, -infinity behind a NaN, none
    const low = [0, Number.NEGATIVE_INFINITY, -3e38, Number.NEGATIVE_INFINITY, 0]
    const x = Float32Array.from({length: 5 * cols}, (_, i) => (i % cols < 2 ? 0 : low[Math.floor(i / cols)]!))
    x[3 * cols + 1] = Number.NaN
    const y = new Float32Array(x.length)
    addon.runOp(isa, 'softmax', [5, cols], [x], [y], 1)
    const share = [1 / cols, 0, 0, Number.NaN, 1 / cols]
    const wanted = Float64Array.from(x, (_, i) => {
      const row = Math.floor(i / cols)
      return i % cols < 2 && (row === 1 || row === 2) ? 0.5 : share[row]!
    })
    expect(errorOf(y, wanted)).toBeLessThan(1e-6)
    const losses = new Float32Array(5)
    addon.runOp(isa, 'cross-entropy', [5, cols], [x, new Int32Array(5)], [losses], 1)
    expect(errorOf(losses, [Math.log(cols), Math.log(2), Math.log(2), Number.NaN, Math.log(cols)])).toBeLessThan(3e-6)
  })

  test('softmax keeps results of 1e-32, wherever the row lies and its largest value stands', () => {
    for (const cols of [2, 20, 128, 700])
      for (const most of [-1000, -30, -19.9, -9, -7.9, -4, 0, 30, 1000])
        for (const at of [0, cols - 1]) {
          const x = new Float32Array(cols).fill(most - 73)
          x[at] = most
          const y = new Float32Array(cols)
          addon.runOp(isa, 'softmax', [1, cols], [x], [y], 1)
          const wanted = Math.exp(Math.fround(most - 73) - most)
          const worst = y.reduce((far, v, i) => (i === at ? far : Math.max(far, Math.abs(v / wanted - 1))), 0)
          expect(worst, `${cols} columns, ${most} at ${at}`).toBeLessThan(2e-5)
        }
  })

  test('gelu over its whole range', () => {
    const x = Float32Array.from({length: 4001}, (_, i) => (i - 2000) / 100)
    const y = new Float32Array(x.length)
    addon.runOp(isa, 'gelu', [x.length, 1], [x], [y], 1)
    const wanted = kernels.gelu.program([x.length]).parts[0]!.reference([Float64Array.from(x)])[0]!
    expect(errorOf(y, wanted)).toBeLessThan(2e-6)
  })
})

// kernels may go another way on the cores of another make (native/core/cores.h): each way is checked, whatever this machine has
const makes = (['intel', 'amd', 'other'] as const).filter((make) => make !== addon.tuneFor())

describe.each(process.arch === 'x64' ? makes : [])('results as tuned for the cores of another make: %s', (make) => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.tuneFor(make)).toBe(make))
  afterAll(() => expect(addon.tuneFor(own)).toBe(own))

  describe.each(variants.map(({name}) => name).filter((name) => name.startsWith('avx')))('%s', (isa) => {
    test.each(definitions)('$id', (def) => {
      for (const dtype of typesOf(def))
        for (const dims of [...def.cases, def.check])
          for (const threads of [1, 3]) {
            const error = checkProgram(addon, def.program(dims, dtype), isa, threads)
            expect(error, `${dtype} ${dims.join('x')}, ${threads} threads`).toBeLessThanOrEqual(toleranceOf(def, dtype))
          }
    })
  })
})

// A kernel may have a row of its own for processors with a feature beyond the ISA's own (table.h: VNNI, VBMI): what one without it runs is checked, too.
describe('results without features beyond those of the ISA', () => {
  const own = addon.tuneFor()
  beforeAll(() => expect(addon.useFeatures(false)).toBe(false))
  afterAll(() => {
    addon.tuneFor(own)
    expect(addon.useFeatures(true)).toBe(true)
  })

  const twice = variants.flatMap(({name, kernels: compiled}) =>
    compiled.filter((id, i) => compiled.indexOf(id) < i).map((kernel) => [name, kernel] as const),
  )
  const programs = definitions.flatMap((def) =>
    typesOf(def).flatMap((dtype) =>
      [...def.cases, def.check].map((dims) => ({def, dtype, dims, program: def.program(dims, dtype)})),
    ),
  )
  test.each(twice)('%s, %s', (isa, kernel) => {
    const its = programs.filter(({program}) => program.parts.some((part) => part.kernel === kernel))
    expect(its.length).toBeGreaterThan(0)
    for (const make of [own, ...makes]) {
      addon.tuneFor(make)
      for (const {def, dtype, dims, program} of its)
        for (const threads of [1, 3])
          expect(
            checkProgram(addon, program, isa, threads),
            `${make}, ${dims.join('x')}, ${threads} threads`,
          ).toBeLessThanOrEqual(toleranceOf(def, dtype))
    }
  })
})

test('an error is absolute below 1, relative above, infinite where one side is not a number', () => {
  expect(errorOf([1.5, 0], [1, 0])).toBe(0.5)
  expect(errorOf([150], [100])).toBe(0.5)
  expect(errorOf([Number.NaN], [0])).toBe(Number.POSITIVE_INFINITY)
  expect(errorOf([Number.NaN, Number.NEGATIVE_INFINITY], [Number.NaN, Number.NEGATIVE_INFINITY])).toBe(0)
})

test('a fused program moves fewer bytes than its chain and computes no more', () => {
  for (const def of pairDefinitions) {
    for (const dims of [def.sizes.cache, def.sizes.dram]) {
      const bytes = (program: Program) => program.parts.reduce((sum, part) => sum + partBytes(part), 0)
      const flops = (program: Program) => program.parts.reduce((sum, {cost}) => sum + cost.flops, 0)
      const [chain, fused] = [def.unfused(dims), def.fused(dims)]
      expect(bytes(fused), def.id).toBeLessThan(bytes(chain))
      expect(flops(fused), def.id).toBeLessThanOrEqual(flops(chain))
    }
  }
})

test('wrong calls are refused', () => {
  const isa = variants[0]!.name
  const x = new Float32Array(4)
  expect(() => addon.runOp(isa, 'nothing', [4, 1], [x], [x], 1)).toThrow(TypeError)
  expect(() => addon.runOp(isa, 'gelu', [4], [x], [x], 1)).toThrow(TypeError)
  expect(() => addon.runOp(isa, 'gelu', [4, 1], [x, x], [x], 1)).toThrow(TypeError)
})
