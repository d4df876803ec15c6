import {ofExtra, ofInput, vectorPart} from '../training/rules.ts'
import {constant, index, input, type OpDef, output} from './types.ts'

export type DistillationLossDims = {readonly rows: number; readonly classes: number}

/** Temperature and share of the soft targets in the reference: neither changes a cost. */
export const TEMPERATURE = 2
export const SOFT_SHARE = 0.5

/** Softmax of x/T with its log-sum-exp. */
function softened(x: Float64Array, temperature: number): {p: Float64Array; lse: number} {
  const scaled = x.map((v) => v / temperature)
  const max = scaled.reduce((m, v) => Math.max(m, v), Number.NEGATIVE_INFINITY)
  const sum = scaled.reduce((s, v) => s + Math.exp(v - max), 0)
  const lse = max + Math.log(sum)
  return {p: scaled.map((v) => Math.exp(v - lse)), lse}
}

export const distillationLoss: OpDef<'distillation-loss', DistillationLossDims> = {
  kind: 'distillation-loss',
  title: 'α·T²·KL(teacher ‖ student) of softmax at temperature T, plus (1 − α) times cross-entropy with the targets',
  trait: 'rowwise',
  formula: '19·rows·classes + 9·rows',
  where:
    'per element: cross-entropy 4 (max, subtract, exp, add); teacher 6 (times 1/T, max, subtract, exp, add, divide); ' +
    'student at T 4 (times 1/T, subtract, exp, add; the maximum is known); KL 5 (two logarithms of shares by a subtraction each, ' +
    'difference, product, sum); per row: 3 logarithms, the maximum times 1/T, plus it, minus the target, 3 to mix',
  source: 'Hinton, Vinyals & Dean 2015 (arXiv:1503.02531) §2: soft targets weighted by T², beside the correct labels',
  cost({rows, classes}) {
    const flops = 19 * rows * classes + 9 * rows
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: 3 * rows * classes + 3 * rows,
      reads: [input('logits', rows * classes), constant('teacher logits', rows * classes), index('targets', rows)],
      writes: [output('loss', rows)],
    }
  },
  reference({rows, classes}, [student, teacher, targets]) {
    const loss = new Float64Array(rows)
    for (let r = 0; r < rows; r++) {
      const [x, z] = [student!, teacher!].map((all) => all.subarray(r * classes, (r + 1) * classes))
      const [hard, soft, target] = [softened(x!, 1), softened(x!, TEMPERATURE), softened(z!, TEMPERATURE)]
      const kl = target.p.reduce(
        (sum, p, i) => sum + p * (z![i]! / TEMPERATURE - target.lse - (x![i]! / TEMPERATURE - soft.lse)),
        0,
      )
      const entropy = hard.lse - x![targets![r]!]!
      loss[r] = SOFT_SHARE * TEMPERATURE ** 2 * kl + (1 - SOFT_SHARE) * entropy
    }
    return [loss]
  },
  // α·T·(q − p) + (1 − α)·(softmax(x) − one-hot), all over rows, from kept log-sum-exps: q and p take scale, subtract, exp,
  // softmax(x) subtract and exp; difference, two scales, sum; minus 1 per row. The teacher takes no gradient.
  backward: ({rows, classes}) => ({
    data: vectorPart(
      '12·rows·classes + rows',
      12 * rows * classes + rows,
      {
        reads: [ofInput(0, rows * classes), ofInput(1, rows * classes), ofInput(2, rows), ofExtra(0, 3 * rows)],
        writes: [{at: 0, elements: rows * classes}],
      },
      3 * rows * classes,
    ),
    weights: null,
    extra: [{name: 'log-sum-exps', elements: 3 * rows, dtype: 'f32'}],
  }),
  examples: [
    {
      dims: {rows: 2, classes: 10},
      flops: 398,
      bytes: 184,
      source: 'by hand: 19 × 20 + 9 × 2; 4 B × (20 + 20 + 2) + 2·8 B',
    },
  ],
}
