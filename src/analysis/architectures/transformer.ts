/** Dense transformers: dimensions and workload → graph. Decoders (GPT-2, Llama) and encoders (BERT) alike. */
import {type Graph, GraphBuilder, type Tensor} from '../graph.ts'
import {add} from '../ops/add.ts'
import {attentionScores} from '../ops/attention-scores.ts'
import {attentionValues} from '../ops/attention-values.ts'
import {embedding} from '../ops/embedding.ts'
import {gelu} from '../ops/gelu.ts'
import {geluTanh} from '../ops/gelu-tanh.ts'
import {kvWrite} from '../ops/kv-write.ts'
import {layernorm} from '../ops/layernorm.ts'
import {linear} from '../ops/linear.ts'
import {keptPairs} from '../ops/pairs.ts'
import {position} from '../ops/position.ts'
import {relu} from '../ops/relu.ts'
import {rmsnorm} from '../ops/rmsnorm.ts'
import {rope} from '../ops/rope.ts'
import {silu} from '../ops/silu.ts'
import {softmax} from '../ops/softmax.ts'
import {swiglu} from '../ops/swiglu.ts'
import {tanh} from '../ops/tanh.ts'
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

export interface TransformerSpec extends TransformerDims {
  readonly causal: boolean
  readonly norm: 'layernorm' | 'rmsnorm'
  /** before each block with a final norm (GPT-2, Llama), or after each residual (BERT) */
  readonly normPlacement: 'pre' | 'post'
  readonly positionEncoding: 'learned' | 'rope'
  readonly activation: 'gelu' | 'gelu-tanh' | 'relu' | 'silu'
  /** gate and up projections with silu(gate)·up between */
  readonly gated: boolean
  readonly bias: {readonly qkv: boolean; readonly out: boolean; readonly mlp: boolean}
  /** the LM head shares the token table */
  readonly tied: boolean
  readonly lmHead: boolean
  readonly tokenTypes: number
  readonly embeddingNorm: boolean
  readonly pooler: boolean
}

/** What a transformer takes of a workload. */
export type TransformerWorkload = Pick<ModelWork, 'batch' | 'seq' | 'context' | 'logits' | 'tp'>

const activations = {gelu, 'gelu-tanh': geluTanh, relu, silu, tanh} as const

