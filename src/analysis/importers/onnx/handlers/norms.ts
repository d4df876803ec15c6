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

/** Words, places and kinds of tokens, added and normalized (com.microsoft.EmbedLayerNormalization). */
const embedNorm: Handler = (call) => {
  const ids = call.shape(0)
  const tables = [call.value(2), call.value(3), ...(call.has(4) && call.has(1) ? [call.value(4)] : [])]
  const width = call.shape(2).at(-1) ?? 0
  const rows = product(ids)
  const {type} = call.value(2)
  const output = call.make([...ids, width], type)
  const sum = call.make([...ids, width], type, null, 2)
  if (rows * width === 0) return [output]
  const positions = ids.at(-1) ?? 0
  const from = [call.value(0), call.inputs[8] ?? null, call.inputs[1] ?? null]
  const names = ['words', 'places', 'kinds'] as const
  const parts = tables.map((table, i) => {
    const vocab = table.shape?.[0] ?? 1
    const part = call.make([...ids, width], type, null, 3 + i)
    const index = from[i] ?? call.around.fresh('positions', 7, [positions], null, 'shape')
    const picked = product(index.shape ?? [rows])
    call.emit('embedding', {rows: picked, width, vocab}, [index, table], [call.view(part, [picked, width])], names[i]!)
    return call.view(part, [picked, width])
  })
  const read = parts.reduce((n, part) => n + product(part.shape!), 0)
  const dims = {elements: rows * width, read, operations: parts.length - 1, special: 0, linear: true}
  call.emit('pointwise', dims, parts, [sum], 'add')
  call.emit('layernorm', {rows, width}, [sum, call.value(5), call.value(6)], [output], 'norm')
  return [output, call.make([ids[0] ?? 0], 6, null, 1), sum]
}

/** Groups of channels that lie last (com.microsoft.GroupNorm); `activation` 1 is a SiLU behind it. */
const channelsLastNorm: Handler = (call) => {
  const shape = call.shape(0)
  const x = call.value(0)
  const [batch, channels] = [shape[0] ?? 1, shape.at(-1) ?? 1]
  const elements = product(shape)
  const output = call.make(shape, x.type)
  if (elements === 0) return [output]
  const dims = {batch, channels, positions: elements / (batch * channels), groups: call.int('groups', 1)}
  const active = call.int('activation', 0) === 1
  const normed = active ? call.make(shape, x.type, null, 1) : output
  call.emit('groupnorm', dims, [x, call.value(1), call.value(2)], [normed])
  if (active) call.emit('silu', {elements}, [normed], [output], 'silu')
  return [output]
}

export const norms: Handlers = {
  LayerNormalization: rowNorm('layernorm'),
  RMSNormalization: rowNorm('rmsnorm'),
  SimplifiedLayerNormalization: rowNorm('rmsnorm'),
  'com.microsoft.SimplifiedLayerNormalization': rowNorm('rmsnorm'),
  'com.microsoft.SkipLayerNormalization': skipNorm('layernorm'),
  'com.microsoft.EmbedLayerNormalization': embedNorm,
  'com.microsoft.GroupNorm': channelsLastNorm,
  'com.microsoft.SkipSimplifiedLayerNormalization': skipNorm('rmsnorm'),
}
