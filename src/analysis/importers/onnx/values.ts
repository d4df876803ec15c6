/** What flows along the edges of an ONNX graph while it is turned into operators. */

/** Where a value comes from: the file; sizes alone; or the inputs of each run. Only the last costs anything. */
export type Origin = 'file' | 'shape' | 'run'

/** Memory that one or several values (views) share. It becomes a tensor of the model when an operator first touches it. */
export interface Storage {
  name: string
  readonly type: number
  readonly elements: number
  readonly origin: Origin
  /** position among the model's tensors; −1 until it is touched */
  index: number
}

export interface Value {
  /** ONNX element type, 0 where unknown */
  readonly type: number
  /** `null` where it depends on data */
  readonly shape: readonly number[] | null
  /** the numbers themselves where they are known and few */
  readonly data: readonly number[] | null
  readonly origin: Origin
  readonly storage: Storage
  /** of a sequence: its tensors, where their number is known */
  readonly items?: readonly Value[]
}

/** A shape or a number that an operator needs depends on data: its cost cannot be known. */
export class Unshaped extends Error {}

/** A mistake in the file, found at an operator; the caller adds which one. */
export class Mistake extends Error {}

export const product = (sizes: readonly number[]): number => sizes.reduce((n, size) => n * size, 1)

/** Numpy's broadcasting of two shapes. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  const out: number[] = []
  for (let i = 0; i < rank; i++) {
    const [x, y] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1]
    if (x !== y && x !== 1 && y !== 1) throw new Mistake(`shapes [${a}] and [${b}] do not broadcast`)
    out.push(x === 1 ? y : x)
  }
  return out
}

/** A whole axis from 0 to `rank` − 1. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(at) || at < 0 || at >= Math.max(rank, 1))
    throw new Mistake(`axis ${axis} of a tensor of rank ${rank}`)
  return at
}
