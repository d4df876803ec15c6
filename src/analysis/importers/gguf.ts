/** GGUF file → model: a transformer from the metadata, its weights in the types they are stored in, tensor by tensor. */
import type {StoredPart} from '../architectures/stored.ts'
import {type TransformerSpec, transformer} from '../architectures/transformer.ts'
import type {DType} from '../dtype.ts'
import {quoted, type Warning} from '../errors.ts'
import type {ModelDef} from '../models/types.ts'
import {ggufFamilies, groupLayers, llamaDefaults} from './gguf/families.ts'
import {readGguf} from './gguf/read.ts'
import type {GgufHeader, GgufTensor} from './gguf/types.ts'
import {idFrom} from './names.ts'
import {type ByteSource, badFile, placeOf} from './source.ts'
import {weightsOnly} from './weights-only.ts'

export interface ImportedGguf {
  readonly model: ModelDef
  readonly warnings: readonly Warning[]
}

/** Weights of the graph, by layer prefix and name, and the tensors that hold them. */
const layerParts = {
  'attn.norm.gamma': ['attn_norm.weight'],
  'attn.qkv.weight': ['attn_q.weight', 'attn_k.weight', 'attn_v.weight'],
  'attn.qkv.bias': ['attn_q.bias', 'attn_k.bias', 'attn_v.bias'],
  'attn.q-norm.gamma': ['attn_q_norm.weight'],
  'attn.k-norm.gamma': ['attn_k_norm.weight'],
  'attn.out.weight': ['attn_output.weight'],
  'attn.post-norm.gamma': ['post_attention_norm.weight'],
  'mlp.norm.gamma': ['ffn_norm.weight'],
  'mlp.up.weight': ['ffn_up.weight'],
  'mlp.gate.weight': ['ffn_gate.weight'],
  'mlp.down.weight': ['ffn_down.weight'],
  'mlp.post-norm.gamma': ['post_ffw_norm.weight'],
} as const

const outerParts = {
  'embed.table': 'token_embd.weight',
  'norm.gamma': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
} as const

/** A whole number of the metadata, under the architecture's prefix. */
function numberOf(header: GgufHeader, origin: string, key: string, standard?: number): number {
  const value = header.metadata.get(key)
  // a list has one number per layer: models whose layers differ are not read
  const number = typeof value === 'object' ? (new Set(value.first).size === 1 ? value.first[0] : undefined) : value
  if (number === undefined && value === undefined && standard !== undefined) return standard
  if (typeof number !== 'number' || !Number.isInteger(number) || number < 1 || number > 1e9)
    badFile(
      origin,
      `${quoted(key)} is ${value === undefined ? 'missing' : typeof value === 'object' ? 'not the same in every layer' : quoted(String(value))}; a whole number from 1 is needed`,
    )
  return number
}

/** The types of a layer's tensors: layers of the same types are one group. */
function kindOf(tensors: ReadonlyMap<string, GgufTensor>, layer: number): string {
  return Object.values(layerParts)
    .flat()
    .map((name) => tensors.get(`blk.${layer}.${name}`)?.dtype ?? '-')
    .join(' ')
}

function specOf(header: GgufHeader, tensors: ReadonlyMap<string, GgufTensor>, arch: string, origin: string) {
  const family = ggufFamilies[arch]!
  const number = (key: string, standard?: number) => numberOf(header, origin, `${arch}.${key}`, standard)
  const table = tensors.get('token_embd.weight')
  const [layers, hidden, heads] = [number('block_count'), number('embedding_length'), number('attention.head_count')]
  if (layers > 10_000) badFile(origin, `claims ${layers} layers`)
  const kvHeads = number('attention.head_count_kv', heads)
  const headDim = number('attention.key_length', Math.floor(hidden / heads))
  if (heads % kvHeads !== 0) badFile(origin, `${kvHeads} key-value heads do not divide ${heads} heads`)
  const windowed = header.metadata.get(`${arch}.attention.sliding_window`)
  const window = typeof windowed === 'number' && windowed > 0 ? windowed : undefined
  const isLocal = family.local ?? (() => family.local === undefined && window !== undefined)
  const kinds = Array.from({length: layers}, (_, layer) => kindOf(tensors, layer))
  const groups = groupLayers(kinds, (layer) => (window !== undefined && isLocal(layer) ? window : undefined))
  const bias = family.spec.bias ?? {qkv: tensors.has('blk.0.attn_q.bias'), out: false, mlp: false}
  const spec: TransformerSpec = {
    ...llamaDefaults,
    ...family.spec,
    bias,
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    ffn: number('feed_forward_length'),
    vocab: table?.shape[1] ?? number('vocab_size'),
    positions: number('context_length'),
    tied: !tensors.has('output.weight'),
    ...(groups.length === 1 && groups[0]!.group.window === undefined ? {} : {groups: groups.map(({group}) => group)}),
  }
  return {spec, groups}
}

