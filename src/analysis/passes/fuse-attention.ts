import type {Node, Tensor} from '../graph.ts'
import {attention} from '../ops/attention.ts'
import {crossAttention} from '../ops/cross-attention.ts'
import type {CrossDims} from '../ops/cross-scores.ts'
import {mlaAttention} from '../ops/mla-attention.ts'
import type {AttentionDims} from '../ops/pairs.ts'
import type {Dims, OpCost, OpDef, TensorUse} from '../ops/types.ts'
import {joinIds, partsOf} from './join.ts'
import type {Pass} from './types.ts'

/** What may stand between the scores and the softmax, and forms of the softmax: they run on the scores on chip. */
const between = new Set(['softcap', 'alibi', 'relative-bias', 'window-bias'])

interface Fused {
  readonly op: Pick<OpDef, 'kind' | 'trait' | 'formula'>
  readonly dims: Dims
  readonly cost: OpCost
  readonly inputs: readonly Tensor[]
}

const whole = <D extends Dims>(op: OpDef<string, D>, dims: D, inputs: readonly Tensor[]): Fused => ({
  op,
  dims,
  cost: op.cost(dims),
  inputs,
})

/** Scores, plain softmax and values as one operator. */
function fused(scores: Node, values: Node): Fused {
  const inputs = [...scores.inputs, ...values.inputs.slice(1)]
  if (scores.kind === 'cross-scores') return whole(crossAttention, scores.dims as CrossDims, inputs)
  const dims = scores.dims as AttentionDims
  const {headDim: valueDim} = values.dims as AttentionDims
  if (valueDim === dims.headDim) return whole(attention, dims, inputs)
  // one tensor for keys and values: latent attention in its absorbed form
  const shared = scores.inputs[1] === values.inputs[1]
  const {batch, seq, cached, heads, headDim: keyDim, causal} = dims
  return whole(
    mlaAttention,
    {batch, seq, cached, heads, keyDim, valueDim, shared, causal},
    shared ? scores.inputs : inputs,
  )
}

/** With what stands between: useful work of its own on the kept pairs, and the small tensors it reads. */
function withParts(base: Fused, parts: readonly Node[]): Fused {
  let {flops, special} = base.cost
  let {formula} = base.op
  const inputs = [...base.inputs]
  const reads: TensorUse[] = [...base.cost.reads]
  for (const {kind, cost, dims, formula: text, inputs: read} of parts) {
    // the plain softmax is counted already; a form of it brings what it has beyond that
    const counted = kind === 'softmax-sink' ? Number(dims.kept) : 0
    flops += cost.flops - 5 * counted
    special += cost.special - counted
    formula += kind === 'softmax-sink' ? ' + 4·rows' : ` + ${text}`
    inputs.push(...read.slice(1))
    reads.push(...cost.reads.slice(1))
  }
  const vector = base.cost.vector + flops - base.cost.flops
  return {op: {...base.op, formula}, dims: base.dims, cost: {...base.cost, flops, vector, special, reads}, inputs}
}

/** The chain that begins at node `i`: scores, what stands between, softmax, values; each reads the one before. */
function chainAt(nodes: readonly Node[], i: number): readonly Node[] | undefined {
  const first = nodes[i]!
  if (first.kind !== 'attention-scores' && first.kind !== 'cross-scores') return undefined
  let end = i + 1
  while (end < nodes.length && between.has(nodes[end]!.kind)) end++
  const [softmax, values] = [nodes[end], nodes[end + 1]]
  if (softmax?.kind !== 'softmax' && softmax?.kind !== 'softmax-sink') return undefined
  if (values?.kind !== (first.kind === 'cross-scores' ? 'cross-values' : 'attention-values')) return undefined
  for (let j = i + 1; j <= end + 1; j++) if (nodes[j]!.inputs[0] !== nodes[j - 1]!.outputs[0]) return undefined
  return nodes.slice(i, end + 2)
}

/** Scores, softmax and values in a row become one operator with an online softmax. */
export const fuseAttention: Pass = {
  id: 'fuse-attention',
  title: 'attention without materialized scores; masked blocks are skipped',
  source: 'Dao et al. 2022 (arXiv:2205.14135)',
  apply(graph) {
    const nodes: Node[] = []
    for (let i = 0; i < graph.nodes.length; i++) {
      const scores = graph.nodes[i]!
      const chain = chainAt(graph.nodes, i)
      if (!chain) {
        nodes.push(scores)
        continue
      }
      const values = chain.at(-1)!
      const extras = chain.slice(1, -1).filter((node) => node.kind !== 'softmax')
      const base = fused(scores, values)
      const {op, dims, cost, inputs} = extras.length > 0 ? withParts(base, extras) : base
      const parts = chain.flatMap(partsOf)
      nodes.push({
        id: joinIds(parts),
        kind: op.kind,
        trait: op.trait,
        formula: op.formula,
        dims,
        cost,
        inputs,
        outputs: values.outputs,
        repeat: scores.repeat,
        fusedFrom: parts,
      })
      i += chain.length - 1
    }
    return {...graph, nodes}
  },
}
