/** Single weights removed: what is left is stored with where it stands. */
import {bytesOf, type DType} from '../dtype.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import {type TensorUse, useOf} from '../ops/types.ts'
import type {PruneRule} from './compression.ts'
import {type KeepRule, ruleFor} from './places.ts'
import {matrixOf, replaceTensors, sharedWeights} from './rewrite.ts'

interface Stored {
  /** elements that stay */
  readonly kept: number
  /** bytes that say where they stand */
  readonly index: number
}

/**
 * 2:4: two values of every four and 2 bits each for their place (NVIDIA A100 white paper V1.0 (2020), "Fine-grained
 * structured sparsity"). Unstructured: a bit per place, or 16 bits per value that stays (its column, in a row of blocks of
 * 65,536), whichever is smaller.
 */
export function storedOf(elements: number, {what, share}: PruneRule): Stored {
  if (what === '2:4') {
    const kept = Math.ceil(elements / 4) * 2
    return {kept, index: Math.ceil((kept * 2) / 8)}
  }
  const kept = elements - Math.floor(elements * share)
  return {kept, index: Math.min(Math.ceil(elements / 8), bytesOf(kept, 'i64') / 4)}
}

/**
 * Unstructured and 2:4 sparsity (Han et al. 2015, arXiv:1506.02626; Mishra et al. 2021, arXiv:2104.08378). No FLOP is
 * saved: the products compute as before, but 2:4 ones may use a sparse ceiling of the machine.
 */
export function pruneWeights(graph: Graph, rules: readonly (PruneRule | KeepRule)[], weights: DType): Graph {
  const shared = sharedWeights(graph)
  const replaced = new Map<Tensor, Tensor>()
  const tensors = [...graph.tensors]
  const nodes = graph.nodes.map((node): Node => {
    const at = matrixOf(node)
    const rule = ruleFor(rules, node.id)
    const weight = node.inputs[at]
    if (!rule || !weight || shared.has(weight)) return node
    const {kept, index} = storedOf(weight.elements, rule)
    // few weights removed cost more than they save: the matrix stays dense
    const dense = bytesOf(weight.elements, weights)
    if (bytesOf(kept, weights) + index >= dense) return node
    const {cost} = node
    const use = cost.reads[at]!
    const part = (count: number) => Math.ceil((count * use.elements) / weight.elements)
    replaced.set(weight, {...weight, elements: kept, active: kept})
    const places: Tensor = {
      ...weight,
      index: tensors.length,
      name: `${weight.name}.index`,
      elements: index,
      active: 0,
      dtype: 'int8',
    }
    tensors.push(places)
    const reads: TensorUse[] = cost.reads.map((read, i) =>
      i === at ? useOf(use.name, use.role, part(kept), use.dtype) : read,
    )
    reads.push(useOf('index', 'weight', part(index), 'int8'))
    const sparse = {...node, cost: {...cost, reads}, inputs: [...node.inputs, places]}
    return rule.what === '2:4' ? {...sparse, sparsity: '2:4'} : sparse
  })
  return replaceTensors({...graph, nodes, tensors}, replaced)
}
