/** Transformers: dimensions and workload → graph. Decoders, dense or mixtures of experts, and encoders (BERT) alike. */
import {type Graph, GraphBuilder, type Tensor} from '../graph.ts'
import {add} from '../ops/add.ts'
import {alibi} from '../ops/alibi.ts'
import {attentionScores} from '../ops/attention-scores.ts'
import {attentionValues} from '../ops/attention-values.ts'
import {embedding} from '../ops/embedding.ts'
import {kvWrite} from '../ops/kv-write.ts'
import {l2norm} from '../ops/l2norm.ts'
import {layernorm} from '../ops/layernorm.ts'
import {linear} from '../ops/linear.ts'
import {keptPairs} from '../ops/pairs.ts'
import {position} from '../ops/position.ts'
import {rmsnorm} from '../ops/rmsnorm.ts'
import {rope} from '../ops/rope.ts'
import {ropePartial} from '../ops/rope-partial.ts'
import {scale} from '../ops/scale.ts'
import {softcap} from '../ops/softcap.ts'
import {softmax} from '../ops/softmax.ts'
import {softmaxSink} from '../ops/softmax-sink.ts'
import {tanh} from '../ops/tanh.ts'
import {type ActivationName, activationOf, gateOf} from './parts/activations.ts'
import {type LayerIds, layerIds} from './parts/ids.ts'
import {type LatentSpec, latentAttention} from './parts/latent-attention.ts'
import type {LayerContext, Normalize, Project} from './parts/layer.ts'
import {type MixtureSpec, mixture} from './parts/mixture.ts'
import type {Architecture, ModelWork} from './types.ts'

export interface TransformerDims {
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly ffn: number
  readonly vocab: number
  /** rows of the position table, or the longest sequence the model was trained for */
  readonly positions: number
}

/** Layers of one kind in a model that has several. */
export interface LayerGroup {
  /** in the operator ids, `layers.NAME.attn…`; empty where there is one group */
  readonly name: string
  readonly layers: number
  /** the last tokens that a query sees, itself included; absent: all */
  readonly window?: number
  /** queries see the tokens of their own chunk of this many alone; absent: all */
  readonly chunk?: number
  /** no positions are encoded in these layers */
  readonly positionless?: boolean
  /** a dense feed-forward layer in a model whose other layers are mixtures */
  readonly dense?: boolean
}

export interface TransformerSpec extends TransformerDims {
  readonly causal: boolean
  readonly norm: 'layernorm' | 'rmsnorm'
  /** before each block with a final norm (GPT-2, Llama), after each residual (BERT), or before and behind each block (Gemma 2) */
  readonly normPlacement: 'pre' | 'post' | 'both'
  readonly positionEncoding: 'learned' | 'rope' | 'alibi'
  readonly activation: ActivationName
  /** gate and up projections with activation(gate)·up between */
  readonly gated: boolean
  readonly bias: {readonly qkv: boolean; readonly out: boolean; readonly mlp: boolean}
  /** the LM head shares the token table */
  readonly tied: boolean
  readonly lmHead: boolean
  readonly tokenTypes: number
  readonly embeddingNorm: boolean
  readonly pooler: boolean
  /** kinds of layers, in the order of their first; together they are `layers`. Absent: all alike */
  readonly groups?: readonly LayerGroup[]
  /** norms over every query and key head: RMSNorm before the rotation (Qwen3), or without weights behind it (Llama 4) */
  readonly qkNorm?: 'rmsnorm' | 'l2'
  /** channels of a head that turn; absent: all */
  readonly rotary?: number
  /** tanh caps on scores and on logits */
  readonly softcap?: {readonly scores: boolean; readonly logits: boolean}
  /** one learned score per head that takes part in every softmax */
  readonly sinks?: boolean
  /** the embeddings are multiplied by √hidden */
  readonly embeddingScale?: boolean
  /** attention and feed-forward read the same norm, and their outputs are added together */
  readonly parallel?: boolean
  readonly mixture?: MixtureSpec
  /** latent attention in place of keys and values per head; `kvHeads` and `headDim` then mean nothing */
  readonly latent?: LatentSpec
}

