/** How a matrix product loads its inputs: functions of four neighbours, and the moves of blocks from there to tiles in workgroup memory. */
import {lane, type Quantized} from './quantized.ts'
import {type Format, unrolled} from './shader.ts'

/** How elements of `format` are declared and loaded as f32. */
export const stored: Readonly<Record<Format, string>> = {f32: 'f32', f16: 'f16', i32: 'i32', i8: 'i32', i4: 'i32'}

/** What a loading function needs to know of its matrix. */
export interface Loaded {
  name: 'a' | 'b'
  rows: number
  cols: number
  stride: number
  /** four elements a load: rows are whole quads */
  wide: boolean
  /** tiles never reach over an edge */
  even: boolean
}

/** A function that loads four neighbours of one row, zero beyond the edge. */
export function loader({name, rows, cols, stride, wide, even}: Loaded): string {
  const edge = even ? '' : `  if (row >= ${rows}u || col >= ${cols}u) { return vec4f(0.0); }\n`
  const head = `fn load_${name}(base: u32, row: u32, col: u32) -> vec4f {
${edge}  let at = base + row * ${stride}u + col;`
  if (wide) return `${head}\n  return vec4f(${name}[at / 4u]);\n}`
  return `${head}
  var value = vec4f(f32(${name}[at]), 0.0, 0.0, 0.0);
${[1, 2, 3].map((i) => `  if (col + ${i}u < ${cols}u) { value[${i}] = f32(${name}[at + ${i}u]); }`).join('\n')}
  return value;
}`
}

/** As `loader`, of a quantized matrix: four elements times their group's scale, out of one word where rows and groups are whole quads. */
export function quantizedLoader(format: Quantized, rows: number, cols: number, group: number): string {
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

/** One input's tile in workgroup memory: `size` columns (of the result's rows or columns) by `depth`. */
export interface Tile {
  name: 'a' | 'b'
  size: number
  depth: number
  /** WGSL: first row or column of the result */
  origin: string
  /** rows lie along the depth and are turned on the way */
  turned: boolean
}

/** Blocks of four quads that a tile is filled by. */
export const blocksOf = ({size, depth}: Tile): number => (size * depth) / 16

/**
 * By how much turned quads of depth `d`, d + 1, … are moved within their row, by exclusive or: the eight threads that store together hold
 * different depths, and without it the same banks.
 */
const swizzle = (depth: number): number => Math.max(1, 32 / depth)

/** WGSL: what the quads of four depths are moved by; `quarter` counts fours of depths. */
export const movedBy = ({turned, depth}: Tile, quarter: string): string | undefined =>
  turned ? `(${quarter} * ${swizzle(depth)}u)` : undefined

/** Loads block `at` of a tile into `into`0 … 3. */
export function fetchBlock({name, size, depth, origin, turned}: Tile, at: string, into: string): string {
  const load = (row: string, col: string) => `load_${name}(base_${name}, ${row}, ${col})`
  if (turned)
    return unrolled(
      4,
      (j) =>
        `${into}${j} = ${load(`${origin} + ${at} / ${depth / 4}u * 4u + ${j}u`, `deep + ${at} % ${depth / 4}u * 4u`)};`,
      ' ',
    )
  const count = (size * depth) / 16
  return unrolled(
    4,
    (j) => {
      const item = `(${at} + ${j * count}u)`
      return `${into}${j} = ${load(`deep + ${item} / ${size / 4}u`, `${origin} + ${item} % ${size / 4}u * 4u`)};`
    },
    ' ',
  )
}

/** Stores what `fetchBlock` loaded. Four rows of four are turned in registers, since single lanes of workgroup vectors must not race. */
export function putBlock(tile: Tile, at: string, from: string): string {
  const {name, size, depth, turned} = tile
  if (!turned) return unrolled(4, (j) => `tile_${name}[${at} + ${j * ((size * depth) / 16)}u] = ${from}${j};`, ' ')
  const quarter = `(${at} % ${depth / 4}u)`
  return `let slot = ${quarter} * ${size}u + ((${at} / ${depth / 4}u) ^ ${movedBy(tile, quarter)}) % ${size / 4}u;
      let lain = transpose(mat4x4f(${unrolled(4, (j) => `${from}${j}`, ', ')}));
      ${unrolled(4, (j) => `tile_${name}[slot + ${(j * size) / 4}u] = lain[${j}];`, ' ')}`
}
