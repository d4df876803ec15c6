/**
 * Attention of few new queries to a long cache of keys and values. One workgroup a query and head: every thread scores a key, then the
 * threads take columns of the values (online softmax: Milakov & Gimelshein 2018), so that one query still fills a workgroup.
 */
import {buffers, f32, grid, groupIndex, powerOfTwo, type Shader, unrolled} from './shader.ts'
import {addParts, type Bound, parts} from './split.ts'

export interface DecodeParams {
  batch: number
  seq: number
  cached: number
  heads: number
  kvHeads: number
  headDim: number
  causal: boolean
}

const threads = 64
/** As attention.ts: low enough for a maximum, and e^(lowest − lowest) is no NaN. */
export const lowest = '-3.0e38f'

/** Lanes of a load, their type, and items of a head. */
function shapeOf(headDim: number): {
  type: string
  items: number
  zero: string
  product: (a: string, b: string) => string
} {
  const wide = headDim % 4 === 0
  return {
    type: wide ? 'vec4f' : 'f32',
    items: wide ? headDim / 4 : headDim,
    zero: wide ? 'vec4f(0.0)' : '0.0',
    product: (a, b) => (wide ? `dot(${a}, ${b})` : `${a} * ${b}`),
  }
}

/** A function that gives item `c` of key or value `j`: the cache's first, the new ones after. */
const keyed = (name: string, {seq, cached, heads, kvHeads, headDim}: DecodeParams): string => {
  const {type, items} = shapeOf(headDim)
  return `fn get_${name}(image: u32, head: u32, j: u32, c: u32) -> ${type} {
  let column = head / ${heads / kvHeads}u * ${items}u + c;
  if (j < ${cached}u) { return ${name}_cache[(image * ${cached}u + j) * ${kvHeads * items}u + column]; }
  return ${name}[(image * ${seq}u + j - ${cached}u) * ${kvHeads * items}u + column];
}`
}

/** Keys that query `row` sees, as WGSL. */
const seen = ({seq, cached, causal}: DecodeParams, row: string): string =>
  causal ? `(${row} + ${cached + 1}u)` : `${cached + seq}u`

/** O from Q, K, the cache's keys, V, the cache's values. */
export function attentionCached(p: DecodeParams): Shader {
  const {batch, seq, heads, headDim} = p
  const {type, items, zero, product} = shapeOf(headDim)
  // neighbours take neighbouring columns; short heads leave threads for several keys at once
  const across = Math.min(threads, powerOfTwo(items))
  const slices = threads / across
  const per = Math.ceil(items / across)
  const list = [
    ...['q', 'k', 'k_cache', 'v', 'v_cache'].map((name) => ({name, type, access: 'read' as const})),
    {name: 'o', type, access: 'write' as const},
  ]
  const code = `${buffers(list)}
var<workgroup> query: array<${type}, ${items}>;
var<workgroup> weights: array<f32, ${threads}>;
var<workgroup> sums: array<${type}, ${threads}>;
${keyed('k', p)}
${keyed('v', p)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let head = group.y;
  let image = group.z;
  let at = ((image * ${seq}u + row) * ${heads}u + head) * ${items}u;
  for (var c = thread; c < ${items}u; c += ${threads}u) { query[c] = q[at + c] * ${f32(1 / Math.sqrt(headDim))}; }
  let column = thread % ${across}u;
  let slice = thread / ${across}u;
${unrolled(per, (i) => `  var out${i} = ${zero};`)}
  var top = ${lowest};
  var total = 0.0;
  let last = ${seen(p, 'row')};
  for (var first = 0u; first < last; first += ${threads}u) {
    workgroupBarrier();
    let key = first + thread;
    var score = ${lowest};
    if (key < last) {
      score = 0.0;
      for (var c = 0u; c < ${items}u; c++) { score += ${product('query[c]', 'get_k(image, head, key, c)')}; }
    }
    weights[thread] = score;
    for (var step = ${threads / 2}u; step > 0u; step /= 2u) {
      workgroupBarrier();
      if (thread < step) { weights[thread] = max(weights[thread], weights[thread + step]); }
    }
    workgroupBarrier();
    let highest = max(top, weights[0]);
    workgroupBarrier();
    weights[thread] = select(0.0, exp(score - highest), key < last);
    workgroupBarrier();
    let shrink = exp(top - highest);
    top = highest;
    total *= shrink;
${unrolled(per, (i) => `    out${i} *= shrink;`)}
    let count = min(${threads}u, last - first);
    for (var j = 0u; j < count; j++) { total += weights[j]; }
    for (var j = slice; j < count; j += ${slices}u) {
${unrolled(
  per,
  (i) =>
    `      if (column + ${i * across}u < ${items}u) { out${i} += weights[j] * get_v(image, head, first + j, column + ${i * across}u); }`,
)}
    }
  }
${unrolled(
  per,
  (i) => `  workgroupBarrier();
  sums[thread] = out${i};
  workgroupBarrier();
  if (slice == 0u && column + ${i * across}u < ${items}u) {
    o[at + column + ${i * across}u] = (${unrolled(slices, (s) => `sums[column + ${s * across}u]`, ' + ')}) / total;
  }`,
)}
}`
  return {code, bindings: list.map(({access}) => access), workgroups: [seq, heads, batch]}
}

