/** Multi-head latent attention: keys and values are up-projections of one small vector per token, which alone is cached. */
import type {Tensor} from '../../graph.ts'
import {attentionScores} from '../../ops/attention-scores.ts'
import {attentionValues} from '../../ops/attention-values.ts'
import {headLinear} from '../../ops/head-linear.ts'
import {linear} from '../../ops/linear.ts'
import {mlaKeys} from '../../ops/mla-keys.ts'
import {mlaRope} from '../../ops/mla-rope.ts'
import {mlaWrite} from '../../ops/mla-write.ts'
import {keptPairs} from '../../ops/pairs.ts'
import {softmax} from '../../ops/softmax.ts'
import type {LayerContext} from './layer.ts'

export interface LatentSpec {
  /** channels of the compressed queries; 0: queries are not compressed */
  readonly queryRank: number
  /** channels of the compressed keys and values */
  readonly rank: number
  /** channels of a query and key head without positions */
  readonly nopeDim: number
  /** channels that turn; one such key is shared by all heads */
  readonly ropeDim: number
  readonly valueDim: number
}

/**
 * Adds latent attention behind `input` and returns its output before the residual.
 *
 * With nothing cached the latent is expanded to keys and values per head (fewer FLOPs per pair); with a cache the
 * up-projections are absorbed into queries and outputs, and attention runs on the latent itself: DeepSeek-V2, appendix C.
 */
export function latentAttention(layer: LayerContext, spec: LatentSpec, heads: number, input: Tensor): Tensor {
  const {b, ids, layers, batch, seq, context, hidden, project, norm} = layer
  const {queryRank, rank, nopeDim, ropeDim, valueDim} = spec
  const rows = batch * seq
  const keyDim = nopeDim + ropeDim
  const at = (name: string) => `${ids.prefix}attn.${name}`

  const q = b.activation('q', rows * heads * keyDim)
  if (queryRank > 0) {
    const low = b.activation('q latent', rows * queryRank)
    const normed = b.activation('q latent normed', rows * queryRank)
    project(at('q-down'), input, rows, queryRank, hidden, false, [low], layers)
    norm(at('q-norm'), low, normed, rows, layers, queryRank)
    project(at('q-up'), normed, rows, heads * keyDim, queryRank, false, [q], layers)
  } else project(at('q'), input, rows, heads * keyDim, hidden, false, [q], layers)
  const raw = b.activation('kv latent', rows * rank)
  const key = b.activation('shared key', rows * ropeDim)
  project(at('kv-down'), input, rows, rank + ropeDim, hidden, false, [raw, key], layers)
  const normed = b.activation('kv latent normed', rows * rank)
  norm(at('kv-norm'), raw, normed, rows, layers, rank)

  const turned = b.activation('q rotated', rows * heads * keyDim)
  const latent = b.activation('latent', rows * (rank + ropeDim))
  const cosSin = b.tensor('cos, sin', 'constant', seq * ropeDim)
  const rope = {batch, seq, heads, nope: nopeDim, headDim: ropeDim, rank}
  b.add(mlaRope, ids.rope, rope, [q, normed, key, cosSin], [turned, latent], layers)
  const cache = b.tensor('latent cache', 'kv', batch * (context + seq) * (rank + ropeDim), layers)
  b.add(mlaWrite, ids.kvWrite, {batch, seq, rank, rope: ropeDim}, [latent], [cache], layers)
  const upWeight = b.weight(`${at('kv-up')}.weight`, rank * heads * (nopeDim + valueDim), layers)

  /** Scores, softmax and values; `out` is [rows, heads, valueHead]. */
  const attend = (queries: Tensor, keys: readonly Tensor[], values: readonly Tensor[], key: number, value: number) => {
    const kvHeads = context > 0 ? 1 : heads
    const dims = {batch, seq, cached: context, heads, kvHeads, headDim: key, causal: true}
    const rectangle = batch * heads * seq * (context + seq)
    const [scores, weights] = [b.activation('scores', rectangle), b.activation('attention weights', rectangle)]
    b.add(attentionScores, ids.scores, dims, [queries, ...keys], [scores], layers)
    const kept = batch * heads * keptPairs(seq, context, true)
    const shape = {rows: batch * heads * seq, cols: context + seq, kept}
    b.add(softmax, ids.softmax, shape, [scores], [weights], layers)
    const out = b.activation('o', rows * heads * value)
    b.add(attentionValues, ids.values, {...dims, headDim: value}, [weights, ...values], [out], layers)
    return out
  }

  let o: Tensor
  if (context > 0) {
    const absorbed = b.activation('q absorbed', rows * heads * (rank + ropeDim))
    const into = {rows, heads, n: rank, k: nopeDim, carried: ropeDim}
    b.add(headLinear, at('q-absorb'), into, [turned, upWeight], [absorbed], layers)
    // the value of a token is the front of its key: one cache serves both
    const inLatent = attend(absorbed, [latent, cache], [latent, cache], rank + ropeDim, rank)
    o = b.activation('o expanded', rows * heads * valueDim)
    const outOf = {rows, heads, n: valueDim, k: rank, carried: 0}
    b.add(headLinear, at('v-up'), outOf, [inLatent, upWeight], [o], layers)
  } else {
    const [plain, v] = [b.activation('k expanded', rows * heads * nopeDim), b.activation('v', rows * heads * valueDim)]
    const expand = {m: rows, n: heads * (nopeDim + valueDim), k: rank, bias: false}
    b.add(linear, at('kv-up'), expand, [latent, upWeight], [plain, v], layers)
    const k = b.activation('k', rows * heads * keyDim)
    b.add(mlaKeys, at('k-join'), {rows, heads, nope: nopeDim, rope: ropeDim}, [plain, latent], [k], layers)
    o = attend(turned, [k], [v], keyDim, valueDim)
  }
  const y = b.activation('attention output', rows * hidden)
  project(ids.out, o, rows, hidden, heads * valueDim, false, [y], layers)
  return y
}
