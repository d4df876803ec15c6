/** Results whose length depends on data: the most that there can be is counted, and said. */
import type {Call, Handler, Handlers} from '../call.ts'
import {Mistake, product, type Value} from '../values.ts'

const INT64 = 7

function atMost(call: Call, what: string): void {
  call.around.warn(
    'data-dependent',
    `how many ${what} is not known before a run: the most that there can be are counted`,
  )
}

/**
 * Boxes [batch, boxes, 4], scores [batch, classes, boxes]: every score is compared, and every kept box with the boxes of
 * its class: 4 extremes, 2 differences, 2 limits at 0, areas and their union in 5, a division and a comparison.
 */
const suppression: Handler = (call) => {
  const [boxes, scores] = [call.shape(0), call.shape(1)]
  if (boxes.length !== 3 || scores.length !== 3) throw new Mistake(`boxes [${boxes}], scores [${scores}]`)
  const [batch, classes, count] = scores as [number, number, number]
  const asked = call.inputs[2]?.data?.[0] ?? (call.has(2) ? count : 0)
  const kept = Math.min(Math.max(0, asked), count)
  const output = call.make([batch * classes * kept, 3], INT64)
  const elements = batch * classes * count
  if (elements * kept === 0) return [output]
  atMost(call, 'boxes a NonMaxSuppression keeps')
  const dims = {elements, outputs: batch * classes * kept * 3, operations: 1 + 15 * kept, finals: 0, special: 0}
  call.emit('reduce', {...dims, linear: false}, [call.value(1), call.value(0)], [output])
  return [output]
}

/** Positions of what is not zero: one comparison per element. */
const nonZero: Handler = (call) => {
  const x = call.value(0)
  const shape = call.shape(0)
  const elements = product(shape)
  if (x.data) {
    const at = x.data.flatMap((value, i) => (value === 0 ? [] : [i]))
    if (shape.length === 1) return [call.make([1, at.length], INT64, at)]
    return [call.make([shape.length, at.length], INT64)]
  }
  atMost(call, 'elements a NonZero finds')
  const output = call.make([shape.length, elements], INT64)
  return [call.moved([x], output)]
}

/** Slices that a condition chooses. */
const compress: Handler = (call) => {
  const x = call.value(0)
  const shape = call.shape(0)
  const chosen = call.inputs[1]?.data
  const axis = call.attribute('axis') ? call.axis('axis', 0, shape.length) : -1
  const most = axis < 0 ? product(shape) : shape[axis]!
  const count = chosen ? Math.min(most, chosen.filter((value) => value !== 0).length) : most
  if (!chosen) atMost(call, 'slices a Compress keeps')
  const sizes = axis < 0 ? [count] : shape.map((size, i) => (i === axis ? count : size))
  const output = call.make(sizes, x.type)
  return [call.moved([x, call.value(1)], output, product(sizes) + most)]
}

/** Distinct values, sorted: a comparison sort takes log2(n) comparisons per element at least. */
const unique: Handler = (call) => {
  const x = call.value(0)
  const shape = call.shape(0)
  const axis = call.attribute('axis') ? call.axis('axis', 0, shape.length) : -1
  const count = axis < 0 ? product(shape) : shape[axis]!
  const values = call.make(axis < 0 ? [count] : shape, x.type)
  const places = [1, 2, 3].map((place): Value => call.make([count], INT64, null, place))
  if (count === 0) return [values, ...places]
  atMost(call, 'values of a Unique differ')
  return [call.pointwise([x], values, Math.max(1, Math.ceil(Math.log2(count)))), ...places]
}

export const selections: Handlers = {
  NonMaxSuppression: suppression,
  NonZero: nonZero,
  Compress: compress,
  Unique: unique,
}
