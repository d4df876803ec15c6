/** Elementwise kernels of one line: sums, products, bias, scales, chains of them, mask, activations. */
import {elementwise} from './elementwise.ts'
import {buffers, f32, grid, groupIndex, type Shader, tanhOf} from './shader.ts'

/** x + y. */
export const add = (elements: number): Shader =>
  elementwise({elements, inputs: [{name: 'x'}, {name: 'z'}], outputs: ['y'], body: () => '  let out_y = x + z;'})

/** x · y. */
export const mul = (elements: number): Shader =>
  elementwise({elements, inputs: [{name: 'x'}, {name: 'z'}], outputs: ['y'], body: () => '  let out_y = x * z;'})

const unary = (elements: number, value: string): Shader =>
  elementwise({elements, inputs: [{name: 'x'}], outputs: ['y'], body: () => `  let out_y = ${value};`})

/** max(x, 0). */
export const relu = (elements: number): Shader => unary(elements, 'max(x, V(0.0))')

/** x ÷ (1 + e^−x). */
export const silu = (elements: number): Shader => unary(elements, 'x / (V(1.0) + exp(-x))')

/** 1 ÷ (1 + e^−x). */
export const sigmoid = (elements: number): Shader => unary(elements, 'V(1.0) / (V(1.0) + exp(-x))')

export const tanh = (elements: number): Shader => unary(elements, tanhOf('x', 'V(15.0)'))

/** x · 1.5 and x + 0.25: the constants of the operator `scale` and of the native chain. */
export const scale = (elements: number): Shader => unary(elements, 'x * 1.5')
export const shift = (elements: number): Shader => unary(elements, 'x + 0.25')

/** Both in turn, `k` operators in one pass. */
export const chain = (elements: number, k: number): Shader =>
  unary(
    elements,
    Array.from({length: k}, (_, i) => i).reduce(
      (value, i) => (i % 2 === 0 ? `(${value}) * 1.5` : `(${value}) + 0.25`),
      'x',
    ),
  )

/** x + bias, the bias a row of `cols`. */
export const bias = (elements: number, cols: number): Shader =>
  elementwise({
    elements,
    inputs: [{name: 'x'}, {name: 'bias', cols}],
    outputs: ['y'],
    body: () => '  let out_y = x + bias;',
  })

/** x[batch, channels, positions]·scale + shift per channel. */
export const batchnorm = (batch: number, channels: number, positions: number): Shader => {
  const one = `at / ${positions}u % ${channels}u`
  return elementwise({
    elements: batch * channels * positions,
    inputs: [{name: 'x'}, {name: 'scale', one}, {name: 'shift', one}],
    outputs: ['y'],
    vector: positions % 4 === 0,
    body: () => '  let out_y = x * scale + shift;',
  })
}

/** −log p[row, target]. */
export const negativeLog = (rows: number, classes: number): Shader => {
  const threads = 64
  const workgroups = grid(Math.ceil(rows / threads))
  const list = [
    {name: 'p', type: 'f32', access: 'read' as const},
    {name: 'targets', type: 'i32', access: 'read' as const},
    {name: 'loss', type: 'f32', access: 'write' as const},
  ]
  const code = `${buffers(list)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = ${groupIndex(workgroups)} * ${threads}u + thread;
  if (row >= ${rows}u) { return; }
  loss[row] = -log(p[row * ${classes}u + u32(targets[row])]);
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}

/** x ÷ √headDim. */
export const scaleScores = (elements: number, headDim: number): Shader =>
  elementwise({
    elements,
    inputs: [{name: 'x'}],
    outputs: ['y'],
    body: () => `  let out_y = x * ${f32(1 / Math.sqrt(headDim))};`,
  })

/** −∞ where the column is beyond the row, rows counted within each block of `cols` rows. */
export const mask = (elements: number, cols: number): Shader =>
  elementwise({
    elements,
    inputs: [{name: 'x'}],
    outputs: ['y'],
    vector: false,
    // WGSL has no constant for −∞: its bits come from a variable
    functions: 'var<private> infinity: u32 = 0xff800000u;',
    body: () => `  let out_y = select(x, bitcast<f32>(infinity), at % ${cols}u > (at / ${cols}u) % ${cols}u);`,
  })

/** silu(gate)·up. */
export const swiglu = (elements: number): Shader =>
  elementwise({
    elements,
    inputs: [{name: 'gate'}, {name: 'up'}],
    outputs: ['y'],
    body: () => '  let out_y = gate / (V(1.0) + exp(-gate)) * up;',
  })
