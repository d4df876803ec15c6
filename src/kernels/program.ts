/** Programs: operators run one after another over named tensors. One definition gives the run, the cost and the reference. */
import {bytesOf} from '../analysis/dtype.ts'
import type {OpCost} from '../analysis/ops/types.ts'
import type {NativeAddon, Stage} from './native.ts'

/** One native kernel call: which tensors, which cost, which oracle. */
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
}

/** An operator, or a chain of them. */
export interface Program {
  id: string
  parts: readonly Part[]
}

/** Elements of every tensor that the programs touch; a tensor shared by two programs is one. */
export function tensorsOf(programs: readonly Program[]): Map<string, number> {
  const tensors = new Map<string, number>()
  for (const {parts} of programs)
    for (const part of parts) {
      part.in.forEach((name, i) => {
        tensors.set(name, part.cost.reads[i]!.elements)
      })
      part.out.forEach((name, i) => {
        tensors.set(name, part.cost.writes[i]!.elements)
      })
    }
  return tensors
}

/** Bytes a part moves when every tensor is f32 and read or written once. */
export const partBytes = ({cost}: Part): number =>
  [...cost.reads, ...cost.writes].reduce((sum, {elements}) => sum + bytesOf(elements, 'f32'), 0)

/** FLOPs that are executed, by whichever engine. */
export const executed = ({cost}: Part): number => cost.matrix + cost.vector

/** The parts as stages over numbered buffers. */
export function stagesOf(program: Program, tensors: ReadonlyMap<string, number>): Stage[] {
  const number = new Map([...tensors.keys()].map((name, i) => [name, i]))
  const at = (names: readonly string[]) => names.map((name) => number.get(name)!)
  return program.parts.map((part) => ({kernel: part.kernel, dims: part.dims, in: at(part.in), out: at(part.out)}))
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

/**
 * Runs a program once on the calling thread, share after share, and compares every tensor it writes with the f64 oracle, which gets
 * the same inputs and computes on its own intermediate results. For small sizes.
 */
export function checkProgram(addon: NativeAddon, program: Program, isa: string, threads: number): number {
  const tensors = tensorsOf([program])
  const native = new Map([...tensors].map(([name, elements], i) => [name, testValues(elements, i)]))
  const oracle = new Map<string, Float64Array>([...native].map(([name, values]) => [name, Float64Array.from(values)]))
  let worst = 0
  for (const part of program.parts) {
    const outputs = part.out.map((name) => native.get(name)!.fill(Number.NaN))
    const inputs = part.in.map((name) => native.get(name)!)
    addon.runOp(isa, part.kernel, part.dims, inputs, outputs, threads)
    const wanted = part.reference(part.in.map((name) => oracle.get(name)!))
    part.out.forEach((name, i) => {
      oracle.set(name, wanted[i]!)
      worst = Math.max(worst, errorOf(native.get(name)!, wanted[i]!))
    })
  }
  return worst
}
