/** Attention heads removed: the projections on both sides shrink, and everything between them follows. */
import type {Graph, Node, Tensor} from '../graph.ts'
import type {PruneRule} from './compression.ts'
import {type KeepRule, ruleFor} from './places.ts'
import {type Edges, edgesOf, resize, type Sizes} from './rewrite.ts'

/** What a tensor has a part of for every head: a query head, or a head of keys and values. */
type Side = 'query' | 'kv'

/** Sides of the inputs and outputs of an operator between projections; `null`: all are of the side that leads to it. */
type Sides = ((node: Node) => {readonly inputs: readonly Side[]; readonly outputs: readonly Side[]}) | null

const attends: Sides = (node) => ({inputs: node.inputs.map((_, i) => (i === 0 ? 'query' : 'kv')), outputs: ['query']})
const turns: Sides = () => ({inputs: ['query', 'kv'], outputs: ['query', 'kv']})

/** Operators that a head goes through alone, and which of their sizes grow with the number of heads. */
const inside: Readonly<Record<string, {readonly sides: Sides; readonly sizes: readonly string[]}>> = {
  'attention-scores': {sides: attends, sizes: ['heads', 'kvHeads']},
  'attention-values': {sides: attends, sizes: ['heads', 'kvHeads']},
  rope: {sides: turns, sizes: ['heads', 'kvHeads']},
  'rope-partial': {sides: turns, sizes: ['heads', 'kvHeads']},
  'kv-write': {sides: null, sizes: ['kvHeads']},
  softmax: {sides: null, sizes: ['rows', 'kept']},
  'softmax-sink': {sides: null, sizes: ['rows', 'kept', 'heads']},
  softcap: {sides: null, sizes: ['rows', 'kept']},
  rmsnorm: {sides: null, sizes: ['rows']},
  l2norm: {sides: null, sizes: ['rows']},
  layernorm: {sides: null, sizes: ['rows']},
  alibi: {sides: null, sizes: ['heads']},
  'relative-bias': {sides: null, sizes: ['heads']},
  'window-bias': {sides: null, sizes: ['heads']},
}

/** Everything that shares the heads of one attention. */
interface Region {
  readonly tensors: ReadonlyMap<Tensor, Side>
  readonly makers: ReadonlySet<Node>
  readonly inner: ReadonlyMap<Node, Side>
  readonly readers: ReadonlySet<Node>
}

/** Follows the heads from the scores to the projections; `null` where they reach anything else. */
function regionOf(scores: Node, edges: Edges): Region | null {
  const tensors = new Map<Tensor, Side>()
  const inner = new Map<Node, Side>()
  const [makers, readers] = [new Set<Node>(), new Set<Node>()]
  const mark = (list: readonly Tensor[], sides: readonly Side[]) => {
    list.forEach((tensor, i) => {
      const side = sides[Math.min(i, sides.length - 1)]!
      if ((tensor.role === 'activation' || tensor.role === 'kv') && !tensors.has(tensor)) tensors.set(tensor, side)
    })
  }
  mark([scores.inputs[0]!], ['query'])
  for (const [tensor, side] of tensors) {
    for (const node of [...(edges.makers.get(tensor) ?? []), ...(edges.readers.get(tensor) ?? [])]) {
      const known = inside[node.kind]
      if (node.fusedFrom.length > 0) return null
      if (known) {
        inner.set(node, known.sides ? 'query' : side)
        const {inputs, outputs} = known.sides?.(node) ?? {inputs: [side], outputs: [side]}
        mark(node.inputs, inputs)
        mark(node.outputs, outputs)
      } else if (node.kind !== 'linear') return null
      else if (node.outputs.includes(tensor)) makers.add(node)
      else if (node.inputs[0] === tensor && side === 'query') readers.add(node)
      else return null
    }
  }
  // a projection makes heads alone, and no operator reads its weights in parts of several types
  const whole = [...makers].every((node) => node.outputs.every((tensor) => tensors.has(tensor)))
  return whole && makers.size > 0 && readers.size > 0 ? {tensors, makers, inner, readers} : null
}

/** Heads of queries and of keys and values that stay: whole groups go, single query heads where all share one. */
export function keptHeads(heads: number, kvHeads: number, share: number): {heads: number; kvHeads: number} {
  if (kvHeads === 1) return {heads: heads - Math.floor(heads * share), kvHeads}
  const kept = kvHeads - Math.floor(kvHeads * share)
  return {heads: (heads / kvHeads) * kept, kvHeads: kept}
}

/**
 * Michel, Levy & Neubig 2019 (arXiv:1905.10650): a share of the heads of every attention goes, the same number in each
 * layer. Of grouped queries whole groups go, so that every key head keeps its number of queries. Latent and cross
 * attention stay as they are.
 */
export function pruneHeads(graph: Graph, rules: readonly (PruneRule | KeepRule)[]): Graph {
  const edges = edgesOf(graph)
  const sizes = new Map<Node, Sizes>()
  const scale = new Map<Tensor, number>()
  for (const node of graph.nodes) {
    const rule = ruleFor(rules, node.id)
    if (!rule || node.kind !== 'attention-scores' || sizes.has(node)) continue
    const {heads, kvHeads} = node.dims as {readonly heads: number; readonly kvHeads: number}
    const kept = keptHeads(heads, kvHeads, rule.share)
    const region = kept.heads === heads ? null : regionOf(node, edges)
    if (!region) continue
    const part = (count: number, side: Side) =>
      side === 'query' ? (count / heads) * kept.heads : (count / kvHeads) * kept.kvHeads
    for (const [tensor, side] of region.tensors) scale.set(tensor, part(tensor.elements, side))
    for (const [inner, side] of region.inner) {
      const dims = {...inner.dims}
      for (const name of inside[inner.kind]!.sizes)
        dims[name] = part(Number(dims[name]), name === 'kvHeads' ? 'kv' : side)
      sizes.set(inner, dims)
    }
    for (const maker of region.makers) {
      const made = maker.outputs.reduce((sum, tensor) => sum + scale.get(tensor)!, 0)
      sizes.set(maker, {...(sizes.get(maker) ?? maker.dims), n: made / Number(maker.dims.m)})
    }
    for (const reader of region.readers)
      sizes.set(reader, {...(sizes.get(reader) ?? reader.dims), k: part(Number(reader.dims.k), 'query')})
  }
  return resize(graph, sizes, scale)
}
