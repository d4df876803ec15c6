/** Classes of operators as the charts show them: a colour and a shape each, never a colour alone. */
import type {Operator} from '../document.ts'

export const operatorClasses = [
  {id: 'matrix', label: 'Matrix product', shape: 'circle'},
  {id: 'attention', label: 'Attention', shape: 'diamond'},
  {id: 'norm', label: 'Norm, softmax', shape: 'square'},
  {id: 'elementwise', label: 'Elementwise', shape: 'triangle-up'},
  {id: 'movement', label: 'Data movement', shape: 'cross'},
] as const

export type OperatorClass = (typeof operatorClasses)[number]['id']

const byKind: Readonly<Record<string, OperatorClass>> = {
  attention: 'attention',
  'attention-scores': 'attention',
  'attention-values': 'attention',
  softmax: 'norm',
  layernorm: 'norm',
  rmsnorm: 'norm',
  'cross-entropy': 'norm',
}

/**
 * The class an operator is drawn as. A fused kind (`linear+rope`) is what its parts are; kinds that no table names fall by
 * what they do: no FLOPs is data movement, mostly multiply-accumulates is a matrix product, everything else is
 * elementwise. A new operator needs no line here.
 */
export function classOf(op: Pick<Operator, 'kind' | 'flops' | 'macs'>): OperatorClass {
  if (op.flops === 0) return 'movement'
  const named = op.kind.split('+').map((part) => byKind[part])
  if (named.includes('attention')) return 'attention'
  // 2 FLOP per MAC: half of the FLOPs in products makes it one
  if (4 * op.macs >= op.flops) return 'matrix'
  return named.includes('norm') ? 'norm' : 'elementwise'
}

export const classLabel = (id: OperatorClass): string => operatorClasses.find((c) => c.id === id)!.label

/** An operator id as charts print it: the `layers.` that every id shares says nothing. */
export const shortId = (id: string): string => id.replaceAll('layers.', '')
