/** Transpose of matrices: a tile goes through workgroup memory, so that reads and writes are both of neighbours. */
import {type Binding, buffers, grid, groupIndex, type Shader} from './shader.ts'

/** Rows and columns of a tile, and columns of threads. */
const tile = 32
/** Rows of threads: each moves four elements. */
const deep = 8

/** y[batch, cols, rows] = x[batch, rows, cols]ᵀ. */
export function transpose(batch: number, rows: number, cols: number): Shader {
  const [across, down] = [Math.ceil(cols / tile), Math.ceil(rows / tile)]
  const workgroups = grid(across * down * batch)
  const list = [
    {name: 'x', type: 'f32', access: 'read' as Binding},
    {name: 'y', type: 'f32', access: 'write' as Binding},
  ]
  // a row of the tile is one longer than the tile: a column of it then lies in as many banks as a row
  const code = `${buffers(list)}
var<workgroup> held: array<f32, ${tile * (tile + 1)}>;
@compute @workgroup_size(${tile * deep})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let number = ${groupIndex(workgroups)};
  if (number >= ${across * down * batch}u) { return; }
  let base = number / ${Math.max(1, across * down)}u * ${rows * cols}u;
  let left = number % ${Math.max(1, across)}u * ${tile}u;
  let top = number / ${Math.max(1, across)}u % ${Math.max(1, down)}u * ${tile}u;
  let tx = thread % ${tile}u;
  let ty = thread / ${tile}u;
  for (var i = ty; i < ${tile}u; i += ${deep}u) {
    let row = top + i;
    let col = left + tx;
    if (row < ${rows}u && col < ${cols}u) { held[i * ${tile + 1}u + tx] = x[base + row * ${cols}u + col]; }
  }
  workgroupBarrier();
  for (var i = ty; i < ${tile}u; i += ${deep}u) {
    let row = left + i;
    let col = top + tx;
    if (row < ${cols}u && col < ${rows}u) { y[base + row * ${rows}u + col] = held[tx * ${tile + 1}u + i]; }
  }
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
