/**
 * Products of few rows, as decoding has them: the weights are read once, so bandwidth is what counts, and there are too few results to fill a
 * GPU with a thread each. The sum over k is split over threads and, where that is not enough, over workgroups.
 */
import {reductions, subgroupsOf} from './reduce.ts'
import {buffers, grid, groupIndex, type Shader, unrolled} from './shader.ts'
import {addParts, type Bound, parts} from './split.ts'

/** Rows up to which a product is one of these. */
const fewRows = 8

/** Columns, or quads of columns, of a workgroup, and slices of k that it sums apart. */
const across = 32
const slices = 8
/** Loads of the weights in flight. */
const flight = 4

/** Least depth of a part: below, adding up costs more than splitting saves. */
const leastDepth = 64

/** Parts of k for about `wanted` workgroups of `groups` each. */
const partsFor = (groups: number, k: number, wanted: number): number =>
  Math.max(1, Math.min(Math.floor(k / leastDepth), Math.round(wanted / Math.max(1, groups))))

/**
 * c[m,n] = a[m,k]·b[k,n] for up to eight rows: neighbours take neighbouring columns.
 * @param wanted workgroups that k is split for; 1 splits it within a workgroup only
 */
export function fewRowsProduct(m: number, n: number, k: number, wanted: number): Shader | undefined {
  if (m > fewRows || k === 0) return undefined
  const wide = n % 4 === 0
  const type = wide ? 'vec4f' : 'f32'
  const items = wide ? n / 4 : n
  const columns = Math.ceil(items / across)
  const count = partsFor(columns, k, wanted)
  if (count === 1 && wanted > 1) return undefined
  const depth = Math.ceil(k / count)
  const workgroups = grid(columns * count)
  const list: Bound[] = [
    {name: 'a', type: 'f32', access: 'read'},
    {name: 'b', type, access: 'read'},
    {name: 'c', type, access: 'write'},
    ...(count > 1 ? [parts(type)] : []),
  ]
  const step = (j: number) => unrolled(m, (r) => `      sum${r} += a[${r * k}u + i + ${j * slices}u] * got${j};`)
  const code = `${buffers(list)}
var<workgroup> scratch: array<${type}, ${across * slices}>;
@compute @workgroup_size(${across * slices})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let number = ${groupIndex(workgroups)};
  let item = number % ${columns}u * ${across}u + thread % ${across}u;
  let part = number / ${columns}u;
  let slice = thread / ${across}u;
  let end = select(0u, min((part + 1u) * ${depth}u, ${k}u), item < ${items}u);
${unrolled(m, (r) => `  var sum${r} = ${type}(0.0);`)}
  var i = part * ${depth}u + slice;
  for (; i + ${(flight - 1) * slices}u < end; i += ${flight * slices}u) {
${unrolled(flight, (j) => `      let got${j} = b[(i + ${j * slices}u) * ${items}u + item];`)}
${unrolled(flight, step)}
  }
  for (; i < end; i += ${slices}u) {
      let got0 = b[i * ${items}u + item];
${step(0)}
  }
${unrolled(
  m,
  (r) => `  workgroupBarrier();
  scratch[thread] = sum${r};
  workgroupBarrier();
  if (slice == 0u && item < ${items}u${count > 1 ? ` && part < ${count}u` : ''}) {
    ${count > 1 ? `parts[(part * ${m}u + ${r}u) * ${items}u + item]` : `c[${r * items}u + item]`} = ${unrolled(slices, (s) => `scratch[thread + ${s * across}u]`, ' + ')};
  }`,
)}
}`
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups,
    ...(count > 1 ? {scratchBytes: 4 * m * n * count, second: addParts(list, 'c', m * items, count)} : {}),
  }
}

/** How rows of weights are divided. */
export interface WeightsShape {
  /** threads of a row of weights, a power of two */
  lanes: number
  /** rows of weights of a workgroup side by side */
  together: number
  /** rows of weights that the same threads take at once: they share what is loaded of the inputs */
  each: 1 | 2
  by: 'tree' | 'subgroups'
  /** workgroups that k is split for; without it k is not split over workgroups */
  wanted?: number
}

