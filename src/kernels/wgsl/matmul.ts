/**
 * Matrix products: tiles of the result in registers, tiles of both inputs in workgroup memory, loads of four elements. One generator
 * serves plain and batched products, both products of attention, and products with quantized weights.
 */
import {lane, type Quantized} from './quantized.ts'
import {type Binding, buffers, type Format, f32, type Shader, unrolled} from './shader.ts'

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
  /** WGSL on `sum`, `row`, `col`; with `bias` the sum has it already */
  epilogue?: string
  /** a row of n that is added, in a binding after b */
  bias?: boolean
  functions?: string
  /** rows and columns of the result per thread, multiples of 4; default by the size */
  tile?: {rows: 4 | 8; cols: 4 | 8}
}

/** Threads of a workgroup: 16 × 16. */
const side = 16
/** Depth of the tiles in workgroup memory: (128 + 128) × 16 × 4 B = 16 KiB, what every implementation has. */
const depth = 16
/** Products with fewer results than this use small tiles, so that there are enough workgroups for a GPU's some hundred cores. */
const bigEnough = 2048 * 1024

/** How elements of `format` are declared and loaded as f32. */
const stored: Readonly<Record<Format, string>> = {f32: 'f32', f16: 'f16', i32: 'i32', i8: 'i32', i4: 'i32'}

/** A function that loads four neighbours of one row, zero beyond the edge. */
function loader(name: string, wide: boolean, rows: number, cols: number, stride: number): string {
  const head = `fn load_${name}(base: u32, row: u32, col: u32) -> vec4f {
  if (row >= ${rows}u || col >= ${cols}u) { return vec4f(0.0); }
  let at = base + row * ${stride}u + col;`
  if (wide) return `${head}\n  return vec4f(${name}[at / 4u]);\n}`
  return `${head}
  var value = vec4f(f32(${name}[at]), 0.0, 0.0, 0.0);
${[1, 2, 3].map((i) => `  if (col + ${i}u < ${cols}u) { value[${i}] = f32(${name}[at + ${i}u]); }`).join('\n')}
  return value;
}`
}

/** As `loader`, of a quantized matrix: four elements times their group's scale, out of one word where rows and groups are whole quads. */
function quantizedLoader(format: Quantized, rows: number, cols: number, group: number): string {
  const per = format === 'i8' ? 4 : 8
  const head = `fn load_b(base: u32, row: u32, col: u32) -> vec4f {
  if (row >= ${rows}u || col >= ${cols}u) { return vec4f(0.0); }
  let at = base + row * ${cols}u + col;`
  const scale = (at: string) => `scales[(${at}) / ${Math.max(1, group)}u]`
  if (cols % 4 === 0 && group % 4 === 0)
    return `${head}
  let word = b[at / ${per}u];
  let first = at % ${per}u;
  return vec4f(${[0, 1, 2, 3].map((i) => lane(format, 'word', `first + ${i}u`)).join(', ')}) * ${scale('at')};
}`
  return `${head}
  var value = vec4f(0.0);
  for (var i = 0u; i < min(4u, ${cols}u - col); i++) {
    let e = at + i;
    value[i] = ${lane(format, `b[e / ${per}u]`, `e % ${per}u`)} * ${scale('e')};
  }
  return value;
}`
}

const isQuantized = (format: Format): format is Quantized => format === 'i8' || format === 'i4'

/** Tiles that lie across: four rows of four are loaded and turned in registers, since single lanes of workgroup vectors must not race. */
const turned = (
  name: string,
  size: number,
  origin: string,
) => `    for (var i = thread; i < ${(size * depth) / 16}u; i += 256u) {
      let r = i / ${depth / 4}u * 4u;
      let d = i % ${depth / 4}u * 4u;
      let t = transpose(mat4x4f(
        ${[0, 1, 2, 3].map((j) => `load_${name}(base_${name}, ${origin} + r + ${j}u, deep + d)`).join(',\n        ')}));
${[0, 1, 2, 3].map((j) => `      tile_${name}[(d + ${j}u) * ${size / 4}u + r / 4u] = t[${j}];`).join('\n')}
    }`

/** Tiles that lie along. */
const straight = (
  name: string,
  size: number,
  origin: string,
) => `    for (var i = thread; i < ${(size * depth) / 4}u; i += 256u) {
      let d = i / ${size / 4}u;
      tile_${name}[i] = load_${name}(base_${name}, deep + d, ${origin} + i % ${size / 4}u * 4u);
    }`

