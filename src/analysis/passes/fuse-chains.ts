/** Chains of producers and consumers share a kernel where the consumer needs nothing but what the producer has at hand. */
import type {Graph, Node} from '../graph.ts'
import {consumersOf, join, partsOf} from './join.ts'
import type {Pass} from './types.ts'

interface Rules {
  /** a matrix product may feed a row-wise operator (its tile spans the row) and share its input with another product */
  readonly aggressive: boolean
}

function mayFeed(producer: Node, consumer: Node, group: readonly Node[], rules: Rules): boolean {
  const from = producer.trait
  const to = consumer.trait
  if (from === 'elementwise' || from === 'gather') return to === 'elementwise' || to === 'rowwise'
  if (from !== 'contraction') return false
  if (to !== 'elementwise' && !(to === 'rowwise' && rules.aggressive)) return false
  const contractions = group.filter((node) => node.trait === 'contraction')
  const sharesInput = contractions.every((node) => node.inputs[0] === producer.inputs[0])
  const epilogueOnly = group.every((node) => node.trait === 'elementwise')
  return rules.aggressive ? sharesInput : epilogueOnly
}

/** The group of each node, as the position of its last member; a node joins the group of its consumer. */
function groupsOf(graph: Graph, rules: Rules): number[] {
  const {nodes} = graph
  const producer = new Int32Array(graph.tensors.length).fill(-1)
  nodes.forEach((node, i) => {
    for (const tensor of node.outputs) producer[tensor.index] = i
  })
  const {pieces} = graph
  const pieceOf = pieces && nodes.map(({id}) => pieces.findIndex((start) => id.startsWith(start)))
  const readers: number[][] = nodes.map(() => [])
  nodes.forEach((node, i) => {
    for (const {index, role} of node.inputs)
      if (role !== 'kv' && producer[index]! >= 0) readers[producer[index]!]!.push(i)
  })
  const group = nodes.map((_, i) => i)
  const members: Node[][] = nodes.map((node) => [node])
  // every reader of the producer outside the group must come after the whole group, or the order would break
  const orderHolds = (p: number, g: number) => readers[p]!.every((i) => i > g || group[i] === g || i <= p)
  for (let i = nodes.length - 1; i >= 0; i--) {
    const g = group[i]!
    const candidates = nodes[i]!.inputs.filter((tensor) => tensor.role === 'activation' && producer[tensor.index]! >= 0)
      .map((tensor) => producer[tensor.index]!)
      .sort((a, b) => b - a)
    for (const p of candidates) {
      if (group[p] !== p || p === g || nodes[p]!.repeat !== nodes[g]!.repeat) continue
      if (pieceOf && pieceOf[p] !== pieceOf[g]) continue
      if (!mayFeed(nodes[p]!, nodes[i]!, members[g]!, rules) || !orderHolds(p, g)) continue
      group[p] = g
      members[g]!.push(nodes[p]!)
    }
  }
  return group
}

function fuse(graph: Graph, rules: Rules): Graph {
  const group = groupsOf(graph, rules)
  const consumers = consumersOf(graph.nodes, graph.tensors.length)
  const members: Node[][] = graph.nodes.map(() => [])
  graph.nodes.forEach((node, i) => {
    members[group[i]!]!.push(node)
  })
  // a joined node is left as it is: a second run of the pass changes nothing
  const nodes = members
    .filter((parts) => parts.length > 0)
    .map((parts) => (parts.length === 1 ? parts[0]! : join(parts, consumers)))
  return {...graph, nodes}
}

export const fuseElementwise: Pass = {
  id: 'fuse-elementwise',
  title: 'epilogues in matrix products, elementwise chains, residual + norm',
  source:
    'Chen et al. 2018, TVM (OSDI ’18) §3: injective operators fuse into one another and into the output of reductions',
  apply: (graph) => (graph.nodes.some(isChain) ? graph : fuse(graph, {aggressive: false})),
}

export const fuseChains: Pass = {
  id: 'fuse-chains',
  title: 'whole chains: products that share an input, residual and norm behind a product',
  source: 'Chen et al. 2018, TVM (OSDI ’18) §3, with rows kept on chip: an upper bound on what fusing brings',
  apply: (graph) => (graph.nodes.some(isChain) ? graph : fuse(graph, {aggressive: true})),
}

/** Whether a chain pass made this node (attention alone is another pass). */
const isChain = (node: Node) => partsOf(node).length > 1 && node.kind.includes('+')
