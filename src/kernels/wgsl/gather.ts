/** Rows by index: embedding, and sums of the rows of a graph's neighbours. Neighbouring threads take neighbouring columns. */
import {type Binding, buffers, grid, groupIndex, type Shader} from './shader.ts'

const threads = 256

/** y[rows, width] = table[ids[row], width]. */
export function embedding(rows: number, width: number): Shader {
  const lanes = width % 4 === 0 ? 4 : 1
  const type = lanes === 4 ? 'vec4f' : 'f32'
  const across = width / lanes
  const workgroups = grid(Math.ceil((rows * across) / threads))
  const list = [
    {name: 'ids', type: 'i32', access: 'read' as Binding},
    {name: 'table', type, access: 'read' as Binding},
    {name: 'y', type, access: 'write' as Binding},
  ]
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (item >= ${rows * across}u) { return; }
  y[item] = table[u32(ids[item / ${across}u]) * ${across}u + item % ${across}u];
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}

export interface SpmmParams {
  nodes: number
  /** channels of a head */
  features: number
  heads: number
  /** a weight per edge and head, else edges are added */
  weighted: boolean
}

/** y[node] = Σ weight·x[column] over the edges of a node, in compressed sparse rows: a thread a node and four channels. */
export function spmm({nodes, features, heads, weighted}: SpmmParams): Shader {
  const lanes = features % 4 === 0 ? 4 : 1
  const type = lanes === 4 ? 'vec4f' : 'f32'
  const across = (heads * features) / lanes
  const workgroups = grid(Math.ceil((nodes * across) / threads))
  const list = [
    {name: 'x', type, access: 'read' as Binding},
    {name: 'columns', type: 'i32', access: 'read' as Binding},
    {name: 'starts', type: 'i32', access: 'read' as Binding},
    ...(weighted ? [{name: 'weights', type: 'f32', access: 'read' as Binding}] : []),
    {name: 'y', type, access: 'write' as Binding},
  ]
  const row = `x[u32(columns[e]) * ${across}u + channel]`
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (item >= ${nodes * across}u) { return; }
  let node = item / ${across}u;
  let channel = item % ${across}u;
  let last = u32(starts[node + 1u]);
  var sum = ${type}(0.0);
  for (var e = u32(starts[node]); e < last; e++) {
    ${weighted ? `sum = fma(${type}(weights[e * ${heads}u + channel / ${features / lanes}u]), ${row}, sum);` : `sum += ${row};`}
  }
  y[item] = sum;
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
