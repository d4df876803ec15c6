/**
 * Matrix products: tiles of the result in registers, tiles of both inputs in workgroup memory, loads of four elements. One generator
 * serves plain and batched products, both products of attention, products with quantized weights, convolutions and the gates of an LSTM.
 */
import {blocksOf, fetchBlock, loader, movedBy, putBlock, quantizedLoader, stored, type Tile} from './matmul-loads.ts'
import type {Quantized} from './quantized.ts'
import {type Binding, buffers, type Format, grid, groupIndex, type Shader, unrolled} from './shader.ts'

/** How the work is divided. */
export interface TileShape {
  /** rows and columns of the result per thread */
  rows: 4 | 8
  cols: 4 | 8
  /** threads across and down a workgroup; default 16 each */
  across?: 8 | 16
  down?: 8 | 16
  /** of the tiles in workgroup memory; default 16: (128 + 128) × 16 × 4 B = 16 KiB, what every implementation has */
  depth?: 8 | 16 | 32
  /** the next tiles are loaded into registers while the present ones are multiplied */
  ahead?: boolean
  /** the text of four depths is written out */
  unroll?: boolean
}

/** A buffer beside the product's own. */
export interface Extra {
  name: string
  type: string
}

export interface MatmulParams {
  batch: number
  m: number
  n: number
  k: number
  /** elements of the inputs and the result; sums are f32 always */
  a?: Format
  b?: Format
  c?: Format
  /** a holds k rows of m */
  aTransposed?: boolean
  /** b holds n rows of k */
  bTransposed?: boolean
  /** elements between rows; default dense */
  strides?: {a?: number; b?: number; c?: number}
  /** WGSL: first element of product `z` */
  base?: {a?: string; b?: string; c?: string}
  /** quantized b: this many neighbours of a row of it, as it lies in memory, share a scale */
  group?: number
  /** WGSL on `sum`, `row`, `col`, `z`; with `bias` the sum has it already */
  epilogue?: string
  /** a row of n that is added, in a binding after b */
  bias?: boolean
  functions?: string
  /** buffers in another order or of other names than a, b, c; loads and stores that are not those of matrices */
  own?: {
    inputs: readonly Extra[]
    outputs: readonly Extra[]
    /** WGSL functions `load_a` and `load_b` of (base, row, col): four neighbours, zero beyond the edge */
    loads: {a?: string; b?: string}
    /** WGSL that stores `sums` of `row` (< m) and `col4` (< n), a vec4f */
    store?: string
  }
  /** default by the size */
  tile?: TileShape | undefined
}

/** Products with fewer results than this use small tiles, so that there are enough workgroups for a GPU's some hundred cores. */
const bigEnough = 2048 * 1024

const isQuantized = (format: Format): format is Quantized => format === 'i8' || format === 'i4'

/**
 * Which of a workgroup's threads works where: 32 neighbours take 8 × 4, so that they ask for the fewest different elements of both tiles.
 */
const threadAt = (across: number): string =>
  across === 8
    ? '  let tx = thread % 8u;\n  let ty = thread / 8u;'
    : `  let tx = thread % 8u + thread / 32u % ${across / 8}u * 8u;
  let ty = thread / 8u % 4u + thread / ${(across / 8) * 32}u * 4u;`

/** The moves of all blocks of both tiles by `threads` threads: what is loaded, and what is then stored. */
function moves(a: Tile, b: Tile, threads: number): {declared: string; fetched: string; put: string} {
  const [first, all] = [blocksOf(a), blocksOf(a) + blocksOf(b)]
  const rounds = Math.ceil(all / threads)
  const round = (j: number, body: (tile: Tile, at: string, name: string) => string): string => {
    const [from, to] = [j * threads, (j + 1) * threads]
    const name = `next${j}_`
    const block = j === 0 ? 'thread' : `(thread + ${from}u)`
    const inA = `{ ${body(a, block, name)} }`
    const atB = first > from ? `(thread - ${first - from}u)` : from > first ? `(thread + ${from - first}u)` : 'thread'
    const inB = `{ ${body(b, atB, name)} }`
    if (to <= first) return inA
    const last = to <= all ? inB : `if (${block} < ${all}u) ${inB}`
    return from >= first ? last : `if (${block} < ${first}u) ${inA} else ${last}`
  }
  return {
    declared: unrolled(rounds, (j) => unrolled(4, (i) => `  var next${j}_${i} = vec4f(0.0);`)),
    fetched: unrolled(rounds, (j) => `    ${round(j, fetchBlock)}`),
    put: unrolled(rounds, (j) => `    ${round(j, putBlock)}`),
  }
}

