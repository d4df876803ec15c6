/** Inner channels removed: the products on both sides shrink, and everything between them follows. */
import type {Graph, Node, Tensor} from '../graph.ts'
import type {PruneRule} from './compression.ts'
import {type KeepRule, ruleFor} from './places.ts'
import {type Edges, edgesOf, resize, type Sizes} from './rewrite.ts'

const isProduct = (node: Node): boolean =>
  (node.kind === 'linear' && node.outputs.length === 1) || (node.kind === 'conv' && node.dims.groups === 1)

const isDepthwise = ({kind, dims}: Node): boolean =>
  kind === 'conv' && dims.groups === dims.channels && dims.groups === dims.filters

const perChannel = new Set(['batchnorm', 'max-pool', 'avg-pool', 'adaptive-avg-pool'])

/** Whether each output channel of a node depends on the same channel of its inputs alone. A residual sum is not inside. */
function staysInChannel(node: Node): boolean {
  if (node.kind === 'add' || node.fusedFrom.length > 0) return false
  if (isDepthwise(node)) return true
  if (perChannel.has(node.kind)) return typeof node.dims.channels === 'number'
  return (
    node.trait === 'elementwise' && Object.keys(node.dims).every((name) => name === 'elements' || name === 'training')
  )
}

/** Tensors between products, and who makes and reads them. */
interface Between {
  readonly tensors: ReadonlySet<Tensor>
  readonly makers: readonly Node[]
  readonly inside: readonly Node[]
  readonly readers: readonly Node[]
}

/** Everything that shares the channels of `start`; `null` where some of it is neither a product nor inside a channel. */
function between(start: Tensor, edges: Edges): Between | null {
  const tensors = new Set<Tensor>([start])
  const [makers, inside, readers] = [new Set<Node>(), new Set<Node>(), new Set<Node>()]
  for (const tensor of tensors) {
    const maker = edges.makers.get(tensor)?.[0]
    const reading = edges.readers.get(tensor) ?? []
    if (!maker || reading.length === 0) return null
    for (const node of [maker, ...reading]) {
      if (staysInChannel(node)) {
        inside.add(node)
        for (const near of [...node.inputs, ...node.outputs]) if (near.role === 'activation') tensors.add(near)
      } else if (!isProduct(node)) return null
      else if (node === maker) makers.add(node)
      else if (node.inputs[0] === tensor) readers.add(node)
      else return null
    }
  }
  return makers.size > 0 && readers.size > 0
    ? {tensors, makers: [...makers], inside: [...inside], readers: [...readers]}
    : null
}

const outputChannels = ({kind, dims}: Node): number => Number(kind === 'conv' ? dims.filters : dims.n)

/** Sizes of each node after one group has lost `from − to` of its `from` channels. */
function shrink(group: Between, from: number, to: number, sizes: Map<Node, Sizes>): void {
  const change = (node: Node, names: readonly string[]) => {
    const dims = sizes.get(node) ?? {...node.dims}
    for (const name of names) if (typeof dims[name] === 'number') dims[name] = (Number(dims[name]) / from) * to
    sizes.set(node, dims)
  }
  for (const node of group.makers) change(node, [node.kind === 'conv' ? 'filters' : 'n'])
  for (const node of group.readers) change(node, [node.kind === 'conv' ? 'channels' : 'k'])
  for (const node of group.inside)
    change(node, isDepthwise(node) ? ['channels', 'filters', 'groups'] : ['elements', 'channels'])
}

/**
 * Structured pruning (Li et al. 2016, arXiv:1608.08710): a share of the channels between two products goes: rows of
 * the first, columns of the second, and what stands between. Channels of a residual stream, heads and outputs stay.
 */
export function pruneChannels(graph: Graph, rules: readonly (PruneRule | KeepRule)[]): Graph {
  const edges = edgesOf(graph)
  const sizes = new Map<Node, Sizes>()
  const scale = new Map<Tensor, number>()
  for (const node of graph.nodes) {
    const rule = ruleFor(rules, node.id)
    const start = node.outputs[0]
    if (!rule || !start || !isProduct(node) || scale.has(start)) continue
    const group = between(start, edges)
    const channels = outputChannels(node)
    const kept = channels - Math.floor(channels * rule.share)
    const alike = group?.makers.every(
      (maker) => outputChannels(maker) === channels && ruleFor(rules, maker.id) !== undefined,
    )
    if (!group || !alike || kept === channels) continue
    shrink(group, channels, kept, sizes)
    for (const tensor of group.tensors) scale.set(tensor, (tensor.elements / channels) * kept)
  }
  return resize(graph, sizes, scale)
}
