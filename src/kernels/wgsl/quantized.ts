/** Weights of 8 and 4 bits: widened to f32 on their own, and in a matrix–vector product. Four or eight lie in a word, the lowest bits first. */
import {type Binding, buffers, grid, groupIndex, type Shader, unrolled} from './shader.ts'

export type Quantized = 'i8' | 'i4'

const bitsOf: Readonly<Record<Quantized, number>> = {i8: 8, i4: 4}

/** WGSL: element `lane` of `word`, an i32, as f32. */
export const lane = (format: Quantized, word: string, at: string): string =>
  `f32(extractBits(${word}, (${at}) * ${bitsOf[format]}u, ${bitsOf[format]}u))`

/** x = q · scale, a scale for every `size` elements: a thread a word. */
export function dequantize(format: Quantized, groups: number, size: number): Shader {
  const threads = 256
  const per = 32 / bitsOf[format]
  const elements = groups * size
  const words = Math.ceil(elements / per)
  const workgroups = grid(Math.ceil(words / threads))
  // whole words within a group: stored four at a time
  const whole = size % per === 0
  const list = [
    {name: 'q', type: 'i32', access: 'read' as Binding},
    {name: 'scales', type: 'f32', access: 'read' as Binding},
    {name: 'x', type: whole ? 'vec4f' : 'f32', access: 'write' as Binding},
  ]
  const quad = (i: number) =>
    `  x[at / 4u + ${i}u] = vec4f(${[0, 1, 2, 3].map((l) => lane(format, 'word', `${4 * i + l}u`)).join(', ')}) * scale;`
  const body = whole
    ? `  let scale = scales[at / ${size}u];\n${unrolled(per / 4, quad)}`
    : `  for (var l = 0u; l < ${per}u && at + l < ${elements}u; l++) {
    x[at + l] = ${lane(format, 'word', 'l')} * scales[(at + l) / ${size}u];
  }`
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let item = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (item >= ${words}u) { return; }
  let at = item * ${per}u;
  let word = q[item];
${body}
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}

/** y[n] = x[k]·(scale·q)[n,k]ᵀ, a scale for every `group` elements of a row: one workgroup a row, a word at a time where rows are whole words. */
export function quantizedMatrixVector(format: Quantized, n: number, k: number, group: number): Shader {
  const threads = 64
  const per = 32 / bitsOf[format]
  const whole = k % per === 0 && group % per === 0
  const workgroups = grid(n)
  const list = [
    {name: 'x', type: whole ? 'vec4f' : 'f32', access: 'read' as Binding},
    {name: 'q', type: 'i32', access: 'read' as Binding},
    {name: 'scales', type: 'f32', access: 'read' as Binding},
    {name: 'y', type: 'f32', access: 'write' as Binding},
  ]
  const quad = (i: number) =>
    `dot(vec4f(${[0, 1, 2, 3].map((l) => lane(format, 'word', `${4 * i + l}u`)).join(', ')}), x[i * ${per / 4}u + ${i}u])`
  const sum = whole
    ? `  for (var i = thread; i < ${k / per}u; i += ${threads}u) {
    let word = q[row * ${k / per}u + i];
    part += (${unrolled(per / 4, quad, ' + ')}) * scales[(row * ${k}u + i * ${per}u) / ${group}u];
  }`
    : `  for (var i = thread; i < ${k}u; i += ${threads}u) {
    let at = row * ${k}u + i;
    part += ${lane(format, `q[at / ${per}u]`, `at % ${per}u`)} * scales[at / ${group}u] * x[i];
  }`
  const code = `${buffers(list)}
var<workgroup> scratch: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = ${groupIndex(workgroups)};
  if (row >= ${n}u) { return; }
  var part = 0.0;
${k === 0 ? '' : sum}
  scratch[thread] = part;
  for (var step = ${threads / 2}u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (thread < step) { scratch[thread] += scratch[thread + step]; }
  }
  if (thread == 0u) { y[row] = scratch[0]; }
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}
