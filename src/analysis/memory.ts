/** How many bytes a workload keeps in memory, and the most of its activations that are alive at once. */
import {bytesOf, type DType} from './dtype.ts'
import type {Graph, Node, Tensor} from './graph.ts'
import type {Bytes} from './units.ts'
import type {DTypes} from './workload.ts'

export interface Memory {
  readonly weights: Bytes
  /** at their peak over the pass, and what the pass is given */
  readonly activations: Bytes
  readonly kvCache: Bytes
  readonly gradients: Bytes
  readonly optimizer: Bytes
  readonly peak: Bytes
}

const without = (node: Node, apart: ReadonlySet<number>): Node => ({
  ...node,
  inputs: node.inputs.filter((tensor) => !apart.has(tensor.index)),
  outputs: node.outputs.filter((tensor) => !apart.has(tensor.index)),
})

const isActivation = ({role}: Tensor): boolean => role === 'activation'

/** Position of the last operator that runs as often as the one at `from`, with none in between that does not. */
function lastOfRun(nodes: readonly Node[], from: number): number {
  let last = from
  while (nodes[last + 1]?.repeat === nodes[from]!.repeat) last++
  return last
}

const mayBeGiven = ({role}: Tensor): boolean => role === 'constant' || role === 'index'

/** Bytes of activations during a pass. */
export interface Activations {
  /**
   * there before the first operator, the caller's, for the whole pass: images, tokens, the features and edges of a graph,
   * tables that were made once
   */
  readonly given: Bytes
  /** the most of what operators write for one another that is alive at once */
  readonly peak: Bytes
}

/**
 * What a pass holds beside weights and caches. An activation lives from the operator that writes it to the last that reads it; what every
 * repeated layer reads from outside (an encoder's output) until the last operator of those layers.
 * @param apart tensors that are counted elsewhere, by index
 */
export function activationsOf(graph: Graph, dtype: DType, apart?: ReadonlySet<number>): Activations {
  const {nodes, tensors} = graph
  if (apart) return activationsOf({nodes: nodes.map((node) => without(node, apart)), tensors}, dtype)
  const lastUse = new Int32Array(tensors.length).fill(-1)
  let repeat = 1
  let start = 0
  let stream: Tensor | undefined
  let held: Map<number, Tensor[]> | undefined
  let given = 0
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i]!
    if (node.repeat !== repeat) {
      repeat = node.repeat
      start = i
      stream = node.inputs.find(isActivation)
    }
    for (const tensor of node.inputs) {
      // made before the layers, and not what one of them hands to the next
      if (repeat > 1 && tensor !== stream && isActivation(tensor) && lastUse[tensor.index]! < start) {
        const last = lastOfRun(nodes, i)
        lastUse[tensor.index] = last
        held ??= new Map()
        held.set(last, [...(held.get(last) ?? []), tensor])
      } else {
        const last = lastUse[tensor.index]!
        if (last < 0 && mayBeGiven(tensor))
          given += bytesOf(tensor.elements, tensor.dtype ?? (tensor.role === 'index' ? 'i64' : dtype)) * tensor.repeat
        if (last < i) lastUse[tensor.index] = i
      }
    }
    for (const tensor of node.outputs) if (lastUse[tensor.index]! < i) lastUse[tensor.index] = i
  }
  let live = 0
  let peak = 0
  for (let i = 0; i < nodes.length; i++) {
    const {inputs, outputs} = nodes[i]!
    for (const tensor of outputs)
      if (tensor.role === 'activation') live += bytesOf(tensor.elements, tensor.dtype ?? dtype)
    if (live > peak) peak = live
    for (const tensor of inputs) {
      if (tensor.role === 'activation' && lastUse[tensor.index] === i) {
        live -= bytesOf(tensor.elements, tensor.dtype ?? dtype)
        // an operator may read one tensor twice (x + x): it is freed once
        lastUse[tensor.index] = -1
      }
    }
    for (const tensor of outputs) {
      if (tensor.role === 'activation' && lastUse[tensor.index] === i)
        live -= bytesOf(tensor.elements, tensor.dtype ?? dtype)
    }
    for (const tensor of held?.get(i) ?? [])
      if (lastUse[tensor.index] === i) live -= bytesOf(tensor.elements, tensor.dtype ?? dtype)
  }
  return {given, peak}
}

/** What an inference keeps: every weight and the cache once, what it is given, activations at their peak. */
export function memoryOf(graph: Graph, dtype: DTypes): Memory {
  let weights = 0
  let kvCache = 0
  for (const tensor of graph.tensors) {
    if (tensor.role === 'weight') weights += bytesOf(tensor.elements, tensor.dtype ?? dtype.weights) * tensor.repeat
    else if (tensor.role === 'kv') kvCache += bytesOf(tensor.elements, tensor.dtype ?? dtype.kv) * tensor.repeat
  }
  const {given, peak} = activationsOf(graph, dtype.activations)
  const activations = given + peak
  return {weights, activations, kvCache, gradients: 0, optimizer: 0, peak: weights + kvCache + activations}
}
