/** Measured pairs of kernels, made up of their figures, for the tests of what shows them. */
import type {BenchKernel, FusedPair} from '../../src/analysis/document/bench.ts'

/**
 * One side of a pair on two threads, as fast in every repetition.
 * @param intensity FLOP/B
 * @param bound id of a ceiling
 * @param median s
 */
export const side = (id: string, bytes: number, intensity: number, bound: string, median: number): BenchKernel => ({
  ...{id, op: id, dims: {}, dtype: 'f32', isa: 'avx512', threads: 2, bytes, flops: Math.round(bytes * intensity)},
  ...{intensity, bound, seconds: {min: median, median, max: median, cv: 0}},
  ...{flopsPerSecond: (bytes * intensity) / median, bytesPerSecond: bytes / median},
  ...{attainable: (bytes * intensity) / (0.9 * median), efficiency: 0.9, efficiencyMedian: 0.9, inTurn: null},
  ...{maxError: 0, counters: null, verdict: 'ok'},
})

/** A convolution that its cache holds: fused 1.5 times as fast where the roof says 1.4. */
export const pair = (more: Partial<FusedPair> = {}): FusedPair => ({
  id: 'conv+batchnorm+relu',
  dims: Object.fromEntries([1, 16, 16, 1, 28, 28, 3, 1, 1, 2].map((size, i) => [`d${i}`, size])),
  unfused: {...side('conv, batchnorm, relu', 310_000, 12.34, 'fma-f32-avx512-t1', 3e-5), parts: []},
  fused: side('conv+batchnorm+relu', 110_000, 260, 'fma-f32-avx512-t1+functions', 2e-5),
  ...{bytesSaved: 200_000, speedup: 1.5, predictedSpeedup: 1.4, speedupInTurn: null, predictedInTurn: null},
  pays: {dim: 'batch', when: 'up-to', at: 28, points: []},
  ...more,
})
