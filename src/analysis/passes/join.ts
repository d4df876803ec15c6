/** Joining operators into one: what every fusion pass does with the group it has found. */
import {type Node, type Tensor, writtenElements} from '../graph.ts'
import {type OpCost, type Role, type TensorUse, useOf} from '../ops/types.ts'

/** `layers.attn.scores`, `layers.attn.softmax` → `layers.attn.scores+softmax`: a part drops the folder it shares. */
export function joinIds(ids: readonly string[]): string {
  let folder: string | undefined
  return ids
    .map((id) => {
      const cut = id.lastIndexOf('.')
      const parent = cut < 0 ? '' : id.slice(0, cut)
      const text = parent === folder && cut >= 0 ? id.slice(cut + 1) : id
      folder = parent
      return text
    })
    .join('+')
}

/** Ids of the original operators in a node. */
export const partsOf = (node: Node): readonly string[] => (node.fusedFrom.length > 0 ? node.fusedFrom : [node.id])

/** How often each tensor is read, and by whom last: one pass over the nodes. */
export function consumersOf(nodes: readonly Node[], tensors: number): Int32Array {
  const count = new Int32Array(tensors)
  for (const node of nodes) for (const tensor of node.inputs) count[tensor.index]!++
  return count
}

const outputRole = (tensor: Tensor): Role => (tensor.role === 'kv' ? 'kv' : 'output')

/**
 * One node in place of a group in execution order. Tensors made and used up inside never reach memory; a tensor that
 * several parts read is read once; all arithmetic stays.
 * @param consumers reads of each tensor in the whole graph
 */
export function join(group: readonly Node[], consumers: Int32Array): Node {
  const produced = new Set<Tensor>()
  const usedInside = new Map<Tensor, number>()
  for (const node of group) {
    for (const tensor of node.outputs) produced.add(tensor)
    for (const tensor of node.inputs) usedInside.set(tensor, (usedInside.get(tensor) ?? 0) + 1)
  }
  const inputs: Tensor[] = []
  const reads: TensorUse[] = []
  const outputs: Tensor[] = []
  const writes: TensorUse[] = []
  let macs = 0
  let flops = 0
  let matrix = 0
  let vector = 0
  let special = 0
  for (const node of group) {
    const {cost} = node
    macs += cost.macs
    flops += cost.flops
    matrix += cost.matrix
    vector += cost.vector
    special += cost.special
    node.inputs.forEach((tensor, i) => {
      // a cache that the group also writes is still read from memory: what is read was written by earlier steps
      if (produced.has(tensor) && tensor.role !== 'kv') return
      const use = cost.reads[i]!
      const at = inputs.indexOf(tensor)
      if (at < 0) {
        inputs.push(tensor)
        reads.push(use)
      } else if (use.elements > reads[at]!.elements) reads[at] = use // one part may need less of it than another
    })
    node.outputs.forEach((tensor, i) => {
      const leaves =
        tensor.role === 'kv' ||
        consumers[tensor.index] === 0 ||
        consumers[tensor.index]! > (usedInside.get(tensor) ?? 0)
      if (!leaves) return
      outputs.push(tensor)
      const split = node.outputs.length !== cost.writes.length
      writes.push(
        split ? useOf(tensor.name, outputRole(tensor), writtenElements(node, i), tensor.dtype) : cost.writes[i]!,
      )
    })
  }
  const counts: OpCost = {macs, flops, matrix, vector, special, reads, writes}
  const steps = group.find((node) => node.cost.steps !== undefined)?.cost.steps
  const cost = steps === undefined ? counts : {...counts, steps}
  const parts = group.flatMap(partsOf)
  const widest = group.reduce((a, b) => (b.cost.flops > a.cost.flops ? b : a))
  return {
    id: joinIds(parts),
    kind: group.map((node) => node.kind).join('+'),
    trait: widest.trait,
    formula: group
      .filter((node) => node.formula !== '0')
      .map((node) => node.formula)
      .join(' + '),
    dims: widest.dims,
    cost,
    inputs,
    outputs,
    repeat: group[0]!.repeat,
    fusedFrom: parts,
    ...(widest.computes ? {computes: widest.computes} : {}),
    ...(widest.sparsity ? {sparsity: widest.sparsity} : {}),
  }
}
