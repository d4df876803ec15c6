/** Rows in the shapes that the sizes of the other tests do not reach: long ones, and several of them in exchanges between registers. */
import {afterAll, describe, expect, it} from 'vitest'
import {crossEntropy as crossEntropyOp} from '../../../src/analysis/ops/cross-entropy.ts'
import {softmax as softmaxOp} from '../../../src/analysis/ops/softmax.ts'
import {benchGpuKernels} from '../../../src/kernels/webgpu/bench.ts'
import {GpuSession, type Slice, type Step} from '../../../src/kernels/webgpu/session.ts'
import {reductions} from '../../../src/kernels/wgsl/reduce.ts'
import {type RowShape, rowShapes} from '../../../src/kernels/wgsl/row-kernel.ts'
import {addRmsnorm, crossEntropy, layernorm, softmax} from '../../../src/kernels/wgsl/rows.ts'
import type {Shader} from '../../../src/kernels/wgsl/shader.ts'
import {gpuForTests} from './support.ts'

const gpu = await gpuForTests()

/** Runs a shader over inputs; the last buffer is the result, of `count` f32. */
async function run(
  shader: Shader,
  inputs: readonly (Float32Array | Int32Array)[],
  count: number,
): Promise<Float32Array> {
  const sizes = [
    ...inputs.map(({byteLength}) => byteLength),
    ...shader.bindings.slice(inputs.length).map(() => 4 * count),
  ]
  const buffers: GPUBuffer[] = []
  for (const size of sizes) buffers.push(await gpu!.allocate(size))
  inputs.forEach((data, i) => {
    gpu!.write(buffers[i]!, Float32Array.from(new Float32Array(data.buffer)))
  })
  await gpu!.repeat(buffers.at(-1)!, new Uint32Array(4).fill(0x7fc00000))
  await gpu!.run([
    await gpu!.step(
      shader,
      buffers.map((buffer) => ({buffer, offset: 0, bytes: buffer.size})),
    ),
  ])
  const result = new Float32Array((await gpu!.read(buffers.at(-1)!, 4 * Math.ceil(count / 4) * 4)).slice(0, 4 * count))
  gpu!.free(buffers)
  return result
}

const values = (count: number, seed: number) =>
  Float32Array.from({length: count}, (_, i) => Math.sin(i * 12.9898 + seed) * 3)

/** Largest difference, absolute below 1 and relative above. */
const differs = (got: Float32Array, wanted: ArrayLike<number>): number =>
  got.reduce((worst, value, i) => Math.max(worst, Math.abs(value - wanted[i]!) / Math.max(1, Math.abs(wanted[i]!))), 0)

afterAll(() => gpu?.close())

