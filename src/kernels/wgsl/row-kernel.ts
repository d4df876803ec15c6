/**
 * Kernels that need a whole row: it is read once, held in registers and written once. A workgroup takes a row, or several short ones; how many
 * threads share a row and by what they add up is a matter of the GPU (`rowShapes`).
 */
import {reductions, subgroupsOf} from './reduce.ts'
import {type Binding, buffers, grid, groupIndex, powerOfTwo, type Shader, unrolled} from './shader.ts'

/** Lowest finite f32: a start for maxima. */
export const lowest = '-3.4028234e38f'
/** So far above it that e^(lowest − above) is 0: a compiler may take for granted that no value is −∞ (WGSL §15.7.2), and Metal's does. */
const above = '-3.0e38f'
/** Most registers of `V` a thread holds of its row; longer rows are read again for every pass. */
const held = 8

/** How a row is divided. */
export interface RowShape {
  /** threads of a row, a power of two */
  lanes: number
  /** rows of a workgroup; default 1 */
  together?: number
  by: 'tree' | 'subgroups'
}

export interface RowParams {
  rows: number
  cols: number
  inputs: readonly {name: string}[]
  outputs: readonly string[]
  /** value of the row at item `i` (of the row) and element `e` (of the tensor), as `V` */
  value: string
  /** statements of the row's figures, made of `reduce('max'|'sum', expression of v)`; `softmax`: figure0 its maximum, figure1 Σ e^(v − figure0) */
  figures: ((reduce: (kind: 'max' | 'sum', expression: string) => string) => string) | 'softmax'
  /** statements that store item `i` with value `v`; without them `finish` ends a row */
  store?: string
  /** statements between the figures and the stores */
  before?: string
  /** further buffers, and what the first thread of a row does at the end */
  extra?: readonly {name: string; type: string; access: Binding}[]
  finish?: string
  /** columns beyond `row % causal` are masked: `value` hides them within an item, items beyond are not read and stored as 0 */
  causal?: number
  shape?: RowShape | undefined
}

/** Elements of a load: four where rows are whole quads. */
const lanesOf = (cols: number): 1 | 4 => (cols % 4 === 0 ? 4 : 1)

/** Threads for `each` items each, within what the adapter may have. */
const threadsFor = (cols: number, each: number, most: number): number =>
  Math.min(most, Math.max(32, powerOfTwo(cols / lanesOf(cols) / each)))

/** What serves everywhere: a workgroup of at most 256 threads a row, a tree of halves. */
const usual = (cols: number): RowShape => ({lanes: threadsFor(cols, 2, 256), by: 'tree'})

/** Short rows, several to a workgroup: 32 threads each. */
const short = 32

/** The shapes that rows of `cols` are tried with beside the usual one, in an order that never changes. */
export function rowShapes(cols: number): (RowShape | undefined)[] {
  const items = cols / lanesOf(cols)
  const {lanes} = usual(cols)
  const tree = (each: number): RowShape | undefined => {
    const threads = threadsFor(cols, each, 1024)
    return threads === lanes ? undefined : {lanes: threads, by: 'tree'}
  }
  const subgroups = (each: number): RowShape => ({lanes: threadsFor(cols, each, 1024), by: 'subgroups'})
  const isShort = items <= short * held
  return [
    subgroups(1),
    subgroups(2),
    subgroups(4),
    subgroups(8),
    tree(1),
    tree(4),
    isShort ? {lanes: short, together: 4, by: 'subgroups'} : undefined,
    isShort ? {lanes: short, together: 8, by: 'tree'} : undefined,
  ]
}

/** A pass over the row that leaves `figure<number>`. */
type Pass = (kind: 'max' | 'sum', expression: string, number: number) => string

const fold = (lanes: number, kind: 'max' | 'sum', of: string): string =>
  lanes === 1 ? of : kind === 'max' ? `max(max(${of}.x, ${of}.y), max(${of}.z, ${of}.w))` : `dot(${of}, vec4f(1.0))`

const combine = (kind: 'max' | 'sum', expression: string): string =>
  kind === 'max' ? `part = max(part, ${expression});` : `part += ${expression};`

/**
 * Maximum and Σ e^(v − maximum) in one pass over a row that registers do not hold (Milakov & Gimelshein 2018): eight items at a time, so that
 * what was added before is scaled once for eight.
 */
