/** Convolutions, pools, normalizations over channels, resizing. */
import {samePadding, type WindowDims} from '../../../ops/window.ts'
import type {Call, Handler, Handlers} from '../call.ts'
import {Mistake, product, Unshaped, type Value} from '../values.ts'
import {activated} from './activations.ts'
import {typeOf} from './products.ts'

interface Axis {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly pad: number
  readonly out: number
}

/** Names of up to three spatial axes, the last first. */
const names = ['Width', 'Height', 'Depth'] as const

/** A window over the spatial axes as the attributes say: strides, dilations, pads, auto_pad, ceil_mode. */
function axesOf(call: Call, sizes: readonly number[], kernel: readonly number[]): Axis[] {
  const rank = sizes.length
  if (kernel.length !== rank) throw new Mistake(`a window of ${kernel.length} axes over ${rank}`)
  // more than three spatial axes are no operator that anybody costs
  if (rank < 1 || rank > 3) throw new Unshaped()
  const [strides, dilations, pads] = [call.ints('strides'), call.ints('dilations'), call.ints('pads')]
  const auto = call.text('auto_pad', 'NOTSET')
  const ceil = call.int('ceil_mode', 0) === 1
  return sizes.map((size, i) => {
    const [stride, dilation] = [strides?.[i] ?? 1, dilations?.[i] ?? 1]
    const [own, begin, end] = [kernel[i]!, pads?.[i] ?? 0, pads?.[i + rank] ?? 0]
    for (const [name, value] of Object.entries({kernel: own, stride, dilation})) {
      if (!Number.isSafeInteger(value) || value < 1) throw new Mistake(`a ${name} of ${value}`)
    }
    if (begin < 0 || end < 0) throw new Mistake(`a padding of ${Math.min(begin, end)}`)
    const span = dilation * (own - 1) + 1
    const pad = auto.startsWith('SAME') ? samePadding(size, own, stride, dilation) : auto === 'VALID' ? 0 : begin + end
    const room = size + pad - span
    if (room < 0) throw new Mistake(`a window of ${span} does not fit ${size} elements with ${pad} of padding`)
    let out = Math.floor(room / stride) + 1
    if (ceil && auto === 'NOTSET') {
      out = Math.ceil(room / stride) + 1
      // the last window must begin inside the input or the padding before it
      if ((out - 1) * stride >= size + begin) out--
    }
    return {size, kernel: own, stride, dilation, pad: Math.max(pad, (out - 1) * stride + span - size), out}
  })
}

/** The axes as dims of an operator: one axis is width, two height and width, three depth too. */
function windowDims(axes: readonly Axis[]): WindowDims {
  const dims: Record<string, number> = {height: 1, kernelHeight: 1}
  axes.toReversed().forEach((axis, i) => {
    const name = names[i]!
    dims[name.toLowerCase()] = axis.size
    dims[`kernel${name}`] = axis.kernel
    dims[`stride${name}`] = axis.stride
    dims[`dilation${name}`] = axis.dilation
    dims[`pad${name}`] = axis.pad
  })
  return {height: 1, width: 1, kernelHeight: 1, kernelWidth: 1, ...dims}
}

/** What the inputs of a convolution are, and what follows it. */
interface ConvolutionOf {
  readonly x: number
  readonly w: number
  readonly bias: number
  readonly result: (call: Call) => number
  /** on 8-bit integers */
  readonly integer?: boolean
  /** steps per result behind the sums: scale, round, zero point, clamp twice */
  readonly steps?: number
  /** offsets of every tap, sampled between four neighbours (arXiv:1703.06211 §2.1) */
  readonly offsets?: number
}

/** FLOPs of a bilinear sample, as in `interpolate-bilinear`. */
const SAMPLE = 9

