/** Shared by the passes that compress: which operators they touch, and tensors that are replaced everywhere at once. */
import type {Graph, Node, Tensor} from '../graph.ts'
import {ops} from '../ops/index.ts'
import {type Dims, type OpCost, type OpDef, useOf} from '../ops/types.ts'

const registry: Readonly<Record<string, OpDef>> = ops

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

/** Sizes that a pass changes. */
export type Sizes = Record<string, Dims[string]>

/** Who writes and who reads each tensor. */
export interface Edges {
  readonly makers: ReadonlyMap<Tensor, readonly Node[]>
  readonly readers: ReadonlyMap<Tensor, readonly Node[]>
}

export function edgesOf(graph: Graph): Edges {
  const makers = new Map<Tensor, Node[]>()
  const readers = new Map<Tensor, Node[]>()
  const put = (map: Map<Tensor, Node[]>, tensor: Tensor, node: Node) => {
    const list = map.get(tensor)
    if (list) list.push(node)
    else map.set(tensor, [node])
  }
  for (const node of graph.nodes) {
    for (const tensor of new Set(node.outputs)) put(makers, tensor, node)
    for (const tensor of new Set(node.inputs)) put(readers, tensor, node)
  }
  return {makers, readers}
}

/** The cost at other sizes; tensors keep the types of their own. */
function costAt(node: Node, dims: Dims): OpCost {
  const cost = registry[node.kind]!.cost(dims)
  const reads = cost.reads.map((use, i) => {
    const own = node.cost.reads[i]?.dtype
    return own ? useOf(use.name, use.role, use.elements, own) : use
  })
  return {...cost, reads}
}

/**
 * The graph with operators at other sizes: `elements` gives activations and caches theirs, weights and constants take what
 * their operator reads of them.
 */
export function resize(graph: Graph, sizes: ReadonlyMap<Node, Sizes>, elements: ReadonlyMap<Tensor, number>): Graph {
  if (sizes.size === 0) return graph
  const costs = new Map([...sizes].map(([node, dims]) => [node, costAt(node, dims)] as const))
  const sized = new Map(elements)
  for (const [node, cost] of costs) {
    node.inputs.forEach((tensor, i) => {
      const whole = tensor.role === 'constant' && node.cost.reads[i]!.elements === tensor.elements
      if (tensor.role === 'weight' || whole) sized.set(tensor, cost.reads[i]!.elements)
    })
  }
  const replaced = new Map([...sized].map(([tensor, count]) => [tensor, {...tensor, elements: count, active: count}]))
  const nodes = graph.nodes.map((node) => ({
    ...node,
    dims: sizes.get(node) ?? node.dims,
    cost: costs.get(node) ?? node.cost,
  }))
  return replaceTensors({...graph, nodes}, replaced)
}
