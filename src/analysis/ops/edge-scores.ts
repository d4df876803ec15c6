import {gradientOf, ofInput, ofOutput, vectorPart} from '../training/rules.ts'
import {index, input, type OpDef, output} from './types.ts'

export type EdgeDims = {readonly nodes: number; readonly edges: number; readonly heads: number}

export const edgeScores: OpDef<'edge-scores', EdgeDims> = {
  kind: 'edge-scores',
  title: 'the score of every edge from a number of its source and one of its target: leaky-relu(s[j] + t[i])',
  trait: 'gather',
  formula: '3·edges·heads',
  where: 'add, compare, multiply by the slope; the two ends of an edge are 8 bytes each',
  source: 'Veličković et al. 2018 (arXiv:1710.10903) eq. 3',
  cost({nodes, edges, heads}) {
    return {
      macs: 0,
      flops: 3 * edges * heads,
      matrix: 0,
      vector: 3 * edges * heads,
      special: 0,
      reads: [
        input('source', nodes * heads),
        input('target', nodes * heads),
        index('sources', edges),
        index('targets', edges),
      ],
      writes: [output('scores', edges * heads)],
    }
  },
  reference({edges, heads}, [s, t, sources, targets]) {
    const y = new Float64Array(edges * heads)
    for (let i = 0; i < edges * heads; i++) {
      const [e, h] = [Math.floor(i / heads), i % heads]
      const sum = s![sources![e]! * heads + h]! + t![targets![e]! * heads + h]!
      y[i] = sum > 0 ? sum : 0.2 * sum
    }
    return [y]
  },
  // the slope by the sign of the score (compare, multiply), then an add into both ends
  backward: ({nodes, edges, heads}) => ({
    data: vectorPart('4·edges·heads', 4 * edges * heads, {
      reads: [gradientOf(0, edges * heads), ofOutput(0, edges * heads), ofInput(2, edges), ofInput(3, edges)],
      writes: [
        {at: 0, elements: nodes * heads},
        {at: 1, elements: nodes * heads},
      ],
    }),
    weights: null,
  }),
  examples: [
    {dims: {nodes: 3, edges: 5, heads: 2}, flops: 30, bytes: 168, source: 'by hand: 4 B × (2·3·2 + 5·2) + 2·5·8 B'},
  ],
}
