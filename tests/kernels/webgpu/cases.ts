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