/** S = Q·Kᵀ ÷ √d over the cache and the new keys, −∞ where a query does not see: a thread a score. */
export function scoresCached(p: DecodeParams): Shader {
  const {batch, seq, cached, heads, headDim} = p
  const {type, items, product} = shapeOf(headDim)
  const keys = cached + seq
  const all = batch * heads * seq * keys
  const workgroups = grid(Math.ceil(all / threads))
  const list = [
    ...['q', 'k', 'k_cache'].map((name) => ({name, type, access: 'read' as const})),
    {name: 'scores', type: 'f32', access: 'write' as const},
  ]
  const code = `${buffers(list)}
// WGSL has no constant for −∞: its bits come from a variable
var<private> infinity: u32 = 0xff800000u;
${keyed('k', p)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (item >= ${all}u) { return; }
  let key = item % ${keys}u;
  let row = item / ${keys}u % ${seq}u;
  let head = item / ${keys * seq}u % ${heads}u;
  let image = item / ${keys * seq * heads}u;
  let at = ((image * ${seq}u + row) * ${heads}u + head) * ${items}u;
  var score = 0.0;
  for (var c = 0u; c < ${items}u; c++) { score += ${product('q[at + c]', 'get_k(image, head, key, c)')}; }
  scores[item] = select(bitcast<f32>(infinity), score * ${f32(1 / Math.sqrt(headDim))}, key < ${seen(p, 'row')});
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}

/** O = P·V over the cache and the new values: a thread an item of the result. */
export function valuesCached(p: DecodeParams): Shader {
  const {batch, seq, cached, heads, headDim} = p
  const {type, items, zero} = shapeOf(headDim)
  const keys = cached + seq
  const all = batch * seq * heads * items
  const workgroups = grid(Math.ceil(all / threads))
  const list = [
    {name: 'weights', type: 'f32', access: 'read' as const},
    ...['v', 'v_cache'].map((name) => ({name, type, access: 'read' as const})),
    {name: 'o', type, access: 'write' as const},
  ]
  const code = `${buffers(list)}
${keyed('v', p)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (item >= ${all}u) { return; }
  let c = item % ${items}u;
  let head = item / ${items}u % ${heads}u;
  let row = item / ${items * heads}u % ${seq}u;
  let image = item / ${items * heads * seq}u;
  let at = ((image * ${heads}u + head) * ${seq}u + row) * ${keys}u;
  var sum = ${zero};
  for (var key = 0u; key < ${keys}u; key++) { sum += weights[at + key] * get_v(image, head, key, c); }
  o[item] = sum;
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}

/** Items of the result, and slices of the keys, of a workgroup. */
const across = 32
const slices = 8

/**
 * O = P·V with the keys split over slices of a workgroup and over `wanted` workgroups: one sequence has too few results for a GPU.
 * @returns `undefined` where that is no split
 */
export function valuesSplit(p: DecodeParams, wanted: number): Shader | undefined {
  const {batch, seq, cached, heads, headDim} = p
  const {type, items, zero} = shapeOf(headDim)
  const keys = cached + seq
  const results = batch * seq * heads * items
  const columns = Math.ceil(results / across)
  const count = Math.max(1, Math.min(Math.floor(keys / 64), Math.round(wanted / columns)))
  if (count === 1 && wanted > 1) return undefined
  const depth = Math.ceil(keys / count)
  const workgroups = grid(columns * count)
  const list: Bound[] = [
    {name: 'weights', type: 'f32', access: 'read'},
    ...['v', 'v_cache'].map((name) => ({name, type, access: 'read' as const})),
    {name: 'o', type, access: 'write'},
    ...(count > 1 ? [parts(type)] : []),
  ]
  const code = `${buffers(list)}
${keyed('v', p)}
var<workgroup> sums: array<${type}, ${across * slices}>;
@compute @workgroup_size(${across * slices})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let number = ${groupIndex(workgroups)};
  let part = number / ${columns}u;
  let item = number % ${columns}u * ${across}u + thread % ${across}u;
  let slice = thread / ${across}u;
  let here = min(item, ${results - 1}u);
  let c = here % ${items}u;
  let head = here / ${items}u % ${heads}u;
  let row = here / ${items * heads}u % ${seq}u;
  let image = here / ${items * heads * seq}u;
  let at = ((image * ${heads}u + head) * ${seq}u + row) * ${keys}u;
  let end = min((part + 1u) * ${depth}u, ${keys}u);
  var sum = ${zero};
  for (var key = part * ${depth}u + slice; key < end; key += ${slices}u) { sum += weights[at + key] * get_v(image, head, key, c); }
  sums[thread] = sum;
  workgroupBarrier();
  if (slice == 0u && item < ${results}u && part < ${count}u) {
    ${count > 1 ? `parts[part * ${results}u + item]` : 'o[item]'} = ${unrolled(slices, (s) => `sums[thread + ${s * across}u]`, ' + ')};
  }
}`
  const bytes = 4 * (type === 'f32' ? 1 : 4)
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups,
    ...(count > 1 ? {scratchBytes: bytes * results * count, second: addParts(list, 'o', results, count)} : {}),
  }
}
