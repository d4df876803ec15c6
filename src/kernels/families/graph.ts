/** Sparse times dense: message passing over a graph. */
import {spmm} from '../../analysis/ops/spmm.ts'
import type {Program} from '../program.ts'
import {type KernelDef, one, operator, streaming} from './types.ts'

const golden = 0.6180339887498949

/** A table of whole numbers. */
function table(elements: number, at: (i: number) => number): Int32Array {
  const numbers = new Int32Array(elements)
  for (let i = 0; i < elements; i++) numbers[i] = at(i)
  return numbers
}

/** Row starts of nodes with 0.1 to 1.9 times the mean number of edges. */
const rowStarts = (nodes: number, edges: number) => (elements: number) =>
  table(elements, (i) => (i >= nodes ? edges : Math.floor((edges * (i + 0.9 * ((i * golden) % 1))) / nodes)))

/** 32 bits that say nothing of those of other numbers: the mixing of MurmurHash3 (Appleby 2011, public domain). */
function mixed(n: number): number {
  let bits = Math.imul(n + 1, 0x9e3779b1)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** Columns drawn at random, each for itself, as neighbours in a graph without an order are. */
const columns = (nodes: number) => (elements: number) =>
  table(elements, (e) => Math.floor((mixed(e) / 2 ** 32) * nodes))

function program(weighted: boolean, [nodes, edges, features, heads]: readonly number[]): Program {
  const kernel = weighted ? 'spmm-weighted' : 'spmm'
  const dims = {nodes: nodes!, edges: edges!, features: features!, heads: heads!, weighted}
  const inputs = ['x', 'columns', 'rows', ...(weighted ? ['edge weights'] : [])]
  return one(
    kernel,
    streaming(
      operator(spmm, kernel, dims, [nodes!, edges!, features!, heads!], inputs, ['y'], {
        types: {columns: 'i32', rows: 'i32'},
        values: {columns: columns(nodes!), rows: rowStarts(nodes!, edges!)},
      }),
      features,
    ),
  )
}

const common = {
  op: 'spmm',
  dims: ['nodes', 'edges', 'features', 'heads'],
  // from L2: x is eight times L1, so that little of it is found there
  sizes: {cache: [1024, 8192, 64, 1], dram: [200_000, 2_000_000, 128, 1]},
  grows: ['nodes', 'edges'],
  check: [37, 211, 19, 2],
  cases: [
    [1, 1, 1, 1],
    [1, 0, 5, 1],
    [9, 3, 16, 1],
    [20, 100, 33, 1],
    [5, 64, 150, 1],
    [13, 77, 8, 3],
    [6, 40, 64, 2],
    // heads narrower than a vector, and rows that are no whole vectors
    [9, 60, 5, 7],
    [6, 40, 1, 19],
    [7, 50, 2, 3],
    [5, 30, 3, 20],
    [8, 60, 8, 9],
    [11, 70, 9, 1],
    [4, 0, 5, 3],
    [3, 0, 20, 2],
  ],
} as const

export const kernels = {
  spmm: {
    id: 'spmm',
    title: 'sum of the rows of all neighbours (CSR)',
    ...common,
    program: (sizes) => program(false, sizes),
  },
  'spmm-weighted': {
    id: 'spmm-weighted',
    title: 'sparse matrix (CSR) times dense, a weight per edge and head',
    ...common,
    program: (sizes) => program(true, sizes),
  },
} as const satisfies Record<string, KernelDef>
