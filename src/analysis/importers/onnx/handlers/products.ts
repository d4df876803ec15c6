/** Matrix products, contractions, attention and recurrent layers. */
import {quoted} from '../../../errors.ts'
import type {Call, EmitOptions, Handler, Handlers} from '../call.ts'
import {broadcast, Mistake, product, type Value} from '../values.ts'
import {activated} from './activations.ts'

/** Emits the product of `a` [batch…, m, k] and `b` [batch…, k, n] as the operator that fits its operands. */
export function multiply(
  call: Call,
  a: Value,
  b: Value,
  output: Value,
  sizes: Sizes,
  bias: Value | null,
  suffix = '',
  options: EmitOptions = {},
): void {
  const {batchA, batchB, batch, m, n, k} = sizes
  if (batch * m * n * k === 0) return
  if (batchB === 1) {
    // one matrix for all rows: a product of all rows at once
    const inputs = bias ? [a, b, bias] : [a, b]
    if (batchA === batch)
      call.emit('linear', {m: batch * m, n, k, bias: bias !== null}, inputs, [output], suffix, options)
    return
  }
  if (batchA === batch && batchB === batch)
    call.emit('matmul', {batch, m, n, k, bias: bias !== null}, bias ? [a, b, bias] : [a, b], [output], suffix, options)
  else
    call.emit(
      'einsum',
      {x: batchA * m * k, y: batchB * k * n, out: batch * m * n, inner: k},
      [a, b],
      [output],
      suffix,
      options,
    )
}

export interface Sizes {
  readonly batchA: number
  readonly batchB: number
  readonly batch: number
  readonly m: number
  readonly n: number
  readonly k: number
}

/** Shapes of numpy's matmul: vectors become matrices and lose the axis again. */
export function matmulShapes(first: readonly number[], second: readonly number[]): {sizes: Sizes; shape: number[]} {
  if (first.length === 0 || second.length === 0) throw new Mistake('a product of a scalar')
  const a = first.length === 1 ? [1, first[0]!] : first
  const b = second.length === 1 ? [second[0]!, 1] : second
  const [m, k] = [a.at(-2)!, a.at(-1)!]
  const n = b.at(-1)!
  if (b.at(-2) !== k) throw new Mistake(`a product of [${first}] and [${second}]: ${k} is not ${b.at(-2)}`)
  const outer = broadcast(a.slice(0, -2), b.slice(0, -2))
  const shape = [...outer, ...(first.length === 1 ? [] : [m]), ...(second.length === 1 ? [] : [n])]
  const sizes = {batchA: product(a.slice(0, -2)), batchB: product(b.slice(0, -2)), batch: product(outer), m, n, k}
  return {sizes, shape}
}

const matmul =
  (a: number, b: number, result: (call: Call) => number, integer = false, steps = 0): Handler =>
  (call) => {
    const {sizes, shape} = matmulShapes(call.shape(a), call.shape(b))
    const output = call.make(shape, result(call))
    multiply(call, call.value(a), call.value(b), output, sizes, null, '', {integer, beside: steps * product(shape)})
    return [output]
  }

/** com.microsoft.FusedMatMul: either operand transposed, the result scaled. */
const fusedMatmul: Handler = (call) => {
  const flip = (shape: readonly number[], name: string) =>
    call.int(name, 0) === 1 ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape
  const {sizes, shape} = matmulShapes(flip(call.shape(0), 'transA'), flip(call.shape(1), 'transB'))
  const output = call.make(shape, call.value(0).type)
  multiply(call, call.value(0), call.value(1), output, sizes, null)
  return [output]
}

/** α·A·B + β·C; the factors are folded into the product. */
export const gemm: Handler = (call) => {
  const [a, b] = [call.shape(0), call.shape(1)]
  // before opset 7 the first operand may have more axes, which count as one
  const [rows, inner] = a.length === 2 ? [a[0]!, a[1]!] : [a[0] ?? 1, product(a.slice(1))]
  const [m, k] = call.int('transA', 0) ? [inner, rows] : [rows, inner]
  if (b.length !== 2) throw new Mistake(`the second operand is [${b}]`)
  const [depth, n] = call.int('transB', 0) ? [b[1]!, b[0]!] : [b[0]!, b[1]!]
  if (depth !== k) throw new Mistake(`a product of [${a}] and [${b}]: ${k} is not ${depth}`)
  const output = call.make([m, n], call.value(0).type)
  const bias = call.inputs[2] ?? null
  const row = bias?.shape && product(bias.shape) === n ? bias : null
  multiply(call, call.value(0), call.value(1), output, {batchA: 1, batchB: 1, batch: 1, m, n, k}, row)
  if (bias && !row) {
    const sum = call.make([m, n], call.value(0).type)
    return [call.pointwise([output, bias], sum, 1, 0, 'add')]
  }
  return [output]
}

