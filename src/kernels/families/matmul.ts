/** Matrix products of f32 and f64: plain, transposed, strided, batched, blocked; of bytes in gemm's `int8`. */
import {matmul} from '../../analysis/ops/matmul.ts'
import {type Part, type Program, poisonOf} from '../program.ts'
import {edges, type KernelDef, type KernelDType, one, operator, streaming} from './types.ts'

/** Sizes around the register tile (6 or 12 rows, 2 or 4 vectors wide, cut to thirds of its rows and to 1 or 2 vectors at the edges), a group of four bytes and the blocks (252 × 512, panels of 2048). */
export const gemmCases: readonly (readonly number[])[] = [
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
  [251, 3, 9],
  [253, 20, 9],
  [3, 2049, 4],
  [5, 40, 513],
  [150, 515, 260],
  [2, 64, 9],
  [4, 128, 9],
  [3, 48, 9],
  [4, 32, 9],
  [2, 16, 100],
  [1, 33, 70],
  [16, 127, 70],
  [8, 129, 130],
]

/** A row-major matrix turned. */
export const transposed = (x: Float64Array, rows: number, columns: number): Float64Array =>
  Float64Array.from({length: rows * columns}, (_, i) => x[(i % rows) * columns + Math.floor(i / rows)]!)

/** What a native kernel's name ends in, by the type it computes in. */
export const suffix: Readonly<Record<KernelDType, string>> = {f32: '', f64: '-f64', int8: '-int8'}

/** What a part in a type says of its tensors; `int8`: a is unsigned, b signed, c their sums. */
export function typed(dtype: KernelDType, names: readonly string[]): Pick<Part, 'types' | 'computes'> {
  if (dtype === 'f32') return {}
  const [a, b, c] = names
  return dtype === 'f64'
    ? {types: Object.fromEntries(names.map((name) => [name, 'f64'])), computes: 'f64'}
    : {types: {[a!]: 'u8', [b!]: 'i8', [c!]: 'i32'}, computes: 'int8'}
}

const names = ['a', 'b', 'c'] as const

/** c[batch,m,n] = a[batch,m,k]·b[batch,k,n] by the native kernel `kernel`. */
function product(
  kernel: string,
  batch: number,
  [m, n, k]: readonly number[],
  native: readonly number[],
  dtype: KernelDType,
): Part {
  const dims = {batch, m: m!, n: n!, k: k!, bias: false}
  return operator(matmul, `${kernel}${suffix[dtype]}`, dims, native, ['a', 'b'], ['c'], typed(dtype, names))
}

const gemm = (dims: readonly number[], dtype: KernelDType = 'f32'): Program =>
  one('gemm', product('gemm', 1, dims, dims, dtype))

function gemmTurned(which: 'nt' | 'tn', dims: readonly number[], dtype: KernelDType = 'f32'): Program {
  const [m, n, k] = dims
  const part = product(`gemm-${which}`, 1, dims, dims, dtype)
  const reference: Part['reference'] = ([a, b]) =>
    part.reference(which === 'nt' ? [a!, transposed(b!, n!, k!)] : [transposed(a!, k!, m!), b!])
  return one(part.kernel, {...part, reference})
}

/** Elements from the first of a matrix to its last where its rows lie `apart`. */
const span = (rows: number, columns: number, apart: number): number =>
  rows > 0 && columns > 0 ? (rows - 1) * apart + columns : 0

/** The product of parts of larger matrices: rows of a, b and c lie lda, ldb and ldc elements apart, and what lies between stays as it is. */
function gemmStrided(dims: readonly number[], dtype: KernelDType = 'f32'): Program {
  const [m, n, k, lda, ldb, ldc] = dims as readonly [number, number, number, number, number, number]
  const part = product('gemm-strided', 1, dims, dims, dtype)
  const elements = {a: span(m, k, lda), b: span(k, n, ldb), c: span(m, n, ldc)}
  const gathered = (x: Float64Array, rows: number, columns: number, apart: number) =>
    Float64Array.from({length: rows * columns}, (_, i) => x[Math.floor(i / columns) * apart + (i % columns)]!)
  const reference: Part['reference'] = ([a, b]) => {
    const [dense] = part.reference([gathered(a!, m, k, lda), gathered(b!, k, n, ldb)])
    const c = new Float64Array(elements.c).fill(poisonOf[part.types?.c ?? 'f32'])
    dense!.forEach((value, i) => {
      c[Math.floor(i / n) * ldc + (i % n)] = value
    })
    return [c]
  }
  return one('gemm-strided', {...part, elements, reference})
}

const batchedDims = ['batch', 'm', 'n', 'k'] as const
const square = {cache: [192, 192, 192], dram: [2048, 2048, 2048]} as const

