/** Elementwise functions, reductions, softmax and normalizations. FLOPs: docs/conventions.md. */
import type {Call, Handler, Handlers} from '../call.ts'
import {evaluated} from '../known.ts'
import {SMALL} from '../tensor.ts'
import {axisOf, broadcast, product, type Value} from '../values.ts'

const BOOL = 9

/** Type of the result: the model's, or a condition. */
type Result = 'same' | 'bool'

/** A function of two inputs: 1 operation per result; integers that index cost bytes alone. */
const binary =
  (of: (a: number, b: number) => number, result: Result = 'same', special = 0, kind?: 'add' | 'mul'): Handler =>
  (call) => {
    const [a, b] = [call.value(0), call.value(1)]
    const shape = broadcastOld(call)
    const type = result === 'bool' ? BOOL : a.type
    const output = call.make(shape, type, evaluated([a, b], shape, of))
    const elements = product(shape)
    if (kind && elements > 0 && a.type === 1 && [a, b].every((x) => product(x.shape!) === elements)) {
      call.emit(kind, {elements}, [a, b], [output])
      return [output]
    }
    return [call.pointwise([a, b], output, integer(a.type) ? 0 : 1 - special, integer(a.type) ? 0 : special)]
  }

/** Integer index arithmetic is 0 FLOP (docs/conventions.md). */
const integer = (type: number) => type === 6 || type === 7 || type === 9 || type === 12 || type === 13

/** Shapes of two inputs; before opset 7 the second was aligned at `axis` when `broadcast` was set. */
function broadcastOld(call: Call): number[] {
  const [a, b] = [call.shape(0), call.shape(1)]
  if (call.opset < 7 && call.int('broadcast', 0) === 1 && call.attribute('axis')) {
    const axis = axisOf(call.int('axis', 0), a.length)
    const aligned = [...b, ...Array(Math.max(0, a.length - axis - b.length)).fill(1)]
    return broadcast(a, aligned)
  }
  return broadcast(a, b)
}

/** Division of integers truncates. */
const divide = (call: Call) =>
  binary((a, b) => (integer(call.value(0).type) ? (b === 0 ? 0 : Math.trunc(a / b)) : a / b))(call)

const modulo = (call: Call) =>
  binary((a, b) => (b === 0 ? 0 : call.int('fmod', 0) === 1 ? a % b : a - b * Math.floor(a / b)))(call)

/** A function of one input: operations and special functions per element. */
const unary =
  (operations: number, special = 0, of?: (x: number, call: Call) => number, result: Result = 'same'): Handler =>
  (call) => {
    const x = call.value(0)
    const shape = x.shape
    const data = of && shape ? evaluated([x], shape, (value) => of(value, call)) : null
    const output = call.make(shape, result === 'bool' ? BOOL : x.type, data)
    const none = integer(x.type)
    return [call.pointwise([x], output, none ? 0 : operations, none ? 0 : special)]
  }

/** A function that the registry knows by name. */
const named =
  (kind: 'relu' | 'tanh' | 'gelu' | 'gelu-tanh' | 'silu' | 'sigmoid' | 'quick-gelu'): Handler =>
  (call) => {
    const x = call.value(0)
    const output = call.make(x.shape, x.type)
    const elements = call.elements(0)
    if (elements > 0) call.emit(kind, {elements}, [x], [output])
    return [output]
  }

const geluOf: Handler = (call) => named(call.text('approximate', 'none') === 'tanh' ? 'gelu-tanh' : 'gelu')(call)

/** n inputs folded into one: n − 1 operations per result. */
const folded =
  (of: (a: number, b: number) => number, finals = 0): Handler =>
  (call) => {
    const inputs = call.inputs.filter((value): value is Value => value !== null)
    const shape = inputs.map((_, i) => call.shape(i)).reduce((a, b) => broadcast(a, b), [] as readonly number[])
    const data = evaluated(inputs, shape, (...x) => x.reduce(of) / (finals === 1 ? x.length : 1))
    const output = call.make(shape, inputs[0]?.type ?? 1, data)
    const same = inputs.length === 2 && finals === 0 && inputs.every((x) => product(x.shape!) === product(shape))
    if (same && call.node.op === 'Sum' && product(shape) > 0) {
      call.emit('add', {elements: product(shape)}, inputs, [output])
      return [output]
    }
    return [call.pointwise(inputs, output, inputs.length - 1 + finals)]
  }

const where: Handler = (call) => {
  const inputs = [call.value(0), call.value(1), call.value(2)]
  const shape = inputs.map((_, i) => call.shape(i)).reduce((a, b) => broadcast(a, b))
  const data = evaluated(inputs, shape, (c, a, b) => (c !== 0 ? a! : b!))
  // a selection moves elements and computes none
  return [call.pointwise(inputs, call.make(shape, inputs[1]!.type, data), 0)]
}

