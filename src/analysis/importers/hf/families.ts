import {bertLike, gpt2Like, llamaLike} from '../../models/types.ts'
import {type Family, family} from './family.ts'
import {choice, fail, flag, get, optionalSize, size} from './fields.ts'
import {gemmas} from './gemma.ts'
import {images} from './images.ts'
import {mixtures} from './mixtures.ts'
import {qwen3Spec, qwenWindows} from './qwen.ts'
import {sequences} from './sequences.ts'
import {activations, llamaSpec, partialRotary, positions, windowed} from './shared.ts'

const alike = () => undefined

const llama = family('transformer', (config, warnings) =>
  llamaSpec(config, warnings, {
    kvHeads: (heads) => heads,
    positions: 2048,
    bias: (c) => {
      const attention = flag(c, 'attention_bias', false)
      return {qkv: attention, out: attention, mlp: flag(c, 'mlp_bias', false)}
    },
    groups: alike,
  }),
)

const mistral = family('transformer', (config, warnings) =>
  llamaSpec(config, warnings, {
    kvHeads: () => 8,
    positions: 131_072,
    bias: () => llamaLike.bias,
    groups: (c, layers, longest) =>
      windowed(layers, get(c, 'sliding_window') === undefined ? 4096 : optionalSize(c, ['sliding_window']), longest),
  }),
)

const qwen2 = family('transformer', (config, warnings) =>
  llamaSpec(config, warnings, {
    kvHeads: () => 32,
    positions: 32_768,
    // the class has no switch for it: queries, keys and values have a bias, the rest has none
    bias: () => ({qkv: true, out: false, mlp: false}),
    groups: qwenWindows,
  }),
)

const gpt2 = family('transformer', (config, warnings) => {
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
})

const bert = family('transformer', (config, warnings) => {
  const hidden = size(config, ['hidden_size'], 768)
  const heads = size(config, ['num_attention_heads'], 12)
  if (hidden % heads !== 0) fail(config, 'num_attention_heads', `${heads} heads do not divide hidden_size = ${hidden}`)
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
})

const qwen3 = family('transformer', qwen3Spec)

const phi3 = family('transformer', (config, warnings) => {
  const spec = llamaSpec(config, warnings, {
    kvHeads: (heads) => heads,
    positions: 4096,
    bias: () => llamaLike.bias,
    groups: (c, layers, longest) => windowed(layers, optionalSize(c, ['sliding_window']), longest),
  })
  return {...spec, ...partialRotary(config, spec.headDim)}
})

/** `model_type` → family. */
export const families = {
  gpt2,
  bert,
  llama,
  mistral,
  qwen2,
  qwen3,
  phi3,
  ...gemmas,
  ...mixtures,
  ...sequences,
  ...images,
} as const satisfies Record<string, Family>
