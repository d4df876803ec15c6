/** Families of other architectures: Mamba-2, T5, Whisper. */
import type {EncoderDecoderSpec} from '../../architectures/encoder-decoder.ts'
import type {Mamba2Spec} from '../../architectures/mamba2.ts'
import type {Warning} from '../../errors.ts'
import {family} from './family.ts'
import {type Config, choice, fail, flag, optionalSize, size} from './fields.ts'
import {activations, sizeOr} from './shared.ts'

function mamba2(config: Config, warnings: Warning[]): Mamba2Spec {
  const hidden = size(config, ['hidden_size'], 2560)
  const heads = size(config, ['num_heads'], 80)
  const headDim = sizeOr(config, 'head_dim', 64, warnings)
  const expand = optionalSize(config, ['expand']) ?? 2
  if (expand * hidden !== heads * headDim)
    fail(config, 'num_heads', `${heads} heads of ${headDim} are not expand × hidden_size = ${expand * hidden}`)
  const groups = sizeOr(config, 'n_groups', 8, warnings)
  if (heads % groups !== 0) fail(config, 'n_groups', `${groups} groups do not divide num_heads = ${heads}`)
  choice(config, ['hidden_act'], {silu: true, swish: true}, true)
  return {
    layers: size(config, ['num_hidden_layers'], 64),
    hidden,
    heads,
    headDim,
    state: sizeOr(config, 'state_size', 128, warnings),
    groups,
    taps: sizeOr(config, 'conv_kernel', 4, warnings),
    convBias: flag(config, 'use_conv_bias', true),
    bias: flag(config, 'use_bias', false),
    vocab: size(config, ['vocab_size'], 50_288),
    tied: flag(config, 'tie_word_embeddings', false),
  }
}

const projections = {
  relu: {activation: 'relu', gated: false},
  gelu: {activation: 'gelu', gated: false},
  'gated-gelu': {activation: 'gelu-tanh', gated: true},
  'gated-silu': {activation: 'silu', gated: true},
} as const

function t5(config: Config, warnings: Warning[]): EncoderDecoderSpec {
  const layers = size(config, ['num_layers'], 12)
  const tied = flag(config, 'tie_word_embeddings', true)
  const positions = optionalSize(config, ['n_positions']) ?? 512
  return {
    encoderLayers: layers,
    decoderLayers: optionalSize(config, ['num_decoder_layers']) ?? layers,
    hidden: size(config, ['d_model'], 768),
    heads: size(config, ['num_heads'], 12),
    headDim: sizeOr(config, 'd_kv', 64, warnings),
    ffn: size(config, ['d_ff'], 3072),
    vocab: size(config, ['vocab_size'], 32_128),
    positions,
    source: positions,
    norm: 'rmsnorm',
    ...choice<(typeof projections)[keyof typeof projections]>(
      config,
      ['feed_forward_proj'],
      projections,
      projections.relu,
    ),
    bias: false,
    buckets: sizeOr(config, 'relative_attention_num_buckets', 32, warnings),
    tied,
    headScale: tied,
  }
}

/** One size for both stacks: published models have no other. */
function same(config: Config, encoder: string, decoder: string, example: number): number {
  const [a, b] = [size(config, [encoder], example), size(config, [decoder], example)]
  if (a !== b) fail(config, decoder, `${b} is not ${encoder} = ${a}: stacks of different widths are not supported`)
  return a
}

function whisper(config: Config, warnings: Warning[]): EncoderDecoderSpec {
  const hidden = size(config, ['d_model'], 512)
  const heads = same(config, 'encoder_attention_heads', 'decoder_attention_heads', 8)
  if (hidden % heads !== 0) fail(config, 'encoder_attention_heads', `${heads} heads do not divide d_model = ${hidden}`)
  return {
    encoderLayers: size(config, ['encoder_layers'], 6),
    decoderLayers: size(config, ['decoder_layers'], 6),
    hidden,
    heads,
    headDim: hidden / heads,
    ffn: same(config, 'encoder_ffn_dim', 'decoder_ffn_dim', 2048),
    vocab: size(config, ['vocab_size'], 51_865),
    positions: sizeOr(config, 'max_target_positions', 448, warnings),
    source: sizeOr(config, 'max_source_positions', 1500, warnings),
    norm: 'layernorm',
    activation: choice(config, ['activation_function'], activations, 'gelu'),
    gated: false,
    bias: true,
    buckets: 0,
    tied: flag(config, 'tie_word_embeddings', true),
    headScale: false,
    audio: {mels: sizeOr(config, 'num_mel_bins', 80, warnings)},
  }
}

export const sequences = {
  mamba2: family('mamba2', mamba2),
  t5: family('encoder-decoder', t5),
  whisper: family('encoder-decoder', whisper),
} as const
