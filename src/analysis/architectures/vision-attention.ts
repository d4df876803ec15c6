/** Attention and MLP over the positions of a feature map, with biases, as vision transformers have them. */
import {attentionScores} from '../ops/attention-scores.ts'
import {attentionValues} from '../ops/attention-values.ts'
import {linear} from '../ops/linear.ts'
import {softmax} from '../ops/softmax.ts'
import {windowBias} from '../ops/window-bias.ts'
import type {Feature, VisionBuilder} from './vision.ts'

export interface Windows {
  /** windows of one image */
  readonly count: number
  readonly side: number
  readonly shifted: boolean
}

export interface AttentionOptions {
  readonly windows?: Windows
  readonly qkvBias?: boolean
}

/** Self-attention; with `windows`, within each window alone and with a bias by relative position. */
export function attend(
  v: VisionBuilder,
  id: string,
  x: Feature,
  heads: number,
  {windows, qkvBias = true}: AttentionOptions = {},
): Feature {
  const {graphBuilder: b, repeat} = v
  const width = x.channels
  const positions = x.height * x.width
  const rows = v.batch * positions
  const [q, k, values] = ['q', 'k', 'v'].map((name) => v.feature(`${id}.${name}`, width, positions)) as [
    Feature,
    Feature,
    Feature,
  ]
  const qkv = [x.tensor, v.weight(`${id}.qkv.weight`, 3 * width * width)]
  if (qkvBias) qkv.push(v.weight(`${id}.qkv.bias`, 3 * width))
  const dims = {m: rows, n: 3 * width, k: width, bias: qkvBias}
  b.add(linear, `${id}.qkv`, dims, qkv, [q.tensor, k.tensor, values.tensor], repeat)
  const seq = windows ? windows.side ** 2 : positions
  const batch = windows ? v.batch * windows.count : v.batch
  const shape = {batch, seq, cached: 0, heads, kvHeads: heads, headDim: width / heads, causal: false}
  const all = batch * heads * seq * seq
  const tensor = (name: string) => b.activation(name, all, repeat)
  let scores = tensor('scores')
  b.add(attentionScores, `${id}.scores`, shape, [q.tensor, k.tensor], [scores], repeat)
  if (windows) {
    const biased = tensor('biased scores')
    const {count, side, shifted} = windows
    const inputs = [scores, v.weight(`${id}.bias.table`, (2 * side - 1) ** 2 * heads)]
    if (shifted) inputs.push(b.tensor(`${id}.mask`, 'constant', count * side ** 4))
    const size = {batch: v.batch, windows: count, heads, side, masked: shifted}
    b.add(windowBias, `${id}.bias`, size, inputs, [biased], repeat)
    scores = biased
  }
  const weights = tensor('attention weights')
  b.add(softmax, `${id}.softmax`, {rows: batch * heads * seq, cols: seq, kept: all}, [scores], [weights], repeat)
  const o = v.feature(`${id}.values`, width, x.height, x.width)
  b.add(attentionValues, `${id}.values`, shape, [weights, values.tensor], [o.tensor], repeat)
  return v.linear(`${id}.out`, o, width)
}

/** Two products with a GELU between. */
export function mlp(v: VisionBuilder, id: string, x: Feature, inner: number): Feature {
  return v.linear(`${id}.down`, v.activate(`${id}.act`, 'gelu', v.linear(`${id}.up`, x, inner)), x.channels)
}
