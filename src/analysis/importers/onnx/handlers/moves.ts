/** Operators that move elements: permute, join, cut, gather, scatter, pad. Known numbers are moved with them. */
import type {Call, Handler, Handlers} from '../call.ts'
import {picked, strides} from '../known.ts'
import {isInteger} from '../types.ts'
import {axisOf, Mistake, product, Unshaped, type Value} from '../values.ts'

const INT64 = 7
/** Results of one Split; exporters write some dozens. */
const MOST_PARTS = 65_536

const transpose: Handler = (call) => {
  const from = call.value(0)
  const shape = call.shape(0)
  const perm = call.ints('perm') ?? shape.map((_, i) => shape.length - 1 - i)
  const valid =
    perm.length === shape.length && new Set(perm).size === perm.length && perm.every((p) => p >= 0 && p < shape.length)
  if (!valid) throw new Mistake(`permutation [${perm}] of rank ${shape.length}`)
  const sizes = perm.map((p) => shape[p]!)
  const stride = strides(shape)
  const data = picked(from, product(shape), (i) => {
    let rest = i
    let position = 0
    for (let d = sizes.length - 1; d >= 0; d--) {
      position += (rest % sizes[d]!) * stride[perm[d]!]!
      rest = Math.floor(rest / sizes[d]!)
    }
    return position
  })
  // where only axes of size 1 change places, or the file's weights are stored the other way, nothing moves in a run
  const order = perm.filter((p) => shape[p] !== 1)
  const still = order.every((p, i) => i === 0 || p > order[i - 1]!)
  if (still || call.origin !== 'run') return [call.view(from, sizes, data)]
  return [call.moved([from], call.make(sizes, from.type, data))]
}

/** Tensors one behind the other along an axis. */
export function concat(call: Call, parts: readonly Value[], axis: number): Value {
  const shapes = parts.map(({shape}) => {
    if (!shape) throw new Unshaped()
    return shape
  })
  for (const shape of shapes) {
    if (shape.length !== shapes[0]!.length || shape.some((size, i) => i !== axis && size !== shapes[0]![i]))
      throw new Mistake(`joins [${shapes[0]}] and [${shape}] along axis ${axis}`)
  }
  const sizes = shapes[0]!.map((size, i) => (i === axis ? shapes.reduce((n, shape) => n + (shape[i] ?? 0), 0) : size))
  const known = axis === 0 && parts.every(({data}) => data !== null)
  const data = known ? parts.flatMap((part) => part.data!) : null
  const filled = parts.filter((part) => product(part.shape!) > 0)
  return call.moved(filled, call.make(sizes, parts[0]!.type, data))
}

const concatOf: Handler = (call) => {
  const parts = call.inputs.filter((value): value is Value => value !== null)
  if (parts.length === 0) throw new Mistake('has no inputs')
  return [concat(call, parts, call.axis('axis', 1, call.shape(0).length))]
}

/** Start, step and count of a slice along one axis, as numpy counts. */
function sliceRange(size: number, start: number, end: number, step: number): {start: number; count: number} {
  if (step === 0) throw new Mistake('a slice in steps of 0')
  const low = step > 0 ? 0 : -1
  const high = step > 0 ? size : size - 1
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high)
  const from = clamp(start)
  return {start: from, count: Math.max(0, Math.ceil((clamp(end) - from) / step))}
}

/** A part of the file's weights that is chosen by sizes alone (positions of a sequence): still those weights. */
const isPart = (call: Call, from: Value, sizes: readonly number[]): boolean =>
  call.origin !== 'run' && from.origin === 'file' && !isInteger(from.type) && product(sizes) <= product(from.shape!)