/** Edges of square blocks, whole tiles from 96 on; the largest is what the scratch memory holds. */
const blockEdges = [32, 64, 96, 128, 192, 256, 384, 512, 768, 1024] as const
/** One edge of the product that is swept over block sizes: 28 MiB, behind any L2. */
const sweptEdge = 1536
/** What the model chooses (src/analysis/tiles.ts, blocksFor): native/kernels/gemm.h has the same numbers. */
const chosenBlocks = [252, 2048, 512] as const

export const kernels = {
  gemm: {
    id: 'gemm',
    op: 'matmul',
    title: 'matrix product c[m,n] = a[m,k]·b[k,n], blocked and packed; int8: u8·s8 in 32 bits',
    dims: ['m', 'n', 'k'],
    dtypes: ['f32', 'f64', 'int8'],
    sizes: square,
    check: [37, 71, 301],
    cases: gemmCases,
    program: gemm,
  },
  'gemm-nt': {
    id: 'gemm-nt',
    op: 'matmul',
    title:
      'matrix product with the second operand transposed, c[m,n] = a[m,k]·b[n,k]ᵀ: weights as frameworks keep them',
    dims: ['m', 'n', 'k'],
    dtypes: ['f32', 'f64', 'int8'],
    sizes: square,
    check: [37, 71, 301],
    cases: gemmCases,
    program: (dims, dtype) => gemmTurned('nt', dims, dtype),
  },
  'gemm-tn': {
    id: 'gemm-tn',
    op: 'matmul',
    title: 'matrix product with the first operand transposed, c[m,n] = a[k,m]ᵀ·b[k,n]: the gradient of weights',
    dims: ['m', 'n', 'k'],
    dtypes: ['f32', 'f64', 'int8'],
    sizes: square,
    check: [37, 71, 301],
    cases: gemmCases,
    program: (dims, dtype) => gemmTurned('tn', dims, dtype),
  },
  'gemm-strided': {
    id: 'gemm-strided',
    op: 'matmul',
    title: 'matrix product of parts of larger matrices: rows lie lda, ldb and ldc elements apart',
    dims: ['m', 'n', 'k', 'lda', 'ldb', 'ldc'],
    dtypes: ['f32', 'f64', 'int8'],
    sizes: {cache: [192, 192, 192, 256, 256, 256], dram: [2048, 2048, 2048, 4096, 4096, 4096]},
    check: [37, 71, 301, 310, 77, 90],
    cases: [
      ...gemmCases.map(([m, n, k], i) => [m!, n!, k!, k! + 1 + (i % 3), n! + 2, n! + 1 + (i % 17)]),
      [13, 33, 9, 9, 33, 33],
      [13, 33, 9, 100, 33, 33],
      [13, 33, 9, 9, 100, 33],
      [13, 33, 9, 9, 33, 100],
      [1, 1, 1, 50, 50, 50],
    ],
    program: gemmStrided,
  },
  'gemm-batched': {
    id: 'gemm-batched',
    op: 'matmul',
    title: 'batch of matrix products, one after another in memory',
    dims: batchedDims,
    dtypes: ['f32', 'f64', 'int8'],
    sizes: {cache: [8, 64, 64, 64], dram: [96, 512, 512, 64]},
    check: [3, 29, 35, 67],
    cases: [
      [0, 2, 2, 2],
      [1, 7, 40, 3],
      [2, 0, 3, 4],
      [7, 5, 3, 0],
      [3, 13, 33, 5],
      [9, 1, 1, 1],
    ],
    program: ([batch, ...dims], dtype = 'f32') =>
      // past the caches on Intel's cores; through them, as the others have it, nothing is faster
      one('gemm-batched', streaming(product('gemm-batched', batch!, dims, [batch!, ...dims], dtype), dims[1])),
  },
  'gemm-blocked': {
    id: 'gemm-blocked',
    op: 'matmul',
    title: 'gemm with chosen blocks: mc × kc of a, kc × nc of b (whole tiles; cut to 8 MiB together)',
    dims: ['m', 'n', 'k', 'mc', 'nc', 'kc'],
    sizes: {cache: [192, 192, 192, 96, 96, 96], dram: [2048, 2048, 2048, ...chosenBlocks]},
    sweep: {
      dim: 'kc',
      sizes: [...blockEdges.map((edge) => [edge, edge, edge]), chosenBlocks].map((blocks) => [
        sweptEdge,
        sweptEdge,
        sweptEdge,
        ...blocks,
      ]),
    },
    check: [37, 71, 301, 24, 32, 40],
    cases: [
      [30, 70, 50, 1, 1, 1],
      [30, 70, 50, 12, 32, 8],
      [30, 70, 50, 24, 64, 49],
      [50, 40, 30, 5000, 20_000, 5000],
      [13, 33, 0, 12, 32, 8],
    ],
    program: (dims) => one('gemm-blocked', product('gemm-blocked', 1, dims, dims, 'f32')),
  },
} as const satisfies Record<string, KernelDef>
