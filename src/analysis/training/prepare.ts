/** The forward graph that is trained: no cache, a loss at its end, dropout and adapters where they are asked for. */
import {type Graph, GraphBuilder, type Node, type Tensor} from '../graph.ts'
import {crossEntropy} from '../ops/cross-entropy.ts'
import {distillationLoss} from '../ops/distillation-loss.ts'
import {dropout} from '../ops/dropout.ts'
import type {LinearDims} from '../ops/linear.ts'
import {mseLoss} from '../ops/mse-loss.ts'
import type {SoftmaxDims} from '../ops/softmax.ts'

/** A builder that goes on with the tensors of a graph. */
export function continueFrom(graph: Graph): GraphBuilder {
  const builder = new GraphBuilder()
  for (const tensor of graph.tensors) builder.tensors.push(tensor)
  return builder
}

/** Training keeps no cache: operators that write nothing else are left out. */
export function withoutCache(graph: Graph): Graph {
  const nodes = graph.nodes.filter((node) => !node.outputs.every((tensor) => tensor.role === 'kv'))
  return nodes.length === graph.nodes.length ? graph : {nodes, tensors: graph.tensors}
}

/** `node` writing `replacement` where it wrote `tensor`. */
const rewired = (node: Node, tensor: Tensor, replacement: Tensor): Node => ({
  ...node,
  outputs: node.outputs.map((output) => (output === tensor ? replacement : output)),
})

/**
 * Dropout behind each softmax of attention and on the branch of each residual addition. The mask is drawn by the operator
 * itself and written for the backward pass, one byte per element. Fused attention draws its mask again instead of keeping it.
 */
export function withDropout(graph: Graph): Graph {
  const builder = continueFrom(graph)
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((tensor) => [tensor, node] as const)))
  const targets = new Map<Tensor, string>()
  for (const node of graph.nodes) {
    const branch = node.inputs[0]
    if (node.kind === 'attention-values' && branch && producer.get(branch)?.kind === 'softmax')
      targets.set(branch, producer.get(branch)!.id.replace(/softmax$/, 'dropout'))
    if (node.kind === 'add' && branch && producer.get(branch)?.trait === 'contraction')
      targets.set(branch, `${producer.get(branch)!.id}-dropout`)
  }
  for (const node of graph.nodes) {
    const tensor = node.outputs.find((output) => targets.has(output))
    if (!tensor) {
      builder.nodes.push(node)
      continue
    }
    const before = builder.tensor(`${tensor.name} before dropout`, tensor.role, tensor.elements, tensor.repeat)
    builder.nodes.push(rewired(node, tensor, before))
    builder.add(
      dropout,
      targets.get(tensor)!,
      {elements: tensor.elements, training: true},
      [before],
      [tensor],
      node.repeat,
    )
    const made = builder.nodes.pop()!
    builder.nodes.push({...made, cost: {...made.cost, reads: made.cost.reads.slice(0, 1)}})
  }
  return builder.graph()
}

/** What a model says of classes, and the operators up to there; `null` where its output is no distribution over classes. */
export interface Logits {
  readonly tensor: Tensor
  readonly rows: number
  readonly classes: number
  readonly nodes: readonly Node[]
}

export function logitsOf({nodes}: Graph): Logits | null {
  const last = nodes.at(-1)!
  if (last.kind === 'linear' && last.outputs.length === 1) {
    const {m, n} = last.dims as LinearDims
    return {tensor: last.outputs[0]!, rows: m, classes: n, nodes}
  }
  if (last.kind !== 'softmax' || last.inputs[0]!.role !== 'activation') return null
  const {rows, cols} = last.dims as SoftmaxDims
  return {tensor: last.inputs[0]!, rows, classes: cols, nodes: nodes.slice(0, -1)}
}

export type Loss = 'cross-entropy' | 'mse-loss' | 'distillation'

/**
 * Cross-entropy over the rows of a last product (logits) or of what a last softmax normalizes, which the loss does itself;
 * else the mean squared error of the last output.
 */
export function withLoss(graph: Graph): {graph: Graph; loss: Loss} {
  const builder = continueFrom(graph)
  const logits = logitsOf(graph)
  if (logits) {
    const {tensor, rows, classes, nodes} = logits
    builder.nodes.push(...nodes)
    const targets = builder.tensor('targets', 'index', rows)
    builder.add(crossEntropy, 'loss', {rows, classes}, [tensor, targets], [builder.activation('losses', rows)])
    return {graph: builder.graph(), loss: 'cross-entropy'}
  }
  builder.nodes.push(...graph.nodes)
  const output = graph.nodes.at(-1)!.outputs[0]!
  const loss = builder.activation('loss', 1)
  const target = builder.tensor('target', 'constant', output.elements)
  builder.add(mseLoss, 'loss', {elements: output.elements}, [output, target], [loss])
  return {graph: builder.graph(), loss: 'mse-loss'}
}

/**
 * The teacher's forward pass, the student's, and the loss that compares both with each other and with the targets.
 * @param student with its logits at its end
 * @returns the graph, whose first operators are the teacher's
 */
export function withDistillation(
  student: Graph,
  teacher: {graph: Graph; logits: Logits},
): {graph: Graph; loss: Loss; teacher: number} {
  const builder = continueFrom(student)
  const moved = new Map<Tensor, Tensor>()
  for (const tensor of teacher.graph.tensors) {
    const copy = {...tensor, index: builder.tensors.length}
    builder.tensors.push(copy)
    moved.set(tensor, copy)
  }
  const of = (tensor: Tensor) => moved.get(tensor)!
  for (const node of teacher.graph.nodes)
    builder.nodes.push({...node, inputs: node.inputs.map(of), outputs: node.outputs.map(of)})
  const {tensor, rows, classes, nodes} = logitsOf(student)!
  builder.nodes.push(...nodes)
  const targets = builder.tensor('targets', 'index', rows)
  const inputs = [tensor, of(teacher.logits.tensor), targets]
  builder.add(distillationLoss, 'loss', {rows, classes}, inputs, [builder.activation('losses', rows)])
  const loss = builder.nodes.pop()!
  const {dtype} = inputs[1]!
  const reads = loss.cost.reads.map((use, i) => (i === 1 ? {...use, dtype} : use))
  builder.nodes.push({...loss, cost: {...loss.cost, reads}})
  return {graph: builder.graph(), loss: 'distillation', teacher: teacher.graph.nodes.length}
}