const slice: Handler = (call) => {
  const from = call.value(0)
  const shape = call.shape(0)
  const starts = call.list('starts', 1) ?? []
  const ends = call.list('ends', 2) ?? []
  const axes = call.list('axes', 3) ?? starts.map((_, i) => i)
  const steps = call.has(4) ? call.data(4) : starts.map(() => 1)
  const ranges = shape.map((size) => ({start: 0, count: size, step: 1}))
  axes.forEach((axis, i) => {
    const at = axisOf(axis, shape.length)
    const step = steps[i] ?? 1
    ranges[at] = {...sliceRange(shape[at]!, starts[i] ?? 0, ends[i] ?? 0, step), step}
  })
  const sizes = ranges.map(({count}) => count)
  const stride = strides(shape)
  const data = picked(from, product(sizes), (i) => {
    let rest = i
    let position = 0
    for (let d = sizes.length - 1; d >= 0; d--) {
      position += (ranges[d]!.start + (rest % sizes[d]!) * ranges[d]!.step) * stride[d]!
      rest = Math.floor(rest / sizes[d]!)
    }
    return position
  })
  if (product(sizes) === product(shape) || isPart(call, from, sizes)) return [call.view(from, sizes, data)]
  return [call.moved([from], call.make(sizes, from.type, data), product(sizes))]
}

/** Pieces of the first input along an axis. */
export function split(call: Call, axis: number, sizes: readonly number[]): Value[] {
  const from = call.value(0)
  const shape = call.shape(0)
  if (sizes.reduce((n, size) => n + size, 0) !== shape[axis])
    throw new Mistake(`splits ${shape[axis]} elements into ${sizes.slice(0, 100).join(' + ')}`)
  let before = 0
  const inner = product(shape.slice(axis + 1))
  const outputs = sizes.map((size, i) => {
    const own = shape.map((n, d) => (d === axis ? size : n))
    const start = before
    before += size
    const data = picked(from, product(own), (k) => {
      const outer = Math.floor(k / (size * inner))
      return outer * shape[axis]! * inner + start * inner + (k % (size * inner))
    })
    return call.make(own, from.type, data, i)
  })
  const written = outputs.filter((output) => product(output.shape!) > 0)
  if (written.length > 0) call.emit('move', {read: product(shape), written: product(shape)}, [from], written)
  return outputs
}

const splitOf: Handler = (call) => {
  const shape = call.shape(0)
  const axis = call.axis('axis', 0, shape.length)
  const parts = call.int('num_outputs', call.node.outputs.length)
  if (!(parts >= 1 && parts <= MOST_PARTS)) throw new Mistake(`splits into ${parts} parts`)
  const even = Math.ceil(shape[axis]! / parts)
  const sizes =
    call.list('split', 1) ?? Array.from({length: parts}, (_, i) => Math.max(0, Math.min(even, shape[axis]! - i * even)))
  return split(call, axis, sizes).slice(0, Math.max(call.node.outputs.length, 1))
}

const gather: Handler = (call) => {
  const [table, ids] = [call.value(0), call.value(1)]
  const [shape, at] = [call.shape(0), call.shape(1)]
  const axis = call.axis('axis', 0, shape.length)
  const sizes = [...shape.slice(0, axis), ...at, ...shape.slice(axis + 1)]
  const inner = product(shape.slice(axis + 1))
  const count = product(at)
  const size = shape[axis] ?? 1
  const data = ids.data
    ? picked(table, product(sizes), (i) => {
        const outer = Math.floor(i / (count * inner))
        const index = ids.data![Math.floor(i / inner) % count]!
        return (outer * size + (index < 0 ? index + size : index)) * inner + (i % inner)
      })
    : null
  if (isPart(call, table, sizes)) return [call.view(table, sizes, data)]
  const output = call.make(sizes, table.type, data)
  if (product(sizes) === 0) return [output]
  // ids that nobody knows before a run pick rows of a table: each row is read at most once
  if (axis === 0 && ids.origin === 'run' && inner > 1) {
    call.emit('embedding', {rows: count, width: inner, vocab: size}, [ids, table], [output])
    return [output]
  }
  const read = Math.min(product(sizes), product(shape))
  return [ids.data ? call.moved([table], output, read) : gathered(call, table, ids, output, read)]
}

/** Elements picked by positions that are read from memory. */
function gathered(call: Call, table: Value, ids: Value, output: Value, read: number): Value {
  const from = product(ids.shape!) + read
  call.emit('move', {read: from, written: product(output.shape!)}, [table, ids], [output])
  return output
}

const gatherElements: Handler = (call) => {
  const output = call.make(call.shape(1), call.value(0).type)
  if (product(output.shape!) === 0) return [output]
  return [gathered(call, call.value(0), call.value(1), output, product(output.shape!))]
}

