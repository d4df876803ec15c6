/**
 * Products with weights of a few bits (com.microsoft): blocks of values with a scale, and perhaps a zero point, each.
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import type {Call, Handler, Handlers} from '../call.ts'
import {Mistake, product, type Storage, Unshaped, type Value} from '../values.ts'

const INT4 = 22
const INT8 = 3

/** Weights that several operators read (an embedding and the head) are one memory. */
const values = new WeakMap<Storage, Value>()

/**
 * Packed weights as what they hold: `elements` values of `bits` bits. Types of 4 and 8 bits exist here; weights of any
 * other width keep the bytes that the file has, and their number is that of bytes, which is said.
 */
export function unpacked(call: Call, packed: Value, elements: number, bits: number): Value {
  const {storage, origin} = packed
  const bytes = product(packed.shape ?? [0])
  if (bits !== 4 && bits !== 8) {
    call.around.warn('packed-weights', `weights of ${bits} bits are counted as their bytes, also among the parameters`)
    return {...call.around.fresh(storage.name, INT8, [bytes], null, origin), storage}
  }
  const known = values.get(storage)
  if (known) return known
  // padding of the last block is stored and read
  const all = Math.max(elements, Math.floor((bytes * 8) / bits))
  const value = call.around.fresh(`${storage.name}.values`, bits === 4 ? INT4 : INT8, [all], null, origin)
  values.set(storage, value)
  return value
}

/** y = x·W + b, W of `N` columns in blocks along `K`. Widening is a multiplication per weight, with zero points two. */
const matmulBits: Handler = (call) => {
  const [k, n, bits] = [call.int('K', 0), call.int('N', 0), call.int('bits', 4)]
  const shape = call.shape(0)
  if (k < 1 || n < 1 || shape.at(-1) !== k) throw new Mistake(`a product of [${shape}] and ${k} × ${n}`)
  if (bits < 1 || bits > 8) throw new Mistake(`weights of ${bits} bits`)
  const output = call.make([...shape.slice(0, -1), n], call.value(0).type)
  const m = product(shape.slice(0, -1))
  if (m === 0) return [output]
  const bias = call.inputs[5] ?? null
  const zeros = call.inputs[3] ?? null
  const brought = [call.inputs[2], zeros, call.inputs[4]].filter((value) => value !== null && value !== undefined)
  const inputs = [call.value(0), unpacked(call, call.value(1), k * n, bits), ...(bias ? [bias] : []), ...brought]
  const beside = (zeros ? 2 : 1) * k * n
  call.emit('linear', {m, n, k, bias: bias !== null}, inputs, [output], '', {beside})
  return [output]
}

/** Rows of a table of few bits, widened: each with the scales of its blocks. */
const gatherBits: Handler = (call) => {
  const [table, ids] = [call.value(0), call.value(1)]
  const [shape, at] = [call.shape(0), call.shape(1)]
  if (call.int('gather_axis', 0) !== 0 || shape.length !== 2) throw new Unshaped()
  const few = call.int('bits', 4)
  // an 8-bit type holds several values a byte, a 4-bit type one
  const perElement = table.type === INT4 || table.type === INT4 - 1 ? 1 : Math.floor(8 / few)
  const [vocab, width, rows] = [shape[0]!, shape[1]! * perElement, product(at)]
  const output = call.make([...at, width], call.value(2).type)
  if (rows * width * vocab === 0) return [output]
  const share = (value: Value | null | undefined) =>
    value ? [call.view(value, [Math.ceil((product(value.shape ?? [0]) / vocab) * Math.min(rows, vocab))])] : []
  const weights = call.view(unpacked(call, table, vocab * width, few), [rows * width])
  const inputs = [ids, weights, ...share(call.value(2)), ...share(call.inputs[3])]
  const beside = (call.has(3) ? 2 : 1) * rows * width
  call.emit('embedding', {rows, width, vocab}, inputs, [output], '', {beside})
  return [output]
}

export const bits: Handlers = {
  'com.microsoft.MatMulNBits': matmulBits,
  'com.microsoft.GatherBlockQuantized': gatherBits,
}
