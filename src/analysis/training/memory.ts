/** What a training step keeps from forward to backward, tensor by tensor. */
import {bytesOf, type DType} from '../dtype.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import {activationsOf, type Memory} from '../memory.ts'
import type {Bytes} from '../units.ts'
import type {DTypes} from '../workload.ts'
import {layers} from './segments.ts'

/** An activation that waits for the backward pass. */
export interface Saved {
  readonly name: string
  /** the operator that writes it */
  readonly operator: string
  readonly dtype: DType
  /** of one instance, on one device */
  readonly elements: number
  readonly bytes: Bytes
  /** instances alive at once: one per layer that reads it */
  readonly repeat: number
}

interface Kept extends Saved {
  readonly tensor: Tensor
}

/** What each repeated layer hands on to the next: the first activation that its first operator reads. */
function handedOn(nodes: readonly Node[]): ReadonlySet<Tensor> {
  const tensors = layers(nodes).map(({from}) => nodes[from]!.inputs.find(({role}) => role === 'activation'))
  return new Set(tensors.filter((tensor) => tensor !== undefined))
}

/**
 * Activations that operators before position `forward` write and operators behind it read. A tensor that several read is
 * kept once; one that layers hand on is kept once per layer, one that all of them read (an encoder's output) once.
 * @param once tensors of repeated layers of which one instance waits
 */
export function savedTensors(
  graph: Graph,
  forward: number,
  dtype: DTypes,
  held: (tensor: Tensor, elements: number) => number,
  once: ReadonlySet<Tensor> = new Set(),
): Kept[] {
  const carried = handedOn(graph.nodes.slice(0, forward))
  const repeats = new Map<Tensor, number>()
  for (const node of graph.nodes.slice(forward)) {
    for (const tensor of node.inputs) repeats.set(tensor, Math.max(repeats.get(tensor) ?? 0, node.repeat))
  }
  const kept: Kept[] = []
  for (const node of graph.nodes.slice(0, forward)) {
    for (const tensor of node.outputs) {
      const repeat = repeats.get(tensor)
      if (repeat === undefined || tensor.role !== 'activation') continue
      const type = tensor.dtype ?? dtype.activations
      const elements = held(tensor, tensor.elements)
      const {name} = tensor
      const shared = once.has(tensor) || (node.repeat === 1 && !carried.has(tensor))
      const instances = shared ? 1 : repeat
      kept.push({
        ...{tensor, name, operator: node.id, dtype: type, elements},
        ...{bytes: bytesOf(elements, type), repeat: instances},
      })
    }
  }
  return kept
}

/** Bytes of all kept activations. */
export const savedBytes = (saved: readonly Saved[]): Bytes =>
  saved.reduce((sum, {bytes, repeat}) => sum + bytes * repeat, 0)

/**
 * Memory of one device. Activations are those kept for the backward pass of every layer, what the step is given,
 * and at the peak what one operator chain holds beside them.
 * @param forward operators before the backward pass
 * @param offloaded kept activations wait elsewhere: those of one layer remain
 */
export function trainingMemory(
  graph: Graph,
  forward: number,
  kept: readonly Kept[],
  gradients: ReadonlyMap<Tensor, Tensor>,
  optimizer: Bytes,
  dtype: DTypes,
  offloaded: boolean,
): Memory {
  let weights = 0
  for (const tensor of graph.tensors)
    if (tensor.role === 'weight') weights += bytesOf(tensor.elements, tensor.dtype ?? dtype.weights) * tensor.repeat
  let gradientBytes = 0
  for (const gradient of gradients.values())
    gradientBytes += bytesOf(gradient.elements, gradient.dtype ?? dtype.weights) * gradient.repeat
  const waiting = new Set(kept.map(({tensor}) => tensor.index))
  const resident = offloaded ? kept.reduce((sum, {bytes}) => sum + bytes, 0) : savedBytes(kept)
  const {given} = activationsOf({nodes: graph.nodes.slice(0, forward), tensors: graph.tensors}, dtype.activations)
  const activations = given + resident + activationsOf(graph, dtype.activations, waiting).peak
  const peak = weights + gradientBytes + optimizer + activations
  return {weights, activations, kvCache: 0, gradients: gradientBytes, optimizer, peak}
}
