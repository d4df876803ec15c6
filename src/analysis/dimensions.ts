/** Dimensions given one by one → the generic transformer with those dimensions. */
import type {TransformerSpec} from './architectures/transformer.ts'
import {AnalysisError} from './errors.ts'
import type {ModelDef} from './models/types.ts'
import {wholeNumber} from './workload.ts'

/** What may be given; what is not stays as the model has it. */
export interface Dimensions {
  layers?: number | undefined
  hidden?: number | undefined
  heads?: number | undefined
  kvHeads?: number | undefined
  headDim?: number | undefined
  ffn?: number | undefined
  vocab?: number | undefined
  encoder?: boolean | undefined
}

const flagOf: Readonly<Record<keyof Dimensions, string>> = {
  layers: '--layers',
  hidden: '--hidden',
  heads: '--heads',
  kvHeads: '--kv-heads',
  headDim: '--head-dim',
  ffn: '--ffn',
  vocab: '--vocab',
  encoder: '--encoder',
}

function divides(divisor: number, value: number, divisorName: string, valueName: string, otherwise: string): number {
  if (value % divisor === 0) return value / divisor
  const below = [...Array(Math.min(divisor, 1e4)).keys()].map((i) => i + 1).filter((n) => value % n === 0)
  throw new AnalysisError('bad-dimension', `${divisorName} ${divisor} does not divide ${valueName} ${value}`, [
    `use for example ${divisorName} ${below.at(-1)}`,
    otherwise,
  ])
}

/**
 * The model with these dimensions: FFN stays 4 × hidden, KV heads = heads and head size = hidden ÷ heads unless they are given.
 * @throws AnalysisError `bad-flag` where the model's dimensions are fixed or a value is not a whole number of at least 1,
 * `bad-dimension` where heads do not divide
 */
export function withDimensions(model: ModelDef, given: Dimensions): ModelDef {
  const names = (Object.keys(flagOf) as (keyof Dimensions)[]).filter((name) => given[name] !== undefined)
  if (names.length === 0) return model
  if (!model.generic || model.architecture !== 'transformer') {
    throw new AnalysisError(
      'bad-flag',
      `${flagOf[names[0]!]} does not apply to ${model.id}: its dimensions are fixed`,
      [`use the generic model: transformer ${flagOf[names[0]!]} …`],
    )
  }
  for (const name of names) {
    const value = given[name]
    if (typeof value === 'number') wholeNumber(value, flagOf[name])
  }
  const base = model.spec
  const layers = given.layers ?? base.layers
  const hidden = given.hidden ?? base.hidden
  const heads = given.heads ?? base.heads
  const kvHeads = given.kvHeads ?? heads
  divides(kvHeads, heads, '--kv-heads', '--heads', 'every KV head serves the same number of heads')
  const headDim = given.headDim ?? divides(heads, hidden, '--heads', '--hidden', 'or give --head-dim')
  const decoder = given.encoder !== true
  const spec: TransformerSpec = {
    ...base,
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    ffn: given.ffn ?? 4 * hidden,
    vocab: given.vocab ?? base.vocab,
    causal: decoder,
    lmHead: decoder,
  }
  return {...model, source: `${model.source}; given: ${names.map((name) => flagOf[name]).join(' ')}`, spec}
}
