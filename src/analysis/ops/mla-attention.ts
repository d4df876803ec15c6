import {gradientOf, ofExtra, ofInput, ofOutput, productPart} from '../training/rules.ts'
import {keptPairs, pairsRule} from './pairs.ts'
import {input, kv, type OpDef, output} from './types.ts'

export type MlaAttentionDims = {
  readonly batch: number
  readonly seq: number
  readonly cached: number
  readonly heads: number
  /** channels of a key */
  readonly keyDim: number
  /** channels of a value; in the shared form they are the first of the key's */
  readonly valueDim: number
  /** all heads share one key, whose first channels are the value: the absorbed form, on the latent itself */
  readonly shared: boolean
  readonly causal: boolean
}

/** The key row `j` of a head: cached tokens first, then new ones. */
const rowAt = (
  d: MlaAttentionDims,
  fresh: Float64Array,
  cache: Float64Array | undefined,
  at: number[],
  width: number,
) => {
  const [b, j, h, heads] = at as [number, number, number, number]
  return j < d.cached
    ? cache!.subarray(((b * d.cached + j) * heads + h) * width)
    : fresh.subarray(((b * d.seq + j - d.cached) * heads + h) * width)
}

export const mlaAttention: OpDef<'mla-attention', MlaAttentionDims> = {
  kind: 'mla-attention',
  title:
    'fused attention whose keys and values differ in width; absorbed latent attention reads each latent once for both',
  trait: 'attention',
  formula: '2·batch·heads·pairs·(keyDim + valueDim) + 5·batch·heads·pairs',
  where: pairsRule,
  derived: (d) => ({pairs: keptPairs(d.seq, d.cached, d.causal)}),
  source: 'DeepSeek-AI 2024 (arXiv:2405.04434) §2.1 and appendix C; fused as in Dao et al. 2022 (arXiv:2205.14135)',
  cost(d) {
    const pairs = d.batch * d.heads * keptPairs(d.seq, d.cached, d.causal)
    const kvHeads = d.shared ? 1 : d.heads
    const fresh = d.batch * d.seq * kvHeads
    const cached = d.batch * d.cached * kvHeads
    const reads = [input('q', d.batch * d.seq * d.heads * d.keyDim), input('k', fresh * d.keyDim)]
    if (d.cached > 0) reads.push(kv('k cache', cached * d.keyDim))
    if (!d.shared) {
      reads.push(input('v', fresh * d.valueDim))
      if (d.cached > 0) reads.push(kv('v cache', cached * d.valueDim))
    }
    const matrix = 2 * pairs * (d.keyDim + d.valueDim)
    return {
      macs: pairs * (d.keyDim + d.valueDim),
      flops: matrix + 5 * pairs,
      matrix,
      vector: 5 * pairs,
      special: pairs,
      reads,
      writes: [output('o', d.batch * d.seq * d.heads * d.valueDim)],
    }
  },
  reference(d, inputs) {
    const [q, k] = inputs
    const kCache = d.cached > 0 ? inputs[2] : undefined
    const v = d.shared ? k! : inputs[d.cached > 0 ? 3 : 2]!
    const vCache = d.shared ? kCache : inputs[4]
    const kvHeads = d.shared ? 1 : d.heads
    // in the shared form a value is the front of its key, so that its row starts where the key's does
    const valueStride = d.shared ? d.keyDim : d.valueDim
    const o = new Float64Array(d.batch * d.seq * d.heads * d.valueDim)
    for (let i = 0; i < d.batch * d.seq * d.heads; i++) {
      const h = i % d.heads
      const s = Math.floor(i / d.heads) % d.seq
      const b = Math.floor(i / d.heads / d.seq)
      const last = d.causal ? d.cached + s + 1 : d.cached + d.seq
      const scores = Array.from({length: last}, (_, j) => {
        const row = rowAt(d, k!, kCache, [b, j, h % kvHeads, kvHeads], d.keyDim)
        let sum = 0
        for (let c = 0; c < d.keyDim; c++) sum += q![i * d.keyDim + c]! * row[c]!
        return sum / Math.sqrt(d.keyDim)
      })
      const max = Math.max(...scores)
      const total = scores.reduce((sum, x) => sum + Math.exp(x - max), 0)
      scores.forEach((x, j) => {
        const row = rowAt(d, v, vCache, [b, j, h % kvHeads, kvHeads], valueStride)
        for (let c = 0; c < d.valueDim; c++)
          o[i * d.valueDim + c]! += (Math.exp(x - max) / total) * (c < valueStride ? row[c]! : 0)
      })
    }
    return [o]
  },
  /** As `attention`: four products (dV, dP, dQ, dK), and the scores once more, executed but not useful. */
  backward(d) {
    const heads = d.batch * d.heads
    const all = heads * keptPairs(d.seq, d.cached, d.causal)
    const fresh = heads * keptPairs(d.seq, 0, d.causal)
    const width = d.keyDim + d.valueDim
    const tokens = d.batch * d.seq
    const kvHeads = d.shared ? 1 : d.heads
    const [q, o] = [tokens * d.heads * d.keyDim, tokens * d.heads * d.valueDim]
    const [k, v] = [tokens * kvHeads * d.keyDim, tokens * kvHeads * d.valueDim]
    const cached = d.batch * d.cached * kvHeads
    const reads = [gradientOf(0, o), ofOutput(0, o), ofExtra(0, heads * d.seq), ofInput(0, q), ofInput(1, k)]
    if (d.cached > 0) reads.push(ofInput(2, cached * d.keyDim))
    const writes = [
      {at: 0, elements: q},
      {at: 1, elements: k},
    ]
    if (!d.shared) {
      const at = d.cached > 0 ? 3 : 2
      reads.push(ofInput(at, v))
      if (d.cached > 0) reads.push(ofInput(4, cached * d.valueDim))
      writes.push({at, elements: v})
    }
    const formula = '2·batch·heads·(pairs + newPairs)·(keyDim + valueDim) + 4·batch·heads·pairs'
    const part = productPart(formula, (all + fresh) * width, {reads, writes}, 4 * all)
    return {
      data: {...part, matrix: part.matrix + 2 * all * d.keyDim, vector: 4 * all + 2 * o},
      weights: null,
      extra: [{name: 'log-sum-exp', elements: heads * d.seq, dtype: 'f32'}],
    }
  },
  examples: [
    {
      dims: {batch: 1, seq: 1, cached: 2047, heads: 128, keyDim: 576, valueDim: 512, shared: true, causal: true},
      flops: 571_736_064,
      bytes: 5_275_648,
      source:
        'DeepSeek-V3, absorbed, one token at 2,048: 2·128·2,048·1,088 + 5·128·2,048; 4 B × (128·576 + 2,048·576 + 128·512)',
    },
  ],
}
