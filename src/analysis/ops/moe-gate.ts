import {gradientOf, ofExtra, ofOutput, vectorPart} from '../training/rules.ts'
import {index, input, type OpDef, output} from './types.ts'

export type MoeGateDims = {
  readonly rows: number
  readonly experts: number
  /** experts that each row chooses */
  readonly topK: number
  /** the softmax runs over all experts before the choice (Mixtral, Qwen3), else over the chosen ones (GPT-OSS) */
  readonly all: boolean
  /** the chosen weights are divided by their sum */
  readonly normalized: boolean
}

/** Positions of the `k` largest values, largest first; from the front again where there are fewer. */
export function largest(values: readonly number[], k: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!)
  return Array.from({length: k}, (_, i) => order[i % order.length]!)
}

function softmaxOf(values: readonly number[]): number[] {
  const max = Math.max(...values)
  const exps = values.map((v) => Math.exp(v - max))
  const sum = exps.reduce((a, b) => a + b, 0)
  return exps.map((v) => v / sum)
}

export const moeGate: OpDef<'moe-gate', MoeGateDims> = {
  kind: 'moe-gate',
  title: 'chooses topK experts of every row and their weights: softmax and selection',
  trait: 'rowwise',
  formula: '5·rows·(all·experts + topK - all·topK) + rows·experts·topK + 2·normalized·rows·topK',
  where:
    'selection: one compare per expert and choice; normalizing: add and divide per choice; expert numbers are 8 bytes',
  source: 'Shazeer et al. 2017 (arXiv:1701.06538) eq. 3–5; Jiang et al. 2024 (arXiv:2401.04088) §2.1',
  cost({rows, experts, topK, all, normalized}) {
    const scored = rows * (all ? experts : topK)
    const flops = 5 * scored + rows * experts * topK + (normalized ? 2 * rows * topK : 0)
    return {
      macs: 0,
      flops,
      matrix: 0,
      vector: flops,
      special: scored,
      reads: [input('logits', rows * experts)],
      writes: [output('expert weights', rows * topK), index('experts', rows * topK)],
    }
  },
  reference({rows, experts, topK, all, normalized}, [logits]) {
    const weights = new Float64Array(rows * topK)
    const chosen = new Float64Array(rows * topK)
    for (let r = 0; r < rows; r++) {
      const row = Array.from(logits!.subarray(r * experts, (r + 1) * experts))
      const ids = largest(row, topK)
      const scores = all ? softmaxOf(row) : row
      const picked = all ? ids.map((i) => scores[i]!) : softmaxOf(ids.map((i) => row[i]!))
      const sum = normalized ? picked.reduce((a, b) => a + b, 0) : 1
      ids.forEach((id, i) => {
        weights[r * topK + i] = picked[i]! / sum
        chosen[r * topK + i] = id
      })
    }
    return [weights, chosen]
  },
  // normalized: multiply, sum, subtract, divide per choice; softmax: multiply, add, subtract, multiply per score
  backward({rows, experts, topK, all, normalized}) {
    const scored = rows * (all ? experts : topK)
    const chosen = rows * topK
    const part = vectorPart(
      '4·rows·(all·experts + topK - all·topK) + 4·normalized·rows·topK',
      4 * scored + (normalized ? 4 * chosen : 0),
      {
        reads: [gradientOf(0, chosen), ofOutput(1, chosen), ofExtra(0, scored)],
        writes: [{at: 0, elements: rows * experts}],
      },
    )
    return {data: part, weights: null, extra: [{name: 'probabilities', elements: scored, dtype: null}]}
  },
  examples: [
    {
      dims: {rows: 1, experts: 8, topK: 2, all: true, normalized: true},
      flops: 60,
      bytes: 56,
      source: 'Mixtral 8x7B, one token: 5·8 + 8·2 + 2·2; 4 B × (8 + 2) + 8 B × 2',
    },
  ],
}
