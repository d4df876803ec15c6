/** Kernels that need a whole row: softmax, LayerNorm, RMSNorm and their fusions. One workgroup a row, the row held in registers. */
import {type Binding, buffers, f32, grid, groupIndex, powerOfTwo, type Shader, unrolled} from './shader.ts'

/** ε of the operators' references. */
const epsilon = 1e-5
/** Lowest finite f32: a start for maxima. */
const lowest = '-3.4028234e38f'
/** Most registers of `V` a thread holds of its row; longer rows are read again for every pass. */
const held = 8

interface RowParams {
  rows: number
  cols: number
  inputs: readonly {name: string}[]
  outputs: readonly string[]
  /** value of the row at item `i` (of the row) and element `e` (of the tensor), as `V` */
  value: string
  /** statements of the row's figures, made of `reduced('max'|'sum', expression of v)` */
  figures: (reduce: (kind: 'max' | 'sum', expression: string) => string) => string
  /** statements that store item `i` with value `v`; without them `finish` ends a row */
  store?: string
  functions?: string
  /** further buffers, and what the first thread of a row does at the end */
  extra?: readonly {name: string; type: string; access: Binding}[]
  finish?: string
  /** columns beyond `row % causal` are masked: `value` hides them within an item, items beyond are not read and stored as 0 */
  causal?: number
}

/** All threads get the sum or maximum of their values: a tree over workgroup memory. */
function reductions(threads: number): string {
  const tree = (name: string, combine: string) => `fn ${name}(value: f32, thread: u32) -> f32 {
  workgroupBarrier();
  scratch[thread] = value;
  for (var step = ${threads / 2}u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (thread < step) { scratch[thread] = ${combine}; }
  }
  workgroupBarrier();
  return scratch[0];
}`
  return `var<workgroup> scratch: array<f32, ${threads}>;
${tree('all_max', 'max(scratch[thread], scratch[thread + step])')}
${tree('all_sum', 'scratch[thread] + scratch[thread + step]')}`
}

function rowKernel(p: RowParams): Shader {
  const lanes = p.cols % 4 === 0 ? 4 : 1
  const type = lanes === 4 ? 'vec4f' : 'f32'
  const items = p.cols / lanes
  const threads = Math.min(256, Math.max(32, powerOfTwo(items / 2)))
  const per = Math.ceil(items / threads)
  const workgroups = grid(p.rows)
  const inRegisters = per <= held
  const list = [
    ...p.inputs.map(({name}) => ({name, type, access: 'read' as Binding})),
    ...p.outputs.map((name) => ({name, type, access: 'write' as Binding})),
    ...(p.extra ?? []),
  ]
  const limit = p.causal === undefined ? `${items}u` : `(row % ${p.causal}u / ${lanes}u + 1u)`
  const fold = (kind: 'max' | 'sum', of: string) =>
    lanes === 1 ? of : kind === 'max' ? `max(max(${of}.x, ${of}.y), max(${of}.z, ${of}.w))` : `dot(${of}, vec4f(1.0))`
  const combine = (kind: 'max' | 'sum', expression: string) =>
    kind === 'max' ? `part = max(part, ${expression});` : `part += ${expression};`
  const start = (kind: 'max' | 'sum') => (kind === 'max' ? `V(${lowest})` : 'V(0.0)')
  let passes = 0
  const reduce = (kind: 'max' | 'sum', expression: string): string => {
    const name = `figure${passes++}`
    const body = inRegisters
      ? unrolled(per, (j) => `    if (i${j} < limit) { let v = v${j}; ${combine(kind, expression)} }`)
      : `    for (var i = thread; i < limit; i += ${threads}u) { let e = first + i; let v = ${p.value}; ${combine(kind, expression)} }`
    return `  var ${name}: f32;
  {
    var part = ${start(kind)};
${body}
    ${name} = all_${kind}(${fold(kind, 'part')}, thread);
  }`
  }
  const load = inRegisters
    ? unrolled(
        per,
        (j) => `  let i${j} = thread + ${j * threads}u;
  var v${j} = V(0.0);
  if (i${j} < limit) { let i = i${j}; let e = first + i; v${j} = ${p.value}; }`,
      )
    : ''
  const masked = p.causal === undefined ? '' : p.outputs.map((name) => `${name}[e] = V(0.0);`).join(' ')
  const stores = p.finish
    ? `  if (thread == 0u) { ${p.finish} }`
    : inRegisters
      ? unrolled(
          per,
          (j) =>
            `  { let i = i${j}; let e = first + i; let v = v${j}; if (i < limit) { ${p.store} } ${masked ? `else if (i < ${items}u) { ${masked} }` : ''} }`,
        )
      : `  for (var i = thread; i < ${items}u; i += ${threads}u) { let e = first + i; if (i < limit) { let v = ${p.value}; ${p.store} } ${masked ? `else { ${masked} }` : ''} }`
  const code = `alias V = ${type};
${buffers(list)}
${reductions(threads)}
${p.functions ?? ''}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let row = ${groupIndex(workgroups)};
  if (row >= ${p.rows}u) { return; }
  let first = row * ${items}u;
  let limit = ${limit};
${load}
${p.figures(reduce)}
${stores}
}`
  return {code, bindings: list.map(({access}) => access), workgroups}
}

