/** What a GGUF header holds: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
import type {DType} from '../../dtype.ts'

/** Tensor types by their number in the file; 4, 5 and the repacked ones (31–33, 36–38) are no longer written. */
export const tensorTypes: Readonly<
  Record<number, {readonly dtype: DType; readonly block: number; readonly bytes: number}>
> = {
  0: {dtype: 'f32', block: 1, bytes: 4},
  1: {dtype: 'f16', block: 1, bytes: 2},
  2: {dtype: 'q4_0', block: 32, bytes: 18},
  3: {dtype: 'q4_1', block: 32, bytes: 20},
  6: {dtype: 'q5_0', block: 32, bytes: 22},
  7: {dtype: 'q5_1', block: 32, bytes: 24},
  8: {dtype: 'q8_0', block: 32, bytes: 34},
  9: {dtype: 'q8_1', block: 32, bytes: 36},
  10: {dtype: 'q2_k', block: 256, bytes: 84},
  11: {dtype: 'q3_k', block: 256, bytes: 110},
  12: {dtype: 'q4_k', block: 256, bytes: 144},
  13: {dtype: 'q5_k', block: 256, bytes: 176},
  14: {dtype: 'q6_k', block: 256, bytes: 210},
  15: {dtype: 'q8_k', block: 256, bytes: 292},
  16: {dtype: 'iq2_xxs', block: 256, bytes: 66},
  17: {dtype: 'iq2_xs', block: 256, bytes: 74},
  18: {dtype: 'iq3_xxs', block: 256, bytes: 98},
  19: {dtype: 'iq1_s', block: 256, bytes: 50},
  20: {dtype: 'iq4_nl', block: 32, bytes: 18},
  21: {dtype: 'iq3_s', block: 256, bytes: 110},
  22: {dtype: 'iq2_s', block: 256, bytes: 82},
  23: {dtype: 'iq4_xs', block: 256, bytes: 136},
  24: {dtype: 'int8', block: 1, bytes: 1},
  25: {dtype: 'f16', block: 1, bytes: 2},
  26: {dtype: 'f32', block: 1, bytes: 4},
  27: {dtype: 'i64', block: 1, bytes: 8},
  28: {dtype: 'f64', block: 1, bytes: 8},
  29: {dtype: 'iq1_m', block: 256, bytes: 56},
  30: {dtype: 'bf16', block: 1, bytes: 2},
  34: {dtype: 'tq1_0', block: 256, bytes: 54},
  35: {dtype: 'tq2_0', block: 256, bytes: 66},
  39: {dtype: 'mxfp4', block: 32, bytes: 17},
}

export interface GgufTensor {
  readonly name: string
  /** fastest axis first, as the file has it */
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly elements: number
  readonly bytes: number
}

/** A value that is kept: numbers, truth, short texts; of arrays the length and the first numbers. */
export type GgufValue = number | boolean | string | {readonly length: number; readonly first: readonly number[]}

export interface GgufHeader {
  readonly version: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly GgufTensor[]
}