const clip: Handler = (call) => {
  const x = call.value(0)
  const bound = (i: number, name: string, standard: number) =>
    call.has(i) ? (call.value(i).data?.[0] ?? standard) : call.float(name, standard)
  const [low, high] = [bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY)]
  const data = x.shape ? evaluated([x], x.shape, (v) => Math.min(Math.max(v, low), high)) : null
  return [call.pointwise([x], call.make(x.shape, x.type, data), Number(low > -Infinity) + Number(high < Infinity))]
}

/** Axes of a reduction: an attribute at first, an input since opset 13 (ReduceSum) and 18. */
function axesOf(call: Call, rank: number): number[] {
  const axes = call.list('axes', 1)
  if (!axes || axes.length === 0)
    return axes && call.int('noop_with_empty_axes', 0) === 1 ? [] : Array.from({length: rank}, (_, i) => i)
  return axes.map((axis) => axisOf(axis, rank))
}

/** operations and special functions per element, operations per result, and the function of known numbers. */
const reduced =
  (operations: number, finals = 0, special = 0, of?: (all: readonly number[]) => number): Handler =>
  (call) => {
    const x = call.value(0)
    const shape = call.shape(0)
    const axes = new Set(axesOf(call, shape.length))
    if (axes.size === 0 && shape.length > 0) return [call.view(x, shape)]
    const keep = call.int('keepdims', 1) === 1
    const sizes = shape.flatMap((size, i) => (axes.has(i) ? (keep ? [1] : []) : [size]))
    const whole = axes.size === shape.length && of && x.data && x.data.length > 0
    const output = call.make(sizes, x.type, whole ? [of(x.data)] : null)
    const elements = product(shape)
    if (elements > 0 && product(sizes) > 0) {
      const none = integer(x.type)
      const dims = {
        elements,
        outputs: product(sizes),
        operations: none ? 0 : operations,
        finals: none ? 0 : finals,
        special: none ? 0 : special,
        linear: call.linear,
      }
      call.emit('reduce', dims, [x], [output])
    }
    return [output]
  }

const arg: Handler = (call) => {
  const shape = call.shape(0)
  const axis = call.axis('axis', 0, shape.length)
  const keep = call.int('keepdims', 1) === 1
  const sizes = shape.flatMap((size, i) => (i === axis ? (keep ? [1] : []) : [size]))
  const output = call.make(sizes, 7)
  const elements = product(shape)
  if (elements > 0)
    call.emit(
      'reduce',
      {elements, outputs: product(sizes), operations: 1, finals: 0, special: 0, linear: false},
      [call.value(0)],
      [output],
    )
  return [output]
}

/** Softmax along one axis; before opset 13 over all axes from `axis` on. */
const softmax: Handler = (call) => {
  const x = call.value(0)
  const shape = call.shape(0)
  const axis = call.axis('axis', call.opset < 13 ? 1 : -1, shape.length)
  const cols = call.opset < 13 ? product(shape.slice(axis)) : (shape[axis] ?? 1)
  const elements = product(shape)
  const output = call.make(shape, x.type)
  if (elements === 0) return [output]
  const log = call.node.op === 'LogSoftmax'
  const shares = log ? call.make(shape, x.type, null, 1) : output
  call.emit('softmax', {rows: elements / cols, cols, kept: elements}, [x], [shares])
  return [log ? call.pointwise([shares], output, 0, 1, 'log') : output]
}

/** A bias in front of an activation (com.microsoft). */
const biased =
  (kind: 'gelu' | 'gelu-tanh'): Handler =>
  (call) => {
    const x = call.value(0)
    if (!call.has(1)) return named(kind)(call)
    const sum = call.pointwise([x, call.value(1)], call.make(call.shape(0), x.type, null, 1), 1, 0, 'bias')
    const output = call.make(call.shape(0), x.type)
    const elements = call.elements(0)
    if (elements > 0) call.emit(kind, {elements}, [sum], [output], 'gelu')
    return [output]
  }

/** A running sum: one addition per element. */
const cumSum: Handler = (call) => {
  const x = call.value(0)
  const data = x.data && x.shape?.length === 1 && x.data.length <= SMALL ? running(x.data) : null
  return [call.pointwise([x], call.make(x.shape, x.type, data), integer(x.type) ? 0 : 1)]
}

function running(data: readonly number[]): number[] {
  let sum = 0
  return data.map((x) => {
    sum += x
    return sum
  })
}

const prelu: Handler = (call) => {
  const [x, slope] = [call.value(0), call.value(1)]
  return [call.pointwise([x, slope], call.make(broadcast(call.shape(0), call.shape(1)), x.type), 2)]
}

