/** Swin transformers (Liu et al. 2021, arXiv:2103.14030, table 7), as torchvision builds them. */
import type {Graph} from '../graph.ts'
import {copy} from '../ops/copy.ts'
import {move} from '../ops/move.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Feature, imageTraits, VisionBuilder} from './vision.ts'
import {attend, mlp} from './vision-attention.ts'

export interface SwinSpec {
  readonly patch: number
  /** channels of the first stage; each further stage has twice as many at half the size */
  readonly hidden: number
  readonly blocks: readonly number[]
  readonly heads: readonly number[]
  /** tokens along the side of a window */
  readonly window: number
  readonly classes: number
  /** side of the images it is made for; absent: 224 */
  readonly image?: number
}

/** Tokens in another order; padding is written where they grow, and what is cut off is not read. */
function reorder(v: VisionBuilder, id: string, x: Feature, y: Feature): Feature {
  const [read, written] = [Math.min(v.elements(x), v.elements(y)), v.elements(y)]
  const [from, to] = [[x.tensor], [y.tensor]]
  if (v.elements(x) === written) v.graphBuilder.add(copy, id, {elements: written}, from, to, v.repeat)
  else v.graphBuilder.add(move, id, {read, written}, from, to, v.repeat)
  return y
}

function block(v: VisionBuilder, id: string, x: Feature, spec: SwinSpec, heads: number, shift: boolean): Feature {
  const side = spec.window
  const [down, across] = [Math.ceil(x.height / side), Math.ceil(x.width / side)]
  const normed = v.layernorm(`${id}.attn.norm`, x)
  const inWindows = reorder(v, `${id}.attn.partition`, normed, v.feature(id, x.channels, down * side, across * side))
  // one window has no neighbours: its stage is not shifted
  const windows = {count: down * across, side, shifted: shift && down * across > 1}
  const attended = attend(v, `${id}.attn`, inWindows, heads, {windows})
  const merged = reorder(v, `${id}.attn.merge`, attended, v.feature(id, x.channels, x.height, x.width))
  const y = v.add(`${id}.attn.residual`, merged, x)
  const inner = mlp(v, `${id}.mlp`, v.layernorm(`${id}.mlp.norm`, y), 4 * x.channels)
  return v.add(`${id}.mlp.residual`, inner, y)
}

/** Four neighbours become one token of twice the channels. */
function merge(v: VisionBuilder, id: string, x: Feature): Feature {
  const four = v.feature(id, 4 * x.channels, Math.ceil(x.height / 2), Math.ceil(x.width / 2))
  const y = reorder(v, `${id}.gather`, x, four)
  return v.linear(`${id}.reduction`, v.layernorm(`${id}.norm`, y), 2 * x.channels, false)
}

export function swin(spec: SwinSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  const patches = v.conv('patch', v.image(work), spec.hidden, spec.patch, {stride: spec.patch, bias: true})
  let x = v.layernorm('patch.norm', patches)
  for (const [i, count] of spec.blocks.entries()) {
    if (i > 0) x = merge(v, `merge${i}`, x)
    // blocks come in pairs: plain windows, then windows shifted by half
    x = v.times(count / 2, () => {
      const y = block(v, `stage${i + 1}.plain`, x, spec, spec.heads[i]!, false)
      return block(v, `stage${i + 1}.shifted`, y, spec, spec.heads[i]!, true)
    })
  }
  v.linear('head', v.adaptivePool('avgpool', v.layernorm('norm', x)), spec.classes)
  return v.graph()
}

export const swinArchitecture: Architecture<SwinSpec> = {graph: swin, traits: ({image = 224}) => imageTraits(image)}
