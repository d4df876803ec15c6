import {afterAll, describe, expect, test} from 'vitest'
import {defaultTolerance, type KernelDef} from '../../../src/kernels/families/types.ts'
import type {Part, Program} from '../../../src/kernels/program.ts'
import {kernels, pairIds} from '../../../src/kernels/registry.ts'
import {gpuBytes, gpuTensors} from '../../../src/kernels/webgpu/bytes.ts'
import {decode, encode, fromF16, quantize, toF16} from '../../../src/kernels/webgpu/formats.ts'
import {gpuKernels, gpuPairs} from '../../../src/kernels/webgpu/programs.ts'
import {checkOnGpu, shadersOf} from '../../../src/kernels/webgpu/run.ts'
import {wgsl} from '../../../src/kernels/wgsl/index.ts'
import {matmul} from '../../../src/kernels/wgsl/matmul.ts'
import {grid, type Shader} from '../../../src/kernels/wgsl/shader.ts'
import {gpuCases, waySizes} from './cases.ts'
import {gpuForTests} from './support.ts'

const gpu = await gpuForTests()

describe.runIf(gpu)('results against the f64 reference', () => {
  afterAll(() => gpu?.close())

  test.each(Object.keys(gpuKernels))('%s', async (id) => {
    const def = gpuKernels[id]!
    const isHalf = Object.values(def.formats ?? {}).includes('f16')
    if (isHalf && !gpu!.hasF16) return expect(gpu!.facts.features).not.toContain('shader-f16')
    for (const dims of gpuCases(def))
      expect(await checkOnGpu(gpu!, def.program(dims), def), dims.join('x')).toBeLessThan(
        def.tolerance ?? defaultTolerance.f32,
      )
  }, 300_000)

  test.each(Object.keys(gpuPairs))('%s unfused', async (id) => {
    const def = gpuPairs[id]!
    expect(await checkOnGpu(gpu!, def.unfused(def.check), def)).toBeLessThan(def.tolerance ?? defaultTolerance.f32)
  })

  test.each(Object.keys(waySizes))('%s by every other way', async (id) => {
    const def = gpuKernels[id]!
    if (Object.values(def.formats ?? {}).includes('f16') && !gpu!.hasF16) return
    for (const dims of waySizes[id]!) {
      const program = def.program(dims)
      const {kernel} = program.parts[0]!
      for (const {number} of shadersOf(gpu!, program.parts[0]!).slice(1))
        expect(
          await checkOnGpu(gpu!, program, def, new Map([[kernel, number]])),
          `${dims.join('x')}, way ${number}`,
        ).toBeLessThan(def.tolerance ?? defaultTolerance.f32)
    }
  }, 240_000)

  /** more than one part of the keys in decoding */
  const small: Readonly<Record<string, readonly number[]>> = {
    lstm: [3, 5, 6],
    attention: [1, 37, 2, 12],
    'attention-decode': [1, 2, 300, 4, 2, 12],
  }

  test('the parts of unfused chains by every other way', async () => {
    for (const id of ['attention', 'attention-decode', 'lstm']) {
      const def = gpuPairs[id]!
      const program = def.unfused(small[id]!)
      const tried = program.parts.filter((part) => shadersOf(gpu!, part).length > 1)
      expect(tried.length, id).toBeGreaterThan(0)
      for (const part of tried)
        for (const {number} of shadersOf(gpu!, part).slice(1))
          expect(
            await checkOnGpu(gpu!, program, def, new Map([[part.kernel, number]])),
            `${part.kernel}, way ${number}`,
          ).toBeLessThan(defaultTolerance.f32)
    }
  }, 240_000)

  test('a product with the large tiles', async () => {
    const shader = matmul({batch: 1, m: 130, n: 129, k: 5, tile: {rows: 8, cols: 8}})
    const a = Float32Array.from({length: 650}, (_, i) => (i % 7) - 3)
    const b = Float32Array.from({length: 645}, (_, i) => (i % 5) - 2)
    const buffers = [await gpu!.allocate(2600), await gpu!.allocate(2580), await gpu!.allocate(4 * 130 * 129)]
    gpu!.write(buffers[0]!, a)
    gpu!.write(buffers[1]!, b)
    const slices = buffers.map((buffer) => ({buffer, offset: 0, bytes: buffer.size}))
    await gpu!.run([await gpu!.step(shader, slices)])
    const c = new Float32Array(await gpu!.read(buffers[2]!, buffers[2]!.size), 0, 130 * 129)
    const wanted = Float32Array.from(c, (_, i) => {
      let sum = 0
      for (let l = 0; l < 5; l++) sum += a[Math.floor(i / 129) * 5 + l]! * b[l * 129 + (i % 129)]!
      return sum
    })
    expect(c).toEqual(wanted)
    gpu!.free(buffers)
  })

  test('a wrong kernel and one that writes beside its output are found', async () => {
    const {program} = gpuKernels.gelu!
    const good = program([100]).parts[0]!
    const other: Program = {id: 'x', parts: [{...good, kernel: 'gelu-tanh'}]}
    expect(await checkOnGpu(gpu!, other, {})).toBeGreaterThan(1e-4)
    const longer: Program = {id: 'x', parts: [{...good, dims: [104]}]}
    expect(await checkOnGpu(gpu!, longer, {})).toBe(Number.POSITIVE_INFINITY)
  })

  test('softmax at its limits', async () => {
    const run = async (row: number[]): Promise<number[]> => {
      const buffers = [await gpu!.allocate(4 * row.length), await gpu!.allocate(4 * row.length)]
      gpu!.write(buffers[0]!, Float32Array.from(row))
      const slices = buffers.map((buffer) => ({buffer, offset: 0, bytes: buffer.size}))
      await gpu!.run([await gpu!.step(wgsl.softmax([1, row.length]), slices)])
      const y = [...new Float32Array(await gpu!.read(buffers[1]!, 4 * row.length))]
      gpu!.free(buffers)
      return y
    }
    expect(await run([1e30, -1e30, 0])).toEqual([1, 0, 0])
    expect(await run([Number.NEGATIVE_INFINITY, 0])).toEqual([0, 1])
    const equal = await run(Array<number>(20).fill(88))
    for (const value of equal) expect(value).toBeCloseTo(0.05, 7)
  })
})

