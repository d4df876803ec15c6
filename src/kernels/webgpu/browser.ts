/// <reference types="@webgpu/types" />
/** WebGPU in a browser: `navigator.gpu`. The module that a page bundles. */
import {AnalysisError} from '../../analysis/errors.ts'
import {chooseAdapter} from './adapters.ts'
import {openSession} from './open.ts'
import type {GpuSession} from './session.ts'

/** Chrome and Firefox round timestamps to 100 µs against timing attacks (WebGPU §20.4). */
const rounding = 1e-4

/**
 * Opens the visitor's GPU.
 * @throws AnalysisError `no-adapter` where the browser has no WebGPU or no adapter
 */
export async function openBrowserGpu(gpu: GPU | undefined, adapter?: string): Promise<GpuSession> {
  if (!gpu)
    throw new AnalysisError('no-adapter', 'WebGPU: this browser does not have it, or this page is not secure', [
      'a current Chrome, Edge, Safari or Firefox over https or from localhost',
    ])
  let chosen: GPUAdapter
  try {
    chosen = await chooseAdapter(gpu, adapter)
  } catch (error) {
    if (adapter !== undefined || !(error instanceof AnalysisError)) throw error
    throw new AnalysisError('no-adapter', 'WebGPU: this browser has it, and offers no GPU', [
      "turn on hardware acceleration in the browser's settings (in Chrome chrome://gpu says what is off), or use another browser",
    ])
  }
  return openSession(chosen, {timestampStep: rounding})
}
