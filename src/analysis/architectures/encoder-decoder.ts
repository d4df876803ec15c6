/** Encoder–decoder transformers with cross attention: T5 on text, Whisper on audio. */
import {type Graph, GraphBuilder, type Tensor} from '../graph.ts'
import {add} from '../ops/add.ts'
import {attentionScores} from '../ops/attention-scores.ts'
import {attentionValues} from '../ops/attention-values.ts'
import {conv} from '../ops/conv.ts'
import {type CrossDims, crossScores} from '../ops/cross-scores.ts'
import {crossValues} from '../ops/cross-values.ts'
import {embedding} from '../ops/embedding.ts'
import {gelu} from '../ops/gelu.ts'
import {kvWrite} from '../ops/kv-write.ts'
import {layernorm} from '../ops/layernorm.ts'
import {linear} from '../ops/linear.ts'
import {keptPairs} from '../ops/pairs.ts'
import {position} from '../ops/position.ts'
import {relativeBias} from '../ops/relative-bias.ts'
import {rmsnorm} from '../ops/rmsnorm.ts'
import {scale} from '../ops/scale.ts'
import {softmax} from '../ops/softmax.ts'
import {type ActivationName, activationOf, gateOf} from './parts/activations.ts'
import type {Architecture, ModelWork} from './types.ts'

export interface EncoderDecoderSpec {
  readonly encoderLayers: number
  readonly decoderLayers: number
  readonly hidden: number
  readonly heads: number
  readonly headDim: number
  readonly ffn: number
  readonly vocab: number
  /** tokens of the decoder that the model was made for */
  readonly positions: number
  /** tokens of the encoder that the model was made for, and `--src-seq`'s default */
  readonly source: number
  readonly norm: 'layernorm' | 'rmsnorm'
  readonly activation: ActivationName
  readonly gated: boolean
  /** biases everywhere but in the key projections (Whisper), or nowhere (T5) */
  readonly bias: boolean
  /** rows of the relative position table of each stack; 0: learned absolute positions */
  readonly buckets: number
  /** the LM head shares the token table; T5 then scales what goes in by 1/√hidden */
  readonly tied: boolean
  readonly headScale: boolean
  /** channels of the spectrogram; two convolutions make one token of every two frames. Absent: tokens of the shared vocabulary */
  readonly audio?: {readonly mels: number}
}

/** Builds one of the stacks; `prefix` is `encoder.` or `decoder.`. */
class Stack {
  readonly b: GraphBuilder
  readonly spec: EncoderDecoderSpec
  readonly prefix: string
  readonly layers: number
  readonly batch: number
  readonly rows: number
  readonly tp: number

  constructor(
    b: GraphBuilder,
    spec: EncoderDecoderSpec,
    name: 'encoder' | 'decoder',
    batch: number,
    tokens: number,
    tp: number,
  ) {
    this.b = b
    this.spec = spec
    this.prefix = `${name}.`
    this.layers = name === 'encoder' ? spec.encoderLayers : spec.decoderLayers
    this.batch = batch
    this.rows = batch * tokens
    this.tp = tp
  }

  id(name: string): string {
    return `${this.prefix}${name}`
  }

  norm(id: string, x: Tensor, repeat: number): Tensor {
    const {b, rows, spec} = this
    const y = b.activation(id, rows * spec.hidden)
    const gamma = b.weight(`${id}.gamma`, spec.hidden, repeat)
    const dims = {rows, width: spec.hidden}
    if (spec.norm === 'rmsnorm') b.add(rmsnorm, id, dims, [x, gamma], [y], repeat)
    else b.add(layernorm, id, dims, [x, gamma, b.weight(`${id}.beta`, spec.hidden, repeat)], [y], repeat)
    return y
  }

  project(id: string, x: Tensor, m: number, n: number, k: number, bias: boolean, y: readonly Tensor[]): void {
    const inputs = [x, this.b.weight(`${id}.weight`, k * n, this.layers)]
    if (bias) inputs.push(this.b.weight(`${id}.bias`, n, this.layers))
    this.b.add(linear, id, {m, n, k, bias}, inputs, y, this.layers)
  }

  /** Projections of `m` rows to heads; where keys alone have no bias, each is a product of its own. */
  toHeads(id: string, x: Tensor, m: number, names: readonly ('q' | 'k' | 'v')[]): Tensor[] {
    const {spec, b} = this
    const width = (spec.heads / this.tp) * spec.headDim
    const tensors = names.map((name) => b.activation(name, m * width))
    if (spec.bias) {
      for (const [i, name] of names.entries())
        this.project(`${id}.${name}`, x, m, width, spec.hidden, name !== 'k', [tensors[i]!])
    } else this.project(`${id}.${names.join('')}`, x, m, names.length * width, spec.hidden, false, tensors)
    return tensors
  }

  residual(id: string, y: Tensor, x: Tensor): Tensor {
    const elements = this.rows * this.spec.hidden
    const sum = this.b.activation(id, elements)
    this.b.add(add, id, {elements}, [y, x], [sum], this.layers)
    return sum
  }

