/** A step of an LSTM: the gates' sums on their own, or with all that follows. Directly for few sequences, by the tiles of a product for many. */
import {matmul, type TileShape} from './matmul.ts'
import {type Binding, buffers, type Shader, tanhOf, unrolled} from './shader.ts'

/** Channels of a workgroup of the direct form. */
const threads = 64
/** Sequences of a thread: a weight that is loaded serves as many. */
const rows = 4
const gates = ['i', 'f', 'g', 'o'] as const
type Gate = (typeof gates)[number]

const inputs = ['x', 'w', 'u', 'biases', 'h', 'c'].map((name) => ({name, type: 'f32'}))
const outputs = (whole: boolean) =>
  (whole ? ['h_new', 'c_new'] : gates.map((gate) => `sum_${gate}`)).map((name) => ({name, type: 'f32'}))

const sigmoid = (of: string) => `1.0 / (1.0 + exp(-${of}))`

/** What is stored at `at` of the four sums: c′ = f·c + i·g and h′ = o·tanh(c′), or the sums. */
const stores = (whole: boolean, sum: (gate: Gate) => string): string =>
  whole
    ? `let cell = ${sigmoid(sum('f'))} * c[at] + ${sigmoid(sum('i'))} * ${tanhOf(sum('g'))}; c_new[at] = cell; h_new[at] = ${sigmoid(sum('o'))} * ${tanhOf('cell')};`
    : gates.map((gate) => `sum_${gate}[at] = ${sum(gate)};`).join(' ')

/** Sums of four gates: x[batch, input]·w + h[batch, hidden]·u + biases; w and u hold the gates' columns beside each other. */
export function lstmDirect(batch: number, wide: number, hidden: number, whole: boolean): Shader {
  const list = [
    ...inputs.map((input) => ({...input, access: 'read' as Binding})),
    ...outputs(whole).map((output) => ({...output, access: 'write' as Binding})),
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
${unrolled(rows, (r) => `  if (row + ${r}u < ${batch}u) { let at = (row + ${r}u) * ${hidden}u + channel; ${stores(whole, (gate) => `${gate}${r}`)} }`)}
}`
  return {
    code,
    bindings: list.map(({access}) => access),
    workgroups: [Math.ceil(hidden / threads), Math.ceil(batch / rows), 1],
  }
}

/**
 * The same as one product of [x h] with [w; u]: four neighbouring columns are the gates of one channel, so that the thread that has their
 * sums has all that the channel needs.
 */
export function lstmProduct(batch: number, wide: number, hidden: number, whole: boolean, tile?: TileShape): Shader {
  const [k, n] = [wide + hidden, 4 * hidden]
  const ofGates = (from: string, at: string) =>
    `vec4f(${gates.map((_, g) => `${from}[${at} + ${g * hidden}u]`).join(', ')})`
  return matmul({
    batch: 1,
    m: batch,
    n,
    k,
    own: {
      inputs,
      outputs: outputs(whole),
      loads: {
        a: `fn load_a(base: u32, row: u32, col: u32) -> vec4f {
  var value = vec4f(0.0);
  if (row >= ${batch}u) { return value; }
${unrolled(
  4,
  (l) => `  if (col + ${l}u < ${wide}u) { value[${l}] = x[row * ${wide}u + col + ${l}u]; }
  else if (col + ${l}u < ${k}u) { value[${l}] = h[row * ${hidden}u + col + ${l}u - ${wide}u]; }`,
)}
  return value;
}`,
        b: `fn load_b(base: u32, row: u32, col: u32) -> vec4f {
  let channel = col / 4u;
  if (row >= ${k}u || col >= ${n}u) { return vec4f(0.0); }
  if (row < ${wide}u) { return ${ofGates('w', `row * ${n}u + channel`)}; }
  return ${ofGates('u', `(row - ${wide}u) * ${n}u + channel`)};
}`,
      },
      store: `let channel = col4 / 4u;
        let at = row * ${hidden}u + channel;
        let gate = sums + ${ofGates('biases', 'channel')};
        ${stores(whole, (gate) => `gate[${gates.indexOf(gate)}]`)}`,
    },
    tile,
  })
}