/** Sizes of the letters of an equation; `...` stands for axes that broadcast. */
function lettersOf(terms: readonly string[], shapes: readonly (readonly number[])[]): Map<string, number> {
  const sizes = new Map<string, number>()
  terms.forEach((term, t) => {
    const shape = shapes[t]!
    const letters = expandDots(term, shape.length)
    if (letters.length !== shape.length) throw new Mistake(`einsum: ${quoted(term)} for the shape [${shape}]`)
    letters.forEach((letter, i) => {
      const [before, size] = [sizes.get(letter) ?? 1, shape[i]!]
      if (before !== size && before !== 1 && size !== 1)
        throw new Mistake(`einsum: ${quoted(letter)} is ${before} and ${size}`)
      sizes.set(letter, before === 1 ? size : before)
    })
  })
  return sizes
}

/** `...ij` of rank 4 → ['.1', '.0', 'i', 'j']: axes behind the dots count from the last. */
function expandDots(term: string, rank: number): string[] {
  const at = term.indexOf('...')
  if (at < 0) return [...term]
  const [before, after] = [[...term.slice(0, at)], [...term.slice(at + 3)]]
  const dots = Math.max(0, rank - before.length - after.length)
  return [...before, ...Array.from({length: dots}, (_, i) => `.${dots - 1 - i}`), ...after]
}

const einsum: Handler = (call) => {
  const equation = call.text('equation', '').replaceAll(' ', '')
  const [left = '', right] = equation.split('->')
  const terms = left.split(',')
  const inputs = call.inputs.filter((value): value is Value => value !== null)
  if (terms.length !== inputs.length || equation.length > 1000)
    throw new Mistake(`einsum: ${quoted(equation)} for ${inputs.length} inputs`)
  const shapes = inputs.map((_, i) => call.shape(i))
  const sizes = lettersOf(terms, shapes)
  const axes = terms.map((term, i) => expandDots(term, shapes[i]!.length))
  const dots = [...sizes.keys()]
    .filter((letter) => letter.startsWith('.'))
    .sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)))
  const all = axes.flat()
  // without an arrow: letters that stand once, in the order of the alphabet
  const kept =
    right === undefined
      ? [
          ...dots,
          ...[...sizes.keys()].filter((l) => !l.startsWith('.') && all.filter((x) => x === l).length === 1).sort(),
        ]
      : expandDots(right, right.replace('...', '').length + dots.length)
  const sizeOf = (letter: string) => sizes.get(letter) ?? 1
  const output = call.make(kept.map(sizeOf), inputs[0]!.type)
  const out = product(kept.map(sizeOf))
  const elements = product([...sizes.values()])
  if (elements === 0) return [output]
  if (inputs.length === 1) {
    if (elements === out) return [call.moved(inputs, output)]
    call.emit('reduce', {elements, outputs: out, operations: 1, finals: 0, special: 0, linear: true}, inputs, [output])
    return [output]
  }
  // two at a time from the left, each keeping the letters that are still needed: the order that numpy takes by default
  let [value, letters] = [inputs[0]!, axes[0]!]
  for (let i = 1; i < inputs.length; i++) {
    const later = new Set([...kept, ...axes.slice(i + 1).flat()])
    const union = [...new Set([...letters, ...axes[i]!])]
    const rest = i === inputs.length - 1 ? kept : union.filter((letter) => later.has(letter))
    const result = i === inputs.length - 1 ? output : call.make(rest.map(sizeOf), value.type, null, i)
    const [outs, total] = [product(rest.map(sizeOf)), product(union.map(sizeOf))]
    const dims = {x: product(value.shape!), y: product(inputs[i]!.shape!), out: outs, inner: total / outs}
    call.emit('einsum', dims, [value, inputs[i]!], [result], inputs.length > 2 ? String(i) : '')
    value = result
    letters = rest
  }
  return [output]
}

/** The type of an input as that of the result. */
export const typeOf = (at: number) => (call: Call) => call.value(at).type

export const products: Handlers = {
  MatMul: matmul(0, 1, typeOf(0)),
  MatMulInteger: matmul(0, 1, () => 6, true),
  // a, scale, zero, b, scale, zero, scale, zero; each result is scaled, rounded, moved by the zero point, clamped twice
  QLinearMatMul: matmul(0, 3, typeOf(0), true, 5),
  // a, b, scales, zeros, bias: sums are multiplied by both scales
  'com.microsoft.MatMulIntegerToFloat': matmul(0, 1, typeOf(2), true, 2),
  'com.microsoft.FusedMatMul': fusedMatmul,
  Gemm: gemm,
  'com.microsoft.FusedGemm': (call) => [activated(call, gemm(call)[0]!, call.text('activation', ''))],
  'com.microsoft.TransposeMatMul': fusedMatmul,
  Einsum: einsum,
}