  out(id: string, o: Tensor): Tensor {
    const {spec} = this
    const y = this.b.activation(id, this.rows * spec.hidden)
    this.project(id, o, this.rows, spec.hidden, (spec.heads / this.tp) * spec.headDim, spec.bias, [y])
    return y
  }

  /** Attention of a stack to itself; the decoder's is causal and cached. `table`: relative positions, one for all layers. */
  selfAttention(x: Tensor, seq: number, cached: number, causal: boolean, table: Tensor | null): Tensor {
    const {b, spec, batch, layers} = this
    const at = (name: string) => this.id(`layers.attn.${name}`)
    const heads = spec.heads / this.tp
    const {headDim} = spec
    const normed = this.norm(at('norm'), x, layers)
    const [q, k, v] = this.toHeads(this.id('layers.attn'), normed, this.rows, ['q', 'k', 'v']) as [
      Tensor,
      Tensor,
      Tensor,
    ]
    const keys = cached + seq
    const caches: Tensor[] = []
    if (causal) {
      const elements = batch * keys * heads * headDim
      caches.push(b.tensor('k cache', 'kv', elements, layers), b.tensor('v cache', 'kv', elements, layers))
      b.add(kvWrite, at('kv-write'), {batch, seq, kvHeads: heads, headDim}, [k, v], caches, layers)
    }
    const [kCache, vCache] = cached > 0 ? caches : []
    const dims = {batch, seq, cached, heads, kvHeads: heads, headDim, causal}
    const rectangle = batch * heads * seq * keys
    let scores = b.activation('scores', rectangle)
    b.add(attentionScores, at('scores'), dims, kCache ? [q, k, kCache] : [q, k], [scores], layers)
    if (table) {
      const biased = b.activation('biased scores', rectangle)
      const bias = {batch, seq, cached, heads, buckets: spec.buckets, causal}
      b.add(relativeBias, at('relative-bias'), bias, [scores, table], [biased], layers)
      scores = biased
    }
    const weights = b.activation('attention weights', rectangle)
    const kept = batch * heads * keptPairs(seq, cached, causal)
    b.add(softmax, at('softmax'), {rows: batch * heads * seq, cols: keys, kept}, [scores], [weights], layers)
    const o = b.activation('o', this.rows * heads * headDim)
    b.add(attentionValues, at('values'), dims, vCache ? [weights, v, vCache] : [weights, v], [o], layers)
    return this.residual(at('residual'), this.out(at('out'), o), x)
  }

  /** Attention of the decoder to the encoder's output. Later steps find its keys and values in the cache. */
  crossAttention(x: Tensor, encoded: Tensor, seq: number, source: number, stored: boolean): Tensor {
    const {b, spec, batch, layers} = this
    const at = (name: string) => this.id(`layers.cross.${name}`)
    const heads = spec.heads / this.tp
    const {headDim} = spec
    const [q] = this.toHeads(this.id('layers.cross'), this.norm(at('norm'), x, layers), this.rows, ['q']) as [Tensor]
    const before = b.nodes.length
    const [k, v] = this.toHeads(this.id('layers.cross'), encoded, batch * source, ['k', 'v']) as [Tensor, Tensor]
    const elements = batch * source * heads * headDim
    const [kCache, vCache] = [
      b.tensor('source k', 'kv', elements, layers),
      b.tensor('source v', 'kv', elements, layers),
    ]
    b.add(kvWrite, at('kv-write'), {batch, seq: source, kvHeads: heads, headDim}, [k, v], [kCache, vCache], layers)
    // what an earlier pass has computed: the weights stay in memory, the work is done
    if (stored) b.nodes.splice(before)
    const dims: CrossDims = {batch, seq, source, heads, headDim, stored}
    const all = batch * heads * seq * source
    const [scores, weights] = [b.activation('cross scores', all), b.activation('cross weights', all)]
    b.add(crossScores, at('scores'), dims, [q, stored ? kCache : k], [scores], layers)
    b.add(softmax, at('softmax'), {rows: batch * heads * seq, cols: source, kept: all}, [scores], [weights], layers)
    const o = b.activation('cross o', this.rows * heads * headDim)
    b.add(crossValues, at('values'), dims, [weights, stored ? vCache : v], [o], layers)
    return this.residual(at('residual'), this.out(at('out'), o), x)
  }

  feedForward(x: Tensor): Tensor {
    const {b, spec, rows, layers} = this
    const at = (name: string) => this.id(`layers.mlp.${name}`)
    const ffn = spec.ffn / this.tp
    const elements = rows * ffn
    const normed = this.norm(at('norm'), x, layers)
    const [up, act] = [b.activation('up', elements), b.activation('act', elements)]
    this.project(at('up'), normed, rows, ffn, spec.hidden, spec.bias, [up])
    if (spec.gated) {
      const gate = b.activation('gate', elements)
      this.project(at('gate'), normed, rows, ffn, spec.hidden, spec.bias, [gate])
      b.add(gateOf(spec.activation), at('act'), {elements}, [gate, up], [act], layers)
    } else b.add(activationOf(spec.activation), at('act'), {elements}, [up], [act], layers)
    const y = b.activation('mlp output', rows * spec.hidden)
    this.project(at('down'), act, rows, spec.hidden, ffn, spec.bias, [y])
    return this.residual(at('residual'), y, x)
  }
}

