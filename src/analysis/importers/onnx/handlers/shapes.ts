/** Operators whose result is a shape, a position or a condition: evaluated where the numbers are known. */
import type {Handler, Handlers} from '../call.ts'
import {evaluated} from '../known.ts'
import {SMALL} from '../tensor.ts'
import {axisOf, broadcast, Mistake, product} from '../values.ts'

const INT64 = 7

const shapeOf: Handler = (call) => {
  const shape = call.shape(0)
  const rank = shape.length
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank)
  const sizes = shape.slice(clamp(call.int('start', 0)), clamp(call.int('end', rank)))
  return [call.make([sizes.length], INT64, sizes)]
}

const constant: Handler = (call) => {
  const tensor = call.attribute('value')?.tensor ?? call.attribute('sparse_value')?.tensor
  if (tensor) return [call.around.tensorValue({...tensor, name: call.node.outputs[0] ?? tensor.name})]
  const int = call.attribute('value_int')?.int
  if (int !== undefined && int !== null) return [call.make([], INT64, [int])]
  const float = call.attribute('value_float')?.float
  if (float !== undefined && float !== null) return [call.make([], 1, [float])]
  const ints = call.ints('value_ints')
  if (ints) return [call.make([ints.length], INT64, ints)]
  const floats = call.attribute('value_floats')?.floats
  if (floats) return [call.make([floats.length], 1, floats)]
  return [call.make([], 8)]
}

const constantOfShape: Handler = (call) => {
  const shape = call.data(0)
  const tensor = call.attribute('value')?.tensor
  const output = call.make(shape, tensor?.type ?? 1)
  const elements = product(shape)
  const value = tensor ? tensor.values?.[0] : 0
  return [elements <= SMALL && value !== undefined ? {...output, data: Array(elements).fill(value)} : output]
}

const range: Handler = (call) => {
  const [from, to, step] = [call.data(0)[0] ?? 0, call.data(1)[0] ?? 0, call.data(2)[0] ?? 1]
  const count = Math.max(0, Math.ceil((to - from) / step))
  if (!Number.isFinite(count)) throw new Mistake(`a range from ${from} to ${to} in steps of ${step}`)
  const data = count <= SMALL ? Array.from({length: count}, (_, i) => from + i * step) : null
  return [call.make([count], call.value(0).type, data)]
}

const reshape: Handler = (call) => {
  const from = call.shape(0)
  const asked = [...(call.has(1) ? call.data(1) : (call.ints('shape') ?? []))]
  const zero = call.int('allowzero', 0) === 1
  const sizes = asked.map((size, i) => (size === 0 && !zero ? (from[i] ?? 0) : size))
  const elements = product(from)
  // exporters write the batch of the example into the shape; another batch takes its place
  const {rebatch} = call.around
  if (rebatch && sizes[0] === rebatch.from && from[0] === rebatch.to) sizes[0] = rebatch.to
  const open = sizes.indexOf(-1)
  if (open >= 0) {
    const rest = product(sizes.filter((_, i) => i !== open))
    sizes[open] = rest === 0 ? 0 : elements / rest
  }
  if (product(sizes) !== elements || sizes.some((size) => !Number.isInteger(size) || size < 0))
    throw new Mistake(`cannot reshape [${from}] to [${asked}]`)
  return [call.view(call.value(0), sizes)]
}

const squeeze: Handler = (call) => {
  const from = call.shape(0)
  const axes = call.list('axes', 1)?.map((axis) => axisOf(axis, from.length))
  const sizes = from.filter((size, i) => (axes ? !axes.includes(i) : size !== 1))
  return [call.view(call.value(0), sizes)]
}

const unsqueeze: Handler = (call) => {
  const from = call.shape(0)
  const axes = call.list('axes', 1) ?? []
  const rank = from.length + axes.length
  const at = new Set(axes.map((axis) => axisOf(axis, rank)))
  if (at.size !== axes.length) throw new Mistake(`axes [${axes}] name one twice`)
  let next = 0
  const sizes = Array.from({length: rank}, (_, i) => (at.has(i) ? 1 : from[next++]!))
  return [call.view(call.value(0), sizes)]
}

const flatten: Handler = (call) => {
  const from = call.shape(0)
  const axis = call.int('axis', 1)
  const at = axis < 0 ? axis + from.length : axis
  return [call.view(call.value(0), [product(from.slice(0, at)), product(from.slice(at))])]
}

const identity: Handler = (call) => [call.view(call.value(0), call.value(0).shape)]

/** In a run that infers, dropout hands its input on. */
const dropout: Handler = (call) => {
  const outputs = [call.view(call.value(0), call.value(0).shape)]
  if (call.node.outputs.length > 1) outputs.push(call.make(call.value(0).shape, 9, null, 1))
  return outputs
}

const toInteger = (type: number) => type === 6 || type === 7 || type === 12 || type === 13

/** A cast between types moves and converts every element; casts of known numbers cost nothing. */
const cast: Handler = (call) => {
  const from = call.value(0)
  const type = call.has(1) ? call.value(1).type : call.int('to', from.type)
  const data = from.data?.map((x) => (type === 9 ? Number(x !== 0) : toInteger(type) ? Math.trunc(x) : x)) ?? null
  if (type === from.type || call.origin === 'file') return [{...from, type, data, origin: call.origin}]
  const output = call.make(from.shape, type, data)
  return [call.moved([from], output)]
}

const expand: Handler = (call) => {
  const from = call.value(0)
  const sizes = broadcast(call.shape(0), call.data(1))
  const data = evaluated([from], sizes, (x) => x)
  if (product(sizes) === product(call.shape(0))) return [call.view(from, sizes, data)]
  return [call.moved([from], call.make(sizes, from.type, data))]
}

const size: Handler = (call) => [call.make([], INT64, [call.elements(0)])]

export const shapes: Handlers = {
  Shape: shapeOf,
  Size: size,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Flatten: flatten,
  Identity: identity,
  Dropout: dropout,
  Cast: cast,
  CastLike: cast,
  Expand: expand,
}
