/** An operator's formula with the arithmetic filled in. */
import {findOperator} from '../catalog.ts'
import type {OperatorExplanation} from '../document/explain.ts'
import {bytesOf, type DType} from '../dtype.ts'
import {AnalysisError} from '../errors.ts'
import {compulsoryBytes, ownType, type TensorUse} from '../ops/types.ts'
import {completeDims, type GivenDims} from './dims.ts'
import {evaluateFormula, parseFormula, substitute, termsOf} from './formula.ts'

/** Types that bytes and intensity are shown for. */
const shownTypes = ['f64', 'f32', 'bf16', 'int8', 'int4'] as const satisfies readonly DType[]

const byType = <T>(value: (type: DType) => T): Record<string, T> =>
  Object.fromEntries(shownTypes.map((type) => [type, value(type)]))

/**
 * Explains one operator: formula, source, the numbers put in step by step, FLOPs, MACs and bytes.
 * @param given some of its dims; the others are those of its first example
 * @throws AnalysisError `unknown-operator`, `bad-dimension`, `bad-flag`
 */
export function explainOperator(kind: string, given: GivenDims = {}): OperatorExplanation {
  const op = findOperator(kind)
  const dims = completeDims(op, given)
  const derived = op.derived?.(dims) ?? {}
  const cost = op.cost(dims)
  const all = [...cost.reads, ...cost.writes].map((use) => use.elements)
  const counts = [cost.flops, cost.matrix + cost.vector, ...all.map((n) => n * 8)]
  if (!counts.every(Number.isSafeInteger)) {
    throw new AnalysisError('bad-dimension', `${kind}: these dims make counts beyond 2^53`, [
      'use smaller dims: counts are exact integers here',
    ])
  }
  const expression = parseFormula(op.formula)
  const values = {...dims, ...derived}
  const steps = [
    {text: op.formula, says: 'the formula'},
    {text: substitute(expression, values), says: 'with the numbers'},
    {text: termsOf(expression, values), says: 'term by term'},
    {text: termsOf({kind: 'number', value: evaluateFormula(expression, values)}, values), says: 'in all'},
  ].filter((step, i, list) => step.text !== list[i + 1]?.text)
  const tensor = (access: 'read' | 'write') => (use: TensorUse) => ({
    name: use.name,
    role: use.role,
    access,
    type: ownType(use),
    elements: use.elements,
    bytes: byType((type) => bytesOf(use.elements, ownType(use) ?? type)),
  })
  const bytes = byType((type) => compulsoryBytes(cost, type))
  return {
    kind: 'operator',
    id: op.kind,
    title: op.title,
    trait: op.trait,
    formula: op.formula,
    where: op.where ?? null,
    source: op.source,
    dims: {...dims},
    derived,
    steps,
    flops: cost.flops,
    macs: cost.macs,
    executedFlops: cost.matrix + cost.vector,
    special: cost.special,
    tensors: [...cost.reads.map(tensor('read')), ...cost.writes.map(tensor('write'))],
    bytes,
    intensity: byType((type) => (bytes[type]! > 0 ? cost.flops / bytes[type]! : null)),
  }
}
