import {gradientOf, ofInput, ofOutput, vectorPart} from '../training/rules.ts'
import type {EdgeDims} from './edge-scores.ts'
import {index, input, type OpDef, output} from './types.ts'

export const edgeSoftmax: OpDef<'edge-softmax', EdgeDims> = {
  kind: 'edge-softmax',
  title: 'softmax over the edges that come into each node',
  trait: 'rowwise',
  formula: '5·edges·heads',
  where: 'as softmax: max, subtract, exp, add, divide per edge and head; the row starts of the nodes are 8 bytes each',
  source: 'Veličković et al. 2018 (arXiv:1710.10903) eq. 2',
  cost({nodes, edges, heads}) {
    const all = edges * heads
    return {
      macs: 0,
      flops: 5 * all,
      matrix: 0,
      vector: 5 * all,
      special: all,
      reads: [input('scores', all), index('rows', nodes + 1)],
      writes: [output('weights', all)],
    }
  },
  reference({nodes, edges, heads}, [scores, rows]) {
    const y = new Float64Array(edges * heads)
    for (let i = 0; i < nodes; i++) {
      for (let h = 0; h < heads; h++) {
        let max = Number.NEGATIVE_INFINITY
        let sum = 0
        for (let e = rows![i]!; e < rows![i + 1]!; e++) max = Math.max(max, scores![e * heads + h]!)
        for (let e = rows![i]!; e < rows![i + 1]!; e++) sum += Math.exp(scores![e * heads + h]! - max)
        for (let e = rows![i]!; e < rows![i + 1]!; e++) y[e * heads + h] = Math.exp(scores![e * heads + h]! - max) / sum
      }
    }
    return [y]
  },
  // as softmax
  backward: ({nodes, edges, heads}) => ({
    data: vectorPart('4·edges·heads', 4 * edges * heads, {
      reads: [gradientOf(0, edges * heads), ofOutput(0, edges * heads), ofInput(1, nodes + 1)],
      writes: [{at: 0, elements: edges * heads}],
    }),
    weights: null,
  }),
  examples: [{dims: {nodes: 3, edges: 5, heads: 2}, flops: 50, bytes: 112, source: 'by hand: 4 B × 2·5·2 + 4·8 B'}],
}