/** Convolution by positions of its inputs in the call. */
const convolution =
  ({x, w, bias: at, result, integer = false, steps = 0, offsets}: ConvolutionOf): Handler =>
  (call) => {
    const [shape, filter] = [call.shape(x), call.shape(w)]
    const groups = call.int('group', 1)
    if (shape.length < 3 || filter.length !== shape.length) throw new Mistake(`input [${shape}], filters [${filter}]`)
    const [batch, channels] = [shape[0]!, shape[1]!]
    const filters = filter[0]!
    if (groups < 1 || filter[1]! * groups !== channels || filters % groups !== 0)
      throw new Mistake(`${channels} channels in ${groups} groups, filters [${filter}]`)
    const kernel = call.ints('kernel_shape') ?? filter.slice(2)
    const axes = axesOf(call, shape.slice(2), kernel)
    const output = call.make([batch, filters, ...axes.map(({out}) => out)], result(call))
    const results = product(output.shape!)
    if (results === 0) return [output]
    const bias = call.has(at)
    const inputs: Value[] = [call.value(x), call.value(w)]
    if (bias) inputs.push(call.value(at))
    if (offsets !== undefined) inputs.push(call.value(offsets))
    const samples = offsets === undefined ? 0 : (results / filters) * channels * product(kernel)
    const dims = {...windowDims(axes), batch, channels, filters, groups, bias}
    call.emit('conv', dims, inputs, [output], '', {integer, beside: steps * results + SAMPLE * samples})
    return [output]
  }

/** com.microsoft.FusedConv: a fourth input is added, then an activation runs. */
const fusedConv: Handler = (call) => {
  const [sums] = convolution({x: 0, w: 1, bias: 2, result: typeOf(0)})(call)
  const added = call.has(3)
    ? call.pointwise([sums!, call.value(3)], call.make(sums!.shape, sums!.type, null, 1), 1, 0, 'add')
    : sums!
  return [activated(call, added, call.text('activation', ''))]
}

const convTranspose: Handler = (call) => {
  const [shape, filter] = [call.shape(0), call.shape(1)]
  const groups = call.int('group', 1)
  if (shape.length < 3 || filter.length !== shape.length) throw new Mistake(`input [${shape}], filters [${filter}]`)
  const rank = shape.length - 2
  if (rank > 3) throw new Unshaped()
  const [batch, channels] = [shape[0]!, shape[1]!]
  if (groups < 1 || filter[0] !== channels || channels % groups !== 0)
    throw new Mistake(`${channels} channels in ${groups} groups, filters [${filter}]`)
  const filters = filter[1]! * groups
  const kernel = call.ints('kernel_shape') ?? filter.slice(2)
  const [strides, dilations, pads, extra] = ['strides', 'dilations', 'pads', 'output_padding'].map((name) =>
    call.ints(name),
  )
  const wanted = call.ints('output_shape')
  const auto = call.text('auto_pad', 'NOTSET')
  const axes = shape.slice(2).map((size, i) => {
    const [stride, dilation, own, more] = [strides?.[i] ?? 1, dilations?.[i] ?? 1, kernel[i] ?? 1, extra?.[i] ?? 0]
    const full = (size - 1) * stride + dilation * (own - 1) + 1 + more
    // output_shape and SAME state the result; the padding follows from it
    const asked = wanted ? wanted[wanted.length - rank + i] : auto.startsWith('SAME') ? size * stride : undefined
    const pad = asked === undefined ? (pads?.[i] ?? 0) + (pads?.[i + rank] ?? 0) : full - asked
    return {size, kernel: own, stride, dilation, pad, out: full - pad, extra: more}
  })
  const output = call.make([batch, filters, ...axes.map(({out}) => out)], call.value(0).type)
  if (product(output.shape!) === 0 || product(shape) === 0) return [output]
  const bias = call.has(2)
  const inputs = [call.value(0), call.value(1), ...(bias ? [call.value(2)] : [])]
  const extras: Record<string, number> = {}
  axes.toReversed().forEach((axis, i) => {
    if (axis.extra > 0) extras[`extra${names[i]!}`] = axis.extra
  })
  call.emit('conv-transpose', {...windowDims(axes), ...extras, batch, channels, filters, groups, bias}, inputs, [
    output,
  ])
  return [output]
}