/** The graph of one forward pass on one of `tp` devices (heads, FFN columns and vocabulary divided, norms replicated). */
export function transformer(spec: TransformerSpec, work: TransformerWorkload): Graph {
  const b = new GraphBuilder()
  const {layers, hidden, headDim} = spec
  const {batch, seq, context, tp} = work
  const heads = spec.heads / tp
  const kvHeads = Math.max(1, spec.kvHeads / tp)
  const ffn = spec.ffn / tp
  const vocab = Math.ceil(spec.vocab / tp)
  const rows = batch * seq
  const width = rows * hidden
  const keys = context + seq
  const causal = spec.causal

  const norm = (id: string, x: Tensor, y: Tensor, count: number, repeat: number) => {
    const gamma = b.weight(`${id}.gamma`, hidden, repeat)
    const dims = {rows: count, width: hidden}
    if (spec.norm === 'rmsnorm') b.add(rmsnorm, id, dims, [x, gamma], [y], repeat)
    else b.add(layernorm, id, dims, [x, gamma, b.weight(`${id}.beta`, hidden, repeat)], [y], repeat)
  }
  const project = (
    id: string,
    x: Tensor,
    m: number,
    n: number,
    k: number,
    bias: boolean,
    y: readonly Tensor[],
    repeat: number,
  ) => {
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
  if (spec.positionEncoding === 'learned') addRows('embed.position', Math.min(seq, spec.positions), spec.positions)
  if (spec.tokenTypes > 0) addRows('embed.token-type', Math.min(spec.tokenTypes, seq), spec.tokenTypes)
  if (spec.embeddingNorm) {
    const y = b.activation('embed.norm', width)
    norm('embed.norm', x, y, rows, 1)
    x = y
  }

  // one layer, repeated
  const attend = (input: Tensor): Tensor => {
    const qElements = rows * heads * headDim
    const kElements = rows * kvHeads * headDim
    let q = b.activation('q', qElements)
    let k = b.activation('k', kElements)
    const v = b.activation('v', kElements)
    project('layers.attn.qkv', input, rows, (heads + 2 * kvHeads) * headDim, hidden, spec.bias.qkv, [q, k, v], layers)
    if (spec.positionEncoding === 'rope') {
      const [q2, k2] = [b.activation('q rotated', qElements), b.activation('k rotated', kElements)]
      const cosSin = b.tensor('cos, sin', 'constant', seq * headDim)
      b.add(rope, 'layers.attn.rope', {batch, seq, heads, kvHeads, headDim}, [q, k, cosSin], [q2, k2], layers)
      q = q2
      k = k2
    }
    const scoresIn = [q, k]
    const valuesIn: Tensor[] = []
    if (causal) {
      const cacheElements = batch * keys * kvHeads * headDim
      const kCache = b.tensor('k cache', 'kv', cacheElements, layers)
      const vCache = b.tensor('v cache', 'kv', cacheElements, layers)
      b.add(kvWrite, 'layers.attn.kv-write', {batch, seq, kvHeads, headDim}, [k, v], [kCache, vCache], layers)
      if (context > 0) {
        scoresIn.push(kCache)
        valuesIn.push(vCache)
      }
    }
    const dims = {batch, seq, cached: context, heads, kvHeads, headDim, causal}
    const rectangle = batch * heads * seq * keys
    const scores = b.activation('scores', rectangle)
    const weights = b.activation('attention weights', rectangle)
    const o = b.activation('o', qElements)
    b.add(attentionScores, 'layers.attn.scores', dims, scoresIn, [scores], layers)
    const kept = batch * heads * keptPairs(seq, context, causal)
    b.add(softmax, 'layers.attn.softmax', {rows: batch * heads * seq, cols: keys, kept}, [scores], [weights], layers)
    b.add(attentionValues, 'layers.attn.values', dims, [weights, v, ...valuesIn], [o], layers)
    const y = b.activation('attention output', width)
    project('layers.attn.out', o, rows, hidden, heads * headDim, spec.bias.out, [y], layers)
    return y
  }
  const feedForward = (input: Tensor): Tensor => {
    const inner = rows * ffn
    const up = b.activation('up', inner)
    project('layers.mlp.up', input, rows, ffn, hidden, spec.bias.mlp, [up], layers)
    const act = b.activation('act', inner)
    if (spec.gated) {
      const gate = b.activation('gate', inner)
      project('layers.mlp.gate', input, rows, ffn, hidden, spec.bias.mlp, [gate], layers)
      b.add(swiglu, 'layers.mlp.act', {elements: inner}, [gate, up], [act], layers)
    } else b.add(activations[spec.activation], 'layers.mlp.act', {elements: inner}, [up], [act], layers)
    const y = b.activation('mlp output', width)
    project('layers.mlp.down', act, rows, hidden, ffn, spec.bias.mlp, [y], layers)
    return y
  }
  const block = (name: 'attn' | 'mlp', body: (input: Tensor) => Tensor) => {
    const normed = b.activation(`layers.${name}.norm`, width)
    const sum = b.activation(`layers.${name}.residual`, width)
    if (spec.normPlacement === 'pre') {
      norm(`layers.${name}.norm`, x, normed, rows, layers)
      b.add(add, `layers.${name}.residual`, {elements: width}, [body(normed), x], [sum], layers)
      x = sum
    } else {
      b.add(add, `layers.${name}.residual`, {elements: width}, [body(x), x], [sum], layers)
      norm(`layers.${name}.norm`, sum, normed, rows, layers)
      x = normed
    }
  }
  block('attn', attend)
  block('mlp', feedForward)

  // heads
  if (spec.normPlacement === 'pre') {
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
    b.add(linear, 'lm_head', {m, n: vocab, k: hidden, bias: false}, [x, weights], [b.activation('logits', m * vocab)])
  }
  return b.graph()
}

export const transformerArchitecture: Architecture<TransformerSpec> = {
  graph: transformer,
  traits: (spec) => ({
    generates: spec.causal && spec.lmHead,
    positions: spec.positions,
    shards: {heads: spec.heads, ffn: spec.ffn},
    kvHeads: spec.kvHeads,
  }),
}
