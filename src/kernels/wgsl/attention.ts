/**
 * Fused attention with an online softmax (Dao et al. 2022; Milakov & Gimelshein 2018): each thread owns one query, its scores never leave
 * registers. Tiles of keys and values lie in workgroup memory, where all threads read the same element at once.
 */
import {type Binding, buffers, f32, type Shader, unrolled} from './shader.ts'

export interface AttentionParams {
  batch: number
  seq: number
  heads: number
  kvHeads: number
  headDim: number
  causal: boolean
}

/** Queries of a workgroup, and threads. */
const queries = 64
/** Keys whose scores are computed together: one rescaling of the sums for four. */
const together = 4
/** B of workgroup memory for the tiles: what every implementation has. */
const tileMemory = 16_384

export function attention({batch, seq, heads, kvHeads, headDim, causal}: AttentionParams): Shader {
  const wide = headDim % 4 === 0
  const quads = Math.ceil(headDim / 4)
  // a tile of keys and one of values, a whole number of `together`
  const keys = Math.max(together, Math.min(32, Math.floor(tileMemory / (2 * quads * 16) / together) * together))
  const type = wide ? 'vec4f' : 'f32'
  const list = [
    {name: 'q', type, access: 'read' as Binding},
    {name: 'k', type, access: 'read' as Binding},
    {name: 'v', type, access: 'read' as Binding},
    {name: 'o', type, access: 'write' as Binding},
  ]
  const loader = (name: string) =>
    wide
      ? `fn load_${name}(at: u32) -> vec4f { return ${name}[at / 4u]; }`
      : `fn load_${name}(at: u32, col: u32) -> vec4f {
  var value = vec4f(${name}[at], 0.0, 0.0, 0.0);
${[1, 2, 3].map((i) => `  if (col + ${i}u < ${headDim}u) { value[${i}] = ${name}[at + ${i}u]; }`).join('\n')}
  return value;
}`
  const load = (name: string, at: string, col: string) => `load_${name}(${at} + ${col}${wide ? '' : `, ${col}`})`
  const store = wide
    ? unrolled(quads, (i) => `    o[(query_at + ${4 * i}u) / 4u] = out${i} * inverse;`)
    : unrolled(headDim, (i) => `    o[query_at + ${i}u] = out${i >> 2}[${i & 3}] * inverse;`)
  const score = (j: number) => `      var score${j} = dot(query0, tile_k[(j + ${j}u) * ${quads}u]);
${unrolled(quads - 1, (i) => `      score${j} += dot(query${i + 1}, tile_k[(j + ${j}u) * ${quads}u + ${i + 1}u]);`)}
      if (first + j + ${j}u >= last) { score${j} = lowest; }`
  const value = (i: number) =>
    `      out${i} = out${i} * shrink + ${unrolled(together, (j) => `weight${j} * tile_v[(j + ${j}u) * ${quads}u + ${i}u]`, ' + ')};`
  const code = `${buffers(list)}
const lowest = -3.0e38f;
var<workgroup> tile_k: array<vec4f, ${keys * quads}>;
var<workgroup> tile_v: array<vec4f, ${keys * quads}>;
${['q', 'k', 'v'].map(loader).join('\n')}
@compute @workgroup_size(${queries})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let image = group.z;
  let head = group.y;
  let row = group.x * ${queries}u + thread;
  let present = row < ${seq}u;
  let query_at = ((image * ${seq}u + min(row, ${seq - 1}u)) * ${heads}u + head) * ${headDim}u;
  let key_at = (image * ${seq * kvHeads}u + head / ${heads / kvHeads}u) * ${headDim}u;
${unrolled(quads, (i) => `  let query${i} = ${load('q', 'query_at', `${4 * i}u`)} * ${f32(1 / Math.sqrt(headDim))};\n  var out${i} = vec4f(0.0);`)}
  var top = lowest;
  var total = 0.0;
  // keys that this query sees, and that the workgroup needs
  let last = ${causal ? `min(row + 1u, ${seq}u)` : `${seq}u`};
  let end = ${causal ? `min(group.x * ${queries}u + ${queries}u, ${seq}u)` : `${seq}u`};
  for (var first = 0u; first < end; first += ${keys}u) {
    workgroupBarrier();
    for (var i = thread; i < ${keys * quads}u; i += ${queries}u) {
      let key = first + i / ${quads}u;
      let col = i % ${quads}u * 4u;
      let at = key_at + key * ${kvHeads * headDim}u;
      if (key < ${seq}u) {
        tile_k[i] = ${load('k', 'at', 'col')};
        tile_v[i] = ${load('v', 'at', 'col')};
      } else {
        tile_k[i] = vec4f(0.0);
        tile_v[i] = vec4f(0.0);
      }
    }
    workgroupBarrier();
    for (var j = 0u; j < ${keys}u; j += ${together}u) {
      if (first + j >= last) { break; }
${unrolled(together, score)}
      let highest = max(top, ${unrolled(together, (j) => `score${j}`, ', ').replace(/^(.*), (.*), (.*), (.*)$/, 'max(max($1, $2), max($3, $4))')});
      let shrink = exp(top - highest);
${unrolled(together, (j) => `      let weight${j} = exp(score${j} - highest);`)}
      total = total * shrink + ${unrolled(together, (j) => `weight${j}`, ' + ')};
      top = highest;
${unrolled(quads, value)}
    }
  }
  if (present) {
    let inverse = 1.0 / total;
${store}
  }
}`
  return {code, bindings: list.map(({access}) => access), workgroups: [Math.ceil(seq / queries), heads, batch]}
}
