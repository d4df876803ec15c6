/** A file that lists weights and no operators: their memory is known, what is computed with them is not. */
import type {ComputeDType, DType} from '../dtype.ts'
import {dtypeBits} from '../dtype.ts'
import type {Warning} from '../errors.ts'
import type {ModelOf} from '../models/types.ts'

/** A weight as a header lists it. */
export interface ListedWeight {
  readonly name: string
  readonly dtype: DType
  readonly elements: number
}

/** The type that most of the elements have and that arithmetic can run in. */
export function mainDType(weights: readonly ListedWeight[]): ComputeDType {
  const elements = new Map<DType, number>()
  for (const weight of weights) elements.set(weight.dtype, (elements.get(weight.dtype) ?? 0) + weight.elements)
  const [main] = [...elements].sort((a, b) => b[1] - a[1])[0] ?? ['f32' as const]
  const computes: readonly string[] = ['f64', 'f32', 'bf16', 'f16', 'fp8', 'int8', 'int4']
  return computes.includes(main) ? (main as ComputeDType) : dtypeBits[main] > 16 ? 'f32' : 'f16'
}

/** A model of weights alone. Its totals are incomplete, and say so. */
export function weightsOnly(
  about: {readonly id: string; readonly name: string; readonly source: string},
  origin: string,
  weights: readonly ListedWeight[],
  why: string,
): {model: ModelOf<'operators'>; warnings: Warning[]} {
  const dtype = mainDType(weights)
  const tensors = weights.map((weight) => ({
    name: weight.name,
    role: 'weight' as const,
    elements: weight.elements,
    ...(weight.dtype === dtype ? {} : {dtype: weight.dtype}),
  }))
  const spec = {batch: 1, operators: [], tensors, unknown: [{op: 'forward pass', count: 1}]}
  return {
    model: {...about, architecture: 'operators', spec, dtype},
    warnings: [{code: 'weights-only', message: `${origin}: only the weights are known: ${why}`}],
  }
}
