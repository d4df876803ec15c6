/**
 * Multiplications of the functions in native/kernels/vec.h and lookup.h, one evaluation each, as the instruction set with the fewest has them: a
 * multiply-add is one, taking a power of two or looking up a table is none. tests/kernels/functions.test.ts counts them in the source.
 */
export const multiplications = {
  exp: 8,
  'exp-near': 4,
  exp2: 5,
  erf: 13,
  tanh: 13,
  silu: 4,
  gelu: 5,
  'gelu-tanh': 5,
} as const

export type VectorFunction = keyof typeof multiplications