export interface SoftmaxParams {
  rows: number
  cols: number
  /** scale and causal mask first: rows are queries of blocks of `cols`, scaled by 1 ÷ √headDim */
  causalHeadDim?: number
}

/** Safe softmax: maximum, sum of e^(x − max), quotient. */
export function softmax({rows, cols, causalHeadDim}: SoftmaxParams): Shader {
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
    figures: (reduce) => `${reduce('max', 'v')}
${reduce('sum', 'exp(v - figure0)')}
  let inverse = 1.0 / figure1;`,
    store: 'y[e] = exp(v - figure0) * inverse;',
    ...(causalHeadDim === undefined ? {} : {causal: cols}),
  })
}

/** Cross-entropy of logits: log Σ e^x − x[target], nothing stored but the loss. */
export const crossEntropy = (rows: number, classes: number): Shader =>
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
    figures: (reduce) => `${reduce('max', 'v')}
${reduce('sum', 'exp(v - figure0)')}`,
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
export const layernorm = (rows: number, cols: number): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'gamma'}, {name: 'beta'}],
    outputs: ['y'],
    value: 'x[e]',
    figures: centred(cols),
    store: 'y[e] = (v - mean) * scale * gamma[i] + beta[i];',
  })

/** h = x + residual, y = LayerNorm(h): the sum is stored once and not read back. */
export const addLayernorm = (rows: number, cols: number): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'residual'}, {name: 'gamma'}, {name: 'beta'}],
    outputs: ['h', 'y'],
    value: 'x[e] + residual[e]',
    figures: centred(cols),
    store: 'h[e] = v; y[e] = (v - mean) * scale * gamma[i] + beta[i];',
  })

const rms = (cols: number) => (reduce: (kind: 'sum', expression: string) => string) =>
  `${reduce('sum', 'v * v')}
  let scale = inverseSqrt(figure0 / ${f32(cols)} + ${f32(epsilon)});`

/** x ÷ √(mean(x²) + ε)·γ. */
export const rmsnorm = (rows: number, cols: number): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'gamma'}],
    outputs: ['y'],
    value: 'x[e]',
    figures: rms(cols),
    store: 'y[e] = v * scale * gamma[i];',
  })

/** h = x + residual, y = RMSNorm(h): the sum is stored once and not read back. */
export const addRmsnorm = (rows: number, cols: number): Shader =>
  rowKernel({
    rows,
    cols,
    inputs: [{name: 'x'}, {name: 'residual'}, {name: 'gamma'}],
    outputs: ['h', 'y'],
    value: 'x[e] + residual[e]',
    figures: rms(cols),
    store: 'h[e] = v; y[e] = v * scale * gamma[i];',
  })
