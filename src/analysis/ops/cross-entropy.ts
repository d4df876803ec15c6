import {ofExtra, ofInput, vectorPart} from '../training/rules.ts'
import {index, input, type OpDef, output} from './types.ts'

export type CrossEntropyDims = {readonly rows: number; readonly classes: number}

export const crossEntropy: OpDef<'cross-entropy', CrossEntropyDims> = {
  kind: 'cross-entropy',
  title: 'log Σ e^x − x[target], row by row: softmax and negative log-likelihood in one',
  trait: 'rowwise',
  formula: '4·rows·classes + 3·rows',
  where: 'per element: max, subtract, exp, add; per row: log, plus the maximum, minus the target',
  source: 'Goodfellow et al. 2016, Deep Learning, §6.2.2.3 (log-sum-exp form)',
  cost({rows, classes}) {
    const flops = 4 * rows * classes + 3 * rows
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: rows * classes + rows,
      reads: [input('logits', rows * classes), index('targets', rows)],
      writes: [output('loss', rows)],
    }
  },
  reference({rows, classes}, [logits, targets]) {
    const loss = new Float64Array(rows)
    for (let r = 0; r < rows; r++) {
      const row = logits!.subarray(r * classes, (r + 1) * classes)
      const max = row.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY)
      const sum = row.reduce((s, v) => s + Math.exp(v - max), 0)
      loss[r] = Math.log(sum) + max - row[targets![r]!]!
    }
    return [loss]
  },
  // (e^(x − lse) − one-hot)/rows with the kept log-sum-exp: subtract, exp, scale per element, minus 1 per row
  backward: ({rows, classes}) => ({
    data: vectorPart(
      '3·rows·classes + rows',
      3 * rows * classes + rows,
      {
        reads: [ofInput(0, rows * classes), ofInput(1, rows), ofExtra(0, rows)],
        writes: [{at: 0, elements: rows * classes}],
      },
      rows * classes,
    ),
    weights: null,
    extra: [{name: 'log-sum-exp', elements: rows, dtype: 'f32'}],
  }),
  examples: [{dims: {rows: 2, classes: 10}, flops: 86, bytes: 104, source: 'by hand: 80 + 6; 4 B × (20 + 2) + 2·8 B'}],
}
