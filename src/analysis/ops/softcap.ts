import {gradientOf, ofOutput, vectorPart} from '../training/rules.ts'
import type {SoftmaxDims} from './softmax.ts'
import {input, type OpDef, output} from './types.ts'

/** Any limit shows the shape of the operator; it is not part of its cost. Gemma 2 takes 50 for scores, 30 for logits. */
const CAP = 50

export const softcap: OpDef<'softcap', SoftmaxDims> = {
  kind: 'softcap',
  title: 'cap · tanh(x / cap): keeps scores and logits within ±cap',
  trait: 'elementwise',
  formula: '3·kept',
  where: 'kept = rows·cols without a mask; divide, tanh, multiply; masked scores are stored and moved, no useful work',
  source: 'Gemma Team 2024 (arXiv:2408.00118) §2, logit soft-capping',
  cost({rows, cols, kept}) {
    const all = rows * cols
    return {
      macs: 0,
      flops: 3 * kept,
      matrix: 0,
      vector: 3 * all,
      special: kept,
      reads: [input('x', all)],
      writes: [output('y', all)],
    }
  },
  reference: (_, [x]) => [x!.map((v) => (v === Number.NEGATIVE_INFINITY ? v : CAP * Math.tanh(v / CAP)))],
  // dy·(1 − (y/cap)²): divide, square, subtract, multiply
  backward({rows, cols, kept}) {
    const all = rows * cols
    const part = vectorPart('4·kept', 4 * kept, {
      reads: [ofOutput(0, all), gradientOf(0, all)],
      writes: [{at: 0, elements: all}],
    })
    return {data: {...part, vector: 4 * all}, weights: null}
  },
  examples: [
    {
      dims: {rows: 1, cols: 256_000, kept: 256_000},
      flops: 768_000,
      bytes: 2_048_000,
      source: 'Gemma 2 logits, one token',
    },
  ],
}
