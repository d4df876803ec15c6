/** Number formats, their width, and where a format computes when the machine has no ceiling for it. */
import {AnalysisError} from './errors.ts'
import type {Bytes} from './units.ts'

/**
 * Bits per element of the block formats of ggml, scales included: bytes of a block ÷ its elements (ggml-common.h and
 * ggml.c of https://github.com/ggml-org/llama.cpp). q4_k: 144 B for 256 elements.
 */
const blockBits = {
  q4_0: 4.5,
  q4_1: 5,
  q5_0: 5.5,
  q5_1: 6,
  q8_0: 8.5,
  q8_1: 9,
  q2_k: 2.625,
  q3_k: 3.4375,
  q4_k: 4.5,
  q5_k: 5.5,
  q6_k: 6.5625,
  q8_k: 9.125,
  iq1_s: 1.5625,
  iq1_m: 1.75,
  iq2_xxs: 2.0625,
  iq2_xs: 2.3125,
  iq2_s: 2.5625,
  iq3_xxs: 3.0625,
  iq3_s: 3.4375,
  iq4_nl: 4.5,
  iq4_xs: 4.25,
  tq1_0: 1.6875,
  tq2_0: 2.0625,
  mxfp4: 4.25,
} as const

/** Formats that weights are stored in and that nothing computes in. */
export type BlockDType = keyof typeof blockBits

/** Bits per element. */
export const dtypeBits = {
  f64: 64,
  f32: 32,
  tf32: 32,
  bf16: 16,
  f16: 16,
  fp8: 8,
  int8: 8,
  int4: 4,
  i64: 64,
  ...blockBits,
} as const
export type DType = keyof typeof dtypeBits

/** Types a user may choose for weights, activations or the KV cache. */
export const dtypes = ['f64', 'f32', 'bf16', 'f16', 'fp8', 'int8', 'int4'] as const
export type ComputeDType = Exclude<DType, 'i64' | BlockDType>

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
