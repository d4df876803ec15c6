/** Programs: operators run one after another over named tensors. One definition gives the run, the cost and the reference. */
import type {OpCost, TensorUse} from '../analysis/ops/types.ts'
import type {Stage, TensorSpec} from './native.ts'

/** Types of a kernel's tensors; `i4`: two signed values in a byte, the first in its low half. */
export type NativeType = 'f32' | 'f64' | 'i8' | 'u8' | 'i32' | 'i4'

const bits: Readonly<Record<NativeType, number>> = {f32: 32, f64: 64, i8: 8, u8: 8, i32: 32, i4: 4}

/** Functions that have a ceiling of their own. */
export type SpecialOperation = 'exp' | 'tanh' | 'erf' | 'divide' | 'sqrt'

/** How often functions are evaluated. */
export type Specials = Readonly<Partial<Record<SpecialOperation, number>>>

/** One native kernel call: which tensors, which cost, which oracle. A tensor that is read and written is updated in place. */
export interface Part {
  /** native kernel */
  kernel: string
  dims: number[]
  in: readonly string[]
  out: readonly string[]
  /** from the operator's own definition */
  cost: OpCost
  /** f64 oracle: inputs in the order of `in`, outputs in the order of `out` */
  reference: (inputs: readonly Float64Array[]) => readonly Float64Array[]
  /** types of tensors that are not f32, by name */
  types?: Readonly<Record<string, NativeType>>
  /** values of tensors that cannot be any (indices, row starts, labels, variances), by name */
  values?: Readonly<Record<string, (elements: number) => ArrayLike<number>>>
  /** elements of tensors of which the operator touches a part, by name */
  elements?: Readonly<Record<string, number>>
  /** writes outputs of `streamedBytes` and more past the caches */
  streams?: boolean
  /**
   * half of what it writes are whole lines of zeros, which memory may take faster than others: 3 times past the caches of a Zen 4 (Emerald
   * Rapids: 24.3 and 24.3 GB/s, two threads 48)
   */
  zeros?: boolean
  /** type of the multiply-adds that bound it; without it f32 */
  computes?: 'f32' | 'f64' | 'int8'
  /** multiplications of f32 beside those of matrix products that it cannot do without, those inside of functions too (functions.ts) */
  multiplies?: number
  /** products of bytes that can take the place of its multiply-adds: of weights with the digits of x */
  byteProducts?: number
  /** multiply-adds that give sums of those products their scales, in the unit that adds the products */
  byteScales?: number
  /** how often it evaluates functions that have a ceiling of their own */
  specials?: Specials
  /** those that another instruction set takes in their place: what is faster on a machine bounds it */
  otherwise?: Specials
}

/** An operator, or a chain of them. */
export interface Program {
  id: string
  parts: readonly Part[]
}

/** A tensor of a program. */
export interface ProgramTensor {
  elements: number
  type: NativeType
  values?: (elements: number) => ArrayLike<number>
}

/** Every tensor that the programs touch, by name; a tensor shared by two programs is one. */
export function tensorsOf(programs: readonly Program[]): Map<string, ProgramTensor> {
  const tensors = new Map<string, ProgramTensor>()
  const note = (part: Part, names: readonly string[], uses: readonly TensorUse[]) => {
    names.forEach((name, i) => {
      const values = part.values?.[name] ?? tensors.get(name)?.values
      const elements = part.elements?.[name] ?? uses[i]!.elements
      tensors.set(name, {elements, type: part.types?.[name] ?? 'f32', ...(values ? {values} : {})})
    })
  }
  for (const {parts} of programs)
    for (const part of parts) {
      note(part, part.in, part.cost.reads)
      note(part, part.out, part.cost.writes)
    }
  return tensors
}

/** Bytes of a tensor in memory. */
export const tensorBytes = ({elements, type}: Pick<ProgramTensor, 'elements' | 'type'>): number =>
  Math.ceil((elements * bits[type]) / 8)

/** Bytes of the tensors that programs share. */
export const bytesOf = (programs: readonly Program[]): number =>
  [...tensorsOf(programs).values()].reduce((sum, tensor) => sum + tensorBytes(tensor), 0)

/** Bytes that a part moves. */
export interface Traffic {
  reads: number
  writes: number
  /** something is written where it was read */
  inPlace: boolean
}

/** Bytes that a part reads and writes when every tensor moves once. */
export function partTraffic({in: inputs, out, cost, types}: Part): Traffic {
  const sum = (names: readonly string[], uses: readonly TensorUse[]) =>
    uses.reduce((total, {elements}, i) => total + tensorBytes({elements, type: types?.[names[i]!] ?? 'f32'}), 0)
  return {
    reads: sum(inputs, cost.reads),
    writes: sum(out, cost.writes),
    inPlace: out.some((name) => inputs.includes(name)),
  }
}