test('sizes of whole tiles are sizes of their kernel', () => {
  for (const def of Object.values(gpuKernels))
    if (def.whole) expect(def.program(def.whole).parts.length, def.id).toBeGreaterThan(0)
  for (const id of ['gemm', 'gemm-f16', 'conv']) expect(gpuKernels[id]!.whole, id).toBeDefined()
})

test('what memory bounds is several times as large as any L2, or lies in one', () => {
  for (const def of Object.values(gpuKernels)) {
    const bytesAt = (dims: readonly number[]) =>
      [...gpuTensors([def.program(dims)], def).values()].reduce((sum, tensor) => sum + tensor.bytes, 0)
    const flops = def.program(def.sizes.dram).parts.reduce((sum, {cost}) => sum + cost.flops, 0)
    const bytes = bytesAt(def.sizes.dram)
    if (flops < 10 * bytes) expect(bytes, def.id).toBeGreaterThan(200 * 2 ** 20)
    expect(bytesAt(def.sizes.cache), def.id).toBeLessThan(2 * 2 ** 20)
  }
})

test('every pair moves more bytes unfused than fused', () => {
  const bytes = (program: Program, traits: object) =>
    program.parts.reduce((sum, part: Part) => sum + gpuBytes(part, traits), 0)
  for (const [id, def] of Object.entries(gpuPairs))
    for (const dims of [def.check, def.sizes.dram])
      expect(bytes(def.fused(dims), def), id).toBeLessThan(bytes(def.unfused(dims), def))
  // 4 bits a weight: 37·352 f32, 71·352 ÷ 2 B, their scales, 37·71 f32
  const {program, check} = gpuKernels['dequantize-int4+gemm']!
  expect(gpuBytes(program(check).parts[0]!, {})).toBe(4 * 37 * 352 + (71 * 352) / 2 + (4 * 71 * 352) / 32 + 4 * 37 * 71)
})

test('the native definitions that WGSL covers are the same objects but for their size on a GPU', () => {
  const natives: Readonly<Record<string, KernelDef>> = kernels
  // another blocking and another algorithm of the processor's for kernels that are there
  const natively = ['gemm-blocked', 'conv-direct']
  for (const id of Object.keys(natives).filter((name) => !natively.includes(name))) {
    expect(gpuKernels, id).toHaveProperty([id])
    expect(gpuKernels[id]!.cases, id).toBe(natives[id]!.cases)
    expect(gpuKernels[id]!.program, id).toBe(natives[id]!.program)
  }
  expect(Object.keys(gpuKernels).filter((id) => !Object.hasOwn(natives, id))).toEqual(['gemm-f16'])
  expect(Object.keys(gpuPairs).sort()).toEqual([...pairIds].sort())
})

test('grids beyond 65,535 workgroups fold, and lose none', () => {
  for (const groups of [0, 1, 65_535, 65_536, 131_071, 16_777_216]) {
    const [x, y, z] = grid(groups)
    expect(x * y * z).toBeGreaterThanOrEqual(groups)
    expect(Math.max(x, y)).toBeLessThanOrEqual(65_535)
    expect(x * y - groups).toBeLessThan(Math.max(1, x))
  }
})

test('f16 rounds to even, holds its limits, and integers pack lowest first', () => {
  for (const [value, bits] of [
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [65_520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 ** -14, 0x0400],
  ] as const)
    expect(toF16(value), String(value)).toBe(bits)
  expect(toF16(Number.NaN) & 0x7c00).toBe(0x7c00)
  for (let bits = 0; bits < 0x7c00; bits++) expect(toF16(fromF16(bits))).toBe(bits)
  for (const format of ['f32', 'f16', 'i8', 'i4'] as const) {
    const values = quantize(
      Float32Array.from({length: 37}, (_, i) => Math.sin(i)),
      format,
    )
    expect(decode(encode(values, format), format, 37), format).toEqual(values)
  }
  expect(encode(Float32Array.from([1, -1]), 'i4')[0]).toBe(0xf1)
})

test('shaders name their bindings in order', () => {
  const shaders: Shader[] = [wgsl.adam([8]), wgsl.gemm([5, 6, 7])]
  for (const {code, bindings} of shaders)
    bindings.forEach((kind, i) => {
      expect(code).toMatch(new RegExp(`@binding\\(${i}\\) var<storage, ${kind === 'read' ? 'read' : 'read_write'}>`))
    })
})
