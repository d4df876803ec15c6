/** Work that is split over more workgroups than it has results: each leaves its part of a sum in a buffer, and a second dispatch adds them up. */
import {type Binding, buffers, grid, groupIndex, type Shader} from './shader.ts'

/** A buffer of a shader, in binding order. */
export interface Bound {
  name: string
  type: string
  access: Binding
}

/** The buffer of parts, the last of the bindings. */
export const parts = (type: string): Bound => ({name: 'parts', type, access: 'write'})

const threads = 64

/** `into`[item] = Σ parts[part·items + item]; bindings are those of the first dispatch. */
export function addParts(list: readonly Bound[], into: string, items: number, count: number): Shader {
  const workgroups = grid(Math.ceil(items / threads))
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (item >= ${items}u) { return; }
  var sum = parts[item];
  for (var part = 1u; part < ${count}u; part++) { sum += parts[part * ${items}u + item]; }
  ${into}[item] = sum;
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
