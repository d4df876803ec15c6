/** 3×3 convolutions by minimal filtering. */
import {type Graph, GraphBuilder, type Node, type Tensor} from '../graph.ts'
import type {ConvDims} from '../ops/conv.ts'
import {convWinograd, type WinogradDims} from '../ops/conv-winograd.ts'
import {useOf} from '../ops/types.ts'
import {axesOf} from '../ops/window.ts'
import {winogradFiltersOp} from '../ops/winograd-filters.ts'
import {replaceTensors} from './rewrite.ts'
import type {AlgorithmPass} from './types.ts'

/** F(2×2, 3×3): F(4×4, 3×3) multiplies less, but its rounding errors do not suit 16-bit types (Lavin & Gray 2015 §5.2). */
const TILE = 2

/** Minimal filtering is defined for one group of 3×3 filters in steps of one; integers would need wider sums. */
function fits(node: Node): boolean {
  if (node.kind !== 'conv' || node.fusedFrom.length > 0 || node.computes !== undefined) return false
  const d = node.dims as ConvDims
  const [depth, ...plane] = axesOf(d)
  return (
    d.groups === 1 &&
    depth.size === 1 &&
    depth.kernel === 1 &&
    depth.pad === 0 &&
    plane.every(({kernel, stride, dilation}) => kernel === 3 && stride === 1 && dilation === 1)
  )
}

/** Convolutions that can change: those whose filters nobody else reads in their own form. */
function chosen(graph: Graph): ReadonlySet<Node> {
  const others = new Set<Tensor>()
  for (const node of graph.nodes)
    node.inputs.forEach((tensor, i) => {
      if (i !== 1 || !fits(node)) others.add(tensor)
    })
  return new Set(graph.nodes.filter((node) => fits(node) && !others.has(node.inputs[1]!)))
}

export const winograd: AlgorithmPass = {
  id: 'conv-winograd',
  title:
    '3×3 convolutions with stride 1 by minimal filtering, F(2×2, 3×3); filters are transformed ahead, in training every step',
  source: 'Lavin & Gray 2015 (arXiv:1509.09308)',
  changes: 'flops and bytes',
  apply(graph: Graph, training: boolean): Graph {
    const nodes = chosen(graph)
    if (nodes.size === 0) return graph
    const builder = new GraphBuilder()
    builder.tensors.push(...graph.tensors)
    const ahead = new Map<Tensor, Tensor>()
    for (const node of graph.nodes) {
      if (!nodes.has(node)) {
        builder.nodes.push(node)
        continue
      }
      const {batch, channels, filters, height, width, padHeight = 0, padWidth = 0, bias} = node.dims as ConvDims
      const dims: WinogradDims = {
        ...{batch, channels, filters, height, width, padHeight, padWidth, bias},
        ...{tile: TILE, materialized: false},
      }
      const {kind, trait, formula} = convWinograd
      const cost = convWinograd.cost(dims)
      const [x, w, ...rest] = node.cost.reads
      const {elements} = cost.reads[1]!
      const [data, filter, ...others] = node.inputs as [Tensor, Tensor, ...Tensor[]]
      let inputs: readonly Tensor[] = node.inputs
      let use = useOf('transformed filters', 'weight', elements, w!.dtype)
      if (training) {
        const transformed = builder.activation(`${node.id}.transformed`, elements)
        const {repeat} = node
        builder.add(
          winogradFiltersOp,
          `${node.id}.filters`,
          {channels, filters, tile: TILE},
          [filter],
          [transformed],
          repeat,
        )
        use = useOf('transformed filters', 'input', elements)
        inputs = [data, transformed, ...others]
      } else ahead.set(filter, {...filter, elements, active: elements})
      builder.nodes.push({
        ...node,
        ...{kind, trait, formula, dims, inputs},
        cost: {...cost, reads: [x!, use, ...rest], writes: node.cost.writes},
      })
    }
    return replaceTensors({...graph, ...builder.graph()}, ahead)
  },
}
