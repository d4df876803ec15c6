/** A model that is a list of operators: what a file with a graph of its own (ONNX) becomes. */
import type {ComputeDType, DType} from '../dtype.ts'
import {type Graph, GraphBuilder, type Node, type Tensor, type TensorRole} from '../graph.ts'
import {type OpKind, ops} from '../ops/index.ts'
import {type Dims, type OpDef, type Role, type TensorUse, useOf} from '../ops/types.ts'
import type {Architecture} from './types.ts'

export interface TensorSpec {
  readonly name: string
  readonly role: TensorRole
  readonly elements: number
  /** its type where it is not the model's own */
  readonly dtype?: DType
}

/** One operator; `inputs` and `outputs` are positions in `OperatorsSpec.tensors`. */
export interface OperatorSpec {
  readonly id: string
  readonly kind: OpKind
  readonly dims: Dims
  readonly inputs: readonly number[]
  readonly outputs: readonly number[]
  /** elements read of each input, where an operator of many inputs reads a part of one */
  readonly reads?: readonly number[]
  /** runs per pass: a loop's body */
  readonly repeat?: number
  /** the type of its arithmetic where it is not the model's own */
  readonly computes?: ComputeDType
  /** FLOPs of steps that are part of it and of no memory of their own: scaling narrow weights, rounding results */
  readonly beside?: number
}

export interface OperatorsSpec {
  /** the sizes in the list are those of this many samples */
  readonly batch: number
  readonly operators: readonly OperatorSpec[]
  readonly tensors: readonly TensorSpec[]
  /** operators of the file whose cost is not known, by name */
  readonly unknown: readonly {readonly op: string; readonly count: number}[]
}

const registry: Readonly<Record<string, OpDef>> = ops

/** What a tensor is decides the type it is read in, not what the operator usually takes. */
function useIn(tensor: Tensor, name: string, elements: number, direction: 'input' | 'output'): TensorUse {
  const role: Role = tensor.role === 'activation' || tensor.role === 'constant' ? direction : tensor.role
  return useOf(name, role, elements, tensor.dtype)
}

function nodeOf(spec: OperatorSpec, tensors: readonly Tensor[]): Node {
  const op = registry[spec.kind]!
  const cost = op.cost(spec.dims)
  const {beside = 0} = spec
  const inputs = spec.inputs.map((i) => tensors[i]!)
  const outputs = spec.outputs.map((i) => tensors[i]!)
  // an operator of many inputs (concat) counts them as one read: here each is told apart
  const reads = inputs.map((tensor, i) => {
    const use = cost.reads.length === inputs.length ? cost.reads[i]! : undefined
    return useIn(tensor, use?.name ?? tensor.name, use?.elements ?? spec.reads?.[i] ?? tensor.elements, 'input')
  })
  const writes =
    cost.writes.length === outputs.length
      ? outputs.map((tensor, i) => useIn(tensor, cost.writes[i]!.name, cost.writes[i]!.elements, 'output'))
      : cost.writes
  return {
    id: spec.id,
    kind: op.kind,
    trait: op.trait,
    formula: beside > 0 ? `${op.formula} + ${beside} (scaling)` : op.formula,
    dims: spec.dims,
    cost: {...cost, flops: cost.flops + beside, vector: cost.vector + beside, reads, writes},
    inputs,
    outputs,
    repeat: spec.repeat ?? 1,
    fusedFrom: [],
    ...(spec.computes ? {computes: spec.computes} : {}),
  }
}

/** The graph of a list of operators. Sizes are in the list: no workload changes them. */
function operatorsGraph(spec: OperatorsSpec): Graph {
  const builder = new GraphBuilder()
  const tensors = spec.tensors.map(({name, role, elements, dtype}) =>
    builder.tensor(name, role, elements, 1, dtype ?? null),
  )
  return {nodes: spec.operators.map((operator) => nodeOf(operator, tensors)), tensors, unknown: spec.unknown}
}

export const operatorsArchitecture: Architecture<OperatorsSpec> = {
  graph: operatorsGraph,
  traits: ({batch}) => ({generates: false, positions: null, shards: {}, batch}),
}
