import {gradientOf, ofExtra, ofOutput, vectorPart} from '../training/rules.ts'
import {largest} from './moe-gate.ts'
import {index, input, type OpDef, output, weight} from './types.ts'

export type MoeGateSigmoidDims = {
  readonly rows: number
  readonly experts: number
  readonly topK: number
  /** a learned number per expert that takes part in the choice, not in the weight */
  readonly bias: boolean
}

export const moeGateSigmoid: OpDef<'moe-gate-sigmoid', MoeGateSigmoidDims> = {
  kind: 'moe-gate-sigmoid',
  title: 'chooses topK experts of every row by sigmoid scores, and their weights',
  trait: 'rowwise',
  formula: '3·rows·experts + bias·rows·experts + rows·experts·topK + 3·rows·topK',
  where:
    'sigmoid 3 per expert; selection: one compare per expert and choice (limits on groups of experts are index work); weights: add, divide, scale',
  source: 'DeepSeek-AI 2024 (arXiv:2412.19437) §2.1.2 eq. 13–16',
  cost({rows, experts, topK, bias}) {
    const flops = 3 * rows * experts + (bias ? rows * experts : 0) + rows * experts * topK + 3 * rows * topK
    const reads = bias ? [input('logits', rows * experts), weight('bias', experts)] : [input('logits', rows * experts)]
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: rows * experts,
      reads,
      writes: [output('expert weights', rows * topK), index('experts', rows * topK)],
    }
  },
  reference({rows, experts, topK}, [logits, bias]) {
    const weights = new Float64Array(rows * topK)
    const chosen = new Float64Array(rows * topK)
    for (let r = 0; r < rows; r++) {
      const scores = Array.from(logits!.subarray(r * experts, (r + 1) * experts), (v) => 1 / (1 + Math.exp(-v)))
      const ids = largest(
        scores.map((v, i) => v + (bias?.[i] ?? 0)),
        topK,
      )
      const sum = ids.reduce((total, id) => total + scores[id]!, 0)
      ids.forEach((id, i) => {
        weights[r * topK + i] = scores[id]! / sum
        chosen[r * topK + i] = id
      })
    }
    return [weights, chosen]
  },
  // of the chosen scores: normalizing and scale (5), s·(1 − s) times it (3); the bias is no weight that gradients train
  backward({rows, experts, topK}) {
    const chosen = rows * topK
    const part = vectorPart('8·rows·topK', 8 * chosen, {
      reads: [gradientOf(0, chosen), ofOutput(1, chosen), ofExtra(0, chosen)],
      writes: [{at: 0, elements: rows * experts}],
    })
    return {data: part, weights: null, extra: [{name: 'chosen scores', elements: chosen, dtype: null}]}
  },
  examples: [
    {
      dims: {rows: 1, experts: 256, topK: 8, bias: true},
      flops: 3096,
      bytes: 2144,
      source: 'DeepSeek-V3, one token: 4·256 + 256·8 + 3·8; 4 B × (2·256 + 8) + 8 B × 8',
    },
  ],
}
