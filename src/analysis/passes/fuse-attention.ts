import type {Node} from '../graph.ts'
import {attention} from '../ops/attention.ts'
import {attentionValues} from '../ops/attention-values.ts'
import type {AttentionDims} from '../ops/pairs.ts'
import {joinIds, partsOf} from './join.ts'
import type {Pass} from './types.ts'

/** Scores, softmax and values in a row become one operator with an online softmax. */
export const fuseAttention: Pass = {
  id: 'fuse-attention',
  title: 'attention without materialized scores; masked blocks are skipped',
  source: 'Dao et al. 2022 (arXiv:2205.14135)',
  apply(graph) {
    const nodes: Node[] = []
    for (let i = 0; i < graph.nodes.length; i++) {
      const [scores, softmax, values] = [graph.nodes[i]!, graph.nodes[i + 1], graph.nodes[i + 2]]
      const chain =
        scores.kind === 'attention-scores' &&
        softmax?.kind === 'softmax' &&
        values?.kind === attentionValues.kind &&
        softmax.inputs[0] === scores.outputs[0] &&
        values.inputs[0] === softmax.outputs[0]
      if (!chain) {
        nodes.push(scores)
        continue
      }
      const dims = scores.dims as AttentionDims
      const parts = [scores, softmax, values].flatMap(partsOf)
      nodes.push({
        id: joinIds(parts),
        kind: attention.kind,
        trait: attention.trait,
        formula: attention.formula,
        dims,
        cost: attention.cost(dims),
        inputs: [...scores.inputs, ...values.inputs.slice(1)],
        outputs: values.outputs,
        repeat: scores.repeat,
        fusedFrom: parts,
      })
      i += 2
    }
    return {nodes, tensors: graph.tensors}
  },
}
