/// <reference types="@webgpu/types" />
/** What a report page bundles to measure its reader's GPU: put in at build time, since a page knows no kernels. */
import type {Machine} from '../../analysis/document/machine.ts'
import type {Warning} from '../../analysis/errors.ts'
import {openBrowserGpu} from './browser.ts'
import {measureGpu} from './measure.ts'

export interface VisitorOptions {
  onProgress: (done: number, total: number, label: string) => void
  signal: AbortSignal
}

/**
 * Measures the GPU that this browser offers, quickly: at most 5 s on a discrete one.
 * @throws AnalysisError `no-adapter` without WebGPU or an adapter, `gpu-failed`, `interrupted`
 */
export async function measureVisitorGpu(options: VisitorOptions): Promise<{machine: Machine; warnings: Warning[]}> {
  const session = await openBrowserGpu(navigator.gpu)
  try {
    return await measureGpu(session, {quick: true, os: navigator.userAgent, ...options})
  } finally {
    session.close()
  }
}