const pool =
  (kind: 'max-pool' | 'avg-pool'): Handler =>
  (call) => {
    const shape = call.shape(0)
    const kernel = call.ints('kernel_shape')
    if (shape.length < 3 || !kernel) throw new Mistake(`input [${shape}], kernel [${kernel ?? ''}]`)
    const axes = axesOf(call, shape.slice(2), kernel)
    const output = call.make([shape[0]!, shape[1]!, ...axes.map(({out}) => out)], call.value(0).type)
    if (product(output.shape!) > 0)
      call.emit(kind, {...windowDims(axes), batch: shape[0]!, channels: shape[1]!}, [call.value(0)], [output])
    return [output, call.make(output.shape, 7, null, 1)]
  }

const lpPool: Handler = (call) => {
  const [shape, kernel] = [call.shape(0), call.ints('kernel_shape') ?? []]
  const axes = axesOf(call, shape.slice(2), kernel)
  const output = call.make([shape[0]!, shape[1]!, ...axes.map(({out}) => out)], call.value(0).type)
  return [call.pointwise([call.value(0)], output, 2 * product(kernel) - 1, 1)]
}

/** One value per channel. */
const globalPool =
  (operations: number, finals: number): Handler =>
  (call) => {
    const shape = call.shape(0)
    const sizes = shape.map((size, i) => (i < 2 ? size : 1))
    const output = call.make(sizes, call.value(0).type)
    const elements = product(shape)
    if (elements > 0)
      call.emit(
        'reduce',
        {elements, outputs: product(sizes), operations, finals, special: 0, linear: call.linear},
        [call.value(0)],
        [output],
      )
    return [output]
  }

/** Batch, channels and the rest. */
function planes(shape: readonly number[]): {batch: number; channels: number; positions: number} {
  if (shape.length < 2) return {batch: shape[0] ?? 1, channels: 1, positions: 1}
  return {batch: shape[0]!, channels: shape[1]!, positions: product(shape.slice(2))}
}

const batchNorm: Handler = (call) => {
  const shape = call.shape(0)
  const output = call.make(shape, call.value(0).type)
  if (product(shape) > 0) call.emit('batchnorm', planes(shape), [call.value(0), call.value(1), call.value(2)], [output])
  return [output, ...call.node.outputs.slice(1).map((_, i) => call.make([planes(shape).channels], 1, null, i + 1))]
}

const groupNorm =
  (groupsOf: (call: Call, channels: number) => number): Handler =>
  (call) => {
    const shape = call.shape(0)
    const sizes = planes(shape)
    const output = call.make(shape, call.value(0).type)
    const dims = {...sizes, groups: groupsOf(call, sizes.channels)}
    if (product(shape) > 0) call.emit('groupnorm', dims, [call.value(0), call.value(1), call.value(2)], [output])
    return [output]
  }

/** x / (bias + α/size · Σ x² over neighbouring channels)^β */
const lrn: Handler = (call) => [
  call.pointwise([call.value(0)], call.make(call.shape(0), call.value(0).type), 2 * call.int('size', 1) + 3, 1),
]

const lpNormalization: Handler = (call) => [
  call.pointwise([call.value(0)], call.make(call.shape(0), call.value(0).type), 3),
]

const meanVariance: Handler = (call) => [
  call.pointwise([call.value(0)], call.make(call.shape(0), call.value(0).type), 5),
]

/** Sizes of a resized tensor: given, or the input's times the scales. */
function resizedShape(call: Call, shape: readonly number[]): number[] {
  const sizesAt = 3
  const own = call.ints('axes')
  const axes = own ? own.map((axis) => (axis < 0 ? axis + shape.length : axis)) : shape.map((_, i) => i)
  const out = [...shape]
  const sizes = call.node.op === 'Resize' && call.has(sizesAt) ? call.data(sizesAt) : null
  if (sizes && sizes.length > 0) {
    axes.forEach((axis, i) => {
      out[axis] = sizes[i] ?? out[axis]!
    })
    return out
  }
  // Upsample and Resize of opset 10 have scales second, Resize since 11 has them third
  const at = call.node.op === 'Upsample' || call.opset < 11 ? 1 : 2
  const scales = call.attribute('scales')?.floats ?? call.data(at)
  axes.forEach((axis, i) => {
    out[axis] = Math.floor(out[axis]! * (scales[i] ?? 1))
  })
  return out
}

