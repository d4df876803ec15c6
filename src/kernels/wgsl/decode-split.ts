/**
 * Attention of few new queries to a long cache that is split over workgroups (flash-decoding: Dao, Haziza, Massa, Sizov 2023): each takes a
 * chunk of the keys and the query heads that share them, so that the cache is read once and one sequence fills a GPU. It leaves sums, their
 * maximum and their weight; a second dispatch joins the chunks.
 */
import {type DecodeParams, lowest} from './decode.ts'
import {buffers, f32, powerOfTwo, type Shader, unrolled} from './shader.ts'
import {parts} from './split.ts'

/** How the cache is split. */
export interface DecodeShape {
  /** keys of a workgroup */
  chunk: 128 | 256 | 512
  /** how the four threads of a key add up: by exchanges between registers, or in workgroup memory */
  by: 'tree' | 'subgroups'
}

const threads = 128
/** Threads of a key: neighbours read 64 B of it together. */
const lanes = 4
/** Keys, or values, that a thread has in flight. */
const flight = 4
/** Keys of all threads at once. */
const step = (threads / lanes) * flight

/** Joins chunks: out = Σ e^(m_i − m)·out_i ÷ Σ e^(m_i − m)·w_i. A workgroup a query and head. */
function joined({batch, seq, heads}: DecodeParams, items: number, splits: number, list: string, count: number): Shader {
  const wide = 64
  const across = Math.min(wide, powerOfTwo(items))
  const slices = wide / across
  const per = Math.ceil(items / across)
  const code = `${list}
var<workgroup> sums: array<vec4f, ${wide}>;
@compute @workgroup_size(${wide})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let first = ((group.z * ${heads}u + group.y) * ${seq}u + group.x) * ${splits}u;
  let stats = ${batch * heads * seq * splits * items}u + first;
  var top = ${lowest};
  for (var i = 0u; i < ${splits}u; i++) { top = max(top, parts[stats + i].x); }
  let column = thread % ${across}u;
  let slice = thread / ${across}u;
  var total = 0.0;
${unrolled(per, (i) => `  var out${i} = vec4f(0.0);`)}
  for (var i = 0u; i < ${splits}u; i++) { total += exp(parts[stats + i].x - top) * parts[stats + i].y; }
  for (var i = slice; i < ${splits}u; i += ${slices}u) {
    let weight = exp(parts[stats + i].x - top);
${unrolled(per, (i) => `    if (column + ${i * across}u < ${items}u) { out${i} += weight * parts[(first + i) * ${items}u + column + ${i * across}u]; }`)}
  }
  let at = ((group.z * ${seq}u + group.x) * ${heads}u + group.y) * ${items}u;
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
  return {
    code,
    bindings: Array.from({length: count}, (_, i) => (i < 5 ? 'read' : 'write')),
    workgroups: [seq, heads, batch],
  }
}

/** O from Q, K, the cache's keys, V, the cache's values. @returns `undefined` for heads that are not whole quads, and without a cache */
export function attentionSplit(p: DecodeParams, {chunk, by}: DecodeShape): Shader | undefined {
  const {batch, seq, cached, heads, kvHeads, headDim, causal} = p
  if (headDim % 4 !== 0 || cached === 0) return undefined
  const items = headDim / 4
  const keys = cached + seq
  const splits = Math.ceil(keys / chunk)
  // query heads that share keys, of all new queries: up to four in a workgroup
  const sharing = heads / kvHeads
  const all = seq * sharing
  const rows = all >= 3 ? 4 : all
  const R = rows === 1 ? 'f32' : `vec${rows}f`
  const of = (name: string, r: number) => (rows === 1 ? name : `${name}[${r}]`)
  const each = (line: (r: number) => string, separator = '\n') => unrolled(rows, line, separator)
  // four at least: `flight` values of every slice are no more than the smallest chunk
  const across = Math.min(threads, Math.max(4, powerOfTwo(items)))
  const slices = threads / across
  const per = Math.ceil(items / across)
  const list = [
    ...['q', 'k', 'k_cache', 'v', 'v_cache'].map((name) => ({name, type: 'vec4f', access: 'read' as const})),
    {name: 'o', type: 'vec4f', access: 'write' as const},
    parts('vec4f'),
  ]
  const cell = (name: string, key: string, column: string) =>
    `${name}_cache[(image * ${cached}u + ${key}) * ${kvHeads * items}u + base + ${column}]`
  const fresh = (name: string, key: string, column: string) =>
    `${name}[(image * ${seq}u + ${key} - ${cached}u) * ${kvHeads * items}u + base + ${column}]`
  /** Loads `flight` rows: all from the cache at once, then those few that are new, where the chunk has any. */
  const loads = (name: string, key: (j: number) => string, column: string, old: boolean) =>
    old
      ? unrolled(flight, (j) => `      let got${j} = ${cell(name, key(j), column)};`)
      : `${unrolled(flight, (j) => `      let key${j} = min(${key(j)}, ${keys - 1}u);\n      var got${j} = ${cell(name, `min(key${j}, ${cached - 1}u)`, column)};`)}
${unrolled(flight, (j) => `      if (key${j} >= ${cached}u) { got${j} = ${fresh(name, `key${j}`, column)}; }`)}`
  const scored = (old: boolean) => `    for (var c = lane; c < ${items}u; c += ${lanes}u) {
${loads('k', (j) => `begin + begun + ${j * (threads / lanes)}u + thread / ${lanes}u`, 'c', old)}
${each((r) => `      let q${r} = query[${r * items}u + c];`)}
${unrolled(flight, (j) => `      score${j} += ${R}(${each((r) => `dot(q${r}, got${j})`, ', ')});`)}
    }`
  const valued = (old: boolean) => `    for (var j = slice; j < ${chunk}u; j += ${slices * flight}u) {
${loads('v', (j) => `begin + j + ${j * slices}u`, 'column', old)}
${unrolled(flight, (j) => `      let weight${j} = scores[j + ${j * slices}u];\n${each((r) => `      out${r} += ${of(`weight${j}`, r)} * got${j};`)}`)}
    }`
  const exchanged =
    by === 'subgroups'
      ? unrolled(
          flight,
          (j) => `    score${j} += subgroupShuffleXor(score${j}, 1u);
    score${j} += subgroupShuffleXor(score${j}, 2u);
    if (lane == 0u) { scores[begun + ${j * (threads / lanes)}u + thread / ${lanes}u] = score${j}; }`,
        )
      : `    workgroupBarrier();
${unrolled(flight, (j) => `    partial[${j * threads}u + thread] = score${j};`)}
    workgroupBarrier();
    scores[begun + thread] = ${unrolled(lanes, (l) => `partial[thread * ${lanes}u + ${l}u]`, ' + ')};`
  const tree = (combine: string) => `  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] = ${combine}; }
  }
  workgroupBarrier();`
  // keys of the chunk that a thread weighs
  const own = chunk / threads
  const isSeen = (j: number) =>
    rows === 1 ? `begin + thread + ${j * threads}u < seen` : `vec${rows}u(begin + thread + ${j * threads}u) < seen`
  const U = rows === 1 ? 'u32' : `vec${rows}u`
  const last = (r: number) => (causal ? `row${r} + ${cached + 1}u` : `${keys}u`)
  const exchange = by === 'tree' ? threads * flight : threads
  const code = `${by === 'subgroups' ? 'enable subgroups;\n' : ''}${buffers(list)}
