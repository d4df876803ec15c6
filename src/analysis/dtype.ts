/** Number formats, their width, and where a format computes when the machine has no ceiling for it. */
import {AnalysisError} from './errors.ts'
import type {Bytes} from './units.ts'

/** Bits per element. */
export const dtypeBits = {f64: 64, f32: 32, tf32: 32, bf16: 16, f16: 16, fp8: 8, int8: 8, int4: 4, i64: 64} as const
export type DType = keyof typeof dtypeBits

/** Types a user may choose for weights, activations or the KV cache. */
export const dtypes = ['f64', 'f32', 'bf16', 'f16', 'fp8', 'int8', 'int4'] as const
export type ComputeDType = Exclude<DType, 'i64'>

/**
 * For each type the wider types that can hold its values exactly, nearest first.
 * bf16 does not widen to f16 (its range is larger), nor f16 to tf32's sibling bf16 (its mantissa is longer).
 */
export const wider: Record<ComputeDType, readonly ComputeDType[]> = {
  int4: ['int8', 'f16', 'bf16', 'tf32', 'f32', 'f64'],
  int8: ['f16', 'bf16', 'tf32', 'f32', 'f64'],
  fp8: ['f16', 'bf16', 'tf32', 'f32', 'f64'],
  f16: ['tf32', 'f32', 'f64'],
  bf16: ['tf32', 'f32', 'f64'],
  tf32: ['f32', 'f64'],
  f32: ['f64'],
  f64: [],
}

/** Bytes of `elements` of a type, whole bytes: an odd number of int4 values occupies a rounded-up byte. */
export function bytesOf(elements: number, dtype: DType): Bytes {
  return Math.ceil((elements * dtypeBits[dtype]) / 8)
}

const names: Record<string, ComputeDType> = {
  float64: 'f64',
  float32: 'f32',
  float: 'f32',
  fp32: 'f32',
  bfloat16: 'bf16',
  float16: 'f16',
  half: 'f16',
  fp16: 'f16',
  f8: 'fp8',
  float8_e4m3fn: 'fp8',
  i8: 'int8',
  i4: 'int4',
}

/**
 * Reads a type by our name or by a common alias (`bfloat16`, `fp16`, …).
 * @throws AnalysisError `bad-flag` naming the allowed types
 */
export function parseDType(text: string, field = '--dtype'): ComputeDType {
  const key = text
    .trim()
    .toLowerCase()
    .replace(/^torch\./, '')
  const found = (dtypes as readonly string[]).includes(key)
    ? (key as ComputeDType)
    : Object.hasOwn(names, key)
      ? names[key]
      : undefined
  if (!found)
    throw new AnalysisError('bad-flag', `${field} "${text}" is not a known type`, [`use one of ${dtypes.join(', ')}`])
  return found
}
