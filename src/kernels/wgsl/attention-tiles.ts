/**
 * Fused attention in register tiles (Dao 2023): a workgroup takes 32 or 64 queries, a thread four or eight of them with four keys of a tile and
 * then with its columns of the values. It loads a quarter as much per multiply-add as a thread a query does, and with eight queries three
 * eighths less again; it needs more workgroup memory than every adapter has. Where queries see only what is before them the longest come first,
 * so that the last workgroups are short.
 */
import type {AttentionParams} from './attention.ts'
import {type Binding, buffers, f32, type Shader, unrolled} from './shader.ts'

/** Keys of a tile: eight threads of four. */
const keys = 32
const across = 8
/** Queries of a workgroup and of a thread. */
export interface QueryTile {
  queries: 32 | 64
  rows: 4 | 8
}

/** @returns `undefined` for heads that are not whole quads */
export function attentionTiles(
  {batch, seq, heads, kvHeads, headDim, causal}: AttentionParams,
  {queries, rows}: QueryTile,
): Shader | undefined {
  if (headDim % 4 !== 0) return undefined
  const quads = headDim / 4
  // a row of keys or values is one longer: eight threads then read eight rows from different banks
  const pitch = quads + 1
  const threads = (queries / rows) * across
  const columns = Math.ceil(quads / across)
  const list = ['q', 'k', 'v', 'o'].map((name) => ({
    name,
    type: 'vec4f',
    access: (name === 'o' ? 'write' : 'read') as Binding,
  }))
  const each = (line: (r: number) => string) => unrolled(rows, line)
  /** keys in the order that threads take them: the four of a thread lie eight rows apart */
  const slot = '(key % 4u * 8u + key / 4u)'
  // written out, all loads before the first store: a loop would wait for each of them in turn
  const rounds = Math.ceil((keys * quads) / threads)
  const fill = (from: string, row: string) => {
    const place = (j: number) =>
      `let key = (thread + ${j * threads}u) / ${quads}u; let col = (thread + ${j * threads}u) % ${quads}u;`
    const inside = (j: number) => ((j + 1) * threads <= keys * quads ? '' : `key < ${keys}u`)
    const loaded = (j: number) => [inside(j), `first + key < ${seq}u`].filter(Boolean).join(' && ')
    return `    {
${unrolled(rounds, (j) => `      var got${j} = vec4f(0.0);\n      { ${place(j)} if (${loaded(j)}) { got${j} = ${from}[key_at + (first + key) * ${kvHeads * quads}u + col]; } }`)}
${unrolled(rounds, (j) => `      { ${place(j)} ${inside(j) ? `if (${inside(j)}) ` : ''}{ tile[${row} * ${pitch}u + col] = got${j}; } }`)}
    }`
  }
  // every thread of a row gets what all eight have
  const joined = (combine: (a: string, b: string) => string, r: number) =>
    Array.from({length: across}, (_, i) => `shared_row[(ty * ${rows}u + ${r}u) * ${across}u + ${i}u]`).reduce(combine)
  const column = (c: number) =>
    quads % across === 0 ? `(tx + ${c * across}u)` : `min(tx + ${c * across}u, ${quads - 1}u)`
  const code = `${buffers(list)}
const lowest = -3.0e38f;
var<workgroup> tile_q: array<vec4f, ${queries * quads}>;
var<workgroup> tile: array<vec4f, ${keys * pitch}>;
var<workgroup> weights: array<vec4f, ${queries * across}>;
var<workgroup> shared_row: array<f32, ${queries * across}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row0 = ${causal ? `(${Math.max(0, Math.ceil(seq / queries) - 1)}u - group.x)` : 'group.x'} * ${queries}u;
  let head = group.y;
  let image = group.z;
  let tx = thread % ${across}u;
  let ty = thread / ${across}u;
  let query_at = (image * ${seq * heads}u + head) * ${quads}u;
  let key_at = (image * ${seq * kvHeads}u + head / ${heads / kvHeads}u) * ${quads}u;
  for (var i = thread; i < ${queries * quads}u; i += ${threads}u) {
    let row = min(row0 + i / ${quads}u, ${seq - 1}u);
    tile_q[i] = q[query_at + row * ${heads * quads}u + i % ${quads}u] * ${f32(1 / Math.sqrt(headDim))};
  }
${each((r) => `  var top${r} = lowest;\n  var total${r} = 0.0;\n${unrolled(columns, (c) => `  var out${r}_${c} = vec4f(0.0);`)}`)}
  let end = ${causal ? `min(row0 + ${queries}u, ${seq}u)` : `${seq}u`};
  for (var first = 0u; first < end; first += ${keys}u) {
    workgroupBarrier();
${fill('k', slot)}
    workgroupBarrier();
${each((r) => `    var s${r} = vec4f(0.0);`)}
    for (var col = 0u; col < ${quads}u; col++) {
${unrolled(4, (j) => `      let k${j} = tile[(${j * across}u + tx) * ${pitch}u + col];`)}
${unrolled(4, (l) => `      let turned${l} = vec4f(k0[${l}], k1[${l}], k2[${l}], k3[${l}]);`)}
${each((r) => `      let q${r} = tile_q[(ty * ${rows}u + ${r}u) * ${quads}u + col];\n${unrolled(4, (l) => `      s${r} = fma(vec4f(q${r}[${l}]), turned${l}, s${r});`)}`)}
    }
    let number = vec4u(first + tx * 4u) + vec4u(0u, 1u, 2u, 3u);
${each(
  (
    r,
  ) => `    s${r} = select(vec4f(lowest), s${r}, number < vec4u(${causal ? `min(row0 + ty * ${rows}u + ${r + 1}u, ${seq}u)` : `${seq}u`}));
    shared_row[(ty * ${rows}u + ${r}u) * ${across}u + tx] = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));`,
)}
    workgroupBarrier();
${each(
  (r) => `    let highest${r} = max(top${r}, ${joined((a, b) => `max(${a}, ${b})`, r)});
    let shrink${r} = exp(top${r} - highest${r});
    let w${r} = exp(s${r} - highest${r});
    total${r} = total${r} * shrink${r} + dot(w${r}, vec4f(1.0));
    top${r} = highest${r};
    weights[(ty * ${rows}u + ${r}u) * ${across}u + tx] = w${r};
