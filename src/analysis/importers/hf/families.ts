/**
 * Hugging Face model families: field names and the defaults that the library's configuration classes document
 * (huggingface/transformers, src/transformers/models/FAMILY/configuration_FAMILY.py, as of November 2026): one function
 * each, one line in the table.
 *
 * The sizes that decide every count are required: real files always have them, and a guess would be another model.
 */
import type {TransformerSpec} from '../../architectures/transformer.ts'
import type {Warning} from '../../errors.ts'
import {bertLike, gpt2Like, llamaLike} from '../../models/types.ts'
import {type Config, choice, fail, flag, get, headSize, optionalSize, size} from './fields.ts'

export interface Family {
  spec(config: Config, warnings: Warning[]): TransformerSpec
}

/** Activation names of the library (`ACT2FN`) that we have an operator for. */
const activations = {
  gelu: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
} as const satisfies Record<string, TransformerSpec['activation']>

/** A gate is silu in every family here; another one would be another operator, not an approximation of this one. */
const gates = {silu: 'silu', swish: 'silu'} as const

/** Positions: absent is the class's default, and the reader is told. */
function positions(config: Config, names: readonly string[], absent: number, warnings: Warning[]): number {
  const stated = optionalSize(config, names)
  if (stated !== undefined) return stated
  warnings.push({
    code: 'config-default',
    message: `${config.origin}: ${names[0]} is absent: ${absent}, the default of the configuration class`,
  })
  return absent
}

/** Key–value heads divide the query heads into groups. `absent` stands for a missing field, `null` means one per head. */
function keyValueHeads(config: Config, heads: number, absent: number, warnings: Warning[]): number {
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

/** Attention over a window of the last tokens is not modelled: what we count with a longer sequence is an upper bound. */
function window(
  config: Config,
  tokens: number | undefined,
  longest: number,
  layers: string,
  warnings: Warning[],
): void {
  if (tokens === undefined || tokens >= longest) return
  warnings.push({
    code: 'sliding-window',
    message: `${config.origin}: sliding_window ${tokens} (${layers}) is not modelled: beyond ${tokens} tokens the attention FLOPs, bytes and KV cache here are an upper bound`,
  })
}

interface LlamaDefaults {
  readonly kvHeads: (heads: number) => number
  readonly positions: number
  readonly bias: (config: Config) => TransformerSpec['bias']
  readonly window: (config: Config, longest: number, warnings: Warning[]) => void
}

function llamaSpec(config: Config, warnings: Warning[], defaults: LlamaDefaults): TransformerSpec {
  const hidden = size(config, ['hidden_size'], 4096)
  const heads = size(config, ['num_attention_heads'], 32)
  const headDim = headSize(config, hidden, heads, ['hidden_size', 'num_attention_heads'])
  if (headDim % 2 !== 0)
    fail(config, 'head_dim', `${headDim} is odd; rotary positions turn pairs, so the head size is even`)
  const longest = positions(config, ['max_position_embeddings'], defaults.positions, warnings)
  choice(config, ['hidden_act'], gates, 'silu')
  defaults.window(config, longest, warnings)
  return {
    ...llamaLike,
    bias: defaults.bias(config),
    tied: flag(config, 'tie_word_embeddings', false),
    layers: size(config, ['num_hidden_layers'], 32),
    hidden,
    heads,
    kvHeads: keyValueHeads(config, heads, defaults.kvHeads(heads), warnings),
    headDim,
    ffn: size(config, ['intermediate_size'], 14_336),
    vocab: size(config, ['vocab_size'], 128_256),
    positions: longest,
  }
}

const noWindow = () => {}

const llama: Family = {
  spec: (config, warnings) =>
    llamaSpec(config, warnings, {
      kvHeads: (heads) => heads,
      positions: 2048,
      bias: (c) => {
        const attention = flag(c, 'attention_bias', false)
        return {qkv: attention, out: attention, mlp: flag(c, 'mlp_bias', false)}
      },
      window: noWindow,
    }),
}

const mistral: Family = {
  spec: (config, warnings) =>
    llamaSpec(config, warnings, {
      kvHeads: () => 8,
      positions: 131_072,
      bias: () => llamaLike.bias,
      window: (c, longest, list) => {
        const tokens = get(c, 'sliding_window') === undefined ? 4096 : optionalSize(c, ['sliding_window'])
        window(c, tokens, longest, 'every layer', list)
      },
    }),
}

const qwen2: Family = {
  spec: (config, warnings) =>
    llamaSpec(config, warnings, {
      kvHeads: () => 32,
      positions: 32_768,
      // the class has no switch for it: queries, keys and values have a bias, the rest has none
      bias: () => ({qkv: true, out: false, mlp: false}),
      window: (c, longest, list) => {
        if (!flag(c, 'use_sliding_window', false)) return
        const tokens = get(c, 'sliding_window') === undefined ? 4096 : optionalSize(c, ['sliding_window'])
        const from = optionalSize(c, ['max_window_layers']) ?? (get(c, 'max_window_layers') === 0 ? 0 : 28)
        window(c, tokens, longest, `layers from ${from}`, list)
      },
    }),
}

const gpt2: Family = {
  spec: (config, warnings) => {
    const hidden = size(config, ['n_embd', 'hidden_size'], 768)
    const heads = size(config, ['n_head', 'num_attention_heads'], 12)
    if (hidden % heads !== 0) fail(config, 'n_head', `${heads} heads do not divide n_embd = ${hidden}`)
    if (flag(config, 'add_cross_attention', false))
      fail(config, 'add_cross_attention', 'true is not supported: only the decoder by itself is')
    return {
      ...gpt2Like,
      activation: choice(config, ['activation_function', 'hidden_act'], activations, 'gelu-tanh'),
      tied: flag(config, 'tie_word_embeddings', true),
      layers: size(config, ['n_layer', 'num_hidden_layers'], 12),
      hidden,
      heads,
      kvHeads: heads,
      headDim: hidden / heads,
      ffn: optionalSize(config, ['n_inner']) ?? 4 * hidden,
      vocab: size(config, ['vocab_size'], 50_257),
      positions: positions(config, ['n_positions', 'max_position_embeddings', 'n_ctx'], 1024, warnings),
    }
  },
}

const bert: Family = {
  spec: (config, warnings) => {
    const hidden = size(config, ['hidden_size'], 768)
    const heads = size(config, ['num_attention_heads'], 12)
    if (hidden % heads !== 0)
      fail(config, 'num_attention_heads', `${heads} heads do not divide hidden_size = ${hidden}`)
    if (flag(config, 'is_decoder', false))
      fail(config, 'is_decoder', 'true is not supported: BERT is analyzed as the encoder it was published as')
    choice(config, ['position_embedding_type'], {absolute: 'absolute'}, 'absolute')
    return {
      ...bertLike,
      activation: choice(config, ['hidden_act'], activations, 'gelu'),
      layers: size(config, ['num_hidden_layers'], 12),
      hidden,
      heads,
      kvHeads: heads,
      headDim: hidden / heads,
      ffn: size(config, ['intermediate_size'], 3072),
      vocab: size(config, ['vocab_size'], 30_522),
      positions: positions(config, ['max_position_embeddings'], 512, warnings),
      tokenTypes: optionalSize(config, ['type_vocab_size']) ?? 2,
    }
  },
}

/** `model_type` → family. */
export const families = {gpt2, bert, llama, mistral, qwen2} as const satisfies Record<string, Family>
