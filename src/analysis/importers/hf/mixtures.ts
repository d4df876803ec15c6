/** Mixtures of experts: Mixtral, Qwen2- and Qwen3-MoE, DeepSeek-V2 and V3, GPT-OSS, Llama 4 (text). */
import type {LayerGroup, TransformerSpec} from '../../architectures/transformer.ts'
import type {Warning} from '../../errors.ts'
import {llamaLike} from '../../models/types.ts'
import {show} from '../show.ts'
import {family} from './family.ts'
import {type Config, choice, fail, flag, get, optionalSize, size} from './fields.ts'
import {textPart} from './gemma.ts'
import {qwen3Spec, qwenWindows} from './qwen.ts'
import {eachLayer, grouped, llamaSpec, localGlobal, none, sizeOr, slidingLayers, windowed} from './shared.ts'

const plain = {
  sharedFfn: 0,
  normalized: true,
  selectionBias: false,
  routerBias: false,
  expertBias: false,
} as const

/** Experts and how many a token chooses. */
function experts(config: Config, count: readonly string[], chosen: readonly string[]): {experts: number; topK: number} {
  const all = size(config, count, 8)
  const topK = size(config, chosen, 2)
  if (topK > all) fail(config, chosen[0]!, `${topK} of ${all} experts cannot be chosen`)
  return {experts: all, topK}
}

/** A number that has to be what it always was: another value would be another model. */
function fixed(config: Config, field: string, value: number): void {
  const stated = get(config, field)
  if (stated !== undefined && stated !== null && stated !== value)
    fail(config, field, `${show(stated)} is not supported: published models have ${value}`)
}

const mixtral = (config: Config, warnings: Warning[]): TransformerSpec => ({
  ...llamaSpec(config, warnings, {
    kvHeads: () => 8,
    positions: 131_072,
    bias: () => llamaLike.bias,
    groups: (c, layers, longest) => windowed(layers, optionalSize(c, ['sliding_window']), longest),
  }),
  mixture: {
    ...plain,
    ...experts(config, ['num_local_experts'], ['num_experts_per_tok']),
    ffn: size(config, ['intermediate_size'], 14_336),
    gate: 'softmax',
  },
})

const qwen3Moe = (config: Config, warnings: Warning[]): TransformerSpec => {
  fixed(config, 'decoder_sparse_step', 1)
  none(config, 'mlp_only_layers', 'every layer is a mixture here')
  return {
    ...qwen3Spec(config, warnings, 4),
    mixture: {
      ...plain,
      ...experts(config, ['num_experts'], ['num_experts_per_tok']),
      ffn: size(config, ['moe_intermediate_size'], 768),
      gate: 'softmax',
      normalized: flag(config, 'norm_topk_prob', false),
    },
  }
}

/** Qwen1.5-MoE and Qwen2-MoE: a shared expert whose output is multiplied by the sigmoid of one number per token. */
const qwen2Moe = (config: Config, warnings: Warning[]): TransformerSpec => {
  fixed(config, 'decoder_sparse_step', 1)
  none(config, 'mlp_only_layers', 'every layer is a mixture here')
  return {
    ...llamaSpec(config, warnings, {
      kvHeads: () => 16,
      positions: 32_768,
      bias: (c) => ({qkv: flag(c, 'qkv_bias', true), out: false, mlp: false}),
      groups: qwenWindows,
    }),
    mixture: {
      ...plain,
      ...experts(config, ['num_experts'], ['num_experts_per_tok']),
      ffn: size(config, ['moe_intermediate_size'], 1408),
      sharedFfn: size(config, ['shared_expert_intermediate_size'], 5632),
      sharedGate: true,
      gate: 'softmax',
      normalized: flag(config, 'norm_topk_prob', false),
    },
  }
}

/** @param version 2 chooses by softmax, 3 by sigmoid with a learned number per expert that takes part in the choice */
const deepseek = (config: Config, warnings: Warning[], version: 2 | 3): TransformerSpec => {
  fixed(config, 'moe_layer_freq', 1)
  const scoring = version === 2 ? 'softmax' : 'sigmoid'
  choice(config, ['scoring_func'], {[scoring]: true}, true)
  if (flag(config, 'attention_bias', false)) fail(config, 'attention_bias', 'true is not supported')
  const layers = size(config, ['num_hidden_layers'], 61)
  const heads = size(config, ['num_attention_heads'], 128)
  const stated = get(config, 'first_k_dense_replace')
  const dense = stated === 0 ? 0 : sizeOr(config, 'first_k_dense_replace', version === 3 ? 3 : 0, warnings)
  if (dense > layers) fail(config, 'first_k_dense_replace', `${dense} of ${layers} layers cannot be dense`)
  const groups: LayerGroup[] = [
    {name: 'dense', layers: dense, dense: true},
    {name: 'moe', layers: layers - dense},
  ]
  const ffn = size(config, ['moe_intermediate_size'], 2048)
  const predicted = optionalSizeOrZero(config, 'num_nextn_predict_layers')
  if (predicted > 0)
    warnings.push({
      code: 'prediction-head-ignored',
      message: `${config.origin}: num_nextn_predict_layers ${predicted}: the multi-token prediction module is not part of the analysis`,
    })
  const nopeDim = size(config, ['qk_nope_head_dim'], 128)
  const ropeDim = size(config, ['qk_rope_head_dim'], 64)
  if (ropeDim % 2 !== 0) fail(config, 'qk_rope_head_dim', `${ropeDim} is odd; rotary positions turn pairs`)
  return {
    ...llamaLike,
    tied: flag(config, 'tie_word_embeddings', false),
    layers,
    hidden: size(config, ['hidden_size'], 7168),
    heads,
    kvHeads: heads,
    headDim: size(config, ['v_head_dim'], 128),
    ffn: size(config, ['intermediate_size'], 18_432),
    vocab: size(config, ['vocab_size'], 129_280),
    positions: sizeOr(config, 'max_position_embeddings', 4096, warnings),
    groups: groups.filter((group) => group.layers > 0),
    latent: {
      queryRank: optionalSize(config, ['q_lora_rank']) ?? 0,
      rank: size(config, ['kv_lora_rank'], 512),
      nopeDim,
      ropeDim,
      valueDim: size(config, ['v_head_dim'], 128),
    },
    mixture: {
      ...experts(config, ['n_routed_experts'], ['num_experts_per_tok']),
      ffn,
      sharedFfn: ffn * optionalSizeOrZero(config, 'n_shared_experts'),
      gate: scoring,
      normalized: flag(config, 'norm_topk_prob', version === 3),
      selectionBias: version === 3,
      routerBias: false,
      expertBias: false,
    },
  }
}