${unrolled(columns, (c) => `    out${r}_${c} *= shrink${r};`)}`,
)}
${fill('v', 'key')}
    workgroupBarrier();
    for (var four = 0u; four < ${keys / 4}u; four++) {
${each((r) => `      let p${r} = weights[(ty * ${rows}u + ${r}u) * ${across}u + four];`)}
${unrolled(4, (j) =>
  unrolled(
    columns,
    (c) => `      let v${j}_${c} = tile[(four * 4u + ${j}u) * ${pitch}u + ${column(c)}];
${each((r) => `      out${r}_${c} = fma(vec4f(p${r}[${j}]), v${j}_${c}, out${r}_${c});`)}`,
  ),
)}
    }
  }
  workgroupBarrier();
${each((r) => `  shared_row[(ty * ${rows}u + ${r}u) * ${across}u + tx] = total${r};`)}
  workgroupBarrier();
${each(
  (r) => `  {
    let row = row0 + ty * ${rows}u + ${r}u;
    let inverse = 1.0 / (${joined((a, b) => `${a} + ${b}`, r)});
${unrolled(columns, (c) => `    if (row < ${seq}u && tx + ${c * across}u < ${quads}u) { o[query_at + row * ${heads * quads}u + tx + ${c * across}u] = out${r}_${c} * inverse; }`)}
  }`,
)}
}`
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups: [Math.ceil(seq / queries), heads, batch],
    workgroupBytes: 16 * (queries * quads + keys * pitch + queries * across) + 4 * queries * across,
  }
}
