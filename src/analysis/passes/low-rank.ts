/** A product as two thin ones: W ≈ A·B, k × r and r × n. */
import {type Graph, GraphBuilder} from '../graph.ts'
import {type LinearDims, linear} from '../ops/linear.ts'
import type {LowRankRule} from './compression.ts'
import {type KeepRule, ruleFor} from './places.ts'
import {sharedWeights} from './rewrite.ts'

/**
 * Sainath et al. 2013 (ICASSP, low-rank factorization of output layers); Denil et al. 2013 (arXiv:1306.0543). Products
 * that the two factors would not make smaller, r·(k + n) ≥ k·n, stay whole.
 */
export function lowRank(graph: Graph, rules: readonly (LowRankRule | KeepRule)[]): Graph {
  const shared = sharedWeights(graph)
  const builder = new GraphBuilder()
  builder.tensors.push(...graph.tensors)
  for (const node of graph.nodes) {
    const rule = ruleFor(rules, node.id)
    const weight = node.inputs[1]
    const {m, n, k, bias} = node.dims as LinearDims
    if (node.kind !== 'linear' || !rule || !weight || shared.has(weight) || rule.rank * (k + n) >= k * n) {
      builder.nodes.push(node)
      continue
    }
    const {rank} = rule
    const {id, repeat} = node
    // the matrix is gone: the first factor takes its place in the list
    const first = {...weight, name: `${id}.factor-a.weight`, elements: k * rank, active: k * rank}
    builder.tensors[weight.index] = first
    const second = builder.weight(`${id}.factor-b.weight`, rank * n, repeat)
    const thin = builder.activation(`${id}.factor-a`, m * rank)
    const a = {m, n: rank, k, bias: false}
    builder.add(linear, `${id}.factor-a`, a, [node.inputs[0]!, first], [thin], repeat)
    const b = {m, n, k: rank, bias}
    builder.add(linear, `${id}.factor-b`, b, [thin, second, ...node.inputs.slice(2)], node.outputs, repeat)
  }
  return {...graph, ...builder.graph()}
}