/** @returns a shader over a, b, (scales,) (bias,) c, or over its own buffers */
export function matmul(p: MatmulParams): Shader {
  const {batch, m, n, k} = p
  const [a, b, c] = [p.a ?? 'f32', p.b ?? 'f32', p.c ?? 'f32']
  const big = m * n * batch >= bigEnough
  const {across = 16, down = 16, depth = 16, ahead = false, unroll = false} = p.tile ?? {}
  const rows = p.tile?.rows ?? (big && m >= 96 ? 8 : 4)
  const cols = p.tile?.cols ?? (big && n >= 96 ? 8 : 4)
  const threads = across * down
  const [tileM, tileN] = [rows * down, cols * across]
  const [bRows, bCols] = p.bTransposed ? [n, k] : [k, n]
  const [aRows, aCols] = p.aTransposed ? [k, m] : [m, k]
  const stride = {a: p.strides?.a ?? aCols, b: p.strides?.b ?? bCols, c: p.strides?.c ?? n}
  const four = (...values: number[]) => values.every((value) => value % 4 === 0)
  const wide = {a: four(aCols, stride.a), b: !isQuantized(b) && four(bCols, stride.b), c: four(n, stride.c)}
  const even = {a: k > 0 && m % tileM === 0 && k % depth === 0, b: k > 0 && n % tileN === 0 && k % depth === 0}
  const typeOf = (format: Format, isWide: boolean) => (isWide ? `vec4<${stored[format]}>` : stored[format])
  const list: {name: string; type: string; access: Binding}[] = p.own
    ? [
        ...p.own.inputs.map((extra) => ({...extra, access: 'read' as const})),
        ...p.own.outputs.map((extra) => ({...extra, access: 'write' as const})),
      ]
    : [
        {name: 'a', type: typeOf(a, wide.a), access: 'read'},
        {name: 'b', type: typeOf(b, wide.b), access: 'read'},
        ...(isQuantized(b) ? [{name: 'scales', type: 'f32', access: 'read' as const}] : []),
        ...(p.bias ? [{name: 'bias', type: 'f32', access: 'read' as const}] : []),
        {name: 'c', type: typeOf(c, wide.c), access: 'write'},
      ]
  const base = {
    a: p.base?.a ?? `z * ${m * k}u`,
    b: p.base?.b ?? `z * ${k * n}u`,
    c: p.base?.c ?? `z * ${m * n}u`,
  }
  const tileA: Tile = {name: 'a', size: tileM, depth, origin: 'row0', turned: !p.aTransposed}
  const tileB: Tile = {name: 'b', size: tileN, depth, origin: 'col0', turned: p.bTransposed === true}
  const {declared, fetched, put} = moves(tileA, tileB, threads)
  const [rowQuads, colQuads] = [rows / 4, cols / 4]
  const product = unrolled(rowQuads, (i) =>
    unrolled(4, (r) =>
      unrolled(
        colQuads,
        (j) => `        sum_${i * 4 + r}_${j} = fma(vec4f(a${i}[${r}]), b${j}, sum_${i * 4 + r}_${j});`,
      ),
    ),
  )
  const lineOf = (tile: Tile, quads: number, threadsOf: number, lineNumber: string) => (d: string) =>
    unrolled(
      quads,
      (i) =>
        `        let ${tile.name}${i} = tile_${tile.name}[(quarter * 4u + ${d}) * ${tile.size / 4}u + ${i * threadsOf}u + ${lineNumber}];`,
    )
  const depthOf = (d: string) => `      {
${lineOf(tileA, rowQuads, down, 'at_a')(d)}
${lineOf(tileB, colQuads, across, 'at_b')(d)}
${product}
      }`
  // the remainder changes nothing: Dawn then knows that the place is inside the tile, and does not limit it at every load
  const moved = (tile: Tile, line: string, count: number) => {
    const by = movedBy(tile, 'quarter')
    return by ? `(${line} ^ ${by}) % ${count}u` : line
  }
  const storeType = stored[c]
  const finished = (l: number) => `finish(sums[${l}], row, col4 + ${l}u, z)`
  const plain = !p.epilogue && !p.bias
  const storing =
    p.own?.store ??
    (wide.c
      ? `c[(base_c + row * ${stride.c}u + col4) / 4u] = vec4<${storeType}>(${plain ? 'sums' : unrolled(4, finished, ', ')});`
      : unrolled(
          4,
          (l) =>
            `if (col4 + ${l}u < ${n}u) { c[base_c + row * ${stride.c}u + col4 + ${l}u] = ${storeType}(${finished(l)}); }`,
          '\n        ',
        ))
  const store = (i: number, r: number, j: number) => `  {
    let row = row0 + ${i * 4 * down + r}u + ty * 4u;
    let col4 = col0 + ${j * 4 * across}u + tx * 4u;
    if (row < ${m}u && col4 < ${n}u) {
        let sums = sum_${i * 4 + r}_${j};
        ${storing}
    }
  }`
  const [tilesAcross, tilesDown] = [Math.ceil(n / tileN), Math.ceil(m / tileM)]
  const workgroups = grid(tilesAcross * tilesDown * batch)
  const workgroupBytes = 4 * (tileM + tileN) * depth
  const code = `${[a, b, c].includes('f16') ? 'enable f16;\n' : ''}${buffers(list)}
var<workgroup> tile_a: array<vec4f, ${(tileM * depth) / 4}>;
var<workgroup> tile_b: array<vec4f, ${(tileN * depth) / 4}>;
${p.functions ?? ''}
fn finish(${p.bias ? 'plain' : 'sum'}: f32, row: u32, col: u32, z: u32) -> f32 {
${p.bias ? '  let sum = plain + bias[col];\n' : ''}  return ${p.epilogue ?? 'sum'};
}
${p.own?.loads.a ?? loader({name: 'a', rows: aRows, cols: aCols, stride: stride.a, wide: wide.a, even: even.a})}
${
  p.own?.loads.b ??
  (isQuantized(b)
    ? quantizedLoader(b, bRows, bCols, p.group ?? bCols)
    : loader({name: 'b', rows: bRows, cols: bCols, stride: stride.b, wide: wide.b, even: even.b}))
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let number = ${groupIndex(workgroups)};
  let z = number / ${Math.max(1, tilesAcross * tilesDown)}u;
  if (z >= ${batch}u) { return; }
  let row0 = number / ${Math.max(1, tilesAcross)}u % ${Math.max(1, tilesDown)}u * ${tileM}u;
  let col0 = number % ${Math.max(1, tilesAcross)}u * ${tileN}u;
  let base_a = ${base.a};
  let base_b = ${base.b};
  let base_c = ${base.c};
${threadAt(across)}
${unrolled(rows, (r) => unrolled(colQuads, (j) => `  var sum_${r}_${j} = vec4f(0.0);`))}
${declared}
${ahead ? `  {\n    let deep = 0u;\n${fetched}\n  }` : ''}
  for (var at = 0u; at < ${k}u; at += ${depth}u) {
${ahead ? '' : `    let deep = at;\n${fetched}\n`}${put}
    workgroupBarrier();
${ahead ? `    let deep = at + ${depth}u;\n    if (deep < ${k}u) {\n${fetched}\n    }` : ''}
    for (var quarter = 0u; quarter < ${depth / 4}u; quarter++) {
      let at_a = ${moved(tileA, 'ty', down)};
      let at_b = ${moved(tileB, 'tx', across)};
${unroll ? unrolled(4, (d) => depthOf(`${d}u`)) : `      for (var d = 0u; d < 4u; d++) \n${depthOf('d')}`}
    }
    workgroupBarrier();
  }
${unrolled(rowQuads, (i) => unrolled(4, (r) => unrolled(colQuads, (j) => store(i, r, j))))}
}`
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups,
    ...(workgroupBytes > 16_384 ? {workgroupBytes} : {}),
  }
}
