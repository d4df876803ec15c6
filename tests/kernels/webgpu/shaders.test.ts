/** Every shader that this machine's adapter may lack a feature for is compiled by Dawn's null backend, which has them all. */
import {afterAll, describe, expect, it} from 'vitest'
import {matrixTasks} from '../../../src/kernels/webgpu/matrix-units.ts'
import {measureGpu} from '../../../src/kernels/webgpu/measure.ts'
import {openSession} from '../../../src/kernels/webgpu/open.ts'
import {computeTasks, effortOf, workgroupCandidates} from '../../../src/kernels/webgpu/plan.ts'
import {gpuKernels, gpuPairs} from '../../../src/kernels/webgpu/programs.ts'
import {canRun} from '../../../src/kernels/webgpu/run.ts'
import {GpuSession, type Step} from '../../../src/kernels/webgpu/session.ts'
import {shaderOf, variantsOf} from '../../../src/kernels/wgsl/index.ts'
import {computeWork} from '../../../src/kernels/wgsl/probes/compute.ts'
import {emptyProbe, type StreamMix, streamProbe, streamWork} from '../../../src/kernels/wgsl/probes/stream.ts'
import type {Shader} from '../../../src/kernels/wgsl/shader.ts'

const dawn: {create(flags: string[]): GPU} | undefined = await import('webgpu').catch(() => undefined)
const gpu = dawn?.create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
const adapter = await gpu?.requestAdapter()

if (!adapter) it.skip('shaders compile: the optional package webgpu is not installed', () => {})

describe.runIf(adapter)('shaders compile', async () => {
  const session = await openSession(adapter!, {timestampStep: 0})
  afterAll(() => session.close())

  const compile = async (shader: Shader): Promise<void> => {
    await session.pipeline(shader)
    if (shader.second) await compile(shader.second)
  }

  it('of kernels, at the sizes that fill a GPU', async () => {
    expect(session.hasF16).toBe(true)
    // as on a GPU with subgroups of 32
    const wide = new GpuSession(session.device, {...session.facts, subgroups: {min: 32, max: 32}}, session.timer)
    const compiled = new Set<number | undefined>()
    for (const def of Object.values(gpuKernels))
      for (const dims of [def.sizes.cache, def.sizes.dram, def.check])
        for (const {kernel, dims: native} of def.program(dims).parts)
          for (const shader of variantsOf(kernel, native))
            if (shader && canRun(wide, shader)) {
              compiled.add(shader.subgroups)
              await compile(shader)
            }
    for (const def of Object.values(gpuPairs))
      for (const {kernel, dims} of def.unfused(def.sizes.dram).parts) {
        const shader = shaderOf(kernel, dims)!
        // the sums of an LSTM's gates: six tensors in, four out; the null backend has eight at most, any GPU's driver more
        if (shader.bindings.length > session.device.limits.maxStorageBuffersPerShaderStage)
          expect(kernel).toBe('lstm-products')
        else await session.pipeline(shader)
      }
    // none, any, and those that exchange between four or 32 threads
    expect(compiled).toEqual(new Set([undefined, 4, 32]))
  })

  it('of probes, in every shape that is searched', async () => {
    for (const effort of [effortOf(false, true), effortOf(false, false), effortOf(true, true), effortOf(true, false)]) {
      for (const task of computeTasks(effort, true, 256))
        for (const candidate of task.candidates) {
          await session.pipeline(candidate.shader)
          for (const size of effort.sizes)
            await session.pipeline(task.resized(candidate, size, 8 * effort.workgroups).shader)
          const long = task.longer?.(candidate)
          if (long) {
            // the same work in fewer turns of the loop
            expect(long.work).toBe(candidate.work)
            await session.pipeline(long.shader)
          }
        }
      for (const {shader} of workgroupCandidates(effort, 256)) await session.pipeline(shader)
      for (const mix of ['read', 'write', 'copy', 'triad'] as StreamMix[])
        for (const unroll of effort.streamUnrolls)
          for (const turns of effort.streamTurns)
            await session.pipeline(streamProbe({mix, size: 64, traffic: effort.traffic, unroll, turns}))
    }
    await session.pipeline(emptyProbe)
  }, 120_000)

  it('of subgroup matrices, which the null backend has without a configuration', async () => {
    const {matrixUnits} = session.facts
    expect(matrixUnits).not.toBeNull()
    const offered = [
      {M: 8, N: 8, K: 8, componentType: 'f16', resultComponentType: 'f32'},
      {M: 16, N: 16, K: 8, componentType: 'f16', resultComponentType: 'f32'},
      {M: 8, N: 16, K: 4, componentType: 'f32', resultComponentType: 'f32'},
    ]
    for (const configs of [offered, offered.slice(0, 1)])
      for (const effort of [effortOf(false, true), effortOf(false, false), effortOf(true, true)]) {
        const {subgroupMax} = matrixUnits!
        for (const subgroupMin of [subgroupMax, subgroupMax / 2]) {
          const {tasks} = matrixTasks({subgroupMax, subgroupMin, configs}, session.hasF16, effort, 256)
          expect(tasks.length).toBe(configs.length === 1 ? 1 : 2)
          for (const task of tasks)
            for (const candidate of task.candidates)
              for (const size of effort.sizes)
                await session.pipeline(task.resized(candidate, size, 8 * effort.workgroups).shader)
        }
      }
  })

  it.each([true, false])('and the whole plan of a GPU runs to its end, quick: %s', {
    timeout: 120_000,
  }, async (quick) => {
    /** Every dispatch takes 100 µs: too short by itself, so that longer loops and more workgroups are tried. */
    class Clocked extends GpuSession {
      override get largestBuffer(): number {
        return 2 ** 22
      }
      override async time(_: readonly Step[], times: number): Promise<number> {
        return times * 1e-4
      }
    }
    const clocked = new Clocked(session.device, {...session.facts, software: false, matrixUnits: null}, session.timer)
    const steps: number[] = []
    const {machine, warnings} = await measureGpu(clocked, {quick, onProgress: (done) => steps.push(done)})
    expect(warnings).toEqual([])
    expect(steps).toEqual([...steps].sort((a, b) => a - b))
    const {search, sweep} = machine.identity as unknown as {
      search: {id: string; chains: number; size: number; workgroups: number; unroll: number}[]
      sweep: {mix: string; bytes: number}[]
    }
    const tried = search.filter(({id}) => id === 'fma-f32-scalar')
    expect(new Set(tried.map(({chains}) => chains))).toEqual(new Set(quick ? [4, 8] : [1, 2, 4, 8]))
    if (!quick) expect(new Set(tried.map(({size}) => size))).toEqual(new Set([64, 128, 256]))
    // 1,024 instructions in a loop instead of 8 steps of 8 chains, and eight times the workgroups
    expect(tried).toContainEqual(expect.objectContaining({chains: 8, unroll: 128, workgroups: 4096}))
    expect(Math.max(...tried.map(({workgroups}) => workgroups))).toBe(8 * 4096)
    expect(new Set(sweep.map(({mix}) => mix))).toEqual(new Set(quick ? ['read'] : ['read', 'write', 'copy', 'triad']))
    // 256 MiB in 100 µs are 2.7 TB/s: a dispatch of 2 ms at that rate would be 5.4 GB
    for (const {id, provenance} of machine.ceilings)
      if (id.endsWith('-DRAM')) expect(provenance?.source).toMatch(/, 4096 MiB of each in a dispatch;/)
    expect(machine.ceilings.map(({id}) => id)).toEqual(expect.arrayContaining(['copy-DRAM', 'fma-f16-vec4', 'launch']))
  })

  it('and one that does not says where', async () => {
    const broken = {
      code: '@compute @workgroup_size(1)\nfn main() { nonsense(); }',
      bindings: [],
      workgroups: [1, 1, 1],
    } as const
    await expect(session.pipeline(broken)).rejects.toMatchObject({
      code: 'gpu-failed',
      exitCode: 4,
      message: expect.stringMatching(/does not compile.*line 2/),
    })
  })

  it('a buffer over the limit is refused before anything is allocated', async () => {
    await expect(session.allocate(session.largestBuffer + 16, 'c')).rejects.toMatchObject({
      code: 'does-not-fit',
      exitCode: 4,
    })
  })

  it('a lost device is said at the next step, and at every one after', async () => {
    const own = await openSession((await gpu!.requestAdapter())!, {timestampStep: 0})
    own.device.destroy()
    await own.device.lost
    await expect(own.allocate(16)).rejects.toMatchObject({
      code: 'gpu-failed',
      message: expect.stringMatching(/was lost/),
    })
    expect(() => own.throwIfLost()).toThrow(/lost/)
  })
})