/** A count that may be 0 or left out. */
function optionalSizeOrZero(config: Config, field: string): number {
  return get(config, field) === 0 ? 0 : (optionalSize(config, [field]) ?? 0)
}

const gptOss = (config: Config, warnings: Warning[]): TransformerSpec => {
  const window = sizeOr(config, 'sliding_window', 128, warnings)
  const spec = llamaSpec(config, warnings, {
    kvHeads: () => 8,
    positions: 131_072,
    bias: (c) => {
      const attention = flag(c, 'attention_bias', true)
      return {qkv: attention, out: attention, mlp: true}
    },
    groups: (c, layers, longest) =>
      window < longest
        ? localGlobal(
            slidingLayers(c, layers, (i) => i % 2 === 0),
            window,
          )
        : undefined,
    headDim: 64,
  })
  return {
    ...spec,
    activation: 'silu-clamped',
    sinks: true,
    mixture: {
      ...experts(config, ['num_local_experts'], ['num_experts_per_tok', 'experts_per_token']),
      ffn: spec.ffn,
      sharedFfn: 0,
      gate: 'softmax-chosen',
      normalized: false,
      selectionBias: false,
      routerBias: true,
      expertBias: true,
    },
  }
}

/** Which layers turn queries and keys: a list of 1 and 0, or all but every `no_rope_layer_interval`-th. */
function rotaryLayers(config: Config, layers: number): boolean[] {
  const list = get(config, 'no_rope_layers')
  if (Array.isArray(list) && list.length > 0) {
    if (list.length !== layers || !list.every((v) => v === 0 || v === 1))
      fail(config, 'no_rope_layers', `${show(list)} is not one 0 or 1 for each of ${layers} layers`)
    return list.map((v) => v === 1)
  }
  const interval = optionalSize(config, ['no_rope_layer_interval']) ?? 4
  return eachLayer(config, layers, (i) => (i + 1) % interval !== 0)
}

const llama4 = (config: Config, warnings: Warning[]): TransformerSpec => {
  const chunk = sizeOr(config, 'attention_chunk_size', 8192, warnings)
  const step = optionalSize(config, ['interleave_moe_layer_step']) ?? 1
  const kinds = (layers: number) =>
    rotaryLayers(config, layers).map((turns, i) => {
      const dense = (i + 1) % step !== 0
      const name = `${turns ? 'chunked' : 'global'}${dense ? '-dense' : ''}`
      return {name, ...(turns ? {chunk} : {positionless: true}), ...(dense ? {dense} : {})}
    })
  const spec = llamaSpec(config, warnings, {
    kvHeads: () => 8,
    positions: 131_072,
    bias: (c) => {
      const attention = flag(c, 'attention_bias', false)
      return {qkv: attention, out: attention, mlp: false}
    },
    groups: (_, layers) => grouped(kinds(layers)),
    headDim: 128,
  })
  const ffn = spec.ffn
  return {
    ...spec,
    // dense layers have a width of their own, and so has the shared expert
    ffn: sizeOr(config, 'intermediate_size_mlp', 16_384, warnings),
    ...(flag(config, 'use_qk_norm', true) ? {qkNorm: 'l2' as const} : {}),
    mixture: {
      ...plain,
      ...experts(config, ['num_local_experts'], ['num_experts_per_tok']),
      ffn,
      sharedFfn: ffn,
      gate: 'sigmoid',
      normalized: false,
    },
  }
}

export const mixtures = {
  mixtral: family('transformer', mixtral),
  qwen3_moe: family('transformer', qwen3Moe),
  qwen2_moe: family('transformer', qwen2Moe),
  deepseek_v2: family('transformer', (config, warnings) => deepseek(config, warnings, 2)),
  deepseek_v3: family('transformer', (config, warnings) => deepseek(config, warnings, 3)),
  gpt_oss: family('transformer', gptOss),
  llama4_text: family('transformer', llama4),
  llama4: family('transformer', (config, warnings) => llama4(textPart(config, warnings), warnings)),
} as const
