/** An adapter with nothing but what every adapter has, as a phone's or an old integrated GPU may be. */
import {afterAll, describe, expect, it} from 'vitest'
import {factsOf} from '../../../src/kernels/webgpu/adapters.ts'
import {measureGpu} from '../../../src/kernels/webgpu/measure.ts'
import {openSession} from '../../../src/kernels/webgpu/open.ts'
import {gpuKernels, gpuPairs} from '../../../src/kernels/webgpu/programs.ts'
import {canRun} from '../../../src/kernels/webgpu/run.ts'
import {GpuSession, type Step} from '../../../src/kernels/webgpu/session.ts'
import {variantsOf} from '../../../src/kernels/wgsl/index.ts'
import type {Shader} from '../../../src/kernels/wgsl/shader.ts'
import {leastLimits, lowered} from './support.ts'

const dawn: {create(flags: string[]): GPU} | undefined = await import('webgpu').catch(() => undefined)
const gpu = dawn?.create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
const adapter = await gpu?.requestAdapter()

if (!adapter) it.skip('the least adapter: the optional package webgpu is not installed', () => {})

describe.runIf(adapter)('the least adapter', async () => {
  const session = await openSession(lowered(adapter!, {}, []), {timestampStep: 0})
  // an instance that is collected takes its devices with it
  afterAll(() => {
    session.close()
    expect(gpu).toBeDefined()
  })
  const plain = new GpuSession(session.device, {...session.facts, software: false}, session.timer)

  it('is asked for no more than it has', () => {
    const {limits, features} = session.device
    for (const [name, limit] of Object.entries(leastLimits))
      expect(limits[name as keyof typeof leastLimits], name).toBe(limit)
    expect(features.has('shader-f16')).toBe(false)
    expect(features.has('timestamp-query')).toBe(false)
    expect(session.timer.kind).toBe('wall clock')
    expect(session.facts).toMatchObject({subgroups: null, matrixUnits: null, maxInvocations: 256})
  })

  it('compiles every shader that is thought to run there, at sizes from the awkward one to those that fill a GPU', async () => {
    const refused = new Set<string>()
    const [ran, skipped] = [new Set<string>(), new Set<string>()]
    const compile = async (kernel: string, shader: Shader): Promise<void> => {
      if (shader.bindings.length > leastLimits.maxStorageBuffersPerShaderStage) {
        await expect(session.step(shader, [])).rejects.toMatchObject({
          code: 'gpu-failed',
          message: expect.stringMatching(/allows 8/),
        })
        refused.add(kernel)
        return
      }
      await session.pipeline(shader)
      if (shader.second) await compile(kernel, shader.second)
    }
    const half = (def: {formats?: Readonly<Record<string, string>>}) => Object.values(def.formats ?? {}).includes('f16')
    for (const def of [...Object.values(gpuKernels), ...Object.values(gpuPairs)].filter((d) => !half(d)))
      for (const dims of [def.sizes.cache, def.sizes.dram, def.check])
        for (const program of 'unfused' in def ? [def.unfused(dims), def.fused(dims)] : [def.program(dims)])
          for (const {kernel, dims: native} of program.parts)
            for (const [number, shader] of variantsOf(kernel, native).entries()) {
              if (!shader) continue
              if (!canRun(session, shader)) {
                // the first serves everywhere
                expect(number, kernel).toBeGreaterThan(0)
                skipped.add(kernel)
                continue
              }
              ran.add(kernel)
              await compile(kernel, shader)
            }
    // six tensors in and four out
    expect([...refused]).toEqual(['lstm-products'])
    expect(ran.size).toBeGreaterThan(40)
    expect([...skipped]).toEqual(expect.arrayContaining(['softmax', 'attention', 'gemm', 'attention-cached']))
  }, 60_000)

  it.each([true, false])('is measured to the end, quick: %s', {timeout: 60_000}, async (quick) => {
    /** Every dispatch takes 100 µs. */
    class Clocked extends GpuSession {
      override get largestBuffer(): number {
        return 2 ** 22
      }
      override async time(_: readonly Step[], times: number): Promise<number> {
        return times * 1e-4
      }
    }
    const {machine, warnings} = await measureGpu(new Clocked(plain.device, plain.facts, plain.timer), {quick})
    expect(warnings).toEqual([])
    const ids = machine.ceilings.map(({id}) => id)
    expect(ids).toEqual(expect.arrayContaining(['fma-f32-vec4', 'read-DRAM', 'launch', 'workgroup-memory']))
    expect(ids.filter((id) => id.includes('f16'))).toEqual([])
    expect(machine.identity.absent).toEqual(
      expect.arrayContaining([{id: 'fma-f16-vec4', reason: 'the adapter lacks shader-f16'}]),
    )
    const search = machine.identity.search as {size: number}[]
    expect(Math.max(...search.map(({size}) => size))).toBe(256)
  })

  it.each([
    ['maxComputeInvocationsPerWorkgroup', 1024],
    ['maxComputeWorkgroupSizeX', 1024],
  ] as const)('%s alone makes no larger workgroups', async (name, limit) => {
    expect(factsOf(lowered(adapter!, {[name]: limit}, [])).maxInvocations).toBe(256)
  })
})
