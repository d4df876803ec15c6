import {gradientOf, vectorPart} from '../training/rules.ts'
import {input, type OpDef, output, weight} from './types.ts'

/** Scores [batch·windows, heads, side², side²] of square windows of `side` × `side` tokens. */
export type WindowBiasDims = {
  readonly batch: number
  readonly windows: number
  readonly heads: number
  readonly side: number
  /** shifted windows: tokens that are no neighbours in the image must not see each other */
  readonly masked: boolean
}

const MASKED = -100

/** Row of the table for a pair of tokens: their distance down and across, each from −(side − 1). */
function tableRow(side: number, i: number, j: number): number {
  const down = Math.floor(i / side) - Math.floor(j / side) + side - 1
  return down * (2 * side - 1) + (i % side) - (j % side) + side - 1
}

export const windowBias: OpDef<'window-bias', WindowBiasDims> = {
  kind: 'window-bias',
  title: 'adds to each score a learned number by head and relative position, and the mask of shifted windows',
  trait: 'elementwise',
  formula: '(1 + masked)·batch·windows·heads·tokens·tokens',
  where: 'tokens = side·side; the table has (2·side − 1)² rows per head; the mask is −100 or 0, one for all heads',
  derived: ({side}) => ({tokens: side * side}),
  source: 'Liu et al. 2021, Swin Transformer (arXiv:2103.14030) eq. 4 and figure 4',
  cost({batch, windows, heads, side, masked}) {
    const pairs = side ** 4
    const scores = batch * windows * heads * pairs
    const flops = masked ? 2 * scores : scores
    const reads = [input('scores', scores), weight('table', (2 * side - 1) ** 2 * heads)]
    if (masked) reads.push(input('mask', windows * pairs))
    return {macs: 0, flops, matrix: 0, vector: flops, special: 0, reads, writes: [output('y', scores)]}
  },
  reference({windows, heads, side, masked}, [scores, table, mask]) {
    const tokens = side * side
    return [
      scores!.map((score, at) => {
        const [j, i] = [at % tokens, Math.floor(at / tokens) % tokens]
        const head = Math.floor(at / tokens ** 2) % heads
        const window = Math.floor(at / (tokens ** 2 * heads)) % windows
        const bias = table![tableRow(side, i, j) * heads + head]!
        return score + bias + (masked ? MASKED * Number(mask![(window * tokens + i) * tokens + j]! < 0) : 0)
      }),
    ]
  },
  // the scores' gradient is that of the sum; each pair adds its own to its row of the table
  backward({batch, windows, heads, side}) {
    const scores = batch * windows * heads * side ** 4
    return {
      data: null,
      weights: vectorPart('batch·windows·heads·tokens·tokens', scores, {
        reads: [gradientOf(0, scores)],
        writes: [{at: 1, elements: (2 * side - 1) ** 2 * heads}],
      }),
      passes: [0],
    }
  },
  examples: [
    {
      dims: {batch: 1, windows: 64, heads: 3, side: 7, masked: true},
      flops: 921_984,
      bytes: 4_304_620,
      source: 'Swin-T, second block: 2·64·3·49²; 4 B × (2·460,992 + 13²·3 + 64·49²)',
    },
  ],
}
