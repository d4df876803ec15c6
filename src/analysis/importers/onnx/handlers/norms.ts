/** Normalizations of rows: layer and root-mean-square norms, alone and behind a sum (com.microsoft). */
import type {Call, Handler, Handlers} from '../call.ts'
import {product, type Value} from '../values.ts'

/** Normalization of rows: `layernorm` and `rmsnorm` by width. */
const rowNorm =
  (kind: 'layernorm' | 'rmsnorm', standardAxis = -1): Handler =>
  (call) => {
    const x = call.value(0)
    const shape = call.shape(0)
    const axis = call.axis('axis', standardAxis, shape.length)
    const width = product(shape.slice(axis))
    const output = call.make(shape, x.type)
    if (product(shape) > 0) {
      const weights = kind === 'layernorm' ? scaleAndShift(call, width) : [call.value(1)]
      call.emit(kind, {rows: product(shape) / width, width}, [x, ...weights], [output])
    }
    const statistics = shape.map((size, i) => (i < axis ? size : 1))
    return [output, ...call.node.outputs.slice(1).map((_, i) => call.make(statistics, 1, null, i + 1))]
  }

/** γ and β of a norm; where one is left out it is as if it were there: counted as in `layernorm`. */
function scaleAndShift(call: Call, width: number): Value[] {
  const given = [call.inputs[1], call.inputs[2]]
  return given.map((value) => value ?? call.around.fresh('', 1, [width], null, 'file'))
}

/** y = a + b in front of a norm (com.microsoft): input 0 and 1 are added, then normalized. */
const skipNorm =
  (kind: 'layernorm' | 'rmsnorm'): Handler =>
  (call) => {
    const [x, skip] = [call.value(0), call.value(1)]
    const shape = call.shape(0)
    const width = shape.at(-1) ?? 1
    const rows = product(shape) / width
    const [sum, output] = [call.make(shape, x.type, null, 3), call.make(shape, x.type)]
    if (product(shape) > 0) {
      const bias = call.inputs[kind === 'layernorm' ? 4 : 3]
      call.pointwise(bias ? [x, skip, bias] : [x, skip], sum, bias ? 2 : 1, 0, 'add')
      const weights =
        kind === 'layernorm'
          ? [call.value(2), call.inputs[3] ?? call.around.fresh('', 1, [width], null, 'file')]
          : [call.value(2)]
      call.emit(kind, {rows, width}, [sum, ...weights], [output], 'norm')
    }
    return [output, call.make(null, 1, null, 1), call.make(null, 1, null, 2), sum]
  }

export const norms: Handlers = {
  LayerNormalization: rowNorm('layernorm'),
  RMSNormalization: rowNorm('rmsnorm'),
  SimplifiedLayerNormalization: rowNorm('rmsnorm'),
  'com.microsoft.SimplifiedLayerNormalization': rowNorm('rmsnorm'),
  'com.microsoft.SkipLayerNormalization': skipNorm('layernorm'),
  'com.microsoft.SkipSimplifiedLayerNormalization': skipNorm('rmsnorm'),
}
