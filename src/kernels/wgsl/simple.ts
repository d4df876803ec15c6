/** Elementwise kernels of one line: sums, products, bias, scales, chains of them, mask, activations. */
import {elementwise} from './elementwise.ts'
import {f32, type Shader} from './shader.ts'

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