/** The tensors behind every weight of the graph; where their sizes are not the graph's, the file is another model. */
function partsOf(
  spec: TransformerSpec,
  groups: ReturnType<typeof groupLayers>,
  tensors: ReadonlyMap<string, GgufTensor>,
  origin: string,
  warnings: Warning[],
): Record<string, readonly StoredPart[]> {
  const graph = transformer(spec, {batch: 1, seq: 1, context: 0, logits: 'last', tp: 1})
  const sizes = new Map(graph.tensors.filter(({role}) => role === 'weight').map(({name, elements}) => [name, elements]))
  const parts: Record<string, readonly StoredPart[]> = {}
  const missing: string[] = []
  const put = (weight: string, names: readonly string[]) => {
    const expected = sizes.get(weight)
    if (expected === undefined) return
    const found = names.flatMap((name) => tensors.get(name) ?? [])
    if (found.length !== names.length) {
      missing.push(names[0]!)
      return
    }
    const elements = found.reduce((sum, tensor) => sum + tensor.elements, 0)
    if (elements !== expected)
      badFile(
        origin,
        `${quoted(names.join(' + '))} has ${elements} elements; the sizes in the metadata need ${expected}`,
      )
    parts[weight] = found.map(({name, dtype, elements: n}) => ({name, dtype: dtype as DType, elements: n}))
  }
  for (const [weight, name] of Object.entries(outerParts)) put(weight, [name])
  for (const {group, first} of groups) {
    const prefix = group.name === '' ? 'layers.' : `layers.${group.name}.`
    for (const [weight, names] of Object.entries(layerParts))
      put(
        prefix + weight,
        names.map((name) => `blk.${first}.${name}`),
      )
  }
  if (missing.length > 0)
    warnings.push({
      code: 'missing-weights',
      message: `${origin}: ${missing.length} weights are not in this file (${missing
        .slice(0, 3)
        .map((name) => quoted(name))
        .join(', ')}): they count in the type of --weights-dtype`,
    })
  return parts
}

/** Tensors that the file has and the model does not: they are said, with their bytes. */
function leftOver(
  tensors: readonly GgufTensor[],
  parts: Record<string, readonly StoredPart[]>,
  layers: number,
  origin: string,
): Warning[] {
  const used = new Set(Object.values(outerParts) as string[])
  for (let layer = 0; layer < layers; layer++)
    for (const name of Object.values(layerParts).flat()) used.add(`blk.${layer}.${name}`)
  const rest = tensors.filter(({name}) => !used.has(name))
  if (rest.length === 0 || Object.keys(parts).length === 0) return []
  const bytes = rest.reduce((sum, tensor) => sum + tensor.bytes, 0)
  return [
    {
      code: 'extra-weights',
      message: `${origin}: ${rest.length} tensors of ${bytes} bytes are no part of the model here, such as ${quoted(rest[0]!.name)}`,
    },
  ]
}

/**
 * Reads a GGUF file without its weights: sizes from the metadata, the bytes of every weight from its block format.
 * Activations and KV cache are f16 unless `--dtype` or `--kv-dtype` says otherwise.
 * @throws AnalysisError `bad-file`
 */
export function parseGguf(source: ByteSource, origin: string): ImportedGguf {
  const place = placeOf(origin)
  const header = readGguf(source, place)
  const arch = header.metadata.get('general.architecture')
  if (typeof arch !== 'string') badFile(place, 'has no general.architecture')
  const named = header.metadata.get('general.name')
  const id = idFrom(place, arch)
  const name = typeof named === 'string' && named.trim() !== '' ? quoted(named).slice(1, -1) : id
  const about = {id, name, source: `${place} (GGUF v${header.version}, ${quoted(arch).slice(1, -1)})`}
  const experts = header.metadata.get(`${arch}.expert_count`)
  if (!Object.hasOwn(ggufFamilies, arch) || (typeof experts === 'number' && experts > 0)) {
    const why = Object.hasOwn(ggufFamilies, arch)
      ? 'mixtures of experts are not read from GGUF'
      : `architecture ${quoted(arch)} is not read from GGUF (${Object.keys(ggufFamilies).join(', ')} are)`
    return weightsOnly(about, place, header.tensors, `${why}; give the model's config.json for its operators`)
  }
  const tensors = new Map(header.tensors.map((tensor) => [tensor.name, tensor]))
  const warnings: Warning[] = []
  const {spec, groups} = specOf(header, tensors, arch, place)
  const parts = partsOf(spec, groups, tensors, place, warnings)
  warnings.push(...leftOver(header.tensors, parts, spec.layers, place))
  return {model: {...about, architecture: 'stored', spec: {base: spec, parts}, dtype: 'f16'}, warnings}
}
