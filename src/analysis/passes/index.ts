/** Every pass, one line each, and the order in which `--fusion` applies them. */
import type {Graph} from '../graph.ts'
import {im2col} from './conv-im2col.ts'
import {winograd} from './conv-winograd.ts'
import {fuseAttention} from './fuse-attention.ts'
import {fuseChains, fuseElementwise} from './fuse-chains.ts'
import type {AlgorithmPass, Pass} from './types.ts'

export const passes = {
  'fuse-attention': fuseAttention,
  'fuse-elementwise': fuseElementwise,
  'fuse-chains': fuseChains,
} as const satisfies Record<string, Pass>

/** What `--conv-algorithm` chooses beside the direct form. */
export const algorithms = {im2col, winograd} as const satisfies Record<string, AlgorithmPass>

export const fusions = {
  none: [],
  elementwise: ['fuse-elementwise'],
  attention: ['fuse-attention'],
  all: ['fuse-attention', 'fuse-chains'],
} as const satisfies Record<string, readonly (keyof typeof passes)[]>
export type Fusion = keyof typeof fusions

/** Applies the passes of one `--fusion` level in order. */
export function applyFusion(graph: Graph, fusion: Fusion): Graph {
  let result = graph
  for (const id of fusions[fusion]) result = passes[id].apply(result)
  return result
}
