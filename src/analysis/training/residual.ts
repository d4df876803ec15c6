/** Layers whose inputs follow from their outputs: chains of x + F(x). */
import {AnalysisError} from '../errors.ts'
import type {Node, Tensor} from '../graph.ts'
import type {Segment} from './segments.ts'

/** Where a segment is no chain of residual blocks. */
interface Problem {
  readonly at: string
}

/** Blocks of one segment: each computes a branch from the stream alone and adds it. */
function chainOf(nodes: readonly Node[], {from, to}: Segment): Segment | Problem {
  const inside = new Set<Tensor>()
  for (const node of nodes.slice(from, to + 1)) for (const tensor of node.outputs) inside.add(tensor)
  const entry = nodes[from]!.inputs.find(({role}) => role === 'activation')
  if (!entry) return {at: nodes[from]!.id}
  const streams = [entry]
  const blocks: {from: number; to: number}[] = []
  let start = from
  let branch = new Set<Tensor>()
  for (let i = from; i <= to; i++) {
    const node = nodes[i]!
    const stream = streams.at(-1)!
    const other = node.inputs.find((tensor) => tensor !== stream && branch.has(tensor))
    if (node.kind === 'add' && other && node.inputs.includes(stream)) {
      blocks.push({from: start, to: i})
      streams.push(node.outputs[0]!)
      start = i + 1
      branch = new Set()
      continue
    }
    // what a block reads besides the stream stands outside the layers (an encoder's output), or the inverse could not read it
    for (const tensor of node.inputs)
      if (tensor !== stream && tensor.role === 'activation' && inside.has(tensor) && !branch.has(tensor))
        return {at: node.id}
    for (const tensor of node.outputs) branch.add(tensor)
  }
  // what stands behind the last sum (a norm, a ReLU) changes it
  return start <= to || blocks.length === 0 ? {at: nodes[start]!.id} : {from, to, blocks, streams}
}

/**
 * Segments with their blocks (Gomez et al. 2017, arXiv:1707.04585 §3; Kitaev et al. 2020, arXiv:2001.04451 §3): two
 * streams, each block adds to one what it computes from the other, and subtracting it gives the input back.
 * @throws AnalysisError `bad-flag` naming the operator that stands in the way
 */
export function reversible(nodes: readonly Node[], segments: readonly Segment[]): Segment[] {
  const suggestions = ['use --recompute full', 'pre-norm transformers (gpt2, llama-3-8b, vit-b-16) can be reversible']
  if (segments.length === 0)
    throw new AnalysisError('bad-flag', '--recompute reversible: no layer of this model repeats', suggestions)
  return segments.map((segment) => {
    const chain = chainOf(nodes, segment)
    if (!('at' in chain)) return chain
    throw new AnalysisError(
      'bad-flag',
      `--recompute reversible: the layers are not residual, ${chain.at} stands where x + F(x) should: their inputs do not follow from their outputs`,
      suggestions,
    )
  })
}
