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

/** The outputs of a part that are `offset` bytes from where an array begins; before, each place has other bytes in them. */
export function outputsAt(
  part: Part,
  inputs: ReadonlyMap<string, NativeArray>,
  offset: number,
  by: string,
  threads = 2,
): NativeArray[] {
  const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
  const placed = new Map(
    part.out.map((name) => {
      const tensor = tensors.get(name)!
      const before = inputs.get(name)
      const made = pack([0], tensor.type)
      const Type = made.constructor as new (b: ArrayBuffer, at: number, n: number) => NativeArray
      const bytes = tensorBytes(tensor)
      const view = new Type(new ArrayBuffer(bytes + 64), offset, bytes / made.BYTES_PER_ELEMENT)
      new Uint8Array(view.buffer).fill(0x3b + offset)
      if (before) view.set(before)
      return [name, view]
    }),
  )
  const at = (name: string) => placed.get(name) ?? inputs.get(name)!
  addon.runOp(by, part.kernel, part.dims, part.in.map(at), part.out.map(at), threads)
  return part.out.map(at)
}