describe.runIf(gpu)('rows', () => {
  const most = gpu?.facts.maxInvocations ?? 256
  const least = gpu?.facts.subgroups?.min ?? 0

  it.each([
    ['in registers', 8192, undefined],
    ['longer than the registers', 8196, undefined],
    ['longer, of odd length', 2051, undefined],
    ['longer, by subgroups', 9000, {lanes: 256, by: 'subgroups'}],
  ] as [string, number, RowShape | undefined][])('%s: softmax and cross-entropy', async (_, cols, shape) => {
    if (shape?.by === 'subgroups' && least === 0) return expect(gpu!.facts.features).not.toContain('subgroups')
    const x = values(2 * cols, 1)
    // what is far above everything else, in the middle and at the end
    x[700] = 60
    x[2 * cols - 1] = 80
    const x64 = Float64Array.from(x)
    const [soft] = softmaxOp.reference!({rows: 2, cols, kept: 2 * cols}, [x64])
    expect(differs(await run(softmax({rows: 2, cols, shape}), [x], 2 * cols), soft!)).toBeLessThan(1e-6)
    const targets = Int32Array.of(5, cols - 1)
    const [loss] = crossEntropyOp.reference!({rows: 2, classes: cols}, [x64, Float64Array.from(targets)])
    expect(differs(await run(crossEntropy(2, cols, shape), [x, targets], 2), loss!)).toBeLessThan(1e-5)
  })

  it.each([
    ['exchanges of registers', {lanes: 4, together: 8, by: 'subgroups'}],
    ['trees beside each other', {lanes: 32, together: 8, by: 'tree'}],
    ['a row of a large workgroup', {lanes: 512, by: 'subgroups'}],
  ] as [string, RowShape][])('%s', async (_, shape) => {
    const {lanes, together = 1, by} = shape
    if (by === 'subgroups' && (least === 0 || (together > 1 && least < lanes)))
      return expect(gpu!.facts.subgroups?.min ?? 0).toBeLessThan(lanes)
    if (lanes * together > most) return expect(most).toBe(256)
    // thirteen rows: the last workgroup is not full; 20 columns are five quads of four threads
    for (const cols of [20, 19, 128]) {
      const rows = 13
      const x = values(rows * cols, 2)
      const mean = (row: number) => x.subarray(row * cols, (row + 1) * cols).reduce((a, b) => a + b, 0) / cols
      const square = (row: number, about: number) =>
        x.subarray(row * cols, (row + 1) * cols).reduce((a, b) => a + (b - about) ** 2, 0) / cols
      const gamma = values(cols, 3)
      const beta = values(cols, 4)
      const rowOf = (i: number) => Math.floor(i / cols)
      const wanted = Float64Array.from(
        x,
        (v, i) =>
          ((v - mean(rowOf(i))) / Math.sqrt(square(rowOf(i), mean(rowOf(i))) + 1e-5)) * gamma[i % cols]! +
          beta[i % cols]!,
      )
      expect(differs(await run(layernorm(rows, cols, shape), [x, gamma, beta], rows * cols), wanted)).toBeLessThan(1e-5)
      const [soft] = softmaxOp.reference!({rows, cols, kept: rows * cols}, [Float64Array.from(x)])
      expect(differs(await run(softmax({rows, cols, shape}), [x], rows * cols), soft!)).toBeLessThan(1e-6)
      const zero = new Float32Array(rows * cols)
      const normed = Float64Array.from(x, (v, i) => (v / Math.sqrt(square(rowOf(i), 0) + 1e-5)) * gamma[i % cols]!)
      expect(differs(await run(addRmsnorm(rows, cols, shape), [x, zero, gamma], rows * cols), normed)).toBeLessThan(
        1e-5,
      )
    }
  })
})

/** Finds shaders with exchanges of registers the fastest, and believes that subgroups have 32 threads. */
class Rigged extends GpuSession {
  private readonly codes = new Map<Step, string>()
  override async step(shader: Shader, slices: readonly Slice[]): Promise<Step> {
    const step = await super.step(shader, slices)
    this.codes.set(step, shader.code)
    return step
  }
  override async time(steps: readonly Step[], times: number): Promise<number> {
    return times * (steps.some((step) => this.codes.get(step)?.includes('subgroupShuffleXor')) ? 1e-3 : 1e-2)
  }
}

it.runIf(gpu?.facts.subgroups && gpu.facts.subgroups.max < 32)(
  'the fastest way is not taken where its results are wrong',
  async () => {
    const rigged = new Rigged(gpu!.device, {...gpu!.facts, software: false, subgroups: {min: 32, max: 32}}, gpu!.timer)
    const machine = {id: 'local-gpu', name: gpu!.facts.name, identity: {}, ceilings: []}
    const {kernels, warnings} = await benchGpuKernels(rigged, {
      machine,
      kernels: ['softmax'],
      sizes: [[8, 200]],
      seconds: 0.05,
    })
    expect(kernels[0]!.maxError).toBeLessThan(1e-5)
    const {ways = []} = kernels[0]!
    expect(ways[0]).toMatchObject({kernel: 'softmax', way: 7, taken: false})
    expect(ways.filter(({taken}) => taken)).toHaveLength(1)
    expect(warnings).toContainEqual({
      code: 'way-wrong',
      message: expect.stringMatching(/softmax in its way 7 .*another is taken/),
    })
  },
)

it('every shape gives a row one workgroup or less, and long rows as many threads as an adapter may have', () => {
  for (const cols of [1, 32, 133, 768, 1024, 4096, 32_768, 128_256])
    for (const shape of rowShapes(cols)) {
      if (!shape) continue
      const threads = shape.lanes * (shape.together ?? 1)
      expect(threads).toBeLessThanOrEqual(1024)
      expect(Math.log2(shape.lanes) % 1).toBe(0)
    }
  const {code, invocations} = softmax({rows: 8, cols: 32_768, shape: rowShapes(32_768)[0]})
  expect(invocations).toBe(1024)
  // one load of the row in the text, eight times: it is never read again
  expect(code.match(/ v\d = x\[e\]/g)).toHaveLength(8)
})

it('a row of a workgroup adds up by two subgroup functions, not by a tree', () => {
  const {functions} = reductions({threads: 256, lanes: 256, by: 'subgroups'})
  expect(functions.match(/workgroupBarrier/g)).toHaveLength(4)
})
