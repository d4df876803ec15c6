/** The generic transformer's flags: a dimension that is given leaves the others at their defaults. */
import type {TransformerDims} from './architectures/transformer.ts'
import {AnalysisError} from './errors.ts'
import type {ModelDef} from './models/types.ts'
import {wholeNumber} from './workload.ts'

export interface DimensionOptions extends Partial<Omit<TransformerDims, 'positions'>> {
  /** bidirectional attention, no KV cache, no LM head */
  readonly encoder?: boolean
}

const flagNames = {
  layers: '--layers',
  hidden: '--hidden',
  heads: '--heads',
  kvHeads: '--kv-heads',
  headDim: '--head-dim',
  ffn: '--ffn',
  vocab: '--vocab',
} as const

/**
 * The model with the given dimensions: FFN stays 4 × hidden, KV heads = heads, head dimension = hidden ÷ heads.
 * @throws AnalysisError `bad-flag` where the model's dimensions are fixed, `bad-dimension` where heads do not divide
 */
export function withDimensions(model: ModelDef, options: DimensionOptions): ModelDef {
  const given = (Object.keys(flagNames) as (keyof typeof flagNames)[]).filter((name) => options[name] !== undefined)
  if (given.length === 0 && options.encoder === undefined) return model
  if (!model.generic) {
    const flag = given[0] ? flagNames[given[0]] : '--encoder'
    throw new AnalysisError('bad-flag', `${flag} does not apply to ${model.id}: its dimensions are fixed`, [
      `perf analyze transformer ${flag} …`,
    ])
  }
  for (const name of given) wholeNumber(options[name]!, flagNames[name])
  const hidden = options.hidden ?? model.spec.hidden
  const heads = options.heads ?? model.spec.heads
  const kvHeads = options.kvHeads ?? heads
  if (options.headDim === undefined && hidden % heads !== 0) {
    throw new AnalysisError('bad-dimension', `--hidden ${hidden} is not a multiple of --heads ${heads}`, [
      'choose heads that divide the hidden size, or give --head-dim',
    ])
  }
  if (heads % kvHeads !== 0) {
    throw new AnalysisError('bad-dimension', `--heads ${heads} is not a multiple of --kv-heads ${kvHeads}`, [
      'choose KV heads that divide the heads: equal for multi-head, 1 for multi-query attention',
    ])
  }
  const causal = options.encoder ? false : model.spec.causal
  return {
    ...model,
    spec: {
      ...model.spec,
      layers: options.layers ?? model.spec.layers,
      hidden,
      heads,
      kvHeads,
      headDim: options.headDim ?? hidden / heads,
      ffn: options.ffn ?? 4 * hidden,
      vocab: options.vocab ?? model.spec.vocab,
      causal,
      lmHead: causal,
    },
  }
}
