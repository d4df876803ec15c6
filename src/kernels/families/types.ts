/** What the native operator kernels and the fused pairs are: one literal entry each in a family's file. */
import type {Dims, OpCost, OpDef} from '../../analysis/ops/types.ts'
import type {Part, Program, SpecialOperation} from '../program.ts'

/** Types that native kernels compute in; `int8`: unsigned times signed bytes, summed in 32 bits. */
export type KernelDType = 'f32' | 'f64' | 'int8'

/** A kernel that `perf bench` runs. */
export interface KernelDef {
  readonly id: string
  /** operator kind, or kinds joined by + where it is fused */
  readonly op: string
  readonly title: string
  /** what `--dims` holds, in order */
  readonly dims: readonly string[]
  /** types it computes in, the default first; without it f32 alone */
  readonly dtypes?: readonly KernelDType[]
  /** default sizes: one that stays in a core's L2, one that comes from DRAM */
  readonly sizes: {readonly cache: readonly number[]; readonly dram: readonly number[]}
  /** dimensions that grow together where caches are too large for the size from memory (from-memory.ts); none where arithmetic decides there */
  readonly grows?: readonly string[]
  /** a small awkward size to check results at: no multiple of any vector or tile */
  readonly check: readonly number[]
  /** sizes that the tests run besides: 0, 1, around vectors, tiles and blocks */
  readonly cases: readonly (readonly number[])[]
  /** largest error against the reference, absolute below 1 and relative above; without it `defaultTolerance` of the type */
  readonly tolerance?: number
  /** the dimension that a sweep changes, and where it begins or which sizes it has; without it the first that grows from cache to memory, from 1 */
  readonly sweep?:
    | {readonly dim: string; readonly from: number}
    | {readonly dim: string; readonly sizes: readonly (readonly number[])[]}
  program(dims: readonly number[], dtype?: KernelDType): Program
}

/** A chain of operators and the kernel that does the same in one. */
export interface PairDef extends Omit<KernelDef, 'program'> {
  unfused(dims: readonly number[], dtype?: KernelDType): Program
  fused(dims: readonly number[], dtype?: KernelDType): Program
}

/** Rounding of f32 sums in blocks of some hundred terms; the same of f64; integers are exact. */
export const defaultTolerance: Readonly<Record<KernelDType, number>> = {f32: 1e-5, f64: 1e-13, int8: 0}

export type Names = readonly string[]

/** A part whose cost and oracle are one operator's own. */
export function operator<K extends string, D extends Dims>(
  op: OpDef<K, D>,
  kernel: string,
  dims: D,
  native: readonly number[],
  inputs: Names,
  outputs: Names,
  more: Pick<Part, 'types' | 'values' | 'elements' | 'streams' | 'computes' | 'specials'> = {},
): Part {
  return {
    kernel,
    dims: [...native],
    in: inputs,
    out: outputs,
    cost: op.cost(dims),
    reference: (x) => op.reference!(dims, x),
    ...more,
  }
}

/** The cost of several operators in one kernel: their arithmetic added up, the bytes of what goes in and comes out. */
export function fusedCost(costs: readonly OpCost[], reads: OpCost['reads'], writes: OpCost['writes']): OpCost {
  const sum = (pick: (cost: OpCost) => number) => costs.reduce((total, cost) => total + pick(cost), 0)
  return {
    macs: sum((c) => c.macs),
    flops: sum((c) => c.flops),
    matrix: sum((c) => c.matrix),
    vector: sum((c) => c.vector),
    special: sum((c) => c.special),
    reads,
    writes,
  }
}

/** The same part, all of whose special operations are evaluations of one function. */
export const evaluating = (operation: SpecialOperation, part: Part): Part => ({
  ...part,
  specials: {...part.specials, [operation]: part.cost.special},
})

/** The same part, which writes large outputs past the caches: rows of `cols` only where each begins at a cache line. */
export const streaming = (part: Part, cols = lineElements): Part => ({...part, streams: cols % lineElements === 0})

/** f32 elements of a cache line */
const lineElements = 16

/** A program of one part. */
export const one = (id: string, part: Part): Program => ({id, parts: [part]})

/** Awkward lengths: around vectors of 1 to 16 lanes, register tiles of 6, 12 and 32, and a few vectors in step. */
export const edges: readonly number[] = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65]

/** Awkward rows × columns. */
export const rowCases: readonly (readonly number[])[] = [
  ...edges.map((cols) => [3, cols]),
  [1, 1],
  [0, 5],
  [7, 300],
  [33, 12],
]

/** Row kernels: 384 KiB in and out, and 256 MiB. */
export const rowShape = {
  dims: ['rows', 'cols'],
  sizes: {cache: [64, 768], dram: [8192, 4096]},
  grows: ['rows'],
} as const

/** `count` numbers below `limit` that visit all of it before any twice, in no order: steps by a number prime to it. */
export function scattered(count: number, limit: number): Int32Array {
  let step = Math.max(1, Math.floor(limit * 0.618))
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
  while (gcd(step, limit) > 1) step++
  return Int32Array.from({length: count}, (_, i) => (i * step) % Math.max(1, limit))
}

/** Awkward numbers of elements. */
export const flatCases: readonly (readonly number[])[] = [[0], ...edges.map((n) => [n]), [1000]]
