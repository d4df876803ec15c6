/** A model that the tool knows by name, or that an importer read from a file. */
import {type ArchitectureId, architectures, type SpecOf} from '../architectures/index.ts'
import type {TransformerSpec} from '../architectures/transformer.ts'
import type {Architecture, ModelTraits, ModelWork} from '../architectures/types.ts'
import type {ComputeDType} from '../dtype.ts'
import type {Graph} from '../graph.ts'

/** A model of one architecture: data only, so that it can be embedded in a page and changed there. */
export interface ModelOf<A extends ArchitectureId> {
  readonly id: string
  readonly name: string
  /** where the dimensions come from */
  readonly source: string
  readonly architecture: A
  readonly spec: SpecOf<A>
  /** the type the published weights are in; f32 where the configuration does not say */
  readonly dtype: ComputeDType
  /** published parameter count: a test holds ours against it */
  readonly published?: {readonly parameters: number; readonly source: string}
  /** dimensions may be given as flags */
  readonly generic?: boolean
}

export type ModelDef = {[A in ArchitectureId]: ModelOf<A>}[ArchitectureId]
export type TransformerModel = ModelOf<'transformer'>

/** What workloads on this model can be. */
export function traitsOf<A extends ArchitectureId>(model: ModelOf<A>): ModelTraits {
  const architecture = architectures[model.architecture] as Architecture<SpecOf<A>>
  return architecture.traits(model.spec)
}

/** The graph of one pass, before any rewrite. */
export function buildGraph<A extends ArchitectureId>(model: ModelOf<A>, work: ModelWork): Graph {
  const architecture = architectures[model.architecture] as Architecture<SpecOf<A>>
  return architecture.graph(model.spec, work)
}

/** What Llama-like decoders share: pre-RMSNorm, rotary positions, SwiGLU, no biases, untied head. */
export const llamaLike = {
  causal: true,
  norm: 'rmsnorm',
  normPlacement: 'pre',
  positionEncoding: 'rope',
  activation: 'silu',
  gated: true,
  bias: {qkv: false, out: false, mlp: false},
  tied: false,
  lmHead: true,
  tokenTypes: 0,
  embeddingNorm: false,
  pooler: false,
} as const satisfies Partial<TransformerSpec>

/** What Gemma 2 and 3 share: norms before and behind every block, GELU gates, scaled embeddings, a tied head. */
export const gemmaLike = {
  ...llamaLike,
  normPlacement: 'both',
  activation: 'gelu-tanh',
  tied: true,
  embeddingScale: true,
} as const satisfies Partial<TransformerSpec>

/** What GPT-2-like decoders share: pre-LayerNorm, learned positions, ungated MLP, biases, tied head. */
export const gpt2Like = {
  causal: true,
  norm: 'layernorm',
  normPlacement: 'pre',
  positionEncoding: 'learned',
  activation: 'gelu-tanh',
  gated: false,
  bias: {qkv: true, out: true, mlp: true},
  tied: true,
  lmHead: true,
  tokenTypes: 0,
  embeddingNorm: false,
  pooler: false,
} as const satisfies Partial<TransformerSpec>

/** What BERT-like encoders share: post-LayerNorm, learned positions and token types, a pooler, no head. */
export const bertLike = {
  causal: false,
  norm: 'layernorm',
  normPlacement: 'post',
  positionEncoding: 'learned',
  activation: 'gelu',
  gated: false,
  bias: {qkv: true, out: true, mlp: true},
  tied: false,
  lmHead: false,
  tokenTypes: 2,
  embeddingNorm: true,
  pooler: true,
} as const satisfies Partial<TransformerSpec>
