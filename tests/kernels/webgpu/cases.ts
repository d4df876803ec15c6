/** Sizes that the GPU tests run: the native kernels' own lists. */
import type {GpuKernel} from '../../../src/kernels/webgpu/programs.ts'

/** A product or a prefill's attention of one shape takes SwiftShader a second or more to compile; anything else a tenth or less. */
const costly = /^(gemm|attention$|attention-gqa|dequantize-int.\+gemm)/

/** Of costly kernels every so many-th of the list is run; a number prime to the two and three that the lists' patterns have. */
const every = 7

/** And where a GPU's own tiles end: 64 × 64 results and 16 deep, 64 queries, quads, eight filters. */
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

/** All cases of cheap kernels; of costly ones the check, every seventh case and the GPU's tile edges. */
export const gpuCases = (def: Pick<GpuKernel, 'id' | 'check' | 'cases'>): (readonly number[])[] => [
  def.check,
  ...(costly.test(def.id) ? def.cases.filter((_, i) => i % every === 0) : def.cases),
  ...(tileEdges[def.id] ?? []),
]
