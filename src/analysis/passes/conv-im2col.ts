/** Convolutions as matrix products with patches that pass through memory. */
import {type Graph, GraphBuilder} from '../graph.ts'
import type {ConvDims} from '../ops/conv.ts'
import {convIm2col} from '../ops/conv-im2col.ts'
import {axesOf} from '../ops/window.ts'
import type {AlgorithmPass} from './types.ts'

/** A window of one element in steps of one has its input for patches: it is a matrix product already. */
const overlaps = (d: ConvDims): boolean => axesOf(d).some(({kernel, stride}) => kernel > 1 || stride > 1)

export const im2col: AlgorithmPass = {
  id: 'conv-im2col',
  title: 'convolutions as one matrix product with columns of patches; 1×1 ones stay as they are',
  source:
    'Chellapilla, Puri & Simard 2006, High Performance Convolutional Neural Networks for Document Processing, §3.1',
  changes: 'bytes',
  apply(graph: Graph): Graph {
    const builder = new GraphBuilder()
    builder.tensors.push(...graph.tensors)
    for (const node of graph.nodes) {
      const d = node.dims as ConvDims
      if (node.kind !== 'conv' || node.fusedFrom.length > 0 || !overlaps(d)) {
        builder.nodes.push(node)
        continue
      }
      const {kind, trait, formula} = convIm2col
      const cost = convIm2col.cost(d)
      const [read, write] = [cost.reads.at(-1)!, cost.writes.at(-1)!]
      const columns = builder.activation(`${node.id}.columns`, write.elements)
      builder.nodes.push({
        ...node,
        ...{kind, trait, formula},
        cost: {...cost, reads: [...node.cost.reads, read], writes: [...node.cost.writes, write]},
        inputs: [...node.inputs, columns],
        outputs: [...node.outputs, columns],
      })
    }
    return {...graph, ...builder.graph()}
  },
}
