/** Elementwise kernels of one line: sums, bias, scale, mask, the gated activation. */
import {elementwise} from './elementwise.ts'
import {f32, type Shader} from './shader.ts'

/** x + y. */
export const add = (elements: number): Shader =>
  elementwise({elements, inputs: [{name: 'x'}, {name: 'z'}], outputs: ['y'], body: () => '  let out_y = x + z;'})

/** x + bias, the bias a row of `cols`. */
export const bias = (elements: number, cols: number): Shader =>
  elementwise({
    elements,
    inputs: [{name: 'x'}, {name: 'bias', cols}],
    outputs: ['y'],
    body: () => '  let out_y = x + bias;',
  })

/** x ÷ √headDim. */
export const scale = (elements: number, headDim: number): Shader =>
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
