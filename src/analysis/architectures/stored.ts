/** A model whose weights are stored in types of their own, tensor by tensor: what a GGUF file becomes. */
import type {DType} from '../dtype.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import {type TensorUse, useOf} from '../ops/types.ts'
import {type Mamba2Spec, mamba2, mamba2Architecture} from './mamba2.ts'
import {type TransformerSpec, transformer, transformerArchitecture} from './transformer.ts'
import type {Architecture} from './types.ts'

/** A part of a weight of the graph (queries, keys and values are stored apart). */
export interface StoredPart {
  readonly name: string
  readonly dtype: DType
  readonly elements: number
}

export type StoredSpec = ({readonly base: TransformerSpec} | {readonly mamba2: Mamba2Spec}) & {
  /** parts by the name of the weight in the graph, of one layer; a weight that is not here has the workload's type */
  readonly parts: Readonly<Record<string, readonly StoredPart[]>>
}

/** The parts of each weight as tensors of their own; `--tp` divides each part alike. */
function storedGraph(base: Graph, parts: StoredSpec['parts'], tp: number): Graph {
  const tensors: Tensor[] = []
  const replaced = new Map<number, readonly Tensor[]>()
  const place = (tensor: Tensor, changes: Partial<Tensor> = {}): Tensor => {
    const placed = {...tensor, ...changes, index: tensors.length}
    tensors.push(placed)
    return placed
  }
  for (const tensor of base.tensors) {
    const own = tensor.role === 'weight' && Object.hasOwn(parts, tensor.name) ? parts[tensor.name]! : undefined
    const whole = own?.reduce((sum, part) => sum + part.elements, 0)
    if (!own || whole === undefined) {
      replaced.set(tensor.index, [place(tensor)])
      continue
    }
    // norms and the like are whole on every device
    const share = tensor.elements < whole ? tp : 1
    replaced.set(
      tensor.index,
      own.map(({name: part, dtype, elements: all}) => {
        // a weight in one piece keeps its name: by that, embeddings are known
        const name = own.length === 1 ? tensor.name : part
        const elements = Math.ceil(all / share)
        const active = Math.round((elements * tensor.active) / tensor.elements)
        return place(tensor, {name, dtype, elements, active})
      }),
    )
  }
  const all = (list: readonly Tensor[]) => list.flatMap((tensor) => replaced.get(tensor.index)!)
  const nodes = base.nodes.map((node) => ({...node, ...readsOf(node, replaced), outputs: all(node.outputs)}))
  return {nodes, tensors}
}

/** Reads of a node, each weight part by part; of a table that is read in rows, the same share of every part. */
function readsOf(node: Node, replaced: ReadonlyMap<number, readonly Tensor[]>): Pick<Node, 'inputs' | 'cost'> {
  const inputs: Tensor[] = []
  const reads: TensorUse[] = []
  node.inputs.forEach((tensor, i) => {
    const use = node.cost.reads[i]!
    const parts = replaced.get(tensor.index)!
    for (const part of parts) {
      inputs.push(part)
      const typed = part.dtype !== null && part.role === 'weight'
      const elements = Math.min(part.elements, Math.ceil((use.elements * part.elements) / tensor.elements))
      reads.push(typed ? useOf(parts.length === 1 ? use.name : part.name, use.role, elements, part.dtype) : use)
    }
  })
  return {inputs, cost: {...node.cost, reads}}
}

export const storedArchitecture: Architecture<StoredSpec> = {
  graph: (spec, work) =>
    storedGraph('base' in spec ? transformer(spec.base, work) : mamba2(spec.mamba2, work), spec.parts, work.tp),
  traits: (spec) =>
    'base' in spec ? transformerArchitecture.traits(spec.base) : mamba2Architecture.traits(spec.mamba2),
}
