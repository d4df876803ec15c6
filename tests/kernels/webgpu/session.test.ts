import {afterAll, describe, expect, it} from 'vitest'
import type {Machine} from '../../../src/analysis/document/machine.ts'
import {benchGpuKernels, benchGpuPairs, gpuEntry} from '../../../src/kernels/webgpu/bench.ts'
import {gpuLevels} from '../../../src/kernels/webgpu/levels.ts'
import {measureGpu} from '../../../src/kernels/webgpu/measure.ts'
import {loadDawn, openNodeGpu} from '../../../src/kernels/webgpu/node.ts'
import {gpuRoof, gpuTime} from '../../../src/kernels/webgpu/place.ts'
import {gpuKernels} from '../../../src/kernels/webgpu/programs.ts'
import {placeTensors, stepsOf} from '../../../src/kernels/webgpu/run.ts'
import {GpuSession} from '../../../src/kernels/webgpu/session.ts'
import {streamBuffers, streamProbe} from '../../../src/kernels/wgsl/probes/stream.ts'
import {gpuForTests} from './support.ts'

const gpu = await gpuForTests()

describe.runIf(gpu)('a session', () => {
  afterAll(() => gpu?.close())

  it('opens with the limits of the adapter, not the defaults', () => {
    const {limits} = gpu!.device
    expect(gpu!.largestBuffer).toBe(gpu!.facts.maxBufferSize)
    // WebGPU's default is 128 MiB; whoever has more must have been asked
    expect(limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27)
  })

  it('compiles a shader once', async () => {
    const {program, check} = gpuKernels.gelu!
    const tensors = await placeTensors(gpu!, [program(check)], {})
    const [first] = await stepsOf(gpu!, program(check), tensors)
    const [second] = await stepsOf(gpu!, program(check), tensors)
    expect(second!.pipeline).toBe(first!.pipeline)
    gpu!.free([...tensors.values()].map(({buffer}) => buffer))
  })

  it('streams walk all of what is bound and nothing beside it, by one shader for every set', async () => {
    const [a, b, c] = [await gpu!.allocate(4096), await gpu!.allocate(4096), await gpu!.allocate(4096)]
    const [x, y] = [(i: number) => i + 1, (i: number) => 2 * i]
    gpu!.write(
      a,
      Float32Array.from({length: 1024}, (_, i) => x(i)),
    )
    gpu!.write(
      b,
      Float32Array.from({length: 1024}, (_, i) => y(i)),
    )
    const buffers = {a, b, c}
    // neighbours of 16 B are neighbouring threads' of 32
    const wanted = {copy: x, triad: (i: number) => x(i) + 0.5 * y(i), write: (i: number) => Math.floor(i / 4) % 32}
    const pipelines = new Set<GPUComputePipeline>()
    for (const bytes of [1024, 4096])
      for (const mix of ['copy', 'triad', 'write'] as const) {
        const probe = streamProbe({mix, size: 32, traffic: 16_384, unroll: 4, turns: 2})
        const slices = streamBuffers[mix].map((name) => ({buffer: buffers[name], offset: 0, bytes}))
        gpu!.write(c, new Float32Array(1024).fill(-1))
        const step = await gpu!.step(probe, slices)
        pipelines.add(step.pipeline)
        await gpu!.run([step])
        const inside = (i: number) => (4 * i < bytes ? wanted[mix](i) : -1)
        expect(new Float32Array(await gpu!.read(c, 4096)), mix).toEqual(
          Float32Array.from({length: 1024}, (_, i) => inside(i)),
        )
      }
    expect(pipelines.size).toBe(3)
    gpu!.free([a, b, c])
  })

  it('takes time by timestamps, and by the wall clock where it is told to', async () => {
    expect(gpu!.timer.kind).toBe('timestamp-query')
    const other = await openNodeGpu({adapter: process.env.RIDGEPOINT_ADAPTER ?? 'software', timestamps: false})
    expect(other.timer).toEqual({kind: 'wall clock', resolution: 1e-4})
    const {program} = gpuKernels.gelu!
    const tensors = await placeTensors(other, [program([65_536])], {})
    const steps = await stepsOf(other, program([65_536]), tensors)
    const times: number[] = []
    for (let i = 0; i < 5; i++) times.push(await other.time(steps, 20))
    expect(Math.max(...times)).toBeGreaterThan(0)
    other.close()
  })

  it('on a GPU every way to compute is tried, and the one that is taken is checked', {timeout: 240_000}, async () => {
    const asGpu = new GpuSession(gpu!.device, {...gpu!.facts, software: false}, gpu!.timer)
    const machine = {id: 'local-gpu', name: gpu!.facts.name, identity: {}, ceilings: []}
    const options = {machine, seconds: 0.05}
    const {kernels} = await benchGpuKernels(asGpu, {...options, kernels: ['gemm'], sizes: [[40, 40, 16]]})
    expect(kernels[0]!.maxError).toBeLessThan(1e-5)
    const {pairs} = await benchGpuPairs(asGpu, {...options, pairs: ['attention'], sizes: [[1, 40, 1, 16]]})
    expect(pairs[0]!.fused.maxError).toBeLessThan(1e-5)
    expect(pairs[0]!.speedup).toBeGreaterThan(0)
  })

  it('a device that is lost in the middle of measuring or of a kernel ends it with that sentence', {
    timeout: 60_000,
  }, async () => {
    const open = () => openNodeGpu({adapter: process.env.RIDGEPOINT_ADAPTER ?? 'software'})
    const isLost = {code: 'gpu-failed', exitCode: 4, message: expect.stringMatching(/was lost/)}
    for (const after of [1, 12]) {
      const measured = await open()
      let steps = 0
      const onProgress = () => {
        if (++steps === after) measured.device.destroy()
      }
      await expect(measureGpu(measured, {quick: true, onProgress})).rejects.toMatchObject(isLost)
    }
    const benched = await open()
    const machine = {id: 'local-gpu', name: benched.facts.name, identity: {}, ceilings: []}
    const kernels = ['gelu', 'softmax']
    const onProgress = (done: number) => {
      if (done === 1) benched.device.destroy()
    }
    await expect(benchGpuKernels(benched, {machine, kernels, onProgress, seconds: 0.05})).rejects.toMatchObject(isLost)
    // and the next session is a working one
    const next = await open()
    expect(next.lost).toBeUndefined()
    next.close()
  })

  it('more workgroups in a dimension than there can be, and more elements than 32 bits count, are said before they are tried', async () => {
    const shader = {code: '@compute @workgroup_size(1) fn main() {}', bindings: [], workgroups: [70_000, 1, 1]} as const
    await expect(gpu!.step(shader, [])).rejects.toMatchObject({
      code: 'does-not-fit',
      message: expect.stringMatching(/70000 workgroups .* takes 65535/),
    })
    const weights = {id: 'x', parts: [gpuKernels['dequantize-int4+gemv']!.program([65_536, 65_536, 128]).parts[0]!]}
    await expect(placeTensors(gpu!, [weights], {})).rejects.toMatchObject({
      code: 'does-not-fit',
      message: expect.stringMatching(/4294967296 elements/),
    })
  })

  it('a full run takes every mix over the working sets', {timeout: 120_000}, async () => {
    const {machine} = await measureGpu(gpu!, {quick: false})
    const sweep = machine.identity.sweep as {mix: string; bytes: number; bytesPerSecond: number}[]
    for (const [mix, buffers] of [
      ['read', 1],
      ['write', 1],
      ['copy', 2],
      ['triad', 3],
    ] as const) {
      const points = sweep.filter((point) => point.mix === mix)
      expect(points[0]!.bytes, mix).toBe(buffers * 2 ** 14)
      expect(points.at(-1)!.bytes, mix).toBeGreaterThanOrEqual(buffers * 2 ** 24)
      for (const {bytesPerSecond} of points) expect(bytesPerSecond, mix).toBeGreaterThan(0)
    }
  })

  it('stops measuring when it is told to', async () => {
    const stop = new AbortController()
    stop.abort()
    await expect(measureGpu(gpu!, {quick: true, signal: stop.signal})).rejects.toMatchObject({code: 'interrupted'})
  })
})