/** Adds rows of a learned (or stored) position table. */
function addPositions(
  b: GraphBuilder,
  id: string,
  x: Tensor,
  rows: number,
  tokens: number,
  table: number,
  width: number,
): Tensor {
  const y = b.activation(id, rows * width)
  const dims = {rows, distinct: Math.min(tokens, table), width}
  b.add(position, id, dims, [x, b.weight(`${id}.table`, table * width)], [y])
  return y
}

/** Spectrogram → tokens: two convolutions over time, the second halves it. */
function audioStem(b: GraphBuilder, mels: number, hidden: number, batch: number, tokens: number): Tensor {
  const frames = 2 * tokens
  const convolve = (id: string, x: Tensor, channels: number, width: number, strideWidth: number): Tensor => {
    const outputs = batch * hidden * (width / strideWidth)
    const y = b.activation(id, outputs)
    const dims = {
      batch,
      channels,
      filters: hidden,
      groups: 1,
      height: 1,
      width,
      kernelHeight: 1,
      kernelWidth: 3,
      strideWidth,
      padWidth: 2,
      bias: true,
    }
    const inputs = [x, b.weight(`${id}.weight`, channels * 3 * hidden), b.weight(`${id}.bias`, hidden)]
    b.add(conv, id, dims, inputs, [y])
    const act = b.activation(`${id}.act`, outputs)
    b.add(gelu, `${id}.act`, {elements: outputs}, [y], [act])
    return act
  }
  const spectrogram = b.tensor('spectrogram', 'constant', batch * mels * frames)
  return convolve('encoder.conv2', convolve('encoder.conv1', spectrogram, mels, frames, 1), hidden, frames, 2)
}

/**
 * The graph of one pass. Without a context the encoder runs first, then the decoder over `seq` tokens; with one, the
 * encoder's keys and values are in the cache and only the decoder runs (its `seq` tokens after `context` others).
 */
export function encoderDecoder(spec: EncoderDecoderSpec, work: Omit<ModelWork, 'image' | 'graph'>): Graph {
  const {hidden} = spec
  const {batch, seq, context, tp} = work
  const source = work.srcSeq ?? spec.source
  const vocab = Math.ceil(spec.vocab / tp)
  const b = new GraphBuilder()
  const table = b.weight('embed.table', vocab * hidden)
  const embed = (id: string, rows: number): Tensor => {
    const x = b.activation(id, rows * hidden)
    const ids = b.tensor(`${id} token ids`, 'index', rows)
    b.add(embedding, id, {rows, width: hidden, vocab}, [ids, table], [x])
    return x
  }
  const relative = (stack: Stack) =>
    spec.buckets > 0 ? b.weight(stack.id('layers.attn.relative-bias.table'), spec.buckets * (spec.heads / tp)) : null

  const encoder = new Stack(b, spec, 'encoder', batch, source, tp)
  let encoded = spec.audio ? audioStem(b, spec.audio.mels, hidden, batch, source) : embed('encoder.embed', encoder.rows)
  if (spec.buckets === 0)
    encoded = addPositions(b, 'encoder.embed.position', encoded, encoder.rows, source, spec.source, hidden)
  encoded = encoder.feedForward(encoder.selfAttention(encoded, source, 0, false, relative(encoder)))
  encoded = encoder.norm('encoder.norm', encoded, 1)
  const stored = context > 0
  if (stored) b.nodes.splice(0)

  const decoder = new Stack(b, spec, 'decoder', batch, seq, tp)
  let x = embed('decoder.embed', decoder.rows)
  if (spec.buckets === 0) x = addPositions(b, 'decoder.embed.position', x, decoder.rows, seq, spec.positions, hidden)
  x = decoder.selfAttention(x, seq, context, true, relative(decoder))
  x = decoder.crossAttention(x, encoded, seq, source, stored)
  x = decoder.norm('decoder.norm', decoder.feedForward(x), 1)
  if (spec.headScale) {
    const scaled = b.activation('decoder.scale', decoder.rows * hidden)
    b.add(scale, 'decoder.scale', {elements: decoder.rows * hidden}, [x], [scaled])
    x = scaled
  }
  const m = work.logits === 'all' ? decoder.rows : batch
  const head = spec.tied ? table : b.weight('lm_head.weight', vocab * hidden)
  b.add(linear, 'lm_head', {m, n: vocab, k: hidden, bias: false}, [x, head], [b.activation('logits', m * vocab)])
  return b.graph()
}

export const encoderDecoderArchitecture: Architecture<EncoderDecoderSpec> = {
  graph: encoderDecoder,
  traits: ({positions, source, heads, ffn}) => ({generates: true, positions, shards: {heads, ffn}, srcSeq: source}),
}
