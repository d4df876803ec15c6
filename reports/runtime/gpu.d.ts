/** Measures the reader's GPU: kernels are no business of reports, so the build puts them in (`scripts/build-report.mjs`). */
declare module 'ridgepoint:gpu' {
  import type {Machine} from '../../src/analysis/document/machine.ts'
  import type {Warning} from '../../src/analysis/errors.ts'

  export function measureVisitorGpu(options: {
    onProgress: (done: number, total: number, label: string) => void
    signal: AbortSignal
  }): Promise<{machine: Machine; warnings: Warning[]}>
}
