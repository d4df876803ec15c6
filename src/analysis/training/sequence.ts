/** Sequence parallelism: what tensor parallelism repeats on every device is divided by tokens instead. */
import {AnalysisError} from '../errors.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import {ops} from '../ops/index.ts'
import type {Dims, OpDef} from '../ops/types.ts'

const registry: Readonly<Record<string, OpDef>> = ops

/**
 * Korthikanti et al. 2022 (arXiv:2205.05198) §4.2.2: norms, dropout and residuals hold a t-th of the tokens; products
 * gather their input and do not keep the gathered copy. Which tensors are repeated follows from the graph of one device:
 * they are as large with `tp` devices as with one.
 * @returns the graph with the divided operators, and the elements of a tensor that one device holds
 * @throws AnalysisError `bad-dimension` where the tokens do not divide
 */
export function sequenceParallel(
  graph: Graph,
  whole: Graph,
  tp: number,
): {graph: Graph; held: (tensor: Tensor, elements: number) => number} {
  const sizes = new Map(whole.tensors.map(({name, elements}) => [name, elements]))
  // the inputs and outputs of a repeated tensor's operators decide; a tensor that no other graph names follows its producer
  const divided = new Set<Tensor>()
  for (const tensor of graph.tensors)
    if (tensor.role === 'activation' && sizes.get(tensor.name) === tensor.elements) divided.add(tensor)
  const share = (elements: number, what: string): number => {
    if (elements % tp === 0) return elements / tp
    throw new AnalysisError(
      'bad-dimension',
      `--sequence-parallel: ${tp} devices do not divide the ${elements} of ${what}`,
      ['choose --batch × --seq as a multiple of --tp'],
    )
  }
  const divide = (node: Node): Node => {
    const touched = [...node.inputs, ...node.outputs].filter((tensor) => tensor.role === 'activation')
    const op = registry[node.kind]
    if (!op || node.cost.matrix > 0 || touched.length === 0 || !touched.every((tensor) => divided.has(tensor)))
      return node
    const dims: Dims = {...node.dims}
    const key = typeof dims.rows === 'number' ? 'rows' : typeof dims.elements === 'number' ? 'elements' : undefined
    if (!key) return node
    const smaller = {...dims, [key]: share(Number(dims[key]), node.id)}
    const cost = op.cost(smaller)
    return {...node, dims: smaller, cost: {...cost, reads: cost.reads.slice(0, node.inputs.length)}}
  }
  return {
    graph: {nodes: graph.nodes.map(divide), tensors: graph.tensors},
    held: (tensor, elements) => (divided.has(tensor) ? share(elements, tensor.name) : elements),
  }
}
