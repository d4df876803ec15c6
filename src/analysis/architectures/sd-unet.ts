/**
 * The denoising U-Net of latent diffusion (Rombach et al. 2021, arXiv:2112.10752) as Stable Diffusion 1.x has it: residual
 * blocks that take the time step, transformers that attend to the text. One forward pass is one denoising step of `batch`
 * latents; classifier-free guidance is a batch of two. The text encoder and the image decoder are models of their own.
 */
import {AnalysisError} from '../errors.ts'
import type {Graph, Tensor} from '../graph.ts'
import {channelAdd} from '../ops/channel-add.ts'
import {crossScores} from '../ops/cross-scores.ts'
import {crossValues} from '../ops/cross-values.ts'
import {gegluErf} from '../ops/geglu-erf.ts'
import {interpolateNearest} from '../ops/interpolate-nearest.ts'
import {linear} from '../ops/linear.ts'
import {softmax} from '../ops/softmax.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Feature, VisionBuilder} from './vision.ts'
import {attend} from './vision-attention.ts'

export interface SdUnetSpec {
  /** channels of the latent */
  readonly latent: number
  /** pixels along the side of a latent element */
  readonly scale: number
  /** channels of each level, each half the size of the one before */
  readonly channels: readonly number[]
  /** levels with transformers */
  readonly attention: readonly boolean[]
  readonly blocks: number
  readonly heads: number
  /** groups of the normalizations */
  readonly groups: number
  /** width of the time embedding */
  readonly time: number
  /** width and number of the text tokens */
  readonly text: {readonly width: number; readonly tokens: number}
}

type Work = Pick<ModelWork, 'batch' | 'image' | 'srcSeq'>

/** What all blocks of one pass share. */
interface Pass {
  readonly v: VisionBuilder
  readonly spec: SdUnetSpec
  readonly time: Feature
  readonly text: Feature
}

function residual({v, spec, time}: Pass, id: string, x: Feature, channels: number): Feature {
  const half = (n: number, input: Feature) =>
    v.conv(
      `${id}.conv${n}`,
      v.activate(`${id}.act${n}`, 'silu', v.groupnorm(`${id}.norm${n}`, input, spec.groups)),
      channels,
      3,
      {padding: 1, bias: true},
    )
  const y = half(1, x)
  const step = v.linear(`${id}.time`, v.activate(`${id}.time-act`, 'silu', time), channels)
  const timed = v.feature(`${id}.time-add`, channels, x.height, x.width)
  const dims = {batch: v.batch, channels, positions: x.height * x.width}
  v.graphBuilder.add(channelAdd, `${id}.time-add`, dims, [y.tensor, step.tensor], [timed.tensor])
  const z = half(2, timed)
  const shortcut = x.channels === channels ? x : v.conv(`${id}.shortcut`, x, channels, 1, {bias: true})
  return v.add(`${id}.add`, z, shortcut)
}

/** Attention of the image's positions to the text. */
function attendText({v, spec, text}: Pass, id: string, x: Feature): Feature {
  const {heads} = spec
  const [seq, source] = [x.height * x.width, text.height]
  const q = v.linear(`${id}.q`, x, x.channels, false)
  const k = v.linear(`${id}.k`, text, x.channels, false)
  const values = v.linear(`${id}.v`, text, x.channels, false)
  const dims = {batch: v.batch, seq, source, heads, headDim: x.channels / heads, stored: false}
  const rows = v.batch * heads * seq
  const scores = v.graphBuilder.activation(`${id}.scores`, rows * source)
  const weights = v.graphBuilder.activation(`${id}.softmax`, rows * source)
  v.graphBuilder.add(crossScores, `${id}.scores`, dims, [q.tensor, k.tensor], [scores])
  v.graphBuilder.add(softmax, `${id}.softmax`, {rows, cols: source, kept: rows * source}, [scores], [weights])
  const o = v.feature(`${id}.values`, x.channels, x.height, x.width)
  v.graphBuilder.add(crossValues, `${id}.values`, dims, [weights, values.tensor], [o.tensor])
  return v.linear(`${id}.out`, o, x.channels)
}

/** A gated MLP: one product gives gate and up. */
function feedForward(v: VisionBuilder, id: string, x: Feature): Feature {
  const inner = 4 * x.channels
  const [up, gate, act] = ['up', 'gate', 'act'].map((name) => v.feature(`${id}.${name}`, inner, x.height, x.width)) as [
    Feature,
    Feature,
    Feature,
  ]
  const weights: Tensor[] = [v.weight(`${id}.up.weight`, 2 * inner * x.channels), v.weight(`${id}.up.bias`, 2 * inner)]
  const dims = {m: v.batch * x.height * x.width, n: 2 * inner, k: x.channels, bias: true}
  v.graphBuilder.add(linear, `${id}.up`, dims, [x.tensor, ...weights], [up.tensor, gate.tensor])
  v.graphBuilder.add(gegluErf, `${id}.act`, {elements: v.elements(act)}, [gate.tensor, up.tensor], [act.tensor])
  return v.linear(`${id}.down`, act, x.channels)
}

