/** Outputs of a kernel that begin at a cache line and beside one: large ones are written past the caches only where they begin at a line. */
import {loadNative} from '../../src/kernels/native.ts'
import {
  type NativeArray,
  type Part,
  type ProgramTensor,
  pack,
  tensorBytes,
  tensorsOf,
  testValues,
} from '../../src/kernels/program.ts'

const addon = loadNative()

/** A few thousand values, over and over: these tensors hold tens of millions. */
export function valuesOf({elements, type, values}: ProgramTensor, seed: number): NativeArray {
  if (values) return pack(values(elements), type)
  const period = Math.min(4099, elements)
  const uniform = testValues(period, seed)
  const few = pack(type === 'f32' || type === 'f64' ? uniform : uniform.map((value) => Math.floor(value * 7)), type)
  const Type = few.constructor as new (n: number) => NativeArray
  const all = new Type(tensorBytes({elements, type}) / few.BYTES_PER_ELEMENT)
  all.set(few)
  for (let done = few.length; done < all.length; done *= 2) all.copyWithin(done, 0, Math.min(done, all.length - done))
  return all
}

export const bytesOf = ({buffer, byteOffset, byteLength}: NativeArray) => Buffer.from(buffer, byteOffset, byteLength)

/**
 * Where outputs are written, one behind the other and each as far from a line as the first: one array for all calls, since two, or those of two
 * calls, may begin at different places beside a line. Large ones do where the heap has room for them, and nothing was streamed then.
 */
let room = new ArrayBuffer(0)

/** Copies of the outputs of a part that were written `offset` bytes from where an array begins; before, each place has other bytes in them. */
export function outputsAt(
  part: Part,
  inputs: ReadonlyMap<string, NativeArray>,
  offset: number,
  by: string,
  threads = 2,
): NativeArray[] {
  const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
  const linesOf = (name: string) => Math.ceil(tensorBytes(tensors.get(name)!) / 64) * 64
  const total = part.out.reduce((sum, name) => sum + linesOf(name), 64)
  if (room.byteLength < total) room = new ArrayBuffer(total)
  new Uint8Array(room, 0, total).fill(0x3b + offset)
  let from = offset
  const placed = new Map(
    part.out.map((name) => {
      const tensor = tensors.get(name)!
      const before = inputs.get(name)
      const made = pack([0], tensor.type)
      const Type = made.constructor as new (b: ArrayBuffer, at: number, n: number) => NativeArray
      const view = new Type(room, from, tensorBytes(tensor) / made.BYTES_PER_ELEMENT)
      from += linesOf(name)
      if (before) view.set(before)
      return [name, view]
    }),
  )
  const at = (name: string) => placed.get(name) ?? inputs.get(name)!
  addon.runOp(by, part.kernel, part.dims, part.in.map(at), part.out.map(at), threads)
  return part.out.map((name) => at(name).slice())
}
