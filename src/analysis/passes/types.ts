import type {Graph} from '../graph.ts'

/** A rewrite of a graph. Pure; conserves useful FLOPs; a fusion never adds bytes; applying it twice changes nothing. */
export interface Pass {
  readonly id: string
  readonly title: string
  readonly source: string
  apply(graph: Graph): Graph
}
