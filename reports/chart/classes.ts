/** Classes of operators as the charts show them: a colour and a shape each, never a colour alone. */
import type {Operator} from '../document.ts'

export const operatorClasses = [
  {id: 'matrix', label: 'Matrix product', shape: 'circle'},
  {id: 'attention', label: 'Attention', shape: 'diamond'},
  {id: 'norm', label: 'Norm, softmax', shape: 'square'},
  {id: 'elementwise', label: 'Elementwise', shape: 'triangle-up'},
  {id: 'movement', label: 'Data movement', shape: 'cross'},
  {id: 'other', label: 'Kind not stated', shape: 'triangle-down'},
] as const

export type OperatorClass = (typeof operatorClasses)[number]['id']

/** The kind of points that were measured elsewhere, of which nobody said what they are. */
export const UNSTATED = 'measured'

const isAttention = (part: string) => /attention|(?:^|-)(?:scores|values)$/.test(part)
const isNorm = (part: string) => /norm|softmax|cross-entropy/.test(part)
const isProduct = (part: string) => /matmul|linear|conv|einsum|gemm|gemv|qkv|lstm|gru|rnn|spmm/.test(part)

/** Kinds that a fused one (`linear+rope`) or a chain of kernels (`scale, mask, softmax`) consists of. */
const partsOf = (kind: string) => kind.split(/\+|, /)

/**
 * The class an operator is drawn as. A fused kind (`linear+rope`) is what its parts are; kinds that no name tells fall by
 * what they do: no FLOPs is data movement, mostly multiply-accumulates is a matrix product, everything else is
 * elementwise. A new operator needs no line here.
 */
export function classOf(op: Pick<Operator, 'kind' | 'flops' | 'macs'>): OperatorClass {
  if (op.flops === 0) return 'movement'
  if (op.kind === UNSTATED) return 'other'
  const parts = partsOf(op.kind)
  if (parts.some(isAttention)) return 'attention'
  // 2 FLOP per MAC: half of the FLOPs in products makes it one; of what was measured nobody counted them
  if (4 * op.macs >= op.flops || parts.some(isProduct)) return 'matrix'
  return parts.some(isNorm) ? 'norm' : 'elementwise'
}

/** The class of something measured, which has a kind but no count of multiply-accumulates. */
export const classOfKind = (kind: string | undefined, flops: number): OperatorClass =>
  classOf({kind: kind ?? UNSTATED, flops, macs: 0})

export const classLabel = (id: OperatorClass): string => operatorClasses.find((c) => c.id === id)!.label

/** An operator id as charts print it: the `layers.` that every id shares says nothing. */
export const shortId = (id: string): string => id.replaceAll('layers.', '')
