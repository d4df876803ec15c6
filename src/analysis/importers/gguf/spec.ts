/** The dimensions of a transformer from the metadata of its file, layers of one kind as one group. */
import type {MixtureSpec} from '../../architectures/parts/mixture.ts'
import type {LayerGroup, TransformerSpec} from '../../architectures/transformer.ts'
import {llamaLike} from '../../models/types.ts'
import {type GgufFamily, ggufFamilies, type LayerKind} from './families.ts'
import type {Metadata} from './metadata.ts'
import type {GgufTensor} from './types.ts'

/** Layers that are looked at one by one; published models have at most a few hundred. */
const MAX_LAYERS = 10_000

export type Tensors = ReadonlyMap<string, GgufTensor>

export interface GroupOfLayers {
  readonly group: LayerGroup
  /** the first of its layers, which stands for all */
  readonly first: number
}

/** How many layers the file claims. */
export function layersOf(meta: Metadata): number {
  const layers = meta.number('block_count')
  if (layers > MAX_LAYERS) meta.fail(`claims ${layers} layers; at most ${MAX_LAYERS} are read`)
  return layers
}

/** Types and sizes of the tensors of every layer: layers that have the same are one group. */
export function storedKinds(tensors: Tensors, layers: number): string[] {
  const kinds = Array.from({length: layers}, (): string[] => [])
  for (const {name, dtype, elements} of tensors.values()) {
    const [, layer, rest] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? []
    kinds[Number(layer)]?.push(`${rest} ${dtype} ${elements}`)
  }
  return kinds.map((kind) => kind.sort().join('\n'))
}

/** Layers of the same kind as one group, in the order of their first. */
function groupLayers(stored: readonly string[], kinds: readonly LayerKind[]): GroupOfLayers[] {
  const groups = new Map<string, {layers: number; first: number}>()
  stored.forEach((types, layer) => {
    const key = `${JSON.stringify(kinds[layer])}\n${types}`
    const known = groups.get(key)
    if (known) known.layers++
    else groups.set(key, {layers: 1, first: layer})
  })
  return [...groups.values()].map(({layers, first}) => ({
    group: {name: groups.size === 1 ? '' : `from-${first}`, layers, ...kinds[first]},
    first,
  }))
}

/** Windows: the file's own list or period where it has one, else the architecture's rule. */
function windowKinds(meta: Metadata, family: GgufFamily, layers: number): LayerKind[] {
  const window = meta.number('attention.sliding_window', 0, 0)
  const listed = meta.perLayer('attention.sliding_window_pattern', layers)
  const period = listed ? 0 : meta.number('attention.sliding_window_pattern', 0, 0)
  return Array.from({length: layers}, (_, layer) => {
    const other = family.kind?.(layer, meta) ?? {}
    const local = listed
      ? listed[layer] !== 0
      : period > 0
        ? layer % period < period - 1
        : (family.local?.(layer) ?? true)
    return window > 0 && local && other.chunk === undefined ? {...other, window} : other
  })
}

/** The mixture of experts of a file: widths from the metadata, else from the tensors themselves. */
function mixtureOf(meta: Metadata, family: GgufFamily, tensors: Tensors, moe: number): MixtureSpec | undefined {
  const experts = meta.number('expert_count', 0, 0)
  if (experts === 0) return undefined
  if (!family.gate) meta.fail(`has ${experts} experts; architecture ${meta.arch} has none here`)
  const topK = meta.number('expert_used_count')
  if (topK > experts) meta.fail(`chooses ${topK} of ${experts} experts`)
  const at = (name: string) => tensors.get(`blk.${moe}.${name}`)
  const ffn = meta.number(
    'expert_feed_forward_length',
    at('ffn_up_exps.weight')?.shape[1] ?? meta.number('feed_forward_length'),
  )
  const shared = ffn * meta.number('expert_shared_count', 0, 0)
  return {
    experts,
    topK,
    ffn,
    sharedFfn: meta.number('expert_shared_feed_forward_length', at('ffn_up_shexp.weight')?.shape[1] ?? shared, 0),
    ...family.gate(meta),
    selectionBias: at('exp_probs_b.bias') !== undefined,
    routerBias: at('ffn_gate_inp.bias') !== undefined,
    expertBias: at('ffn_up_exps.bias') !== undefined,
    ...(at('ffn_gate_inp_shexp.weight') ? {sharedGate: true} : {}),
  }
}

/** Channels of a head that turn: all where the file does not say. */
function rotaryOf(meta: Metadata, headDim: number): {rotary?: number} {
  const turned = meta.number('rope.dimension_count', headDim)
  if (turned % 2 !== 0) meta.fail(`turns ${turned} channels of a head; they turn in pairs`)
  return turned < headDim ? {rotary: turned} : {}
}

/**
 * Dimensions and groups of layers.
 * @throws AnalysisError `bad-file` naming the key whose value cannot be
 */
export function specOf(meta: Metadata, tensors: Tensors): {spec: TransformerSpec; groups: GroupOfLayers[]} {
  const family = ggufFamilies[meta.arch]!
  const layers = layersOf(meta)
  const [hidden, heads] = [meta.number('embedding_length'), meta.number('attention.head_count')]
  const latent = family.latent?.(meta)
  const kvHeads = latent ? heads : meta.number('attention.head_count_kv', heads)
  const headDim = latent ? latent.valueDim : meta.number('attention.key_length', Math.floor(hidden / heads))
  if (heads % kvHeads !== 0) meta.fail(`${kvHeads} key-value heads do not divide ${heads} heads`)
  const kinds = windowKinds(meta, family, layers)
  const groups = groupLayers(storedKinds(tensors, layers), kinds)
  const mixture = mixtureOf(
    meta,
    family,
    tensors,
    Math.max(
      0,
      kinds.findIndex(({dense}) => !dense),
    ),
  )
  const own = family.spec?.(meta) ?? {}
  const alike = groups.length === 1 && Object.keys(kinds[0]!).length === 0
  const spec: TransformerSpec = {
    ...llamaLike,
    bias: {qkv: tensors.has('blk.0.attn_q.bias'), out: tensors.has('blk.0.attn_output.bias'), mlp: false},
    ...own,
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    // a mixture in every layer may leave the width of a dense one out
    ffn: meta.number('feed_forward_length', mixture?.ffn),
    vocab: tensors.get('token_embd.weight')?.shape[1] ?? meta.number('vocab_size'),
    positions: meta.number('context_length'),
    tied: !tensors.has('output.weight'),
    ...(latent ? {latent} : rotaryOf(meta, headDim)),
    ...(mixture ? {mixture} : {}),
    ...(alike ? {} : {groups: groups.map(({group}) => group)}),
  }
  return {spec, groups}
}
