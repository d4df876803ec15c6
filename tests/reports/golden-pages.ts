/** Documents that goldens are kept of: each what a page compares or sweeps, small, and of figures that no run changes. */
import {benchDocument} from '../../reports/bench.ts'
import type {Extras} from '../../reports/live/source.ts'
import type {Embedded} from '../../reports/shown.ts'
import type {FusedPair} from '../../src/analysis/document/bench.ts'
import {points, profile} from './compared.ts'
import {pair, side} from './pairs.ts'
import {cpu, sample} from './support.ts'

export interface GoldenPage {
  readonly document: Embedded
  readonly extras?: Extras
  /** the part of the page that the picture is of; its top where nothing is said */
  readonly part?: string
  /** views whose drawings are kept */
  readonly views: readonly string[]
}

/** One faster than the roof says, one as fast, one slower than its chain. */
export const pairs: readonly FusedPair[] = [
  pair(),
  pair({
    id: 'bias+gelu',
    dims: {rows: 4096, hidden: 3072},
    unfused: {...side('bias, gelu', 201e6, 0.9, 'copy-DRAM-t2', 5.2e-3), parts: ['bias', 'gelu']},
    fused: side('bias+gelu', 100.7e6, 1.8, 'copy-DRAM-t2', 2.7e-3),
    ...{bytesSaved: 100.3e6, speedup: 1.926, predictedSpeedup: 1.99, speedupInTurn: 1.94, predictedInTurn: 1.99},
    pays: {dim: 'rows', when: 'always', at: null, points: []},
  }),
  pair({
    id: 'dequantize-int8+gemm',
    dims: {m: 8, n: 4096, k: 4096},
    unfused: {
      ...side('dequantize-int8, gemm', 151e6, 1.9, 'fma-f32-avx512-t2', 4e-3),
      parts: ['dequantize-int8', 'gemm'],
    },
    fused: side('dequantize-int8+gemm', 17e6, 17, 'fma-f32-avx512-t2', 5e-3),
    ...{bytesSaved: 134e6, speedup: 0.8, predictedSpeedup: 3.1},
    pays: {dim: 'm', when: 'never', at: null, points: []},
  }),
]

const measured = pairs.flatMap(({unfused, fused}) => [unfused, fused])

export const goldenPages: Readonly<Record<string, GoldenPage>> = {
  profiles: {
    document: profile({dram: 0.6, 'fma-f32': 1.2, l2: 1.001}, 'Newer CPU'),
    extras: {before: profile()},
    views: ['profiles'],
  },
  timings: {
    document: points({'gemm 2048': 1.4, 'softmax 4096': 0.5, 'gelu 1e6': 1.01}),
    extras: {before: points()},
    views: ['timings'],
  },
  pairs: {document: benchDocument(measured, cpu, []), extras: {pairs}, part: '#pairs', views: ['pairs']},
  'prefill-knee': {
    document: sample({model: 'gpt2', machine: cpu, options: {phase: 'prefill', seq: 16}}),
    part: '#throughput',
    views: ['throughput', 'latency'],
  },
  'decode-knee': {
    document: sample({options: {phase: 'decode', batch: 8}}),
    part: '#throughput',
    views: ['throughput', 'latency'],
  },
}
