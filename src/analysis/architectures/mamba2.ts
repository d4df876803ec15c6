/** Mamba-2: attention-free decoders whose layers are one block of a state-space model. The state takes the place of a KV cache. */
import {type Graph, GraphBuilder, type Tensor} from '../graph.ts'
import {add} from '../ops/add.ts'
import {embedding} from '../ops/embedding.ts'
import {linear} from '../ops/linear.ts'
import {rmsnorm} from '../ops/rmsnorm.ts'
import {shortConv} from '../ops/short-conv.ts'
import {silu} from '../ops/silu.ts'
import {ssdScan} from '../ops/ssd-scan.ts'
import {swiglu} from '../ops/swiglu.ts'
import {UNBOUNDED} from './parts/unbounded.ts'
import type {Architecture, ModelWork} from './types.ts'

export interface Mamba2Spec {
  readonly layers: number
  readonly hidden: number
  /** heads × headDim channels inside a block, twice `hidden` as a rule */
  readonly heads: number
  readonly headDim: number
  /** channels of the state of each inner channel */
  readonly state: number
  /** groups of heads that share B and C */
  readonly groups: number
  /** taps of the short convolution */
  readonly taps: number
  readonly convBias: boolean
  readonly bias: boolean
  readonly vocab: number
  readonly tied: boolean
}

/** The graph of one pass over `seq` tokens after any number of tokens before: what is kept of them is the state. */
export function mamba2(spec: Mamba2Spec, {batch, seq, logits}: Pick<ModelWork, 'batch' | 'seq' | 'logits'>): Graph {
  const {layers, hidden, heads, headDim, state, groups, taps, vocab} = spec
  const b = new GraphBuilder()
  const rows = batch * seq
  const inner = heads * headDim
  const shared = groups * state
  const width = rows * hidden
  const project = (id: string, x: Tensor, n: number, k: number, y: readonly Tensor[]) => {
    const inputs = [x, b.weight(`${id}.weight`, k * n, layers)]
    if (spec.bias) inputs.push(b.weight(`${id}.bias`, n, layers))
    b.add(linear, id, {m: rows, n, k, bias: spec.bias}, inputs, y, layers)
  }
  const norm = (id: string, x: Tensor, channels: number, repeat: number): Tensor => {
    const y = b.activation(id, rows * channels)
    b.add(rmsnorm, id, {rows, width: channels}, [x, b.weight(`${id}.gamma`, channels, repeat)], [y], repeat)
    return y
  }

  const table = b.weight('embed.table', vocab * hidden)
  const x = b.activation('x', width)
  b.add(embedding, 'embed', {rows, width: hidden, vocab}, [b.tensor('token ids', 'index', rows), table], [x])

  const z = b.activation('z', rows * inner)
  const mixed = b.activation('x, B, C', rows * (inner + 2 * shared))
  const dt = b.activation('dt', rows * heads)
  project('layers.in', norm('layers.norm', x, hidden, layers), 2 * inner + 2 * shared + heads, hidden, [z, mixed, dt])
  const channels = inner + 2 * shared
  const convState = b.tensor('convolution state', 'kv', batch * channels * (taps - 1), layers)
  const filtered = b.activation('filtered', rows * channels)
  const convIn = [mixed, b.weight('layers.conv.weight', channels * taps, layers), convState]
  if (spec.convBias) convIn.push(b.weight('layers.conv.bias', channels, layers))
  const convDims = {batch, seq, channels, taps, bias: spec.convBias}
  b.add(shortConv, 'layers.conv', convDims, convIn, [filtered, convState], layers)
  // one tensor, three uses: x, B and C are its parts
  const active = b.activation('filtered, active', rows * channels)
  b.add(silu, 'layers.conv.act', {elements: rows * channels}, [filtered], [active], layers)
  const held = b.tensor('state', 'kv', batch * inner * state, layers)
  const scanned = b.activation('scanned', rows * inner)
  const own = ['A', 'D', 'dt-bias'].map((name) => b.weight(`layers.scan.${name}`, heads, layers))
  const scanIn = [active, active, active, dt, ...own, held]
  b.add(ssdScan, 'layers.scan', {batch, seq, heads, headDim, state, groups}, scanIn, [scanned, held], layers)
  const gated = b.activation('gated', rows * inner)
  b.add(swiglu, 'layers.gate', {elements: rows * inner}, [z, scanned], [gated], layers)
  const out = b.activation('block output', width)
  project('layers.out', norm('layers.gate.norm', gated, inner, layers), hidden, inner, [out])
  const sum = b.activation('layers.residual', width)
  b.add(add, 'layers.residual', {elements: width}, [out, x], [sum], layers)

  const last = norm('norm', sum, hidden, 1)
  const m = logits === 'all' ? rows : batch
  const head = spec.tied ? table : b.weight('lm_head.weight', vocab * hidden)
  b.add(linear, 'lm_head', {m, n: vocab, k: hidden, bias: false}, [last, head], [b.activation('logits', m * vocab)])
  return b.graph()
}

export const mamba2Architecture: Architecture<Mamba2Spec> = {
  graph: mamba2,
  traits: () => ({generates: true, positions: UNBOUNDED, constantState: true, shards: {}}),
}