/** What a transformer takes of a workload. */
export type TransformerWorkload = Pick<ModelWork, 'batch' | 'seq' | 'context' | 'logits' | 'tp' | 'routing'>

/** The graph of one forward pass on one of `tp` devices (heads, FFN columns and vocabulary divided, norms replicated). */
export function transformer(spec: TransformerSpec, work: TransformerWorkload): Graph {
  const b = new GraphBuilder()
  const {hidden, headDim} = spec
  const {batch, seq, context, tp} = work
  const heads = spec.heads / tp
  const kvHeads = Math.max(1, spec.kvHeads / tp)
  const ffn = spec.ffn / tp
  const vocab = Math.ceil(spec.vocab / tp)
  const rows = batch * seq
  const width = rows * hidden
  const causal = spec.causal

  const norm: Normalize = (id, x, y, count, repeat, width = hidden) => {
    const gamma = b.weight(`${id}.gamma`, width, repeat)
    const dims = {rows: count, width}
    if (spec.norm === 'rmsnorm') b.add(rmsnorm, id, dims, [x, gamma], [y], repeat)
    else b.add(layernorm, id, dims, [x, gamma, b.weight(`${id}.beta`, width, repeat)], [y], repeat)
  }
  const project: Project = (id, x, m, n, k, bias, y, repeat) => {
    const inputs = [x, b.weight(`${id}.weight`, k * n, repeat)]
    if (bias) inputs.push(b.weight(`${id}.bias`, n, repeat))
    b.add(linear, id, {m, n, k, bias}, inputs, y, repeat)
  }

  // embeddings
  const table = b.weight('embed.table', vocab * hidden)
  let x = b.activation('x', width)
  b.add(embedding, 'embed', {rows, width: hidden, vocab}, [b.tensor('token ids', 'index', rows), table], [x])
  const addRows = (id: string, distinct: number, tableRows: number) => {
    const y = b.activation(id, width)
    b.add(position, id, {rows, distinct, width: hidden}, [x, b.weight(`${id}.table`, tableRows * hidden)], [y])
    x = y
  }
  if (spec.embeddingScale) {
    const y = b.activation('embed.scale', width)
    b.add(scale, 'embed.scale', {elements: width}, [x], [y])
    x = y
  }
  if (spec.positionEncoding === 'learned') addRows('embed.position', Math.min(seq, spec.positions), spec.positions)
  if (spec.tokenTypes > 0) addRows('embed.token-type', Math.min(spec.tokenTypes, seq), spec.tokenTypes)
  if (spec.embeddingNorm) {
    const y = b.activation('embed.norm', width)
    norm('embed.norm', x, y, rows, 1)
    x = y
  }

  // one layer of each kind, repeated
  const attend = (group: LayerGroup, ids: LayerIds, input: Tensor): Tensor => {
    const repeat = group.layers
    const {window = 0, chunk = 0} = group
    // of the cache, only what some query sees is kept and read
    const cached = window > 0 ? Math.min(context, window - 1) : chunk > 0 ? context % chunk : context
    const keys = cached + seq
    const qElements = rows * heads * headDim
    const kElements = rows * kvHeads * headDim
    let q = b.activation('q', qElements)
    let k = b.activation('k', kElements)
    const v = b.activation('v', kElements)
    project(ids.qkv, input, rows, (heads + 2 * kvHeads) * headDim, hidden, spec.bias.qkv, [q, k, v], repeat)
    const normHeads = () => {
      const [q2, k2] = [b.activation('q normed', qElements), b.activation('k normed', kElements)]
      const [qId, kId] = [`${ids.prefix}attn.q-norm`, `${ids.prefix}attn.k-norm`]
      if (spec.qkNorm === 'l2') {
        b.add(l2norm, qId, {rows: rows * heads, width: headDim}, [q], [q2], repeat)
        b.add(l2norm, kId, {rows: rows * kvHeads, width: headDim}, [k], [k2], repeat)
      } else {
        norm(qId, q, q2, rows * heads, repeat, headDim)
        norm(kId, k, k2, rows * kvHeads, repeat, headDim)
      }
      q = q2
      k = k2
    }
    if (spec.qkNorm === 'rmsnorm') normHeads()
    if (spec.positionEncoding === 'rope' && !group.positionless) {
      const [q2, k2] = [b.activation('q rotated', qElements), b.activation('k rotated', kElements)]
      const {rotary} = spec
      const cosSin = b.tensor('cos, sin', 'constant', seq * (rotary ?? headDim))
      if (rotary === undefined || rotary === headDim) {
        b.add(rope, ids.rope, {batch, seq, heads, kvHeads, headDim}, [q, k, cosSin], [q2, k2], repeat)
      } else {
        const dims = {batch, seq, heads, kvHeads, headDim: rotary, plain: headDim - rotary}
        b.add(ropePartial, ids.rope, dims, [q, k, cosSin], [q2, k2], repeat)
      }
      q = q2
      k = k2
      if (spec.qkNorm === 'l2') normHeads()
    }
    const scoresIn = [q, k]
    const valuesIn: Tensor[] = []
    if (causal) {
      const most = window > 0 ? window : chunk > 0 ? chunk : context + seq
      const cacheElements = batch * Math.min(context + seq, most) * kvHeads * headDim
      const kCache = b.tensor('k cache', 'kv', cacheElements, repeat)
      const vCache = b.tensor('v cache', 'kv', cacheElements, repeat)
      const written = {batch, seq: Math.min(seq, most), kvHeads, headDim}
      b.add(kvWrite, ids.kvWrite, written, [k, v], [kCache, vCache], repeat)
      if (cached > 0) {
        scoresIn.push(kCache)
        valuesIn.push(vCache)
      }
    }
    const whole = {batch, seq, cached, heads, kvHeads, headDim, causal}
    const dims = window > 0 ? {...whole, window} : chunk > 0 ? {...whole, chunk} : whole
    const rectangle = batch * heads * seq * keys
    const kept = batch * heads * keptPairs(seq, cached, causal, window, chunk)
    const shape = {rows: batch * heads * seq, cols: keys, kept}
    let scores = b.activation('scores', rectangle)
    b.add(attentionScores, ids.scores, dims, scoresIn, [scores], repeat)
    if (spec.positionEncoding === 'alibi') {
      const biased = b.activation('biased scores', rectangle)
      const slopes = b.tensor('slopes', 'constant', heads)
      const seen = {batch, seq, cached, heads, causal, ...(window > 0 ? {window} : chunk > 0 ? {chunk} : {})}
      b.add(alibi, `${ids.prefix}attn.alibi`, seen, [scores, slopes], [biased], repeat)
      scores = biased
    }
    if (spec.softcap?.scores) {
      const capped = b.activation('capped scores', rectangle)
      b.add(softcap, `${ids.prefix}attn.softcap`, shape, [scores], [capped], repeat)
      scores = capped
    }
    const weights = b.activation('attention weights', rectangle)
    if (spec.sinks) {
      const sinks = b.weight(`${ids.softmax}.sinks`, heads, repeat)
      b.add(softmaxSink, ids.softmax, {...shape, heads}, [scores, sinks], [weights], repeat)
    } else b.add(softmax, ids.softmax, shape, [scores], [weights], repeat)
    const o = b.activation('o', qElements)
    b.add(attentionValues, ids.values, dims, [weights, v, ...valuesIn], [o], repeat)
    const y = b.activation('attention output', width)
    project(ids.out, o, rows, hidden, heads * headDim, spec.bias.out, [y], repeat)
    return y
  }
  const feedForward = (repeat: number, ids: LayerIds, input: Tensor): Tensor => {
    const inner = rows * ffn
    const up = b.activation('up', inner)
    project(ids.up, input, rows, ffn, hidden, spec.bias.mlp, [up], repeat)
    const act = b.activation('act', inner)
    if (spec.gated) {
      const gate = b.activation('gate', inner)
      project(ids.gate, input, rows, ffn, hidden, spec.bias.mlp, [gate], repeat)
      b.add(gateOf(spec.activation), ids.act, {elements: inner}, [gate, up], [act], repeat)
    } else b.add(activationOf(spec.activation), ids.act, {elements: inner}, [up], [act], repeat)
    const y = b.activation('mlp output', width)
    project(ids.down, act, rows, hidden, ffn, spec.bias.mlp, [y], repeat)
    return y
  }
  const layer = (group: LayerGroup) => {
    const ids = layerIds(group.name)
    const repeat = group.layers
    const part = (): LayerContext => ({b, ids, layers: repeat, batch, seq, context, tp, hidden, project, norm})
    const attention = (input: Tensor) =>
      spec.latent ? latentAttention(part(), spec.latent, heads, input) : attend(group, ids, input)
    const mlp = (input: Tensor) =>
      spec.mixture && !group.dense
        ? mixture(part(), spec.mixture, gateOf(spec.activation), input, work.routing)
        : feedForward(repeat, ids, input)
    const residual = (id: string, y: Tensor) => {
      const sum = b.activation(id, width)
      b.add(add, id, {elements: width}, [y, x], [sum], repeat)
      return sum
    }
    const normed = (id: string, y: Tensor) => {
      const out = b.activation(id, width)
      norm(id, y, out, rows, repeat)
      return out
    }
    const block = (normId: string, residualId: string, behind: string, body: (input: Tensor) => Tensor) => {
      if (spec.normPlacement === 'post') x = normed(normId, residual(residualId, body(x)))
      else {
        const y = body(normed(normId, x))
        x = residual(residualId, spec.normPlacement === 'both' ? normed(`${ids.prefix}${behind}`, y) : y)
      }
    }
    if (spec.parallel) {
      const input = normed(ids.attnNorm, x)
      const [a, m] = [attention(input), mlp(input)]
      x = residual(ids.attnResidual, a)
      x = residual(ids.mlpResidual, m)
      return
    }
    block(ids.attnNorm, ids.attnResidual, 'attn.post-norm', attention)
    block(ids.mlpNorm, ids.mlpResidual, 'mlp.post-norm', mlp)
  }
  if (spec.groups) for (const group of spec.groups) layer(group)
  else layer({name: '', layers: spec.layers})

  // heads
  if (spec.normPlacement !== 'post') {
    const y = b.activation('norm', width)
    norm('norm', x, y, rows, 1)
    x = y
  }
  if (spec.pooler) {
    const pooled = b.activation('pooled', batch * hidden)
    project('pooler', x, batch, hidden, hidden, true, [pooled], 1)
    b.add(tanh, 'pooler.act', {elements: batch * hidden}, [pooled], [b.activation('pooler output', batch * hidden)])
  }
  if (spec.lmHead) {
    const m = work.logits === 'all' ? rows : batch
    const weights = spec.tied ? table : b.weight('lm_head.weight', vocab * hidden)
    const logits = b.activation('logits', m * vocab)
    b.add(linear, 'lm_head', {m, n: vocab, k: hidden, bias: false}, [x, weights], [logits])
    if (spec.softcap?.logits) {
      const dims = {rows: m, cols: vocab, kept: m * vocab}
      b.add(softcap, 'lm_head.softcap', dims, [logits], [b.activation('capped logits', m * vocab)])
    }
  }
  return b.graph()
}

const touched =
  'the weights of min(experts, tokens × choices) experts are read: every one that routing can touch; the mean is lower'

export const transformerArchitecture: Architecture<TransformerSpec> = {
  graph: transformer,
  traits: (spec) => ({
    generates: spec.causal && spec.lmHead,
    positions: spec.positions,
    shards: {
      heads: spec.heads,
      ffn: spec.ffn,
      ...(spec.mixture ? {'expert ffn': spec.mixture.ffn} : {}),
      ...(spec.mixture && spec.mixture.sharedFfn > 0 ? {'shared ffn': spec.mixture.sharedFfn} : {}),
    },
    ...(spec.latent ? {} : {kvHeads: spec.kvHeads}),
    ...(spec.mixture ? {assumptions: [touched], mixture: spec.mixture} : {}),
  }),
}