const isBool = (of: (a: number, b: number) => boolean) => binary((a, b) => Number(of(a, b)), 'bool')

export const math: Handlers = {
  Add: binary((a, b) => a + b, 'same', 0, 'add'),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b, 'same', 0, 'mul'),
  Div: divide,
  Mod: modulo,
  Pow: binary((a, b) => a ** b, 'same', 1),
  Equal: isBool((a, b) => a === b),
  Greater: isBool((a, b) => a > b),
  GreaterOrEqual: isBool((a, b) => a >= b),
  Less: isBool((a, b) => a < b),
  LessOrEqual: isBool((a, b) => a <= b),
  And: isBool((a, b) => a !== 0 && b !== 0),
  Or: isBool((a, b) => a !== 0 || b !== 0),
  Xor: isBool((a, b) => (a !== 0) !== (b !== 0)),
  BitwiseAnd: binary((a, b) => a & b),
  BitwiseOr: binary((a, b) => a | b),
  BitwiseXor: binary((a, b) => a ^ b),
  BitwiseNot: unary(0, 0, (x) => ~x),
  BitShift: (call) =>
    binary((a, b) => Math.floor(a * 2 ** (call.text('direction', 'LEFT') === 'RIGHT' ? -b : b)))(call),
  Not: unary(0, 0, (x) => Number(x === 0), 'bool'),
  IsNaN: unary(1, 0, (x) => Number(Number.isNaN(x)), 'bool'),
  IsInf: unary(1, 0, (x) => Number(Math.abs(x) === Number.POSITIVE_INFINITY), 'bool'),
  Neg: unary(1, 0, (x) => -x),
  Abs: unary(1, 0, Math.abs),
  Sign: unary(1, 0, Math.sign),
  Floor: unary(1, 0, Math.floor),
  Ceil: unary(1, 0, Math.ceil),
  Round: unary(1),
  Sqrt: unary(1, 0, Math.sqrt),
  Reciprocal: unary(1, 0, (x) => 1 / x),
  Exp: unary(0, 1, Math.exp),
  Log: unary(0, 1, Math.log),
  Erf: unary(0, 1),
  Sin: unary(0, 1, Math.sin),
  Cos: unary(0, 1, Math.cos),
  Tan: unary(0, 1),
  Asin: unary(0, 1),
  Acos: unary(0, 1),
  Atan: unary(0, 1),
  Sinh: unary(0, 1),
  Cosh: unary(0, 1),
  Asinh: unary(0, 1),
  Acosh: unary(0, 1),
  Atanh: unary(0, 1),
  Sigmoid: named('sigmoid'),
  // α·x + β between 0 and 1: multiply, add, two comparisons
  HardSigmoid: unary(4),
  HardSwish: unary(5),
  'com.microsoft.QuickGelu': named('quick-gelu'),
  Swish: (call) => named(call.float('alpha', 1) === 1 ? 'silu' : 'quick-gelu')(call),
  Softplus: unary(1, 2),
  Softsign: unary(3),
  Elu: unary(3, 1),
  Selu: unary(4, 1),
  Celu: unary(5, 1),
  Mish: unary(2, 3),
  LeakyRelu: unary(2),
  ThresholdedRelu: unary(1),
  Shrink: unary(3),
  PRelu: prelu,
  Relu: named('relu'),
  Tanh: named('tanh'),
  Gelu: geluOf,
  'com.microsoft.Gelu': named('gelu'),
  'com.microsoft.BiasGelu': biased('gelu'),
  'com.microsoft.FastGelu': biased('gelu-tanh'),
  Sum: folded((a, b) => a + b),
  Max: folded(Math.max),
  Min: folded(Math.min),
  Mean: folded((a, b) => a + b, 1),
  Where: where,
  Clip: clip,
  CumSum: cumSum,
  ReduceSum: reduced(1, 0, 0, (all) => all.reduce((a, b) => a + b)),
  ReduceMean: reduced(1, 1),
  ReduceMax: reduced(1, 0, 0, (all) => all.reduce((a, b) => Math.max(a, b))),
  ReduceMin: reduced(1, 0, 0, (all) => all.reduce((a, b) => Math.min(a, b))),
  ReduceProd: reduced(1, 0, 0, (all) => all.reduce((a, b) => a * b)),
  ReduceL1: reduced(2),
  ReduceL2: reduced(2, 1),
  ReduceSumSquare: reduced(2),
  ReduceLogSum: reduced(1, 1),
  // subtract the maximum, exponential, sum; a logarithm and an addition per result
  ReduceLogSumExp: reduced(3, 2, 1),
  ArgMax: arg,
  ArgMin: arg,
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
}
