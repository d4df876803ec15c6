/** The native operator kernels and the fused pairs by id: what `perf bench` and `perf compare --fused` can run. */
import * as attention from './families/attention.ts'
import * as conv from './families/conv.ts'
import * as dequantize from './families/dequantize.ts'
import * as elementwise from './families/elementwise.ts'
import * as gemv from './families/gemv.ts'
import * as graph from './families/graph.ts'
import * as matmul from './families/matmul.ts'
import * as moves from './families/moves.ts'
import * as norms from './families/norms.ts'
import * as optimizers from './families/optimizers.ts'
import * as products from './families/products.ts'
import * as quantize from './families/quantize.ts'
import * as recurrent from './families/recurrent.ts'
import * as reductions from './families/reductions.ts'
import * as softmax from './families/softmax.ts'
import type {KernelDef, PairDef} from './families/types.ts'

export type {KernelDef, KernelDType, PairDef} from './families/types.ts'

/** Kernels by id. */
export const kernels = {
  ...matmul.kernels,
  ...gemv.kernels,
  ...dequantize.kernels,
  ...products.kernels,
  ...softmax.kernels,
  ...norms.kernels,
  ...elementwise.kernels,
  ...optimizers.kernels,
  ...moves.kernels,
  ...reductions.kernels,
  ...quantize.kernels,
  ...attention.kernels,
  ...conv.kernels,
  ...graph.kernels,
  ...recurrent.kernels,
} as const satisfies Record<string, KernelDef>

/** Fused pairs by id: the id of the fused kernel. */
export const pairs = {
  ...dequantize.pairs,
  ...products.pairs,
  ...softmax.pairs,
  ...norms.pairs,
  ...elementwise.pairs,
  ...optimizers.pairs,
  ...attention.pairs,
  ...conv.pairs,
  ...recurrent.pairs,
} as const satisfies Record<string, PairDef>

export type KernelId = keyof typeof kernels
export type PairId = keyof typeof pairs
export const kernelIds = Object.keys(kernels) as KernelId[]
export const pairIds = Object.keys(pairs) as PairId[]
