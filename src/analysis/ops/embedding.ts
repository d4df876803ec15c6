import {gradientOf, ofInput, vectorPart} from '../training/rules.ts'
import {index, type OpDef, output, weight} from './types.ts'

/** Gathers `rows` rows of `width` elements from a table of `vocab` rows. */
export type EmbeddingDims = {readonly rows: number; readonly width: number; readonly vocab: number}

export const embedding: OpDef<'embedding', EmbeddingDims> = {
  kind: 'embedding',
  title: 'gathers the rows of a table by index; no arithmetic',
  trait: 'gather',
  formula: '0',
  where: 'reads the gathered rows once each (at most the whole table); indices are 8 bytes each',
  source: 'definition (a gather, not a product with one-hot rows)',
  cost: ({rows, width, vocab}) => ({
    macs: 0,
    flops: 0,
    matrix: 0,
    vector: 0,
    special: 0,
    // more ids than rows gather some row twice: compulsory traffic counts it once
    reads: [
      index('ids', rows),
      {...weight('table rows', Math.min(rows, vocab) * width), gathered: {elements: rows * width, row: width}},
    ],
    writes: [output('y', rows * width)],
  }),
  // the oracle takes the whole table, of which the rows named by ids are read
  reference({rows, width}, [ids, table]) {
    const y = new Float64Array(rows * width)
    for (let r = 0; r < rows; r++) y.set(table!.subarray(ids![r]! * width, (ids![r]! + 1) * width), r * width)
    return [y]
  },
  // scatter-add of dy into a gradient as large as the table, zero where no id points
  backward: ({rows, width, vocab}) => ({
    data: null,
    weights: vectorPart('rows·width', rows * width, {
      reads: [ofInput(0, rows), gradientOf(0, rows * width)],
      writes: [{at: 1, elements: vocab * width}],
    }),
  }),
  examples: [
    {
      dims: {rows: 1024, width: 768, vocab: 50_257},
      flops: 0,
      bytes: 6_299_648,
      source: 'GPT-2: 1,024·8 B + 2·1,024·768·4 B',
    },
    {
      dims: {rows: 8, width: 2, vocab: 3},
      flops: 0,
      bytes: 152,
      source: 'by hand: 8·8 B for the ids, 4 B × (3·2 of the table + 8·2 written)',
    },
  ],
}