function transformer(pass: Pass, id: string, x: Feature): Feature {
  const {v, spec} = pass
  let y = v.conv(`${id}.in`, v.groupnorm(`${id}.norm`, x, spec.groups), x.channels, 1, {bias: true})
  const branch = (name: string, body: (id: string, input: Feature) => Feature) => {
    const inner = body(`${id}.${name}`, v.layernorm(`${id}.${name}.norm`, y))
    y = v.add(`${id}.${name}.residual`, inner, y)
  }
  branch('attn', (name, input) => attend(v, name, input, spec.heads, {qkvBias: false}))
  branch('cross', (name, input) => attendText(pass, name, input))
  branch('mlp', (name, input) => feedForward(v, name, input))
  return v.add(`${id}.add`, v.conv(`${id}.out`, y, x.channels, 1, {bias: true}), x)
}

function upsample(v: VisionBuilder, id: string, x: Feature): Feature {
  const y = v.feature(id, x.channels, 2 * x.height, 2 * x.width)
  const {channels, height, width} = x
  const dims = {batch: v.batch, channels, height, width, outHeight: y.height, outWidth: y.width}
  v.graphBuilder.add(interpolateNearest, id, dims, [x.tensor], [y.tensor])
  return v.conv(`${id}.conv`, y, channels, 3, {padding: 1, bias: true})
}

/** @throws AnalysisError `bad-dimension` where the sides of the image do not halve at every level */
function checkImage(spec: SdUnetSpec, {image}: Work): void {
  const step = spec.scale * 2 ** (spec.channels.length - 1)
  if (!image || (image.height % step === 0 && image.width % step === 0)) return
  throw new AnalysisError(
    'bad-dimension',
    `--image ${image.height}x${image.width}: sides of this model are multiples of ${step}`,
    [`use --image ${step * Math.ceil(image.height / step)}x${step * Math.ceil(image.width / step)}`],
  )
}

function sdUnet(spec: SdUnetSpec, work: Work): Graph {
  checkImage(spec, work)
  const v = new VisionBuilder(work.batch)
  const b = v.graphBuilder
  const tokens = work.srcSeq ?? spec.text.tokens
  const {width: textWidth} = spec.text
  const text: Feature = {
    tensor: b.tensor('text', 'constant', v.batch * tokens * textWidth),
    channels: textWidth,
    height: tokens,
    width: 1,
  }
  const first = spec.channels[0]!
  const wave: Feature = {tensor: b.tensor('time', 'constant', v.batch * first), channels: first, height: 1, width: 1}
  const hidden = v.activate('time.act', 'silu', v.linear('time.fc1', wave, spec.time))
  const pass: Pass = {v, spec, text, time: v.linear('time.fc2', hidden, spec.time)}
  const last = spec.channels.length - 1

  let x = v.conv('conv-in', v.image(work, spec.latent, spec.scale, 'latent'), first, 3, {padding: 1, bias: true})
  const skips = [x]
  for (const [level, channels] of spec.channels.entries()) {
    for (let i = 0; i < spec.blocks; i++) {
      const id = `down${level}.${i}`
      x = residual(pass, `${id}.res`, x, channels)
      if (spec.attention[level]) x = transformer(pass, `${id}.tf`, x)
      skips.push(x)
    }
    if (level === last) break
    x = v.conv(`down${level}.downsample`, x, channels, 3, {stride: 2, padding: 1, bias: true})
    skips.push(x)
  }
  x = residual(pass, 'mid.0.res', x, spec.channels[last]!)
  x = residual(pass, 'mid.1.res', transformer(pass, 'mid.0.tf', x), spec.channels[last]!)
  for (let level = last; level >= 0; level--) {
    for (let i = 0; i <= spec.blocks; i++) {
      const id = `up${level}.${i}`
      x = residual(pass, `${id}.res`, v.concat(`${id}.concat`, x, skips.pop()!), spec.channels[level]!)
      if (spec.attention[level]) x = transformer(pass, `${id}.tf`, x)
    }
    if (level > 0) x = upsample(v, `up${level}.upsample`, x)
  }
  x = v.activate('act-out', 'silu', v.groupnorm('norm-out', x, spec.groups))
  v.conv('conv-out', x, spec.latent, 3, {padding: 1, bias: true})
  return v.graph()
}

export const sdUnetArchitecture: Architecture<SdUnetSpec> = {
  graph: sdUnet,
  traits: (spec) => ({
    generates: false,
    positions: null,
    shards: {},
    image: {height: 512, width: 512},
    srcSeq: spec.text.tokens,
  }),
}
