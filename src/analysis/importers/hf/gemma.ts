/** Gemma 2 and 3 (text): norms on both sides of each block, local and global layers, caps or query and key norms. */
import type {TransformerSpec} from '../../architectures/transformer.ts'
import {quoted, type Warning} from '../../errors.ts'
import {gemmaLike} from '../../models/types.ts'
import {show} from '../show.ts'
import {family} from './family.ts'
import {type Config, choice, fail, flag, get, optionalSize, size} from './fields.ts'
import {keyValueHeads, localGlobal, sizeOr, slidingLayers} from './shared.ts'

const gates = {gelu_pytorch_tanh: 'gelu-tanh', gelu_new: 'gelu-tanh', gelu: 'gelu'} as const

/** A cap: a positive number, or none. */
function cap(config: Config, field: string, absent: boolean): boolean {
  const value = get(config, field)
  if (value === undefined) return absent
  if (value === null) return false
  if (typeof value !== 'number' || !(value > 0)) fail(config, field, `${show(value)} is not a positive number`)
  return true
}

interface Gemma {
  readonly heads: number
  readonly positions: number
  readonly vocab: number
  readonly window: number
  /** whether layer `i` has a window where the file does not list the layers */
  readonly local: (config: Config) => (i: number) => boolean
  readonly capped: boolean
  readonly qkNorm: boolean
}

function gemmaSpec(config: Config, warnings: Warning[], standard: Gemma): TransformerSpec {
  const layers = size(config, ['num_hidden_layers'], 42)
  const heads = sizeOr(config, 'num_attention_heads', standard.heads, warnings)
  const headDim = sizeOr(config, 'head_dim', 256, warnings)
  if (headDim % 2 !== 0)
    fail(config, 'head_dim', `${headDim} is odd; rotary positions turn pairs, so the head size is even`)
  const positions = sizeOr(config, 'max_position_embeddings', standard.positions, warnings)
  const window = sizeOr(config, 'sliding_window', standard.window, warnings)
  const scores = cap(config, 'attn_logit_softcapping', standard.capped)
  const logits = cap(config, 'final_logit_softcapping', standard.capped)
  const bias = flag(config, 'attention_bias', false)
  return {
    ...gemmaLike,
    activation: choice(config, ['hidden_activation', 'hidden_act'], gates, 'gelu-tanh'),
    bias: {qkv: bias, out: bias, mlp: false},
    tied: flag(config, 'tie_word_embeddings', true),
    layers,
    hidden: size(config, ['hidden_size'], 3584),
    heads,
    kvHeads: keyValueHeads(config, heads, 4, warnings),
    headDim,
    ffn: size(config, ['intermediate_size'], 14_336),
    vocab: sizeOr(config, 'vocab_size', standard.vocab, warnings),
    positions,
    ...(window < positions ? {groups: localGlobal(slidingLayers(config, layers, standard.local(config)), window)} : {}),
    ...(scores || logits ? {softcap: {scores, logits}} : {}),
    ...(standard.qkNorm ? {qkNorm: 'rmsnorm' as const} : {}),
  }
}

const gemma3Spec = (config: Config, warnings: Warning[]) =>
  gemmaSpec(config, warnings, {
    heads: 8,
    positions: 131_072,
    vocab: 262_208,
    window: 4096,
    local: (c) => {
      const pattern = optionalSize(c, ['sliding_window_pattern']) ?? 6
      return (i) => (i + 1) % pattern !== 0
    },
    capped: false,
    qkNorm: true,
  })

/** The part that sees images, as far as the file describes it. */
function towerOf(config: Config): string {
  const tower = get(config, 'vision_config')
  if (typeof tower !== 'object' || tower === null || Array.isArray(tower)) return ''
  const part: Config = {origin: `${config.origin}: vision_config`, fields: Object.fromEntries(Object.entries(tower))}
  const [type, layers, hidden] = ['model_type', 'num_hidden_layers', 'hidden_size'].map((field) => get(part, field))
  const known = Number.isSafeInteger(layers) && Number.isSafeInteger(hidden)
  const sizes = known ? [`${Number(layers)} layers of ${Number(hidden)} channels`] : []
  const said = [...(typeof type === 'string' ? [quoted(type).slice(1, -1)] : []), ...sizes]
  return said.length > 0 ? ` (${said.join(', ')})` : ''
}

/** The text part of a config that has other parts too. */
export function textPart(config: Config, warnings: Warning[]): Config {
  const text = get(config, 'text_config')
  if (typeof text !== 'object' || text === null || Array.isArray(text))
    fail(config, 'text_config', text === undefined ? 'missing' : `${show(text)} is not an object`)
  warnings.push({
    code: 'text-only',
    message: `${config.origin}: the language model is analyzed; what sees images${towerOf(config)} is not part of it`,
  })
  const fields = Object.fromEntries(Object.entries(text))
  return {origin: `${config.origin}: text_config`, fields: {model_type: get(config, 'model_type'), ...fields}}
}

export const gemmas = {
  gemma2: family('transformer', (config, warnings) =>
    gemmaSpec(config, warnings, {
      heads: 8,
      positions: 8192,
      vocab: 256_000,
      window: 4096,
      local: () => (i) => i % 2 === 0,
      capped: true,
      qkNorm: false,
    }),
  ),
  gemma3_text: family('transformer', gemma3Spec),
  gemma3: family('transformer', (config, warnings) => gemma3Spec(textPart(config, warnings), warnings)),
} as const