/** @returns a shader over a, b, (scales,) c */
export function matmul(p: MatmulParams): Shader {
  const {batch, m, n, k} = p
  const [a, b, c] = [p.a ?? 'f32', p.b ?? 'f32', p.c ?? 'f32']
  const rows = p.tile?.rows ?? (m * n * batch >= bigEnough && m >= 96 ? 8 : 4)
  const cols = p.tile?.cols ?? (m * n * batch >= bigEnough && n >= 96 ? 8 : 4)
  const [tileM, tileN] = [rows * side, cols * side]
  const [bRows, bCols] = p.bTransposed ? [n, k] : [k, n]
  const [aRows, aCols] = p.aTransposed ? [k, m] : [m, k]
  const stride = {a: p.strides?.a ?? aCols, b: p.strides?.b ?? bCols, c: p.strides?.c ?? n}
  const four = (...values: number[]) => values.every((value) => value % 4 === 0)
  const wide = {a: four(aCols, stride.a), b: !isQuantized(b) && four(bCols, stride.b), c: four(n, stride.c)}
  const typeOf = (format: Format, isWide: boolean) => (isWide ? `vec4<${stored[format]}>` : stored[format])
  const list: {name: string; type: string; access: Binding}[] = [
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
  const [rowQuads, colQuads] = [rows / 4, cols / 4]
  const product = unrolled(rowQuads, (i) =>
    unrolled(4, (r) =>
      unrolled(colQuads, (j) => `      sum_${i * 4 + r}_${j} = fma(vec4f(a${i}[${r}]), b${j}, sum_${i * 4 + r}_${j});`),
    ),
  )
  const storeType = stored[c]
  const store = (i: number, r: number, j: number) => `  {
    let row = row0 + ${i * 64 + r}u + ty * 4u;
    let col4 = col0 + ${j * 64}u + tx * 4u;
    let sums = sum_${i * 4 + r}_${j};
    if (row < ${m}u) {
${
  wide.c && !p.epilogue && !p.bias
    ? `      if (col4 < ${n}u) { c[(base_c + row * ${stride.c}u + col4) / 4u] = vec4<${storeType}>(sums); }`
    : wide.c
      ? `      if (col4 < ${n}u) { c[(base_c + row * ${stride.c}u + col4) / 4u] = vec4<${storeType}>(finish(sums[0], row, col4), finish(sums[1], row, col4 + 1u), finish(sums[2], row, col4 + 2u), finish(sums[3], row, col4 + 3u)); }`
      : unrolled(
          4,
          (l) =>
            `      if (col4 + ${l}u < ${n}u) { c[base_c + row * ${stride.c}u + col4 + ${l}u] = ${storeType}(finish(sums[${l}], row, col4 + ${l}u)); }`,
        )
}
    }
  }`
  const code = `${[a, b, c].includes('f16') ? 'enable f16;\n' : ''}${buffers(list)}
var<workgroup> tile_a: array<vec4f, ${(tileM * depth) / 4}>;
var<workgroup> tile_b: array<vec4f, ${(tileN * depth) / 4}>;
${p.functions ?? ''}
fn finish(${p.bias ? 'plain' : 'sum'}: f32, row: u32, col: u32) -> f32 {
${p.bias ? '  let sum = plain + bias[col];\n' : ''}  return ${p.epilogue ?? 'sum'};
}
${loader('a', wide.a, aRows, aCols, stride.a)}
${isQuantized(b) ? quantizedLoader(b, bRows, bCols, p.group ?? bCols) : loader('b', wide.b, bRows, bCols, stride.b)}
@compute @workgroup_size(${side * side})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let z = group.z;
  let row0 = group.y * ${tileM}u;
  let col0 = group.x * ${tileN}u;
  let base_a = ${base.a};
  let base_b = ${base.b};
  let base_c = ${base.c};
  let tx = thread % ${side}u;
  let ty = thread / ${side}u;
${unrolled(rows, (r) => unrolled(colQuads, (j) => `  var sum_${r}_${j} = vec4f(0.0);`))}
  for (var deep = 0u; deep < ${k}u; deep += ${depth}u) {
${p.aTransposed ? straight('a', tileM, 'row0') : turned('a', tileM, 'row0')}
${p.bTransposed ? turned('b', tileN, 'col0') : straight('b', tileN, 'col0')}
    workgroupBarrier();
    for (var d = 0u; d < ${depth}u; d++) {
${unrolled(rowQuads, (i) => `      let a${i} = tile_a[d * ${tileM / 4}u + ${i * side}u + ty];`)}
${unrolled(colQuads, (j) => `      let b${j} = tile_b[d * ${tileN / 4}u + ${j * side}u + tx];`)}
${product}
    }
    workgroupBarrier();
  }
${unrolled(rowQuads, (i) => unrolled(4, (r) => unrolled(colQuads, (j) => store(i, r, j))))}
}`
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups: [Math.ceil(n / tileN), Math.ceil(m / tileM), batch],
  }
}

export interface AttentionProductParams {
  batch: number
  seq: number
  heads: number
  kvHeads: number
  headDim: number
  causal: boolean
}

/** Batch and head of product `z`, and where its rows of queries and keys begin. */
const heads = ({seq, heads: h, kvHeads, headDim}: AttentionProductParams) => ({
  q: `(z / ${h}u * ${seq * h}u + z % ${h}u) * ${headDim}u`,
  k: `(z / ${h}u * ${seq * kvHeads}u + z % ${h}u / ${h / kvHeads}u) * ${headDim}u`,
})

/** S = Q·Kᵀ ÷ √d for every head, −∞ beyond the diagonal. */
export function attentionScores(p: AttentionProductParams): Shader {
  const {batch, seq, heads: h, kvHeads, headDim, causal} = p
  const scaled = `sum * ${f32(1 / Math.sqrt(headDim))}`
  return matmul({
    batch: batch * h,
    m: seq,
    n: seq,
    k: headDim,
    bTransposed: true,
    strides: {a: h * headDim, b: kvHeads * headDim},
    base: {a: heads(p).q, b: heads(p).k},
    functions: 'var<private> infinity: u32 = 0xff800000u;',
    epilogue: causal ? `select(${scaled}, bitcast<f32>(infinity), col > row)` : scaled,
  })
}

/** O = P·V for every head. */
export function attentionValues(p: AttentionProductParams): Shader {
  const {batch, seq, heads: h, kvHeads, headDim} = p
  return matmul({
    batch: batch * h,
    m: seq,
    n: headDim,
    k: seq,
    strides: {b: kvHeads * headDim, c: h * headDim},
    base: {b: heads(p).k, c: heads(p).q},
  })
}
