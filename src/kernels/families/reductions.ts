/** Reductions: sums and maxima of rows, the sum of a tensor. */
import {reduce} from '../../analysis/ops/reduce.ts'
import type {Part, Program} from '../program.ts'
import {flatCases, type KernelDef, one, rowCases, rowShape} from './types.ts'

const rowPart = (
  kernel: string,
  rows: number,
  cols: number,
  names: readonly [string, string],
  fold: (values: Float64Array) => number,
): Part => ({
  kernel,
  dims: [rows, cols],
  in: [names[0]],
  out: [names[1]],
  cost: reduce.cost({elements: rows * cols, outputs: rows, operations: 1, finals: 0, special: 0, linear: true}),
  // the operator folds its first axis; rows are its last
  reference: ([x]) => [Float64Array.from({length: rows}, (_, r) => fold(x!.subarray(r * cols, (r + 1) * cols)))],
})

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0)
const maxOf = (values: Float64Array): number => values.reduce((top, value) => Math.max(top, value), -Infinity)

/** Parts of a tensor whose sums are taken first: few enough to add up in no time, many enough for every thread and for f32. */
const PARTS = 256

/** The sum of a whole tensor: the sums of its parts, and their sum. */
function sumProgram(elements: number): Program {
  const each = Math.ceil(elements / PARTS)
  const partial: Part = {
    kernel: 'sum-parts',
    dims: [elements, PARTS],
    in: ['x'],
    out: ['parts'],
    cost: reduce.cost({elements, outputs: PARTS, operations: 1, finals: 0, special: 0, linear: true}),
    reference: ([x]) => [
      Float64Array.from({length: PARTS}, (_, p) => sumOf(x!.subarray(p * each, Math.min(elements, (p + 1) * each)))),
    ],
  }
  return {id: 'sum', parts: [partial, rowPart('row-sum', 1, PARTS, ['parts', 'y'], sumOf)]}
}

export const kernels = {
  'row-sum': {
    id: 'row-sum',
    op: 'reduce',
    title: 'sums of rows',
    ...rowShape,
    check: [5, 133],
    cases: rowCases,
    program: ([rows, cols]) => one('row-sum', rowPart('row-sum', rows!, cols!, ['x', 'y'], sumOf)),
  },
  'row-max': {
    id: 'row-max',
    op: 'reduce',
    title: 'maxima of rows',
    ...rowShape,
    check: [5, 133],
    cases: rowCases,
    program: ([rows, cols]) => one('row-max', rowPart('row-max', rows!, cols!, ['x', 'y'], maxOf)),
  },
  sum: {
    id: 'sum',
    op: 'reduce',
    title: 'sum of a tensor, by the sums of its parts',
    dims: ['elements'],
    sizes: {cache: [131_072], dram: [33_554_432]},
    grows: ['elements'],
    check: [1003],
    cases: [...flatCases, [70_001]],
    // of values of both signs that nearly cancel: 1e-9 of the sum of their magnitudes
    tolerance: 1e-4,
    program: ([elements]) => sumProgram(elements!),
  },
} as const satisfies Record<string, KernelDef>
