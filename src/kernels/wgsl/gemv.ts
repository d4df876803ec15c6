/** Matrix times vector, either side: all weights are read once, so bandwidth is what counts. */
import {type Binding, buffers, grid, groupIndex, type Shader, unrolled} from './shader.ts'

const threads = 64

/** c[m] = a[m,k]·b[k]: one workgroup a row, four elements a load. `vectorFirst`: the binding of b comes before that of a. */
export function matrixVector(m: number, k: number, vectorFirst = false): Shader {
  const wide = k % 4 === 0
  const type = wide ? 'vec4f' : 'f32'
  const items = wide ? k / 4 : k
  const workgroups = grid(m)
  const list = [
    {name: vectorFirst ? 'b' : 'a', type, access: 'read' as Binding},
    {name: vectorFirst ? 'a' : 'b', type, access: 'read' as Binding},
    {name: 'c', type: 'f32', access: 'write' as Binding},
  ]
  const code = `${buffers(list)}
var<workgroup> scratch: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = ${groupIndex(workgroups)};
  if (row >= ${m}u) { return; }
  var part = 0.0;
  for (var i = thread; i < ${items}u; i += ${threads}u) { part += ${wide ? 'dot(a[row * ITEMS + i], b[i])' : 'a[row * ITEMS + i] * b[i]'}; }
  scratch[thread] = part;
  for (var step = ${threads / 2}u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (thread < step) { scratch[thread] += scratch[thread + step]; }
  }
  if (thread == 0u) { c[row] = scratch[0]; }
}`.replaceAll('ITEMS', `${items}u`)
  return {code, bindings: list.map(({access}) => access), workgroups}
}

/** Rows of b that a workgroup sums apart before it adds them up. */
const slices = 8
/** Columns, or quads of columns, of a workgroup. */
const across = 32

/** c[n] = a[k]·b[k,n]: neighbours take neighbouring columns, eight slices of k are added in workgroup memory. */
export function vectorMatrix(n: number, k: number): Shader {
  const wide = n % 4 === 0
  const type = wide ? 'vec4f' : 'f32'
  const items = wide ? n / 4 : n
  const workgroups = grid(Math.ceil(items / across))
  const list = [
    {name: 'a', type: 'f32', access: 'read' as Binding},
    {name: 'b', type, access: 'read' as Binding},
    {name: 'c', type, access: 'write' as Binding},
  ]
  const code = `${buffers(list)}
var<workgroup> scratch: array<${type}, ${across * slices}>;
@compute @workgroup_size(${across * slices})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${across}u + thread % ${across}u;
  let slice = thread / ${across}u;
  var part = ${type}(0.0);
  if (item < ${items}u) {
    for (var i = slice; i < ${k}u; i += ${slices}u) { part = fma(${type}(a[i]), b[i * ${items}u + item], part); }
  }
  scratch[thread] = part;
  workgroupBarrier();
  if (slice == 0u && item < ${items}u) {
    c[item] = ${unrolled(slices, (s) => `scratch[thread + ${s * across}u]`, ' + ')};
  }
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
