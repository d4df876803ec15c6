/** Matrix–vector products: y[n] = w[n,k]·x[k], the weights as frameworks keep them, one row per output. */
import {linear} from '../../analysis/ops/linear.ts'
import type {Part} from '../program.ts'
import {suffix, transposed, typed} from './matmul.ts'
import {edges, type KernelDef, type KernelDType, one, operator} from './types.ts'

/** Sizes around vectors of bytes to doubles, four of them in turn, four rows at a time, and 16 rows per thread. */
const gemvCases: readonly (readonly number[])[] = [
  ...edges.flatMap((n) => [
    [n, 5],
    [5, n],
  ]),
  [0, 4],
  [4, 0],
  [67, 127],
  [130, 259],
]

/** y = w·x by `gemv`; `int8`: x is unsigned, w signed, y their sums. */
export function gemvPart([n, k]: readonly number[], dtype: KernelDType = 'f32', w = 'w'): Part {
  const part = operator(
    linear,
    `gemv${suffix[dtype]}`,
    {m: 1, n: n!, k: k!, bias: false},
    [n!, k!],
    ['x', w],
    ['y'],
    typed(dtype, ['x', w, 'y']),
  )
  return {...part, reference: ([x, rows]) => part.reference([x!, transposed(rows!, n!, k!)])}
}

export const kernels = {
  gemv: {
    id: 'gemv',
    op: 'linear',
    title: 'matrix times vector y[n] = w[n,k]·x[k], weights one row per output; int8: u8·s8 in 32 bits',
    dims: ['n', 'k'],
    dtypes: ['f32', 'f64', 'int8'],
    sizes: {cache: [96, 1024], dram: [8192, 8192]},
    grows: ['n'],
    check: [53, 331],
    cases: gemvCases,
    program: (dims, dtype) => one('gemv', gemvPart(dims, dtype)),
  },
} as const satisfies Record<string, KernelDef>
