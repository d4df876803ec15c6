/** Rotary positions of queries and keys in one dispatch: one thread turns four pairs, or one where a half is no whole number of fours. */
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
  const isWide = (headDim / 2) % 4 === 0
  const width = isWide ? 4 : 1
  const type = isWide ? 'vec4f' : 'f32'
  /** loads of half a head, and of a whole one */
  const half = headDim / 2 / width
  const whole = headDim / width
  const queryPairs = batch * seq * heads * half
  const pairs = queryPairs + batch * seq * kvHeads * half
  const workgroups = grid(Math.ceil(pairs / threads))
  const list = [
    {name: 'q', type, access: 'read'},
    {name: 'k', type, access: 'read'},
    {name: 'table', type, access: 'read'},
    {name: 'turned_q', type, access: 'write'},
    {name: 'turned_k', type, access: 'write'},
  ] as const
  const turn = (from: string, to: string, count: number) => `    let row = pair / ${half}u;
    let i = pair % ${half}u;
    let at = (row / ${count}u) % ${seq}u * ${whole}u + i;
    let c = table[at];
    let s = table[at + ${half}u];
    let x = row * ${whole}u + i;
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
