/** Words for gradient rules: what a part reads, and parts of matrix products and of everything else. */
import type {GradientPart, GradientUse} from '../ops/types.ts'

/** Elements of the forward input at that position, kept for the backward pass (or a weight, or a constant). */
export const ofInput = (at: number, elements: number): GradientUse => ({of: 'input', at, elements})
/** Elements of the forward output at that position, kept for the backward pass. */
export const ofOutput = (at: number, elements: number): GradientUse => ({of: 'output', at, elements})
/** The gradient of the forward output at that position. */
export const gradientOf = (at: number, elements: number): GradientUse => ({of: 'gradient', at, elements})
/** What forward wrote for the backward pass alone. */
export const ofExtra = (at: number, elements: number): GradientUse => ({of: 'extra', at, elements})

interface Moves {
  readonly reads: readonly GradientUse[]
  readonly writes: GradientPart['writes']
}

/**
 * A gradient that is a matrix product (or several).
 * @param macs multiply-accumulates
 * @param vector FLOPs beside them
 */
export const productPart = (formula: string, macs: number, moves: Moves, vector = 0): GradientPart => ({
  formula,
  macs,
  flops: 2 * macs + vector,
  matrix: 2 * macs,
  vector,
  special: 0,
  ...moves,
})

/** A gradient without a matrix product; `special` counts its exp, tanh, erf. */
export const vectorPart = (formula: string, flops: number, moves: Moves, special = 0): GradientPart => ({
  formula,
  macs: 0,
  flops,
  matrix: 0,
  vector: flops,
  special,
  ...moves,
})