const online = (lanes: number, threads: number, value: string): string => `  let nothing = V(${lowest});
  var top = V(${above});
  var part = V(0.0);
  for (var start = lane; start < limit; start += ${held * threads}u) {
${unrolled(
  held,
  (j) => `    var v${j} = nothing;
    { let i = start + ${j * threads}u; if (i < limit) { let e = first + i; v${j} = ${value}; } }`,
)}
    let highest = max(top, ${Array.from({length: held}, (_, j) => `v${j}`).reduce((a, b) => `max(${a}, ${b})`)});
    part = part * exp(top - highest) + ${unrolled(held, (j) => `exp(v${j} - highest)`, ' + ')};
    top = highest;
  }
  let figure0 = all_max(${fold(lanes, 'max', 'top')}, thread);
  let seen = part * exp(top - figure0);
  let figure1 = all_sum(${fold(lanes, 'sum', 'seen')}, thread);`

export function rowKernel(p: RowParams): Shader {
  const width = lanesOf(p.cols)
  const type = width === 4 ? 'vec4f' : 'f32'
  const items = p.cols / width
  const {lanes, together = 1, by} = p.shape ?? usual(p.cols)
  const threads = lanes * together
  const per = Math.ceil(items / lanes)
  const workgroups = grid(Math.ceil(p.rows / together))
  const inRegisters = per <= held
  const reduction = {threads, lanes, by}
  const reduced = reductions(reduction)
  const list = [
    ...p.inputs.map(({name}) => ({name, type, access: 'read' as Binding})),
    ...p.outputs.map((name) => ({name, type, access: 'write' as Binding})),
    ...(p.extra ?? []),
  ]
  const limit = p.causal === undefined ? `${items}u` : `(row % ${p.causal}u / ${width}u + 1u)`
  // items that every thread of every row has need no look at the edge
  const partial = together > 1 && p.rows % together !== 0
  const whole = (j: number) => p.causal === undefined && !partial && (j + 1) * lanes <= items
  const within = (j: number, body: string) => (whole(j) ? `{ ${body} }` : `if (i${j} < limit) { ${body} }`)
  const start = (kind: 'max' | 'sum') => (kind === 'max' ? `V(${lowest})` : 'V(0.0)')
  const pass: Pass = (kind, expression, number) => {
    const body = inRegisters
      ? unrolled(per, (j) => `    ${within(j, `let v = v${j}; ${combine(kind, expression)}`)}`)
      : `    for (var i = lane; i < limit; i += ${lanes}u) { let e = first + i; let v = ${p.value}; ${combine(kind, expression)} }`
    return `  var figure${number}: f32;
  {
    var part = ${start(kind)};
${body}
    figure${number} = all_${kind}(${fold(width, kind, 'part')}, thread);
  }`
  }
  let passes = 0
  const reduce = (kind: 'max' | 'sum', expression: string): string => pass(kind, expression, passes++)
  const figures =
    p.figures !== 'softmax'
      ? p.figures(reduce)
      : inRegisters
        ? `${reduce('max', 'v')}\n${reduce('sum', 'exp(v - figure0)')}`
        : online(width, lanes, p.value)
  const load = inRegisters
    ? unrolled(
        per,
        (j) => `  let i${j} = lane + ${j * lanes}u;
  var v${j} = V(0.0);
  ${within(j, `let i = i${j}; let e = first + i; v${j} = ${p.value};`)}`,
      )
    : ''
  const masked = p.causal === undefined ? '' : p.outputs.map((name) => `${name}[e] = V(0.0);`).join(' ')
  const stores = p.finish
    ? `  if (lane == 0u${partial ? ' && limit > 0u' : ''}) { ${p.finish} }`
    : inRegisters
      ? unrolled(
          per,
          (j) =>
            `  { let i = i${j}; let e = first + i; let v = v${j}; ${within(j, p.store!)} ${masked ? `else if (i < all) { ${masked} }` : ''} }`,
        )
      : `  for (var i = lane; i < all; i += ${lanes}u) { let e = first + i; if (i < limit) { let v = ${p.value}; ${p.store} } ${masked ? `else { ${masked} }` : ''} }`
  const number = groupIndex(workgroups)
  // rows beyond the last have no items; their threads still take part in what all do together
  const rowOf =
    together === 1
      ? `  let row = ${number};
  if (row >= ${p.rows}u) { return; }
  let lane = thread;`
      : `  let row = ${number} * ${together}u + thread / ${lanes}u;
  let lane = thread % ${lanes}u;`
  const here = (count: string) => (partial ? `select(0u, ${count}, row < ${p.rows}u)` : count)
  const code = `${reduced.enable}alias V = ${type};
${buffers(list)}
${reduced.functions}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
${rowOf}
${reduced.start}
  let first = row * ${items}u;
  let limit = ${here(limit)};
  let all = ${here(`${items}u`)};
${load}
${figures}
${p.before ?? ''}
${stores}
}`
  const least = subgroupsOf(reduction)
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups,
    ...(threads > 256 ? {invocations: threads} : {}),
    ...(least === undefined ? {} : {subgroups: least}),
  }
}
