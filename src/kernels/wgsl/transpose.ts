/** Transpose of matrices: a tile goes through workgroup memory, so that reads and writes are both of neighbours. */
import {type Binding, buffers, type Shader} from './shader.ts'

/** Rows and columns of a tile, and columns of threads. */
const tile = 32
/** Rows of threads: each moves four elements. */
const deep = 8

/** y[batch, cols, rows] = x[batch, rows, cols]ᵀ. */
export function transpose(batch: number, rows: number, cols: number): Shader {
  const list = [
    {name: 'x', type: 'f32', access: 'read' as Binding},
    {name: 'y', type: 'f32', access: 'write' as Binding},
  ]
  // a row of the tile is one longer than the tile: a column of it then lies in as many banks as a row
  const code = `${buffers(list)}
var<workgroup> held: array<f32, ${tile * (tile + 1)}>;
@compute @workgroup_size(${tile * deep})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let base = group.z * ${rows * cols}u;
  let tx = thread % ${tile}u;
  let ty = thread / ${tile}u;
  for (var i = ty; i < ${tile}u; i += ${deep}u) {
    let row = group.y * ${tile}u + i;
    let col = group.x * ${tile}u + tx;
    if (row < ${rows}u && col < ${cols}u) { held[i * ${tile + 1}u + tx] = x[base + row * ${cols}u + col]; }
  }
  workgroupBarrier();
  for (var i = ty; i < ${tile}u; i += ${deep}u) {
    let row = group.x * ${tile}u + i;
    let col = group.y * ${tile}u + tx;
    if (row < ${cols}u && col < ${rows}u) { y[base + row * ${rows}u + col] = held[tx * ${tile + 1}u + i]; }
  }
}`
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups: [Math.ceil(cols / tile), Math.ceil(rows / tile), batch],
  }
}
