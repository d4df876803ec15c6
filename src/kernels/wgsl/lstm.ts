/** A step of an LSTM: the gates' sums on their own, or with all that follows. */
import {type Binding, buffers, type Shader, unrolled} from './shader.ts'

/** Channels of a workgroup. */
const threads = 64
/** Sequences of a thread: a weight that is loaded serves as many. */
const rows = 4
const gates = ['i', 'f', 'g', 'o'] as const

/** Sums of four gates: x[batch, input]·w + h[batch, hidden]·u + biases; w and u hold the gates' columns beside each other. */
function step(batch: number, wide: number, hidden: number, outputs: readonly string[], finish: string): Shader {
  const names = ['x', 'w', 'u', 'biases', 'h', 'c']
  const list = [
    ...names.map((name) => ({name, type: 'f32', access: 'read' as Binding})),
    ...outputs.map((name) => ({name, type: 'f32', access: 'write' as Binding})),
  ]
  const product = (from: string, by: string, depth: number) => `  for (var k = 0u; k < ${depth}u; k++) {
${gates.map((gate, g) => `    let ${by}_${gate} = ${by}[k * ${4 * hidden}u + ${g * hidden}u + channel];`).join('\n')}
${unrolled(
  rows,
  (r) => `    let v${r} = ${from}[min(row + ${r}u, ${batch - 1}u) * ${depth}u + k];
${gates.map((gate) => `    ${gate}${r} = fma(v${r}, ${by}_${gate}, ${gate}${r});`).join('\n')}`,
)}
  }`
  // beyond the last sequence a thread computes the last one again and does not store it
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let channel = group.x * ${threads}u + thread;
  if (channel >= ${hidden}u) { return; }
  let row = group.y * ${rows}u;
${unrolled(rows, (r) => gates.map((gate, g) => `  var ${gate}${r} = biases[${g * hidden}u + channel];`).join('\n'))}
${product('x', 'w', wide)}
${product('h', 'u', hidden)}
${unrolled(rows, (r) => `  if (row + ${r}u < ${batch}u) { let at = (row + ${r}u) * ${hidden}u + channel; ${finish.replaceAll('#', String(r))} }`)}
}`
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups: [Math.ceil(hidden / threads), Math.ceil(batch / rows), 1],
  }
}

/** The gates' sums as tensors of their own. */
export const lstmProducts = (batch: number, wide: number, hidden: number): Shader =>
  step(
    batch,
    wide,
    hidden,
    gates.map((gate) => `sum_${gate}`),
    gates.map((gate) => `sum_${gate}[at] = ${gate}#;`).join(' '),
  )

const sigmoid = (of: string) => `1.0 / (1.0 + exp(-${of}))`
/** Beyond ±15 tanh is ±1 in f32, and one made of e^x would overflow. */
const tanh = (of: string) => `tanh(clamp(${of}, -15.0, 15.0))`

/** h′ = o·tanh(c′), c′ = f·c + i·g. */
export const lstm = (batch: number, wide: number, hidden: number): Shader =>
  step(
    batch,
    wide,
    hidden,
    ['h_new', 'c_new'],
    `let cell = ${sigmoid('f#')} * c[at] + ${sigmoid('i#')} * ${tanh('g#')}; c_new[at] = cell; h_new[at] = ${sigmoid('o#')} * ${tanh('cell')};`,
  )