const resize: Handler = (call) => {
  const shape = call.shape(0)
  const sizes = resizedShape(call, shape)
  const output = call.make(sizes, call.value(0).type)
  if (product(sizes) === 0 || product(shape) === 0) return [output]
  const mode = call.text('mode', 'nearest')
  const image = shape.length === 4 && sizes[0] === shape[0] && sizes[1] === shape[1]
  const [batch = 1, channels = 1, height = 1, width = 1] = shape
  const dims = {batch, channels, height, width, outHeight: sizes[2] ?? 1, outWidth: sizes[3] ?? 1}
  if (image && mode === 'nearest') call.emit('interpolate-nearest', dims, [call.value(0)], [output])
  else if (image && mode === 'linear') call.emit('interpolate-bilinear', dims, [call.value(0)], [output])
  else {
    // separable: 2 (linear) or 4 (cubic) taps per axis that changes, a multiply and an add each
    const axes = shape.filter((size, i) => size !== sizes[i]).length
    const taps = mode === 'nearest' ? 0 : mode === 'cubic' ? 4 : 2
    return [call.pointwise([call.value(0)], output, axes * Math.max(0, 2 * taps - 1))]
  }
  return [output]
}

/** Four neighbours of each point: their weighted mean. */
const gridSample: Handler = (call) => {
  const [shape, grid] = [call.shape(0), call.shape(1)]
  const output = call.make([shape[0] ?? 1, shape[1] ?? 1, ...grid.slice(1, -1)], call.value(0).type)
  return [call.pointwise([call.value(0), call.value(1)], output, 9)]
}

/** Coordinates of a rotated and moved image: each is a row of θ times (x, y, 1), 2 products and 2 sums in two dimensions. */
const affineGrid: Handler = (call) => {
  const sizes = call.data(1)
  const axes = sizes.length - 2
  if (axes < 1) throw new Mistake(`a grid of [${sizes}]`)
  const output = call.make([sizes[0]!, ...sizes.slice(2), axes], call.value(0).type)
  return [call.pointwise([call.value(0)], output, 2 * axes)]
}

/** Bins of each region: a maximum or mean of bilinear samples. */
const roiAlign: Handler = (call) => {
  const [shape, rois] = [call.shape(0), call.shape(1)]
  const [height, width, samples] = [
    call.int('output_height', 1),
    call.int('output_width', 1),
    call.int('sampling_ratio', 0),
  ]
  const output = call.make([rois[0] ?? 0, shape[1] ?? 1, height, width], call.value(0).type)
  if (samples === 0) throw new Unshaped()
  return [call.pointwise([call.value(0), call.value(1)], output, 10 * samples * samples)]
}

export const windows: Handlers = {
  Conv: convolution({x: 0, w: 1, bias: 2, result: typeOf(0)}),
  'com.microsoft.FusedConv': fusedConv,
  // x, w, offsets, bias, mask
  DeformConv: convolution({x: 0, w: 1, bias: 3, result: typeOf(0), offsets: 2}),
  // the zero points at 2 and 3 are no bias; the result is int32
  ConvInteger: convolution({x: 0, w: 1, bias: 4, result: () => 6, integer: true}),
  // x, scale, zero, w, scale, zero, scale, zero, bias
  QLinearConv: convolution({x: 0, w: 3, bias: 8, result: typeOf(0), integer: true, steps: 5}),
  ConvTranspose: convTranspose,
  MaxPool: pool('max-pool'),
  AveragePool: pool('avg-pool'),
  LpPool: lpPool,
  GlobalAveragePool: globalPool(1, 1),
  GlobalMaxPool: globalPool(1, 0),
  GlobalLpPool: globalPool(2, 1),
  BatchNormalization: batchNorm,
  InstanceNormalization: groupNorm((_, channels) => channels),
  GroupNormalization: groupNorm((call) => call.int('num_groups', 1)),
  LRN: lrn,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVariance,
  Resize: resize,
  Upsample: resize,
  AffineGrid: affineGrid,
  GridSample: gridSample,
  RoiAlign: roiAlign,
}
