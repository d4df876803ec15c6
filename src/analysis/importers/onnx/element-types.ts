/** ONNX element types as the types of the analysis. */
import type {DType} from '../../dtype.ts'
import type {OnnxGraph} from './types.ts'
import {product} from './values.ts'

/** Types by ONNX number; `null` for the model's own float type is decided later. */
const dtypeOfElement: Readonly<Record<number, DType>> = {
  1: 'f32',
  2: 'int8',
  3: 'int8',
  4: 'f16',
  5: 'f16',
  6: 'f32',
  7: 'i64',
  9: 'int8',
  10: 'f16',
  11: 'f64',
  12: 'f32',
  13: 'i64',
  16: 'bf16',
  17: 'fp8',
  18: 'fp8',
  19: 'fp8',
  20: 'fp8',
  21: 'int4',
  22: 'int4',
  23: 'int4',
}

/** The type as far as it matters here: its width, and what computes in it. */
export const dtypeOf = (type: number): DType | undefined => dtypeOfElement[type]

/** The float type that most elements of the weights have; f32 where there are none. */
export function mainType(graph: OnnxGraph): number {
  const elements = new Map<number, number>()
  for (const {type, shape} of graph.initializers) {
    if (type === 1 || type === 10 || type === 11 || type === 16)
      elements.set(type, (elements.get(type) ?? 0) + product(shape))
  }
  let main = 0
  for (const [type, count] of elements) if (main === 0 || count > elements.get(main)!) main = type
  return main || graph.inputs.find(({type}) => type === 10 || type === 16 || type === 11)?.type || 1
}