/** Bytes that a part moves when every tensor is read or written once. */
export function partBytes(part: Part): number {
  const {reads, writes} = partTraffic(part)
  return reads + writes
}

/** Outputs of this size and more are written past the caches by kernels that can: native/core/table.h has the same number. */
const streamedBytes = 2 ** 25

/** Whether a part writes past the caches: all of its outputs but scales and the like, of less than a hundredth of the bytes. */
export function isStreamed({streams, out, cost, types}: Part): boolean {
  if (!streams) return false
  const bytes = cost.writes.map(({elements}, i) => tensorBytes({elements, type: types?.[out[i]!] ?? 'f32'}))
  const total = bytes.reduce((sum, each) => sum + each, 0)
  return bytes.every((each) => each >= streamedBytes || each * 100 < total) && total >= streamedBytes
}

/**
 * Bytes of a program that caches may hold after a pass: all of its tensors but those that it only writes past them. What one part writes past
 * them and another reads comes into them with that.
 */
export function keptBytes(program: Program): number {
  const kept = new Set(program.parts.flatMap((part) => (isStreamed(part) ? part.in : [...part.in, ...part.out])))
  const sizes = [...tensorsOf([program])].map(([name, tensor]) => (kept.has(name) ? tensorBytes(tensor) : 0))
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}

/** FLOPs that are executed, by whichever engine. */
export const executed = ({cost}: Part): number => cost.matrix + cost.vector

/** The parts as stages over numbered buffers. */
export function stagesOf(program: Program, tensors: ReadonlyMap<string, unknown>): Stage[] {
  const number = new Map([...tensors.keys()].map((name, i) => [name, i]))
  const at = (names: readonly string[]) => names.map((name) => number.get(name)!)
  return program.parts.map((part) => ({kernel: part.kernel, dims: part.dims, in: at(part.in), out: at(part.out)}))
}

/** A tensor as a kernel takes it. */
export type NativeArray = Float32Array | Float64Array | Int8Array | Uint8Array | Int32Array

const arrays = {f32: Float32Array, f64: Float64Array, i8: Int8Array, u8: Uint8Array, i32: Int32Array, i4: Uint8Array}

/** Values as a kernel takes them. */
export function pack(values: ArrayLike<number>, type: NativeType): NativeArray {
  if (type !== 'i4') return arrays[type].from(values)
  const bytes = new Uint8Array(Math.ceil(values.length / 2))
  for (let i = 0; i < values.length; i++) bytes[i >> 1]! |= (values[i]! & 15) << (4 * (i & 1))
  return bytes
}

/** Values of a tensor that a kernel wrote or read. */
export function unpack(native: NativeArray, {elements, type}: ProgramTensor): Float64Array {
  if (type !== 'i4') return Float64Array.from(native)
  return Float64Array.from({length: elements}, (_, i) => ((native[i >> 1]! >> (4 * (i & 1))) << 28) >> 28)
}

/** What the session fills a program's tensors with. */
export function tensorSpecs(tensors: ReadonlyMap<string, ProgramTensor>): TensorSpec[] {
  return [...tensors.values()].map((tensor) => ({
    bytes: tensorBytes(tensor),
    fill: tensor.type === 'f32' || tensor.type === 'f64' ? tensor.type : 'bytes',
    ...(tensor.values ? {data: pack(tensor.values(tensor.elements), tensor.type)} : {}),
  }))
}

/** What checks fill outputs with, so that what a kernel leaves alone is known: no kernel computes it from values in range. */
export const poisonOf: Readonly<Record<NativeType, number>> = {
  f32: Number.NaN,
  f64: Number.NaN,
  i8: 0x5a,
  u8: 0x5a,
  i32: 0x5a,
  i4: 0x5a,
}

/** Values in [−1, 1), the same on every machine: a golden-ratio sequence, at f32 precision so that both sides see the same. */
export function testValues(elements: number, seed: number): Float32Array {
  return Float32Array.from({length: elements}, (_, i) => (((i + 1 + seed * 7919) * 0.6180339887498949) % 1) * 2 - 1)
}

/** The largest error of a value against its reference: absolute below 1, relative above; different non-finite values are infinitely wrong. */
export function errorOf(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let worst = 0
  for (let i = 0; i < wanted.length; i++) {
    const a = got[i]!
    const b = wanted[i]!
    if (Object.is(a, b) || a === b) continue
    const error = Math.abs(a - b) / Math.max(1, Math.abs(b))
    worst = Math.max(worst, Number.isFinite(error) ? error : Number.POSITIVE_INFINITY)
  }
  return worst
}
