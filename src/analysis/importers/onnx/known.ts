/** Known numbers: elements that an operator picks or computes are evaluated where they are few. */
import {SMALL} from './tensor.ts'
import {product, type Value} from './values.ts'

/** Strides of a row-major shape. */
export function strides(shape: readonly number[]): number[] {
  const out = shape.map(() => 1)
  for (let i = shape.length - 2; i >= 0; i--) out[i] = out[i + 1]! * shape[i + 1]!
  return out
}

/** Position in an operand of `shape` of the `flat`-th element of its broadcast to `to`. */
function broadcastIndex(flat: number, to: readonly number[], shape: readonly number[]): number {
  let rest = flat
  let position = 0
  let stride = 1
  for (let i = to.length - 1; i >= 0; i--) {
    const at = rest % to[i]!
    rest = Math.floor(rest / to[i]!)
    const own = shape[shape.length - to.length + i]
    if (own === undefined) continue
    position += (own === 1 ? 0 : at) * stride
    stride *= own
  }
  return position
}

/** Numbers of an elementwise function where all of its inputs are known and few. */
export function evaluated(
  inputs: readonly Value[],
  shape: readonly number[],
  of: (...x: number[]) => number,
): number[] | null {
  const elements = product(shape)
  if (elements > SMALL || inputs.some(({data, shape: own}) => data === null || own === null)) return null
  return Array.from({length: elements}, (_, i) =>
    of(...inputs.map((x) => x.data![broadcastIndex(i, shape, x.shape!)]!)),
  )
}

/** Picks elements of known numbers by their position; `null` where they are not known. */
export function picked(from: Value, count: number, position: (i: number) => number): number[] | null {
  const {data} = from
  if (!data || count > SMALL) return null
  return Array.from({length: count}, (_, i) => data[position(i)] ?? 0)
}
