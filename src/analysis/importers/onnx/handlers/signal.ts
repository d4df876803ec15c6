/** Random numbers, windows and Fourier transforms. */
import type {Call, Handler, Handlers} from '../call.ts'
import {axisOf, Mistake, product} from '../values.ts'

/**
 * Numbers without inputs: a uniform one is scaled and moved; a normal one takes a logarithm, a root and a cosine of two
 * uniform ones before that (Box & Muller 1958). The generator's own integer steps are no FLOPs.
 */
const random =
  (operations: number, special: number, like: boolean): Handler =>
  (call) => {
    const shape = like ? call.shape(0) : (call.ints('shape') ?? [])
    const type = call.int('dtype', like ? call.value(0).type : 1)
    const output = call.make(shape, type)
    const elements = product(shape)
    if (elements > 0) call.emit('pointwise', {elements, read: 0, operations, special, linear: false}, [], [output])
    return [output]
  }

/** A comparison with a random number. */
const bernoulli: Handler = (call) => {
  const x = call.value(0)
  return [call.pointwise([x], call.make(call.shape(0), call.int('dtype', x.type)), 1)]
}

/** A taper of known length: a cosine, a multiplication and an addition per element. */
const taper =
  (cosines: number): Handler =>
  (call) => {
    const output = call.make([call.data(0)[0] ?? 0], call.int('output_datatype', 1))
    return [call.pointwise([], output, 2 * cosines, cosines)]
  }

/** Operations of a complex transform of n points: 5·n·log2(n) (Cooley & Tukey 1965; the convention of FFTW's benchmarks). */
const fourier = (n: number): number => Math.ceil(5 * n * Math.log2(Math.max(n, 2)))

/** Number of transforms, their length, and how many of their results stay. */
interface Transforms {
  readonly count: number
  readonly length: number
  readonly real: boolean
  readonly oneSided: boolean
}

function transform(call: Call, shape: readonly number[], {count, length, real, oneSided}: Transforms) {
  const output = call.make(shape, call.value(0).type)
  // a real input takes half of the work
  const flops = count * Math.ceil(fourier(length) / (real || oneSided ? 2 : 1))
  const elements = product(shape)
  if (elements === 0) return [output]
  const read = call.elements(0)
  const dims = {elements, read, operations: Math.floor(flops / elements), special: 0, linear: true}
  call.emit('pointwise', dims, [call.value(0)], [output], '', {beside: flops - dims.operations * elements})
  return [output]
}

/** Discrete Fourier transform along one axis of [batch, …, 1 or 2]; the axis is an input since opset 20. */
const dft: Handler = (call) => {
  const shape = call.shape(0)
  const rank = shape.length
  const stated = call.has(2) ? call.data(2)[0] : call.int('axis', call.opset < 20 ? 1 : -2)
  const axis = axisOf(stated ?? 1, rank)
  if (rank < 2 || axis === rank - 1) throw new Mistake(`transforms axis ${axis} of [${shape}]`)
  const length = call.has(1) ? (call.data(1)[0] ?? 0) : shape[axis]!
  if (!Number.isSafeInteger(length) || length < 1) throw new Mistake(`a transform of ${length} points`)
  const oneSided = call.int('onesided', 0) === 1 && call.int('inverse', 0) === 0
  const kept = oneSided ? Math.floor(length / 2) + 1 : length
  const sizes = shape.map((size, i) => (i === axis ? kept : i === rank - 1 ? 2 : size))
  const count = product(shape.filter((_, i) => i !== axis && i !== rank - 1))
  return transform(call, sizes, {count, length, real: shape[rank - 1] === 1, oneSided})
}

/** Windows of a signal [batch, length, 1 or 2], transformed: step, window, length of a frame. */
const stft: Handler = (call) => {
  const [batch = 0, total = 0, parts = 1] = call.shape(0)
  const step = call.data(1)[0] ?? 0
  const length = call.has(3) ? (call.data(3)[0] ?? 0) : (call.shape(2)[0] ?? 0)
  if (!(step >= 1) || !(length >= 1) || length > total)
    throw new Mistake(`frames of ${length} in steps of ${step} in ${total} samples`)
  const frames = Math.floor((total - length) / step) + 1
  const oneSided = call.int('onesided', 1) === 1
  const kept = oneSided ? Math.floor(length / 2) + 1 : length
  return transform(call, [batch, frames, kept, 2], {count: batch * frames, length, real: parts === 1, oneSided})
}

export const signals: Handlers = {
  RandomNormal: random(4, 2, false),
  RandomNormalLike: random(4, 2, true),
  RandomUniform: random(2, 0, false),
  RandomUniformLike: random(2, 0, true),
  Bernoulli: bernoulli,
  HannWindow: taper(1),
  HammingWindow: taper(1),
  BlackmanWindow: taper(2),
  DFT: dft,
  STFT: stft,
}
