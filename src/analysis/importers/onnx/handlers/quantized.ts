/** Quantization: steps between wide and narrow types. */
import type {Handler, Handlers} from '../call.ts'

const quantize: Handler = (call) => {
  const x = call.value(0)
  const type = call.has(2) ? call.value(2).type : call.int('output_dtype', 2)
  const output = call.make(x.shape, type)
  // divide by the scale, round, add the zero point, clamp on both sides
  return [call.pointwise([x], output, 5)]
}

/** Subtract the zero point, multiply by the scale. Weights of the file stay in their narrow type. */
const dequantize: Handler = (call) => {
  const x = call.value(0)
  if (call.origin !== 'run') return [{...x, origin: call.origin}]
  return [call.pointwise([x], call.make(x.shape, call.value(1).type), 2)]
}

const dynamicQuantize: Handler = (call) => {
  const x = call.value(0)
  const elements = call.elements(0)
  const scale = call.make([], 1, null, 1)
  if (elements > 0)
    call.emit(
      'reduce',
      {elements, outputs: 1, operations: 2, finals: 3, special: 0, linear: false},
      [x],
      [scale],
      'range',
    )
  return [call.pointwise([x, scale], call.make(x.shape, 2), 5), scale, call.make([], 2, null, 2)]
}

export const quantized: Handlers = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamicQuantize,
}