it('a missing package is exit 4, with what to install', async () => {
  await expect(loadDawn('webgpu-that-is-not-installed')).rejects.toMatchObject({
    code: 'no-adapter',
    message: expect.stringMatching(/not installed/),
    suggestions: expect.arrayContaining(['npm install webgpu']),
  })
})

describe('levels off a curve', () => {
  const KiB = 1024
  const curve = (...rates: number[]) => rates.map((bytesPerSecond, i) => ({bytes: 16 * KiB * 4 ** i, bytesPerSecond}))

  it('flat: memory alone', () => {
    expect(gpuLevels(curve(100, 101, 99, 100))).toEqual([{level: 'DRAM', reach: 1024 * KiB, at: 1024 * KiB}])
  })

  it('one step: an outer cache, measured at a quarter of its reach', () => {
    expect(gpuLevels(curve(300, 310, 300, 100, 100))).toEqual([
      {level: 'L2', reach: 256 * KiB, at: 64 * KiB},
      {level: 'DRAM', reach: 4096 * KiB, at: 4096 * KiB},
    ])
  })

  it('a step is 1.3 times the next level', () => {
    expect(gpuLevels(curve(140, 140, 140, 100, 100)).map(({level}) => level)).toEqual(['L2', 'DRAM'])
    expect(gpuLevels(curve(120, 120, 120, 100, 100)).map(({level}) => level)).toEqual(['DRAM'])
  })

  it('two steps: an inner cache as well', () => {
    const levels = gpuLevels(curve(900, 900, 300, 300, 300, 100, 100))
    expect(levels.map(({level}) => level)).toEqual(['L1', 'L2', 'DRAM'])
    expect(levels[0]!.reach).toBe(64 * KiB)
    expect(levels[1]!.reach).toBe(4096 * KiB)
  })

  it('nothing of nothing', () => {
    expect(gpuLevels([])).toEqual([])
  })
})

