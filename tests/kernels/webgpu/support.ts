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
