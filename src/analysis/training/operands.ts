/** Gradient rules of operators whose graph says which inputs are weights, and of reads that stand for several inputs. */
import type {Node, Tensor} from '../graph.ts'
import type {Backward, GradientPart, GradientUse, OpDef} from '../ops/types.ts'

/** Types that no gradient has: a comparison, a position, a quantized value ends it. */
const whole: ReadonlySet<string> = new Set(['i64', 'int8', 'int4'])

/** Whether a gradient can reach a tensor. */
export const isDifferentiable = ({role, dtype}: Tensor): boolean =>
  role !== 'index' && !(dtype !== null && whole.has(dtype))

/** `uses` of the one input of a rule, for each input of the node. */
const spread = (uses: readonly GradientUse[], node: Node): GradientUse[] =>
  uses.flatMap((use): GradientUse[] =>
    use.of === 'input' ? node.inputs.map((_, at) => ({...use, at, elements: node.cost.reads[at]!.elements})) : [use],
  )

/** The gradient of an input as it is written: of a table that is read in part, all of it. */
function written(node: Node, at: number): {at: number; elements: number} {
  const {role, elements} = node.inputs[at]!
  return {at, elements: role === 'weight' ? elements : node.cost.reads[at]!.elements}
}

/** The gradient of each operand, as far as one is needed. */
function parts(op: OpDef, node: Node, needs: ReadonlySet<Tensor>): GradientPart[] {
  const {dims, inputs, cost} = node
  const needed = inputs.flatMap((tensor, at) => (needs.has(tensor) ? [at] : []))
  if (op.operands === 'apart') {
    const {data, weights} = op.backward!(dims)
    return [data, weights].filter((part) => part?.writes.some(({at}) => needed.includes(at))) as GradientPart[]
  }
  if (op.operands === 'each') {
    return needed.map((at) => {
      const {elements} = cost.reads[at]!
      const part = op.backward!({...dims, read: elements}).data!
      return {...part, reads: spread(part.reads, node), writes: [written(node, at)]}
    })
  }
  const part = op.backward!(dims).data!
  const writes = needed.map((at) => written(node, at))
  return writes.length > 0 ? [{...part, reads: spread(part.reads, node), writes}] : []
}

/** Several gradients as one operator: what two of them read is read once. */
function together(list: readonly GradientPart[]): GradientPart | null {
  const [first] = list
  if (!first || list.length === 1) return first ?? null
  const sum = (of: (part: GradientPart) => number) => list.reduce((total, part) => total + of(part), 0)
  const reads: GradientUse[] = []
  for (const use of list.flatMap((part) => part.reads))
    if (!reads.some(({of, at}) => of === use.of && at === use.at)) reads.push(use)
  const flops = sum((part) => part.flops)
  return {
    formula: `${flops} (of ${list.length} inputs)`,
    macs: sum((part) => part.macs),
    flops,
    matrix: sum((part) => part.matrix),
    vector: sum((part) => part.vector),
    special: sum((part) => part.special),
    reads,
    writes: list.flatMap((part) => part.writes),
  }
}

/** The rule of an operator in place: gradients of weights apart from those of data, whichever operands they are. */
export function ruleInPlace(op: OpDef, node: Node, needs: ReadonlySet<Tensor>): Backward {
  const rule = op.backward!(node.dims)
  if (op.operands === undefined) return rule
  const isWeights = (part: GradientPart) => part.writes.every(({at}) => node.inputs[at]!.role === 'weight')
  const all = parts(op, node, needs)
  return {data: together(all.filter((part) => !isWeights(part))), weights: together(all.filter(isWeights))}
}