const gatherNd: Handler = (call) => {
  const [shape, at] = [call.shape(0), call.shape(1)]
  const batch = call.int('batch_dims', 0)
  const depth = at.at(-1) ?? 0
  const sizes = [...at.slice(0, -1), ...shape.slice(batch + depth)]
  const output = call.make(sizes, call.value(0).type)
  return product(sizes) === 0 ? [output] : [gathered(call, call.value(0), call.value(1), output, product(sizes))]
}

const tile: Handler = (call) => {
  const from = call.value(0)
  const shape = call.shape(0)
  const times = call.data(1)
  if (times.length !== shape.length) throw new Mistake(`${times.length} repeats of rank ${shape.length}`)
  const sizes = shape.map((size, i) => size * times[i]!)
  if (product(times) === 1) return [call.view(from, sizes)]
  return [call.moved([from], call.make(sizes, from.type))]
}

const pad: Handler = (call) => {
  const from = call.value(0)
  const shape = call.shape(0)
  const pads = call.list(call.ints('paddings') ? 'paddings' : 'pads', 1) ?? []
  const axes = call.has(3) ? call.data(3).map((axis) => axisOf(axis, shape.length)) : shape.map((_, i) => i)
  const half = pads.length / 2
  if (half !== axes.length) throw new Mistake(`${pads.length} pads for ${axes.length} axes`)
  const sizes = [...shape]
  axes.forEach((axis, i) => {
    sizes[axis]! += pads[i]! + pads[i + half]!
  })
  if (pads.every((n) => n === 0)) return [call.view(from, sizes)]
  const output = call.make(sizes, from.type)
  return [call.moved([from], output, Math.min(product(shape), product(sizes)))]
}

const scatter: Handler = (call) => {
  const [target, updates] = [call.value(0), call.value(2)]
  const shape = call.shape(0)
  const data = scatteredNd(call)
  const output = call.make(shape, target.type, data)
  const used = [target, call.value(1), updates].filter((value) => product(value.shape ?? [0]) > 0)
  const adds = call.text('reduction', 'none') !== 'none'
  if (adds && product(shape) > 0) return [call.pointwise(used, output, 1)]
  return [call.moved(used, output)]
}

/** ScatterND on known numbers: exporters build shapes and masks with it. */
function scatteredNd(call: Call): number[] | null {
  const [{data: target}, {data: ids}, {data: updates}] = [call.value(0), call.value(1), call.value(2)]
  if (call.node.op !== 'ScatterND' || !target || !ids || !updates) return null
  const shape = call.shape(0)
  const at = call.shape(1)
  const depth = at.at(-1) ?? 0
  const stride = strides(shape)
  const size = product(shape.slice(depth))
  const result = [...target]
  for (let i = 0; i < product(at.slice(0, -1)); i++) {
    let position = 0
    for (let d = 0; d < depth; d++) {
      const index = ids[i * depth + d]!
      position += (index < 0 ? index + shape[d]! : index) * stride[d]!
    }
    for (let k = 0; k < size && position + k < result.length; k++) result[position + k] = updates[i * size + k] ?? 0
  }
  return result
}

const oneHot: Handler = (call) => {
  const shape = call.shape(0)
  const depth = call.data(1)[0] ?? 0
  const axis = axisOf(call.int('axis', -1), shape.length + 1)
  const sizes = [...shape.slice(0, axis), depth, ...shape.slice(axis)]
  return [call.moved([call.value(0)], call.make(sizes, call.value(2).type))]
}

const trilu: Handler = (call) => [call.moved([call.value(0)], call.make(call.shape(0), call.value(0).type))]

/** Blocks of pixels become channels or the reverse. */
const rearranged =
  (sizes: (shape: readonly number[], block: number) => number[]): Handler =>
  (call) => {
    const shape = call.shape(0)
    if (shape.length !== 4) throw new Mistake(`rank ${shape.length}; it takes 4 axes`)
    const out = sizes(shape, call.int('blocksize', 1))
    return [call.moved([call.value(0)], call.make(out, call.value(0).type))]
  }