describe('placing under the roof', () => {
  const provenance = {kind: 'measured', source: 'a test', date: '2026-11-21'} as const
  const machine: Machine = {
    id: 'local-gpu',
    name: 'a GPU',
    identity: {caches: [{level: 'L2', claimed: null, found: 2 ** 20}]},
    ceilings: [
      {id: 'fma', kind: 'compute', operation: 'fma', dtype: 'f32', value: 1e12, unit: 'FLOP/s', provenance},
      {id: 'exp', kind: 'compute', operation: 'exp', dtype: 'f32', value: 1e9, unit: 'FLOP/s', provenance},
      {id: 'copy-DRAM', kind: 'bandwidth', mix: 'copy', level: 'DRAM', value: 1e11, unit: 'B/s', provenance},
      {id: 'read-L2', kind: 'bandwidth', mix: 'read', level: 'L2', value: 1e12, unit: 'B/s', provenance},
      {
        id: 'bad',
        kind: 'bandwidth',
        mix: 'read',
        level: 'DRAM',
        value: 9e15,
        unit: 'B/s',
        provenance,
        verdict: 'implausible',
        reason: 'a test',
      },
    ],
  }
  const at = (id: string, dims: number[]) => {
    const def = gpuKernels[id]!
    const program = def.program(dims)
    const roof = gpuRoof(machine, [program], def)!
    return {...gpuTime(program, roof, def), program, def}
  }

  it('counts bytes of the level that holds the tensors, and leaves implausible ceilings out', () => {
    expect(at('add', [2 ** 24])).toMatchObject({bound: 'copy-DRAM', seconds: (12 * 2 ** 24) / 1e11})
    expect(at('add', [2 ** 14])).toMatchObject({bound: 'read-L2', seconds: (12 * 2 ** 14) / 1e12})
    // half of the cache is the most that counts as held by it
    expect([2 ** 19 / 12 - 4, 2 ** 19 / 12 + 4].map((n) => at('add', [Math.floor(n)]).bound)).toEqual([
      'read-L2',
      'copy-DRAM',
    ])
  })

  it('what lies in L2 is not bound by the faster reads of L1', () => {
    const inner = {
      ...machine,
      identity: {
        caches: [
          {level: 'L1' as const, claimed: null, found: 2 ** 15},
          {level: 'L2' as const, claimed: null, found: 2 ** 20},
        ],
      },
      ceilings: [
        ...machine.ceilings,
        {id: 'read-L1', kind: 'bandwidth', mix: 'read', level: 'L1', value: 4e12, unit: 'B/s', provenance} as const,
      ],
    }
    const boundOf = (elements: number) => {
      const program = gpuKernels.add!.program([elements])
      return gpuTime(program, gpuRoof(inner, [program], {})!, {}).bound
    }
    expect([2 ** 10, 2 ** 14, 2 ** 24].map(boundOf)).toEqual(['read-L1', 'read-L2', 'copy-DRAM'])
  })

  it('counts arithmetic and special functions', () => {
    expect(at('gemm', [2048, 2048, 2048])).toMatchObject({bound: 'fma', seconds: (2 * 2048 ** 3) / 1e12})
    expect(at('gelu', [2 ** 20])).toMatchObject({bound: 'exp', seconds: 2 ** 20 / 1e9})
  })

  it('what is faster than its roof, or wrong, says so; what is right is ok', () => {
    const {program, def, seconds} = at('add', [2 ** 24])
    const entry = (time: number, error: number) =>
      gpuEntry(def, 'add', 'add', [2 ** 24], program, Array<number>(5).fill(1 / time), error, 'a GPU', machine)
    expect(entry(seconds * 1.25, 1e-7)).toMatchObject({
      verdict: 'ok',
      efficiency: expect.closeTo(0.8, 6),
      adapter: 'a GPU',
    })
    expect(entry(seconds / 2, 1e-7)).toMatchObject({verdict: 'implausible', reason: expect.stringMatching(/200 %/)})
    expect(entry(seconds * 2, 0.1)).toMatchObject({verdict: 'wrong'})
    expect(JSON.stringify(entry(seconds * 2, Number.POSITIVE_INFINITY))).not.toMatch(/"maxError":null/)
  })
})