it('no kernel asks a driver for what it may approximate more coarsely than the tolerance', () => {
  for (const def of Object.values(gpuKernels))
    for (const {kernel, dims} of [
      ...def.program(def.check).parts,
      ...(gpuPairs[def.id]?.unfused(def.check).parts ?? []),
    ])
      for (const shader of variantsOf(kernel, dims))
        expect(shader?.code ?? '', kernel).not.toMatch(/\b(?:a?(?:sin|cos|tan)h?|pow|atan2)\(/)
})

it('work of the probes, by hand', () => {
  const shape = {lanes: 4, chains: 3, size: 64, workgroups: 10, loops: 5, unroll: 2} as const
  expect(computeWork({operation: 'fma-f32', ...shape})).toBe(2 * 4 * 3 * 64 * 10 * 5 * 2)
  expect(computeWork({operation: 'dot-int8', ...shape})).toBe(8 * 4 * 3 * 64 * 10 * 5 * 2)
  expect(computeWork({operation: 'exp-f32', ...shape, lanes: 1})).toBe(3 * 64 * 10 * 5 * 2)
  const stream = {size: 64, unroll: 4, traffic: 2 ** 20}
  expect(streamWork({mix: 'read', ...stream})).toBe(2 ** 20)
  expect(streamWork({mix: 'triad', ...stream})).toBe(3 * 2 ** 20)
  expect(streamProbe({mix: 'copy', ...stream, turns: 8}).workgroups).toEqual([2 ** 20 / 16 / 64 / 4 / 8, 1, 1])
  // every byte of the traffic is in some workgroup: 16 B × 64 threads × 4
  expect(streamProbe({mix: 'copy', ...stream}).workgroups).toEqual([2 ** 20 / 16 / 64 / 4, 1, 1])
})
