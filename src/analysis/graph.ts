/** Tensors and nodes: what a model becomes before passes and costs. Built in topological order. */
import type {ComputeDType, DType} from './dtype.ts'
import {AnalysisError} from './errors.ts'
import type {Dims, OpCost, OpDef, Trait} from './ops/types.ts'

export type TensorRole = 'weight' | 'activation' | 'kv' | 'constant' | 'index'

/** A tensor by identity. Two uses of one tensor are the same memory. */
export interface Tensor {
  /** position in `Graph.tensors` */
  readonly index: number
  readonly name: string
  readonly role: TensorRole
  readonly elements: number
  /** how many of it the model holds: one per repeated layer */
  readonly repeat: number
  /** its type where it is not the workload's type for its role; else `null` */
  readonly dtype: DType | null
  /** of `elements`, how many take part in the work of one token: of a mixture of experts, the chosen ones */
  readonly active: number
}

/**
 * An operator in place. `inputs` follow `cost.reads` one to one; `outputs` follow `cost.writes`, or split a single write
 * (a QKV product writes three tensors). `dims` is the shape that a user sees.
 */
export interface Node {
  readonly id: string
  readonly kind: string
  readonly trait: Trait
  readonly formula: string
  readonly dims: Dims
  readonly cost: OpCost
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  /** instances per forward pass */
  readonly repeat: number
  /** ids of the operators that a pass joined into this one */
  readonly fusedFrom: readonly string[]
  /** the type its arithmetic runs in where a pass has chosen it */
  readonly computes?: ComputeDType
  /** structured sparsity that its weights have, for machines with a ceiling of its own for it */
  readonly sparsity?: '2:4'
}

export interface Graph {
  readonly nodes: readonly Node[]
  readonly tensors: readonly Tensor[]
  /** operators of an imported model whose cost nobody knows: their part is missing in every total */
  readonly unknown?: readonly {readonly op: string; readonly count: number}[]
  /** starts of the ids of layers that were told apart by number: no operator is joined across them, as across equal layers */
  readonly pieces?: readonly string[]
}

const none: readonly string[] = []

const tensorOf = (
  index: number,
  name: string,
  role: TensorRole,
  elements: number,
  repeat: number,
  dtype: DType | null = null,
  active: number = elements,
): Tensor => ({index, name, role, elements, repeat, dtype, active})

// fixes `elements` as a double in V8's layout, see ops/types.ts
tensorOf(0, '', 'weight', 0.5, 1)

/** Collects nodes and tensors; every architecture uses one. */
export class GraphBuilder {
  readonly nodes: Node[] = []
  readonly tensors: Tensor[] = []

  tensor(name: string, role: TensorRole, elements: number, repeat = 1, dtype: DType | null = null): Tensor {
    const tensor = tensorOf(this.tensors.length, name, role, elements, repeat, dtype)
    this.tensors.push(tensor)
    return tensor
  }

  weight(name: string, elements: number, repeat = 1): Tensor {
    return this.tensor(name, 'weight', elements, repeat)
  }

  /** A weight of which one token uses `active` elements. */
  expertWeight(name: string, elements: number, repeat: number, active: number): Tensor {
    const tensor = tensorOf(this.tensors.length, name, 'weight', elements, repeat, null, active)
    this.tensors.push(tensor)
    return tensor
  }

  activation(name: string, elements: number, repeat = 1): Tensor {
    return this.tensor(name, 'activation', elements, repeat)
  }

  add<D extends Dims>(
    op: OpDef<string, D>,
    id: string,
    dims: D,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    repeat = 1,
  ): void {
    this.nodes.push({
      id,
      kind: op.kind,
      trait: op.trait,
      formula: op.formula,
      dims,
      cost: op.cost(dims),
      inputs,
      outputs,
      repeat,
      fusedFrom: none,
    })
  }

  graph(): Graph {
    return {nodes: this.nodes, tensors: this.tensors}
  }
}

/** Elements that `node` writes to its `i`-th output. */
export function writtenElements(node: Node, i: number): number {
  return node.outputs.length === node.cost.writes.length ? node.cost.writes[i]!.elements : node.outputs[i]!.elements
}

/**
 * Checks a graph: unique ids, tensors defined before use, uses no larger than their tensors, splits that add up.
 * @throws AnalysisError `internal` naming the operator
 */
export function validateGraph(graph: Graph): void {
  const fail = (node: Node, problem: string) => {
    throw new AnalysisError('internal', `operator ${node.id}: ${problem}`)
  }
  const ids = new Set<string>()
  const produced = new Set<number>()
  for (const node of graph.nodes) {
    if (ids.has(node.id)) fail(node, 'the id is used twice')
    ids.add(node.id)
    if (node.inputs.length !== node.cost.reads.length)
      fail(node, `${node.inputs.length} inputs, ${node.cost.reads.length} reads`)
    node.inputs.forEach((tensor, i) => {
      const use = node.cost.reads[i]!
      if (use.elements > tensor.elements)
        fail(node, `reads ${use.elements} of ${tensor.name}, which has ${tensor.elements}`)
      // an operator may read back what it writes itself: its workspace
      if (tensor.role === 'activation' && !produced.has(tensor.index) && !node.outputs.includes(tensor))
        fail(node, `reads ${tensor.name} before it is written`)
    })
    const written = node.cost.writes.reduce((sum, use) => sum + use.elements, 0)
    const outputs = node.outputs.reduce((sum, _, i) => sum + writtenElements(node, i), 0)
    if (written !== outputs) fail(node, `writes ${written} elements into outputs of ${outputs}`)
    for (const tensor of node.outputs) produced.add(tensor.index)
    const {cost} = node
    for (const [name, value] of Object.entries({
      macs: cost.macs,
      flops: cost.flops,
      matrix: cost.matrix,
      vector: cost.vector,
    })) {
      if (!Number.isSafeInteger(value) || value < 0) fail(node, `${name} is ${value}, not an exact count below 2^53`)
    }
  }
}

/** Parameters of a graph: every weight once, times the layers that have their own. */
export function parameterCount(graph: Graph): {total: number; embedding: number} {
  let total = 0
  let embedding = 0
  for (const tensor of graph.tensors) {
    if (tensor.role !== 'weight') continue
    const count = tensor.elements * tensor.repeat
    total += count
    if (tensor.name.startsWith('embed') && !tensor.name.startsWith('embed.norm')) embedding += count
  }
  return {total, embedding}
}

/** Parameters that one token uses: all of them, but of a mixture of experts the chosen ones alone. */
export function activeParameters(graph: Graph): number {
  let active = 0
  for (const tensor of graph.tensors) if (tensor.role === 'weight') active += tensor.active * tensor.repeat
  return active
}