/** In an order that never changes. */
export const weightsShapes: readonly WeightsShape[] = [
  {lanes: 256, together: 1, each: 1, by: 'tree'},
  {lanes: 32, together: 4, each: 1, by: 'subgroups'},
  {lanes: 32, together: 4, each: 2, by: 'subgroups'},
  {lanes: 128, together: 1, each: 2, by: 'subgroups'},
  {lanes: 32, together: 8, each: 1, by: 'tree'},
  {lanes: 64, together: 2, each: 2, by: 'tree', wanted: 1024},
]

/** Tensors of a product with weights as frameworks keep them: a row for each output. */
export interface Weights {
  /** rows of the inputs x, up to eight */
  m: number
  /** rows of the weights w */
  n: number
  k: number
  /** bindings in their order */
  names: readonly ['w', 'x'] | readonly ['x', 'w']
}

/** y[m,n] = x[m,k]·w[n,k]ᵀ: the weights' rows go to groups of threads, which keep a sum for every row of the inputs. */
export function weightsProduct({m, n, k, names}: Weights, shape: WeightsShape): Shader | undefined {
  if (m > fewRows || k === 0) return undefined
  const {lanes, together, each, by} = shape
  const threads = lanes * together
  const wide = k % 4 === 0
  const type = wide ? 'vec4f' : 'f32'
  const items = wide ? k / 4 : k
  const groups = Math.ceil(n / (together * each))
  const count = shape.wanted === undefined ? 1 : partsFor(groups, k, shape.wanted)
  if (count === 1 && shape.wanted !== undefined) return undefined
  const depth = Math.ceil(items / count)
  const workgroups = grid(groups * count)
  const reduction = {threads, lanes, by}
  const reduced = reductions(reduction)
  const list: Bound[] = [
    ...names.map((name) => ({name, type, access: 'read' as const})),
    {name: 'y', type: 'f32', access: 'write'},
    ...(count > 1 ? [parts('f32')] : []),
  ]
  const product = (a: string, b: string) => (wide ? `dot(${a}, ${b})` : `${a} * ${b}`)
  // the loads of several steps stand before their arithmetic
  const steps = (many: number) => {
    const at = (j: number) => `i + ${j * lanes}u`
    return `${unrolled(many, (j) => unrolled(each, (e) => `    let w${j}_${e} = w[row${e} * ${items}u + ${at(j)}];`))}
${unrolled(many, (j) => unrolled(m, (r) => `    let x${j}_${r} = x[${r * items}u + ${at(j)}];\n${unrolled(each, (e) => `    sum${r}_${e} += ${product(`w${j}_${e}`, `x${j}_${r}`)};`)}`))}`
  }
  const code = `${reduced.enable}${buffers(list)}
${reduced.functions}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let number = ${groupIndex(workgroups)};
  let part = number / ${Math.max(1, groups)}u;
  let first = (number % ${Math.max(1, groups)}u * ${together}u + thread / ${lanes}u) * ${each}u;
  let lane = thread % ${lanes}u;
${reduced.start}
${unrolled(each, (e) => `  let row${e} = min(first + ${e}u, ${n - 1}u);`)}
  let end = min((part + 1u) * ${depth}u, ${items}u);
${unrolled(m, (r) => unrolled(each, (e) => `  var sum${r}_${e} = 0.0;`))}
  var i = part * ${depth}u + lane;
  for (; i + ${(flight - 1) * lanes}u < end; i += ${flight * lanes}u) {
${steps(flight)}
  }
  for (; i < end; i += ${lanes}u) {
${steps(1)}
  }
${unrolled(m, (r) =>
  unrolled(
    each,
    (e) => `  let all${r}_${e} = all_sum(sum${r}_${e}, thread);
  if (lane == 0u && first + ${e}u < ${n}u && part < ${count}u) { ${count > 1 ? `parts[(part * ${m}u + ${r}u) * ${n}u + first + ${e}u]` : `y[${r * n}u + first + ${e}u]`} = all${r}_${e}; }`,
  ),
)}
}`
  const least = subgroupsOf(reduction)
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups,
    ...(least === undefined ? {} : {subgroups: least}),
    ...(count > 1 ? {scratchBytes: 4 * m * n * count, second: addParts(list, 'y', m * n, count)} : {}),
  }
}
