/**
 * Architectures of GGUF files that are transformers we have: how their metadata name the sizes.
 * Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; graphs: src/models of llama.cpp.
 */
import type {LatentSpec} from '../../architectures/parts/latent-attention.ts'
import type {MixtureSpec} from '../../architectures/parts/mixture.ts'
import type {LayerGroup, TransformerSpec} from '../../architectures/transformer.ts'
import type {Metadata} from './metadata.ts'

/** How one layer differs from the plain one. */
export type LayerKind = Omit<LayerGroup, 'name' | 'layers'>

/** What an architecture adds to a Llama-like decoder. */
export interface GgufFamily {
  readonly spec?: (meta: Metadata) => Partial<TransformerSpec>
  /** layers that see a window of the last tokens alone; the metadata have its length. Absent: all of them */
  readonly local?: (layer: number) => boolean
  /** windows of a length that the file does not state, and whatever else makes layers differ */
  readonly kind?: (layer: number, meta: Metadata) => LayerKind
  /** of a mixture of experts: how the router chooses. Absent: the architecture has no mixtures */
  readonly gate?: (meta: Metadata) => Pick<MixtureSpec, 'gate' | 'normalized'>
  /** keys and values are up-projections of a latent vector */
  readonly latent?: (meta: Metadata) => LatentSpec
}

const gemmaLike = {activation: 'gelu-tanh', embeddingScale: true} as const
const qkvBias = {bias: {qkv: true, out: false, mlp: false}} as const

/** Shares of all experts, and whether those of the chosen ones are divided by their sum. */
const softmax = (normalized: boolean) => () => ({gate: 'softmax', normalized}) as const

/** The first layers are dense where the file says so. */
const leading = (layer: number, meta: Metadata): LayerKind =>
  layer < meta.number('leading_dense_block_count', 0, 0) ? {dense: true} : {}

/** DeepSeek-V2 and V3 (arXiv:2405.04434 §2.1): newer files have the sizes of a head under `_mla`. */
function latent(meta: Metadata): LatentSpec {
  const ropeDim = meta.number('rope.dimension_count')
  const keyDim = meta.number('attention.key_length_mla', meta.number('attention.key_length'))
  if (ropeDim >= keyDim) meta.fail(`turns ${ropeDim} channels of keys of ${keyDim}`)
  return {
    queryRank: meta.number('attention.q_lora_rank', 0, 0),
    rank: meta.number('attention.kv_lora_rank'),
    nopeDim: keyDim - ropeDim,
    ropeDim,
    valueDim: meta.number('attention.value_length_mla', meta.number('attention.value_length')),
  }
}

/** `expert_gating_func`: 1 softmax, 2 sigmoid (llama.cpp's `llama_expert_gating_func_type`). */
function stated(meta: Metadata): Pick<MixtureSpec, 'gate' | 'normalized'> {
  const gating = meta.number('expert_gating_func', 1, 0)
  if (gating > 2) meta.fail(`has the expert gating function ${gating}; 1 (softmax) and 2 (sigmoid) are read`)
  return {gate: gating === 2 ? 'sigmoid' : 'softmax', normalized: meta.flag('expert_weights_norm', false)}
}

/** Llama 4: three layers that see their chunk of 8,192 tokens, then one that sees all and encodes no positions. */
function llama4Kind(layer: number, meta: Metadata): LayerKind {
  const dense = (layer + 1) % meta.number('interleave_moe_layer_step', 1) !== 0 ? {dense: true} : {}
  return {...(layer % 4 < 3 ? {chunk: 8192} : {positionless: true}), ...dense}
}

export const ggufFamilies: Readonly<Record<string, GgufFamily>> = {
  // with experts it is Mixtral
  llama: {gate: softmax(true)},
  mistral: {},
  qwen2: {spec: () => qkvBias},
  qwen2moe: {spec: () => qkvBias, gate: softmax(false)},
  qwen3: {spec: () => ({qkNorm: 'rmsnorm'})},
  qwen3moe: {spec: () => ({qkNorm: 'rmsnorm'}), gate: softmax(true)},
  phi3: {},
  gemma: {spec: () => gemmaLike},
  // every other layer, the first included, sees the window
  gemma2: {
    spec: () => ({...gemmaLike, normPlacement: 'both', softcap: {scores: true, logits: true}}),
    local: (layer) => layer % 2 === 0,
  },
  // five layers with a window, then one without
  gemma3: {
    spec: () => ({...gemmaLike, normPlacement: 'both', qkNorm: 'rmsnorm'}),
    local: (layer) => layer % 6 !== 5,
  },
  deepseek2: {kind: leading, gate: stated, latent},
  'gpt-oss': {
    spec: () => ({activation: 'silu-clamped', sinks: true, bias: {qkv: true, out: true, mlp: true}}),
    local: (layer) => layer % 2 === 0,
    gate: () => ({gate: 'softmax-chosen', normalized: false}),
  },
  llama4: {
    // only the 16-expert model has norms on queries and keys (llama.cpp: all but 17B_128E)
    spec: (meta) => (meta.number('expert_count', 0, 0) === 128 ? {} : {qkNorm: 'l2'}),
    kind: llama4Kind,
    gate: () => ({gate: 'sigmoid', normalized: false}),
  },
}

/** Architectures of the list above, and those that are no transformers. */
export const ggufArchitectures: readonly string[] = [...Object.keys(ggufFamilies), 'mamba2']
