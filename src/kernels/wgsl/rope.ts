/** Rotary positions of queries and keys in one dispatch: one thread turns one pair. */
import {buffers, grid, groupIndex, type Shader} from './shader.ts'

export interface RopeParams {
  batch: number
  seq: number
  heads: number
  kvHeads: number
  /** even */
  headDim: number
}

const threads = 256

export function rope({batch, seq, heads, kvHeads, headDim}: RopeParams): Shader {
  const half = headDim / 2
  const queryPairs = batch * seq * heads * half
  const pairs = queryPairs + batch * seq * kvHeads * half
  const workgroups = grid(Math.ceil(pairs / threads))
  const list = [
    {name: 'q', type: 'f32', access: 'read'},
    {name: 'k', type: 'f32', access: 'read'},
    {name: 'table', type: 'f32', access: 'read'},
    {name: 'turned_q', type: 'f32', access: 'write'},
    {name: 'turned_k', type: 'f32', access: 'write'},
  ] as const
  const turn = (from: string, to: string, count: number) => `    let row = pair / ${half}u;
    let i = pair % ${half}u;
    let at = (row / ${count}u) % ${seq}u * ${headDim}u + i;
    let c = table[at];
    let s = table[at + ${half}u];
    let x = row * ${headDim}u + i;
    let a = ${from}[x];
    let b = ${from}[x + ${half}u];
    ${to}[x] = a * c - b * s;
    ${to}[x + ${half}u] = b * c + a * s;`
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  var pair = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (pair >= ${pairs}u) { return; }
  if (pair < ${queryPairs}u) {
${turn('q', 'turned_q', heads)}
  } else {
    pair -= ${queryPairs}u;
${turn('k', 'turned_k', kvHeads)}
  }
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
