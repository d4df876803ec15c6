import {expect, it} from 'vitest'
import {AnalysisError} from '../../../src/analysis/errors.ts'
import {openNodeGpu} from '../../../src/kernels/webgpu/node.ts'
import type {GpuSession} from '../../../src/kernels/webgpu/session.ts'

const required = process.env.CI === 'true' || process.env.RIDGEPOINT_GPU === 'required'

/** The adapter to test on: RIDGEPOINT_ADAPTER, else SwiftShader. Where there is none the test says so, and fails in CI. */
export async function gpuForTests(): Promise<GpuSession | undefined> {
  try {
    return await openNodeGpu({adapter: process.env.RIDGEPOINT_ADAPTER ?? 'software'})
  } catch (error) {
    if (!(error instanceof AnalysisError)) throw error
    if (required) it('finds an adapter', () => expect.fail(error.message))
    else it.skip(`kernels on a GPU: ${error.message}`)
    return undefined
  }
}

/** What every adapter has at least (WebGPU §3.6.2). */
export const leastLimits = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxStorageBuffersPerShaderStage: 8,
} as const

/** An adapter that says it has less than it has: its device is asked for no more, and refuses more. */
export const lowered = (
  adapter: GPUAdapter,
  limits: Partial<Record<keyof typeof leastLimits, number>>,
  features: readonly string[],
): GPUAdapter =>
  Object.assign(Object.create(null), {
    limits: {...leastLimits, ...limits},
    features: new Set(features),
    info: adapter.info,
    requestDevice: (descriptor: GPUDeviceDescriptor) => adapter.requestDevice(descriptor),
  })
