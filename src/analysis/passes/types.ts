import type {Graph} from '../graph.ts'

/** A rewrite of a graph. Pure; conserves useful FLOPs; a fusion never adds bytes; applying it twice changes nothing. */
export interface Pass {
  readonly id: string
  readonly title: string
  readonly source: string
  apply(graph: Graph): Graph
}

/** Another algorithm for the same result: it says what it changes. Pure; applying it twice changes nothing. */
export interface AlgorithmPass {
  readonly id: string
  readonly title: string
  readonly source: string
  readonly changes: 'bytes' | 'flops and bytes'
  /** @param training whether the weights change from step to step */
  apply(graph: Graph, training: boolean): Graph
}