const topK: Handler = (call) => {
  const shape = call.shape(0)
  const axis = call.axis('axis', -1, shape.length)
  const k = call.has(1) ? (call.data(1)[0] ?? 0) : call.int('k', 0)
  const sizes = shape.map((size, i) => (i === axis ? k : size))
  const [values, ids] = [call.make(sizes, call.value(0).type), call.make(sizes, INT64, null, 1)]
  // a selection compares every element with the smallest kept one: log2(k) steps of a heap of k at most
  const operations = Math.max(1, Math.ceil(Math.log2(Math.max(k, 1))))
  const elements = product(shape)
  if (elements > 0 && product(sizes) > 0)
    call.emit(
      'reduce',
      {elements, outputs: product(sizes), operations, finals: 0, special: 0, linear: false},
      [call.value(0)],
      [values],
    )
  return [values, ids]
}

/** The middle of a tensor, or the tensor in the middle of zeros. */
const centerCrop: Handler = (call) => {
  const from = call.value(0)
  const shape = call.shape(0)
  const asked = call.data(1)
  const axes = call.ints('axes')?.map((axis) => axisOf(axis, shape.length)) ?? shape.map((_, i) => i)
  if (axes.length !== asked.length) throw new Mistake(`${asked.length} sizes for ${axes.length} axes`)
  const sizes = [...shape]
  axes.forEach((axis, i) => {
    sizes[axis] = asked[i]!
  })
  return [call.moved([from], call.make(sizes, from.type), Math.min(product(shape), product(sizes)))]
}

/** A matrix with ones on a diagonal, of the size of another. */
const eyeLike: Handler = (call) => {
  const output = call.make(call.shape(0), call.int('dtype', call.value(0).type))
  return [call.moved([], output)]
}

/** Columns [batch, channels·taps, positions] added up to an image. */
const columnsToImage: Handler = (call) => {
  const [shape, image, block] = [call.shape(0), call.data(1), call.data(2)]
  const taps = product(block)
  if (shape.length !== 3 || taps < 1 || shape[1]! % taps !== 0)
    throw new Mistake(`columns [${shape}], blocks [${block}]`)
  const output = call.make([shape[0]!, shape[1]! / taps, ...image], call.value(0).type)
  const [elements, outputs] = [product(shape), product(output.shape!)]
  if (elements * outputs > 0)
    call.emit(
      'reduce',
      {elements, outputs, operations: 1, finals: 0, special: 0, linear: true},
      [call.value(0)],
      [output],
    )
  return [output]
}

/** New tokens written into a cache in place: what is written moves, the rest stays. */
const tensorScatter: Handler = (call) => {
  const [cache, update] = [call.value(0), call.value(1)]
  const size = call.elements(1)
  if (size > 0) call.emit('move', {read: size, written: size}, [update], [call.view(cache, call.shape(1))])
  return [cache]
}

/** Values put back where a pooling took them from, zeros elsewhere. */
const unpool: Handler = (call) => {
  const shape = call.shape(0)
  const kernel = call.ints('kernel_shape') ?? []
  const [strides_, pads] = [call.ints('strides'), call.ints('pads')]
  const given = call.has(2) ? call.data(2) : null
  const sizes = shape.map((size, i) => {
    if (given || i < 2) return given?.[i] ?? size
    const at = i - 2
    return (
      (size - 1) * (strides_?.[at] ?? 1) + (kernel[at] ?? 1) - (pads?.[at] ?? 0) - (pads?.[at + kernel.length] ?? 0)
    )
  })
  return [call.moved([call.value(0), call.value(1)], call.make(sizes, call.value(0).type))]
}

export const moves: Handlers = {
  CenterCropPad: centerCrop,
  EyeLike: eyeLike,
  Col2Im: columnsToImage,
  TensorScatter: tensorScatter,
  MaxUnpool: unpool,
  Transpose: transpose,
  Concat: concatOf,
  Slice: slice,
  Split: splitOf,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Tile: tile,
  Pad: pad,
  Scatter: scatter,
  ScatterElements: scatter,
  ScatterND: scatter,
  OneHot: oneHot,
  Trilu: trilu,
  ReverseSequence: trilu,
  TopK: topK,
  DepthToSpace: rearranged(([n, c, h, w], b) => [n!, c! / (b * b), h! * b, w! * b]),
  SpaceToDepth: rearranged(([n, c, h, w], b) => [n!, c! * b * b, h! / b, w! / b]),
}
