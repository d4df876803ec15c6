/** Softmax, LayerNorm, RMSNorm, their fusions and cross-entropy, as kernels of rows. */
import {lowest, type RowShape, rowKernel} from './row-kernel.ts'
import {f32, type Shader} from './shader.ts'

/** ε of the operators' references. */
const epsilon = 1e-5

export interface SoftmaxParams {
  rows: number
  cols: number
  /** scale and causal mask first: rows are queries of blocks of `cols`, scaled by 1 ÷ √headDim */
  causalHeadDim?: number
  shape?: RowShape | undefined
}

/** Safe softmax: maximum, sum of e^(x − max), quotient. */
export function softmax({rows, cols, causalHeadDim, shape}: SoftmaxParams): Shader {
  const scaled = causalHeadDim === undefined ? 'x[e]' : `x[e] * ${f32(1 / Math.sqrt(causalHeadDim))}`
  // e^(lowest − max) is 0: what is hidden adds nothing and is stored as 0
  const [columns, kept] =
    cols % 4 === 0 ? [`(vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u))`, `vec4u(row % ${cols}u)`] : ['i', `row % ${cols}u`]
  const hidden = `select(V(${lowest}), ${scaled}, ${columns} <= ${kept})`
  return rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}],
    outputs: ['y'],
    value: causalHeadDim === undefined ? scaled : hidden,
    figures: 'softmax',
    before: '  let inverse = 1.0 / figure1;',
    store: 'y[e] = exp(v - figure0) * inverse;',
    shape,
    ...(causalHeadDim === undefined ? {} : {causal: cols}),
  })
}

/** Cross-entropy of logits: log Σ e^x − x[target], nothing stored but the loss. */
export const crossEntropy = (rows: number, classes: number, shape?: RowShape): Shader =>
  rowKernel({
    rows,
    cols: classes,
    inputs: [{name: 'x'}],
    outputs: [],
    extra: [
      {name: 'targets', type: 'i32', access: 'read'},
      {name: 'loss', type: 'f32', access: 'write'},
    ],
    value: 'x[e]',
    figures: 'softmax',
    shape,
    finish: `let target_at = u32(targets[row]); loss[row] = log(figure1) + figure0 - ${
      classes % 4 === 0 ? 'x[first + target_at / 4u][target_at % 4u]' : 'x[first + target_at]'
    };`,
  })

const centred = (cols: number) => (reduce: (kind: 'sum', expression: string) => string) =>
  `${reduce('sum', 'v')}
  let mean = figure0 / ${f32(cols)};
${reduce('sum', '(v - mean) * (v - mean)')}
  let scale = inverseSqrt(figure1 / ${f32(cols)} + ${f32(epsilon)});`

/** (x − mean) ÷ √(variance + ε)·γ + β. */
export const layernorm = (rows: number, cols: number, shape?: RowShape): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'gamma'}, {name: 'beta'}],
    outputs: ['y'],
    value: 'x[e]',
    figures: centred(cols),
    shape,
    store: 'y[e] = (v - mean) * scale * gamma[i] + beta[i];',
  })

/** h = x + residual, y = LayerNorm(h): the sum is stored once and not read back. */
export const addLayernorm = (rows: number, cols: number, shape?: RowShape): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'residual'}, {name: 'gamma'}, {name: 'beta'}],
    outputs: ['h', 'y'],
    value: 'x[e] + residual[e]',
    figures: centred(cols),
    shape,
    store: 'h[e] = v; y[e] = (v - mean) * scale * gamma[i] + beta[i];',
  })

const rms = (cols: number) => (reduce: (kind: 'sum', expression: string) => string) =>
  `${reduce('sum', 'v * v')}
  let scale = inverseSqrt(figure0 / ${f32(cols)} + ${f32(epsilon)});`

/** x ÷ √(mean(x²) + ε)·γ. */
export const rmsnorm = (rows: number, cols: number, shape?: RowShape): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'gamma'}],
    outputs: ['y'],
    value: 'x[e]',
    figures: rms(cols),
    shape,
    store: 'y[e] = v * scale * gamma[i];',
  })

/** h = x + residual, y = RMSNorm(h): the sum is stored once and not read back. */
export const addRmsnorm = (rows: number, cols: number, shape?: RowShape): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'residual'}, {name: 'gamma'}],
    outputs: ['h', 'y'],
    value: 'x[e] + residual[e]',
    figures: rms(cols),
    shape,
    store: 'h[e] = v; y[e] = v * scale * gamma[i];',
  })
