import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** Adds to each of `rows` rows one of `distinct` rows of a learned table. */
export type PositionDims = {readonly rows: number; readonly distinct: number; readonly width: number}

export const position: OpDef<'position', PositionDims> = {
  kind: 'position',
  title: 'adds rows of a learned table: absolute positions, or token types',
  trait: 'elementwise',
  formula: 'rows·width',
  where:
    'each distinct table row is read once (the sequence length for positions, the number of types for token types)',
  source:
    'Vaswani et al. 2017 (arXiv:1706.03762) §3.5, learned variant; Devlin et al. 2018 (arXiv:1810.04805) figure 2',
  cost({rows, distinct, width}) {
    return {
      macs: 0,
      flops: rows * width,
      matrix: 0,
      vector: rows * width,
      special: 0,
      reads: [input('x', rows * width), weight('table rows', distinct * width)],
      writes: [output('y', rows * width)],
    }
  },
  // rows cycle through the distinct table rows: positions 0…distinct−1 of each sequence in turn
  reference({rows, distinct, width}, [x, table]) {
    const y = new Float64Array(rows * width)
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < width; c++) y[r * width + c] = x![r * width + c]! + table![(r % distinct) * width + c]!
    }
    return [y]
  },
  // x takes dy as it is; each table row takes the sum over the rows that it was added to
  backward: ({rows, distinct, width}) => ({
    data: null,
    passes: [0],
    weights: vectorPart('rows·width', rows * width, {
      reads: [gradientOf(0, rows * width)],
      writes: [{at: 1, elements: distinct * width}],
    }),
  }),
  examples: [
    {
      dims: {rows: 2048, distinct: 1024, width: 768},
      flops: 1_572_864,
      bytes: 15_728_640,
      source: 'GPT-2, batch 2: 4 B × 768·(2·2,048 + 1,024)',
    },
  ],
}
