/** Numbers for the oracles of operators, and their comparison. */
import {expect} from 'vitest'

/** `length` numbers between −1 and 1 without a pattern that an operator could hide in. */
export const numbers = (length: number, seed = 1): Float64Array =>
  Float64Array.from({length}, (_, i) => Math.sin(1 + i * 1.7 + seed * 13.1))

/** Equal to nine decimals. */
export function close(a: Float64Array, b: Float64Array): void {
  expect(a.length).toBe(b.length)
  for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i]!, 9)
}
