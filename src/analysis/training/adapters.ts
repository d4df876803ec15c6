/** LoRA: thin products beside those of the layers, which stay as they are. */
import {AnalysisError} from '../errors.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import {add} from '../ops/add.ts'
import {type LinearDims, linear} from '../ops/linear.ts'
import {continueFrom} from './prepare.ts'

/** Names of the weights that adapters bring. */
export const isAdapter = (tensor: Tensor): boolean => /\.lora-[ab]\.weight$/.test(tensor.name)

/** One adapter of a product: the output it is added to, and its name where it is a part of a joint product. */
interface Place {
  readonly output: number
  readonly part: string
}

const isLayerProduct = ({id, kind}: Node): boolean => kind === 'linear' && /(^|\.)layers\./.test(id)
const nameOf = (node: Node): string => node.id.split('.').at(-1)!
/** `qkv` and `kv` are joint products: each letter one output. */
const lettersOf = (node: Node): string[] =>
  node.outputs.length > 1 && nameOf(node).length === node.outputs.length ? nameOf(node).split('') : []

/** Where adapters stand at a product: beside all of it, or beside the parts that are named. */
function placesOf(node: Node, on: readonly string[] | null): readonly Place[] | 'whole' {
  if (on === null || on.includes(nameOf(node))) return 'whole'
  return lettersOf(node).flatMap((part, output) => (on.includes(part) ? [{output, part}] : []))
}

/** Every name must stand for something. @throws AnalysisError `bad-flag` */
function checkNames(graph: Graph, on: readonly string[] | null): void {
  if (on === null) return
  const known = new Set(graph.nodes.filter(isLayerProduct).flatMap((node) => [nameOf(node), ...lettersOf(node)]))
  const missing = on.find((name) => !known.has(name))
  if (missing === undefined) return
  throw new AnalysisError('bad-flag', `--lora-on ${missing}: no product of a layer has this name`, [
    known.size > 0 ? `use some of ${[...known].join(', ')}` : 'leave --lora out',
  ])
}

/**
 * Hu et al. 2021 (arXiv:2106.09685) §4.1: y = x·W + (x·A)·B with A of k × rank and B of rank × n, on products of the layers.
 * @param on products by the last part of their id, or parts of a joint one (q, k, v); `null`: all, a joint one with one adapter
 * @throws AnalysisError `bad-flag` where a name stands for nothing
 */
export function withAdapters(graph: Graph, rank: number, on: readonly string[] | null): Graph {
  checkNames(graph, on)
  const builder = continueFrom(graph)
  for (const node of graph.nodes) {
    const places = isLayerProduct(node) ? placesOf(node, on) : []
    if (places.length === 0) {
      builder.nodes.push(node)
      continue
    }
    const {m, n, k} = node.dims as LinearDims
    const {id, repeat} = node
    const [x] = node.inputs as [Tensor]
    const outputs = [...node.outputs]
    const after: (() => void)[] = []
    const adapt = (name: string, width: number, base: Tensor, results: readonly Tensor[]) => {
      const low = builder.activation(`${name}-a`, m * rank)
      const high = builder.activation(`${name}-b`, m * width)
      const a = builder.weight(`${name}-a.weight`, k * rank, repeat)
      const b = builder.weight(`${name}-b.weight`, rank * width, repeat)
      after.push(() => {
        builder.add(linear, `${name}-a`, {m, n: rank, k, bias: false}, [x, a], [low], repeat)
        builder.add(linear, `${name}-b`, {m, n: width, k: rank, bias: false}, [low, b], [high], repeat)
        builder.add(add, `${name}-add`, {elements: m * width}, [base, high], results, repeat)
      })
    }
    if (places === 'whole') {
      const base = builder.activation(`${id}.base`, m * n)
      outputs.splice(0, outputs.length, base)
      adapt(`${id}.lora`, n, base, node.outputs)
    } else {
      for (const {output, part} of places) {
        const {elements} = node.outputs[output]!
        outputs[output] = builder.activation(`${id}.${part}.base`, elements)
        adapt(`${id}.${part}.lora`, elements / m, outputs[output], [node.outputs[output]!])
      }
    }
    builder.nodes.push({...node, outputs})
    for (const run of after) run()
  }
  return builder.graph()
}
