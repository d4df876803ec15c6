/** Matrix products. */
import {matmul} from '../../analysis/ops/matmul.ts'
import type {Program} from '../program.ts'
import {edges, type KernelDef, one, operator} from './types.ts'

const gemmProgram = ([m, n, k]: readonly number[]): Program =>
  one('gemm', operator(matmul, 'gemm', {batch: 1, m: m!, n: n!, k: k!, bias: false}, [m!, n!, k!], ['a', 'b'], ['c']))

export const kernels = {
  gemm: {
    id: 'gemm',
    op: 'matmul',
    title: 'matrix product c[m,n] = a[m,k]·b[k,n], blocked and packed',
    dims: ['m', 'n', 'k'],
    sizes: {cache: [192, 192, 192], dram: [2048, 2048, 2048]},
    check: [37, 71, 301],
    cases: [
      ...edges.flatMap((n) => [
        [n, 5, 3],
        [5, n, 3],
        [5, 3, n],
      ]),
      [0, 4, 4],
      [4, 0, 4],
      [4, 4, 0],
      [11, 31, 255],
      [12, 32, 256],
      [13, 33, 257],
      [143, 20, 9],
      [145, 20, 9],
      [3, 513, 4],
      [150, 515, 260],
    ],
    program: gemmProgram,
  },
} as const satisfies Record<string, KernelDef>
