/** What a page bundles to measure its visitor's GPU: nothing behind this module touches Node. */
export {benchGpuKernels, benchGpuPairs, type GpuBenchOptions} from './bench.ts'
export {openBrowserGpu} from './browser.ts'
export {type GpuMeasured, measureGpu} from './measure.ts'
export {gpuKernels, gpuPairs} from './programs.ts'
export {checkOnGpu} from './run.ts'
export type {GpuMeasureOptions} from './search.ts'
export {GpuSession} from './session.ts'
