/** Checks of what a kernel computes: against the f64 oracle, and that it writes nothing else. For small sizes. */
import type {NativeAddon} from './native.ts'
import {
  errorOf,
  type NativeArray,
  type NativeType,
  type Part,
  type Program,
  type ProgramTensor,
  pack,
  poisonOf,
  tensorBytes,
  tensorsOf,
  testValues,
  unpack,
} from './program.ts'

const ranges: Readonly<Record<NativeType, readonly [number, number]>> = {
  f32: [-1, 1],
  f64: [-1, 1],
  i8: [-128, 128],
  u8: [0, 256],
  i32: [-32_768, 32_768],
  i4: [-8, 8],
}

/** Values for a tensor to check results with. */
function checkValues({elements, type, values}: ProgramTensor, seed: number): NativeArray {
  if (values) return pack(values(elements), type)
  const [low, high] = ranges[type]
  const uniform = testValues(elements, seed)
  if (type === 'f32' || type === 'f64') return pack(uniform, type)
  return pack(
    uniform.map((value) => Math.floor(low + ((value + 1) / 2) * (high - low))),
    type,
  )
}

/**
 * Runs a program once on the calling thread, share after share, and compares every tensor it writes with the f64 oracle, which gets
 * the same inputs and computes on its own intermediate results. For small sizes.
 */
export function checkProgram(addon: NativeAddon, program: Program, isa: string, threads: number): number {
  const tensors = tensorsOf([program])
  const native = new Map([...tensors].map(([name, tensor], i) => [name, checkValues(tensor, i)]))
  const oracle = new Map([...tensors].map(([name, tensor]) => [name, unpack(native.get(name)!, tensor)]))
  let worst = 0
  for (const part of program.parts) {
    for (const name of part.out) if (!part.in.includes(name)) native.get(name)!.fill(poisonOf[tensors.get(name)!.type])
    const at = (names: readonly string[]) => names.map((name) => native.get(name)!)
    addon.runOp(isa, part.kernel, part.dims, at(part.in), at(part.out), threads)
    const wanted = part.reference(part.in.map((name) => oracle.get(name)!))
    part.out.forEach((name, i) => {
      oracle.set(name, wanted[i]!)
      worst = Math.max(worst, errorOf(unpack(native.get(name)!, tensors.get(name)!), wanted[i]!))
    })
  }
  return worst
}

/** Bytes around a guarded tensor, and what they hold. */
const guard = 256
const guardByte = 0xa5

/**
 * Runs one part on two threads with its tensors `shift` elements off their alignment and guard zones around them.
 * @returns the largest error, infinite where a guard zone or a tensor that is only read was written
 */
export function checkGuarded(addon: NativeAddon, part: Part, isa: string, shift: number): number {
  const tensors = tensorsOf([{id: part.kernel, parts: [part]}])
  const placed = new Map(
    [...tensors].map(([name, tensor], i) => {
      const values = checkValues(tensor, i)
      const offset = guard + shift * values.BYTES_PER_ELEMENT
      const whole = new Uint8Array(offset + tensorBytes(tensor) + guard).fill(guardByte)
      const view = new (values.constructor as new (b: ArrayBuffer, at: number, n: number) => NativeArray)(
        whole.buffer,
        offset,
        values.length,
      )
      view.set(values)
      return [name, {whole, view, offset, before: unpack(values, tensor)}]
    }),
  )
  for (const name of part.out)
    if (!part.in.includes(name)) placed.get(name)!.view.fill(poisonOf[tensors.get(name)!.type])
  const at = (names: readonly string[]) => names.map((name) => placed.get(name)!.view)
  addon.runOp(isa, part.kernel, part.dims, at(part.in), at(part.out), 2)
  const wanted = part.reference(part.in.map((name) => placed.get(name)!.before))
  let worst = 0
  for (const [name, {whole, view, offset, before}] of placed) {
    const isOutside = (i: number) => i < offset || i >= offset + view.byteLength
    if (whole.some((byte, i) => isOutside(i) && byte !== guardByte)) return Number.POSITIVE_INFINITY
    const values = unpack(view, tensors.get(name)!)
    const written = part.out.indexOf(name)
    if (written < 0 && values.some((value, i) => !Object.is(value, before[i]))) return Number.POSITIVE_INFINITY
    if (written >= 0) worst = Math.max(worst, errorOf(values, wanted[written]!))
  }
  return worst
}

/** Why results are wrong, in words. An error of MAX_VALUE and above stands for one that is no number. */
export const differs = (error: number, tolerance: number): string =>
  error < Number.MAX_VALUE
    ? `differs from its reference by ${error.toExponential(1)}, where ${tolerance} is allowed`
    : 'its error is no number: results that are NaN or infinite, or a write where it must not'
