/** Shared by the passes that compress: which operators they touch, and tensors that are replaced everywhere at once. */
import type {Graph, Node, Tensor} from '../graph.ts'

/** Products with weights whose shape a pass can know. */
const products = new Set(['linear', 'conv', 'conv-im2col', 'conv-winograd', 'moe-linear'])

/** Position of the matrix (or filters) among the inputs of a product; -1 where the operator is none. */
export function matrixOf(node: Node): number {
  if (!products.has(node.kind) || node.fusedFrom.length > 0) return -1
  return node.cost.reads.findIndex(({role, name}) => role === 'weight' && name !== 'bias')
}

/** Output channels of a product's matrix. */
export function channelsOf(node: Node): number {
  const {n, filters, experts} = node.dims
  if (typeof filters === 'number') return filters
  // every expert that the model holds has channels of its own, though not every one is read
  return Number(n) * (typeof experts === 'number' ? experts : 1)
}

/** Weights that anything but such a product reads (a tied embedding table): a pass leaves them as they are. */
export function sharedWeights(graph: Graph): ReadonlySet<Tensor> {
  const readers = new Map<Tensor, number>()
  const shared = new Set<Tensor>()
  for (const node of graph.nodes) {
    const at = matrixOf(node)
    node.inputs.forEach((tensor, i) => {
      if (tensor.role !== 'weight') return
      readers.set(tensor, (readers.get(tensor) ?? 0) + 1)
      if (i !== at || readers.get(tensor)! > 1) shared.add(tensor)
    })
  }
  return shared
}

/** The graph with some tensors replaced at their place, in the list and in every operator. */
export function replaceTensors(graph: Graph, replaced: ReadonlyMap<Tensor, Tensor>): Graph {
  if (replaced.size === 0) return graph
  const of = (tensor: Tensor) => replaced.get(tensor) ?? tensor
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({...node, inputs: node.inputs.map(of), outputs: node.outputs.map(of)})),
    tensors: graph.tensors.map(of),
  }
}
