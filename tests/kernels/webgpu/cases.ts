/** Sizes that the GPU tests run: the native kernels' own lists. */
import type {GpuKernel} from '../../../src/kernels/webgpu/programs.ts'

/** These differ from `gemm`, which runs its whole list, in how tiles are loaded or in what ends them. */
const relatives = /^gemm[-+]/

/** Of the relatives every so many-th size is run: a number prime to the three that the list's patterns have. */
const every = 5

/** Where a GPU's own tiles end: 64 × 64 results and 16 deep, 64 queries, quads, eight filters. */
const tileEdges: Readonly<Record<string, readonly (readonly number[])[]>> = {
  gemm: [
    [1, 132, 67],
    [64, 64, 16],
    [65, 63, 17],
    [67, 132, 36],
  ],
  'dequantize-int8+gemm': [[65, 67, 18]],
  'dequantize-int4+gemm': [[65, 65, 64, 32]],
  attention: [
    [1, 64, 1, 8],
    [1, 65, 2, 8],
  ],
  'attention-gqa': [[2, 3, 2, 1, 130, 0]],
  'attention-decode': [
    [1, 2, 62, 2, 1, 260],
    [1, 1, 64, 2, 2, 130],
  ],
  conv: [[1, 3, 9, 1, 7, 5, 3, 1, 1, 2, 1]],
}

/** The check, the native cases and the GPU's tile edges. */
export const gpuCases = (def: Pick<GpuKernel, 'id' | 'check' | 'cases'>): (readonly number[])[] => [
  def.check,
  ...(relatives.test(def.id) ? def.cases.filter((_, i) => i % every === 0) : def.cases),
  ...(tileEdges[def.id] ?? []),
]

/**
 * Kernels that can be done in several ways, and sizes around their tiles' edges; whole tiles are loaded without a look at the edge.
 * SwiftShader compiles one of the larger shaders for half a second, so that relatives of gemm, whose loads alone differ, run one size.
 */
export const waySizes: Readonly<Record<string, readonly (readonly number[])[]>> = {
  gemm: [
    [65, 63, 17],
    [128, 128, 32],
    [8, 130, 135],
    [1, 260, 300],
    [261, 1, 300],
  ],
  gemv: [
    [53, 331],
    [70, 1300],
  ],
  'gemm-batched': [[2, 66, 70, 20]],
  'gemm-f16': [[65, 66, 17]],
  'gemm-nt': [
    [128, 128, 16],
    [5, 67, 300],
    [8, 9, 131],
  ],
  'gemm-tn': [[130, 129, 33]],
  'gemm+bias+gelu': [[65, 70, 20]],
  'dequantize-int8+gemm': [[65, 67, 18]],
  'dequantize-int4+gemm': [[65, 65, 64, 32]],
  conv: [
    [2, 6, 14, 2, 11, 9, 3, 2, 1, 1, 1],
    [1, 4, 32, 1, 8, 8, 1, 1, 1, 0, 0],
  ],
  lstm: [[33, 9, 17]],
  softmax: [
    [5, 133],
    [6, 516],
  ],
  layernorm: [
    [5, 133],
    [6, 516],
  ],
  rmsnorm: [[5, 1030]],
  'add+rmsnorm': [[9, 516]],
  'add+layernorm': [[9, 200]],
  'scale+mask+softmax': [
    [3, 67, 20],
    [2, 64, 64],
  ],
  'cross-entropy': [
    [5, 133],
    [7, 516],
  ],
  attention: [
    [2, 71, 3, 20],
    [1, 65, 1, 64],
  ],
  'attention-decode': [
    [1, 3, 130, 6, 2, 20],
    [2, 2, 511, 2, 2, 132],
    [1, 1, 300, 2, 2, 8],
  ],
  'attention-gqa': [
    [2, 65, 4, 2, 36, 0],
    [1, 130, 2, 1, 4, 1],
  ],
}