var<workgroup> query: array<vec4f, ${rows * items}>;
var<workgroup> scores: array<${R}, ${chunk}>;
var<workgroup> partial: array<${R}, ${exchange}>;
var<workgroup> sums: array<vec4f, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let image = group.z;
  let split = group.x;
  let begin = split * ${chunk}u;
  let base = group.y % ${kvHeads}u * ${items}u;
  // rows beyond the last repeat it, and store nothing
${each(
  (r) => `  let number${r} = min(group.y / ${kvHeads}u * ${rows}u + ${r}u, ${all - 1}u);
  let row${r} = number${r} / ${sharing}u;
  let head${r} = group.y % ${kvHeads}u * ${sharing}u + number${r} % ${sharing}u;
  for (var c = thread; c < ${items}u; c += ${threads}u) { query[${r * items}u + c] = q[((image * ${seq}u + row${r}) * ${heads}u + head${r}) * ${items}u + c] * ${f32(1 / Math.sqrt(headDim))}; }`,
)}
  workgroupBarrier();
  let lane = thread % ${lanes}u;
  let isOld = begin + ${chunk}u <= ${cached}u;
  for (var begun = 0u; begun < ${chunk}u; begun += ${step}u) {
${unrolled(flight, (j) => `    var score${j} = ${R}(0.0);`)}
    if (isOld) {
${scored(true)}
    } else {
${scored(false)}
    }
${exchanged}
  }
  workgroupBarrier();
  let seen = ${U}(${each(last, ', ')});
${unrolled(own, (j) => `  let score${j} = select(${R}(${lowest}), scores[thread + ${j * threads}u], ${isSeen(j)});`)}
  partial[thread] = ${Array.from({length: own}, (_, j) => `score${j}`).reduce((a, b) => `max(${a}, ${b})`)};
${tree('max(partial[thread], partial[thread + half])')}
  let top = partial[0];
  workgroupBarrier();
${unrolled(own, (j) => `  let weight${j} = select(${R}(0.0), exp(score${j} - top), ${isSeen(j)});\n  scores[thread + ${j * threads}u] = weight${j};`)}
  partial[thread] = ${unrolled(own, (j) => `weight${j}`, ' + ')};
${tree('partial[thread] + partial[thread + half]')}
  let total = partial[0];
  let slice = thread / ${across}u;
${each((r) => `  let into${r} = ((image * ${heads}u + head${r}) * ${seq}u + row${r}) * ${splits}u + split;`)}
  for (var i = 0u; i < ${per}u; i++) {
    let column = min(thread % ${across}u + i * ${across}u, ${items - 1}u);
    let isColumn = thread % ${across}u + i * ${across}u < ${items}u;
${each((r) => `    var out${r} = vec4f(0.0);`)}
    if (isOld) {
${valued(true)}
    } else {
${valued(false)}
    }
${each(
  (r) => `    workgroupBarrier();
    sums[thread] = out${r};
    workgroupBarrier();
    if (slice == 0u && isColumn && group.y / ${kvHeads}u * ${rows}u + ${r}u < ${all}u) {
      parts[into${r} * ${items}u + column] = ${unrolled(slices, (s) => `sums[thread + ${s * across}u]`, ' + ')};
    }`,
)}
  }
  if (thread == 0u) {
${each(
  (r) =>
    `    if (group.y / ${kvHeads}u * ${rows}u + ${r}u < ${all}u) { parts[${batch * heads * seq * splits * items}u + into${r}] = vec4f(${of('top', r)}, ${of('total', r)}, 0.0, 0.0); }`,
)}
  }
}`
  const workgroupBytes = 16 * rows * items + 4 * rows * (chunk + exchange) + 16 * threads
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups: [splits, kvHeads * Math.ceil(all / rows), batch],
    scratchBytes: 16 * batch * heads * seq * splits * (items + 1),
    ...(workgroupBytes > 16_384 ? {workgroupBytes} : {}),
    ...(by === 'subgroups' ? {subgroups: lanes} : {}),
    second: joined(p, items, splits, buffers(list), list.length),
  }
}
