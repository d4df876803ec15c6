/** Quantization: steps between wide and narrow types, and elementwise work on narrow ones (com.microsoft.QLinear…). */
import type {Call, Handler, Handlers} from '../call.ts'
import {broadcast, type Value} from '../values.ts'
import {matmulShapes, multiply} from './products.ts'

/** Divide by the scale, round, add the zero point, clamp on both sides. */
const QUANTIZE = 5
/** Subtract the zero point, multiply by the scale. */
const DEQUANTIZE = 2

const quantize: Handler = (call) => {
  const x = call.value(0)
  const type = call.has(2) ? call.value(2).type : call.int('output_dtype', 2)
  return [call.pointwise([x], call.make(x.shape, type), QUANTIZE)]
}

/** Weights of the file stay in their narrow type. */
const dequantize: Handler = (call) => {
  const x = call.value(0)
  if (call.origin !== 'run') return [{...x, origin: call.origin}]
  return [call.pointwise([x], call.make(x.shape, call.value(1).type), DEQUANTIZE)]
}

/** The range of a tensor, and the tensor in 8 bits. */
function narrowed(call: Call, x: Value, place: number): {q: Value; scale: Value} {
  const elements = call.elements(0)
  const scale = call.make([], 1, null, place + 1)
  const range = {elements, outputs: 1, operations: 2, finals: 3, special: 0, linear: false}
  if (elements > 0) call.emit('reduce', range, [x], [scale], 'range')
  return {q: call.pointwise([x, scale], call.make(x.shape, 2, null, place), QUANTIZE, 0, 'quantize'), scale}
}

const dynamicQuantize: Handler = (call) => {
  const {q, scale} = narrowed(call, call.value(0), 0)
  return [q, scale, call.make([], 2, null, 2)]
}

/** Activations are quantized on the way in, sums multiplied by both scales: a, b, b's scales, b's zero points, bias. */
const dynamicMatmul: Handler = (call) => {
  const {sizes, shape} = matmulShapes(call.shape(0), call.shape(1))
  const {q} = narrowed(call, call.value(0), 1)
  const output = call.make(shape, call.value(0).type)
  const beside = 2 * sizes.batch * sizes.m * sizes.n
  multiply(call, q, call.value(1), output, sizes, call.inputs[4] ?? null, '', {integer: true, beside})
  return [output]
}

/** Two narrow operands, each with scale and zero point, widened, joined and narrowed again. */
const binary: Handler = (call) => {
  const shape = broadcast(call.shape(0), call.shape(3))
  const operands = [call.value(0), call.value(3)]
  return [call.pointwise(operands, call.make(shape, operands[0]!.type), 2 * DEQUANTIZE + 1 + QUANTIZE)]
}

/** A function of one narrow operand, widened and narrowed again. */
const unary =
  (operations: number, special = 0): Handler =>
  (call) => {
    const x = call.value(0)
    return [call.pointwise([x], call.make(call.shape(0), x.type), DEQUANTIZE + operations + QUANTIZE, special)]
  }

/** The mean of each plane of narrow values. */
const globalMean: Handler = (call) => {
  const shape = call.shape(0)
  const last = call.int('channels_last', 0) === 1
  const sizes = shape.map((size, i) => (i === 0 || i === (last ? shape.length - 1 : 1) ? size : 1))
  const output = call.make(sizes, call.value(0).type)
  const outputs = sizes.reduce((n, size) => n * size, 1)
  const dims = {elements: call.elements(0), outputs, operations: 1, finals: 1 + QUANTIZE, special: 0, linear: true}
  if (dims.elements > 0) call.emit('reduce', dims, [call.value(0)], [output])
  return [output]
}

export const quantized: Handlers = {
  QuantizeLinear: quantize,
  'com.microsoft.QuantizeLinear': quantize,
  DequantizeLinear: dequantize,
  'com.microsoft.DequantizeLinear': dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
  'com.microsoft.DynamicQuantizeMatMul': dynamicMatmul,
  'com.microsoft.QLinearAdd': binary,
  'com.microsoft.QLinearMul': binary,
  'com.microsoft.QLinearLeakyRelu': unary(2),
  'com.microsoft.QLinearSigmoid': unary(2, 1),
  'com.microsoft.QLinearGlobalAveragePool': globalMean,
}
