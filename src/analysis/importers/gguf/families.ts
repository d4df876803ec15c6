/**
 * Architectures of GGUF files that are transformers we have: how their metadata name the sizes.
 * Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; graphs: src/models of llama.cpp.
 */
import type {LayerGroup, TransformerSpec} from '../../architectures/transformer.ts'
import {llamaLike} from '../../models/types.ts'

/** What an architecture adds to a Llama-like decoder. */
export interface GgufFamily {
  readonly spec: Partial<TransformerSpec>
  /** layers that see a window of the last tokens alone; the metadata have its length */
  readonly local?: (layer: number) => boolean
}

const gemmaLike = {activation: 'gelu-tanh', embeddingScale: true} as const

export const ggufFamilies: Readonly<Record<string, GgufFamily>> = {
  llama: {spec: {}},
  mistral: {spec: {}},
  qwen2: {spec: {bias: {qkv: true, out: false, mlp: false}}},
  qwen3: {spec: {qkNorm: 'rmsnorm'}},
  gemma: {spec: gemmaLike},
  // every other layer, the first included, sees the window
  gemma2: {
    spec: {...gemmaLike, normPlacement: 'both', softcap: {scores: true, logits: true}},
    local: (layer) => layer % 2 === 0,
  },
  // five layers with a window, then one without
  gemma3: {spec: {...gemmaLike, normPlacement: 'both', qkNorm: 'rmsnorm'}, local: (layer) => layer % 6 !== 5},
}

export const llamaDefaults = llamaLike

/** Layers of the same kind as one group, in the order of their first. */
export function groupLayers(
  kinds: readonly string[],
  windowOf: (layer: number) => number | undefined,
): {group: LayerGroup; first: number}[] {
  const groups = new Map<string, {layers: number; first: number; window: number | undefined}>()
  kinds.forEach((kind, layer) => {
    const window = windowOf(layer)
    const key = `${kind} ${window ?? ''}`
    const known = groups.get(key)
    if (known) known.layers++
    else groups.set(key, {layers: 1, first: layer, window})
  })
  const single = groups.size === 1
  return [...groups.values()].map(({layers, first, window}) => ({
    group: {name: single ? '' : `from-${first}`, layers, ...(window === undefined ? {} : {window})},
    first,
  }))
}
