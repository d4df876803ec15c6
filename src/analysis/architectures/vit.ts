/** Vision transformers (Dosovitskiy et al. 2020, arXiv:2010.11929, table 1), as torchvision builds them. */
import type {Graph} from '../graph.ts'
import {classToken} from '../ops/class-token.ts'
import {position} from '../ops/position.ts'
import {slice} from '../ops/slice.ts'
import type {Architecture, ModelWork} from './types.ts'
import {type Feature, imageTraits, VisionBuilder} from './vision.ts'
import {attend, mlp} from './vision-attention.ts'

export interface VitSpec {
  readonly patch: number
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly ffn: number
  /** side of the square images that the position table was made for */
  readonly image: number
  readonly classes: number
}

export function vit(spec: VitSpec, work: Pick<ModelWork, 'batch' | 'image'>): Graph {
  const v = new VisionBuilder(work.batch)
  const {hidden, heads} = spec
  const patches = v.conv('patch', v.image(work), hidden, spec.patch, {stride: spec.patch, bias: true})
  const count = patches.height * patches.width
  // a class token before the patches, and a table of positions
  const joined = v.feature('tokens', hidden, count + 1)
  const inputs = [patches.tensor, v.weight('class-token', hidden)]
  v.graphBuilder.add(classToken, 'tokens', {batch: v.batch, tokens: count, width: hidden}, inputs, [joined.tensor])
  let x: Feature = v.feature('position', hidden, count + 1)
  const rows = (spec.image / spec.patch) ** 2 + 1
  const dims = {rows: v.batch * (count + 1), distinct: Math.min(rows, count + 1), width: hidden}
  const table = v.weight('position.table', rows * hidden)
  v.graphBuilder.add(position, 'position', dims, [joined.tensor, table], [x.tensor])
  x = v.times(spec.layers, () => {
    const y = v.add('layers.attn.residual', attend(v, 'layers.attn', v.layernorm('layers.attn.norm', x), heads), x)
    return v.add('layers.mlp.residual', mlp(v, 'layers.mlp', v.layernorm('layers.mlp.norm', y), spec.ffn), y)
  })
  x = v.layernorm('norm', x)
  const first = v.feature('class', hidden)
  v.graphBuilder.add(slice, 'class', {elements: v.batch * hidden}, [x.tensor], [first.tensor])
  v.linear('head', first, spec.classes)
  return v.graph()
}

export const vitArchitecture: Architecture<VitSpec> = {graph: vit, traits: (spec) => imageTraits(spec.image)}
