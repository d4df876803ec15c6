/** In training a BatchNorm takes its statistics from the batch: it is not folded into one multiply and one add. */
import type {Graph} from '../graph.ts'
import {type BatchnormDims, batchnorm} from '../ops/batchnorm.ts'
import {batchnormTrain} from '../ops/batchnorm-train.ts'

/** The graph with `batchnorm-train` in place of every `batchnorm`; ids, tensors and order stay. */
export function withBatchStatistics(graph: Graph): Graph {
  if (!graph.nodes.some((node) => node.kind === batchnorm.kind)) return graph
  const {kind, trait, formula, cost} = batchnormTrain
  const nodes = graph.nodes.map((node) =>
    node.kind === batchnorm.kind ? {...node, kind, trait, formula, cost: cost(node.dims as BatchnormDims)} : node,
  )
  return {...graph, nodes}
}
