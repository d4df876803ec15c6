/** What several Hugging Face families share: Llama's shape, windows, defaults that are said. */
import type {LayerGroup, TransformerSpec} from '../../architectures/transformer.ts'
import type {Warning} from '../../errors.ts'
import {llamaLike} from '../../models/types.ts'
import {show} from '../show.ts'
import {type Config, choice, fail, flag, get, headSize, optionalSize, size} from './fields.ts'

/** Activation names of the library (`ACT2FN`) that we have an operator for. */
export const activations = {
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
} as const satisfies Record<string, TransformerSpec['activation']>

/** A gate is silu in every family here; another one would be another operator, not an approximation of this one. */
export const gates = {silu: 'silu', swish: 'silu'} as const

/** Positions: absent is the class's default, and the reader is told. */
export function positions(config: Config, names: readonly string[], absent: number, warnings: Warning[]): number {
  const stated = optionalSize(config, names)
  if (stated !== undefined) return stated
  warnings.push({
    code: 'config-default',
    message: `${config.origin}: ${names[0]} is absent: ${absent}, the default of the configuration class`,
  })
  return absent
}

/** Key–value heads divide the query heads into groups. `absent` stands for a missing field, `null` means one per head. */
export function keyValueHeads(config: Config, heads: number, absent: number, warnings: Warning[]): number {
  const field = 'num_key_value_heads'
  const stated = optionalSize(config, [field])
  const missing = stated === undefined && get(config, field) === undefined
  if (missing && absent !== heads) {
    warnings.push({
      code: 'config-default',
      message: `${config.origin}: ${field} is absent: ${absent}, the default of the configuration class`,
    })
  }
  const kvHeads = stated ?? (missing ? absent : heads)
  if (heads % kvHeads !== 0)
    fail(config, field, `${kvHeads} key–value heads do not divide num_attention_heads = ${heads}`)
  return kvHeads
}

/** Every layer with a window of the last tokens; nothing where no sequence that the model was made for is longer. */
export function windowed(
  layers: number,
  tokens: number | undefined,
  longest: number,
): readonly LayerGroup[] | undefined {
  return tokens === undefined || tokens >= longest ? undefined : [{name: '', layers, window: tokens}]
}

/** Layers one by one → one group per kind, in the order of their first. */
export function grouped(kinds: readonly Omit<LayerGroup, 'layers'>[]): LayerGroup[] {
  const groups = new Map<string, LayerGroup>()
  for (const kind of kinds) groups.set(kind.name, {...kind, layers: (groups.get(kind.name)?.layers ?? 0) + 1})
  return [...groups.values()]
}

/** The most layers that are looked at one by one; published models have at most a few hundred. */
const MAX_LAYERS = 10_000

/** @throws AnalysisError `bad-config` where there are more layers than can be told apart one by one */
export function eachLayer<T>(config: Config, layers: number, of: (i: number) => T): T[] {
  if (layers > MAX_LAYERS)
    fail(config, 'num_hidden_layers', `${layers} layers of several kinds: at most ${MAX_LAYERS} are told apart`)
  return Array.from({length: layers}, (_, i) => of(i))
}

/**
 * Which layers see a window: the file's `layer_types`, or a rule of the class.
 * @param rule whether layer `i` has a window where the file does not say
 */
export function slidingLayers(config: Config, layers: number, rule: (i: number) => boolean): boolean[] {
  const types = get(config, 'layer_types')
  if (types === undefined || types === null) return eachLayer(config, layers, rule)
  if (!Array.isArray(types) || types.length !== layers)
    fail(config, 'layer_types', `${show(types)} does not name each of ${layers} layers`)
  return types.map((type: unknown, i) => {
    if (type === 'sliding_attention' || type === 'chunked_attention') return true
    if (type === 'full_attention') return false
    return fail(config, 'layer_types', `${show(type)} of layer ${i} is not sliding_attention or full_attention`)
  })
}

/** Local layers with a window and global ones; all alike where the window is never full. */
export function localGlobal(sliding: readonly boolean[], window: number): LayerGroup[] {
  return grouped(sliding.map((local) => (local ? {name: 'local', window} : {name: 'global'})))
}

/** The width of a layer that may be left out: the class's default, said. */
export function sizeOr(config: Config, field: string, absent: number, warnings: Warning[]): number {
  const stated = optionalSize(config, [field])
  if (stated !== undefined) return stated
  warnings.push({
    code: 'config-default',
    message: `${config.origin}: ${field} is absent: ${absent}, the default of the configuration class`,
  })
  return absent
}

export interface LlamaDefaults {
  readonly kvHeads: (heads: number) => number
  readonly positions: number
  readonly bias: (config: Config) => TransformerSpec['bias']
  readonly groups: (config: Config, layers: number, longest: number) => readonly LayerGroup[] | undefined
  /** the head size where the file does not state one; absent: hidden ÷ heads */
  readonly headDim?: number
}

export function llamaSpec(config: Config, warnings: Warning[], defaults: LlamaDefaults): TransformerSpec {
  const hidden = size(config, ['hidden_size'], 4096)
  const heads = size(config, ['num_attention_heads'], 32)
  const headDim =
    optionalSize(config, ['head_dim']) ??
    defaults.headDim ??
    headSize(config, hidden, heads, ['hidden_size', 'num_attention_heads'])
  if (headDim % 2 !== 0)
    fail(config, 'head_dim', `${headDim} is odd; rotary positions turn pairs, so the head size is even`)
  const longest = positions(config, ['max_position_embeddings'], defaults.positions, warnings)
  choice(config, ['hidden_act'], gates, 'silu')
  const layers = size(config, ['num_hidden_layers'], 32)
  const groups = defaults.groups(config, layers, longest)
  return {
    ...llamaLike,
    bias: defaults.bias(config),
    tied: flag(config, 'tie_word_embeddings', false),
    layers,
    hidden,
    heads,
    kvHeads: keyValueHeads(config, heads, defaults.kvHeads(heads), warnings),
    headDim,
    ffn: size(config, ['intermediate_size'], 14_336),
    vocab: size(config, ['vocab_size'], 128_256),
    positions: longest,
    ...(groups ? {groups} : {}),
  }
}

/** The part of a head that turns, where a file states one below 1. */
export function partialRotary(config: Config, headDim: number): {rotary?: number} {
  const factor = get(config, 'partial_rotary_factor')
  if (factor === undefined || factor === null || factor === 1) return {}
  if (typeof factor !== 'number' || !(factor > 0 && factor < 1))
    fail(config, 'partial_rotary_factor', `${show(factor)} is not a number above 0, at most 1`)
  const rotary = Math.floor(headDim * factor)
  if (rotary < 2 || rotary % 2 !== 0)
    fail(
      config,
      'partial_rotary_factor',
      `${show(factor)} makes ${rotary} channels turn of ${headDim}; they turn in pairs`,
    )
  return {rotary}
}

/** A list of flags or of layer numbers that must be empty here. */
export function none(config: Config, field: string, what: string): void {
  const value = get(config, field)
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return
  fail(config, field, `${show(value)} is not supported: ${what}`)
}
