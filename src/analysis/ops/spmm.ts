import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {index, input, type OpDef, output} from './types.ts'

/** y[i] = Σ over the neighbours j of i of a[i,j]·x[j], in compressed sparse rows. */
export type SpmmDims = {
  readonly nodes: number
  readonly edges: number
  /** channels of each head */
  readonly features: number
  /** edge weights per edge: 1, or one per attention head */
  readonly heads: number
  /** the edges have weights; without, neighbours are added */
  readonly weighted: boolean
}

export const spmm: OpDef<'spmm', SpmmDims> = {
  kind: 'spmm',
  title: 'a sparse matrix times a dense one: every node sums the rows of its neighbours (message passing)',
  trait: 'gather',
  formula: 'edges·heads·features + weighted·edges·heads·features',
  where:
    'an add per edge and channel, and a multiply where edges have weights (then a MAC each); no matrix engine takes it; indices are 8 bytes (edges columns, nodes + 1 rows)',
  source: 'Kipf & Welling 2017 (arXiv:1609.02907) eq. 2; Saad, Iterative Methods for Sparse Linear Systems, §3.4 (CSR)',
  cost({nodes, edges, features, heads, weighted}) {
    const width = heads * features
    const flops = edges * width * (weighted ? 2 : 1)
    const x = {...input('x', nodes * width), gathered: {elements: edges * width, row: width}}
    const reads = [x, index('columns', edges), index('rows', nodes + 1)]
    if (weighted) reads.push(input('edge weights', edges * heads))
    return {
      macs: weighted ? edges * width : 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 0,
      reads,
      writes: [output('y', nodes * width)],
    }
  },
  reference({nodes, features, heads, weighted}, [x, columns, rows, weights]) {
    const width = heads * features
    const y = new Float64Array(nodes * width)
    for (let i = 0; i < nodes; i++) {
      for (let e = rows![i]!; e < rows![i + 1]!; e++) {
        for (let c = 0; c < width; c++) {
          const weight = weighted ? weights![e * heads + Math.floor(c / features)]! : 1
          y[i * width + c]! += weight * x![columns![e]! * width + c]!
        }
      }
    }
    return [y]
  },
  // dx = Aᵀ·dy; the weight of an edge takes the product of dy at its target and x at its source
  backward({nodes, edges, features, heads, weighted}) {
    const width = heads * features
    const macs = weighted ? edges * width : 0
    const along = [ofInput(1, edges), ofInput(2, nodes + 1)]
    const reads = [gradientOf(0, nodes * width), ...along]
    const data = vectorPart('edges·heads·features + weighted·edges·heads·features', edges * width + macs, {
      reads: weighted ? [...reads, ofInput(3, edges * heads)] : reads,
      writes: [{at: 0, elements: nodes * width}],
    })
    if (!weighted) return {data, weights: null}
    const weights = vectorPart('2·edges·heads·features', 2 * edges * width, {
      reads: [...reads, ofInput(0, nodes * width)],
      writes: [{at: 3, elements: edges * heads}],
    })
    return {data: {...data, macs}, weights: {...weights, macs}}
  },
  examples: [
    {
      dims: {nodes: 2708, edges: 13_264, features: 16, heads: 1, weighted: true},
      flops: 424_448,
      bytes: 527_464,
      source:
        'GCN on Cora, hidden layer: 10,556 edges and 2,708 self-loops; 4 B × (2·2,708·16 + 13,264) + 8 B × (13,264 + 2,709)',
    },
  ],
}
