/** Figures that others printed, computed by this engine: the rows of the first table of `docs/validation.md`. */
import {readFileSync} from 'node:fs'
import {type TransformerSpec, transformer} from '../../src/analysis/architectures/transformer.ts'
import {evaluate} from '../../src/analysis/evaluate.ts'
import {GraphBuilder, parameterCount} from '../../src/analysis/graph.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph, llamaLike, type ModelDef} from '../../src/analysis/models/types.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import {prepareRoof, ridgePoint} from '../../src/analysis/roofline.ts'
import {bandwidth, machineOf, peak} from '../analysis/support/machines.ts'
import {standard, tokens} from '../analysis/support/workloads.ts'

interface Published {
  readonly id: string
  readonly source: string
  readonly quantity: string
  readonly unit: string
  readonly value: number
  readonly config: Readonly<Record<string, number | string | boolean>>
}

export interface ExactRow {
  readonly id: string
  readonly quantity: string
  readonly unit: string
  readonly published: number
  readonly ours: number
  /** how far off the printed figure may be because it was rounded */
  readonly rounding: number
  readonly source: string
}

const published: readonly Published[] = JSON.parse(
  readFileSync(new URL('./data/exact.json', import.meta.url), 'utf8'),
) as Published[]

const number = (row: Published, name: string): number => {
  const value = row.config[name]
  if (typeof value !== 'number') throw new Error(`${row.id} has no number ${name}`)
  return value
}

/** FLOPs of the two products of attention, as PyTorch's counter counts: without the softmax. */
function attentionProducts(row: Published): number {
  const [batch, heads, seq, headDim] = ['B', 'H', 'S', 'D'].map((name) => number(row, name)) as [
    number,
    number,
    number,
    number,
  ]
  const causal = row.config.causal === true
  return 2 * ops.attention.cost({batch, seq, cached: 0, heads, kvHeads: heads, headDim, causal}).macs
}

/** Smallest batch at which a large bf16 product is bound by arithmetic: tokens against two square weights' worth of bytes. */
function criticalBatch(row: Published): number {
  const machine = machineOf([peak('bf16', 'matrix', number(row, 'peak')), bandwidth('DRAM', number(row, 'bw'))])
  const roof = prepareRoof(machine)
  // so large that reading and writing the activations weighs nothing
  const size = 2 ** 20
  const bound = (m: number) => {
    const b = new GraphBuilder()
    const inputs = [b.tensor('x', 'constant', m * size), b.weight('w', size * size)]
    b.add(ops.linear, 'product', {m, n: size, k: size, bias: false}, inputs, [b.activation('y', m * size)])
    return evaluate(b.graph(), roof, {dtype: {weights: 'bf16', activations: 'bf16', kv: 'bf16'}}).operators[0]!.bound
  }
  let batch = 1
  while (bound(batch) === 'dram') batch++
  return batch
}

/** The transformer of a row: latent attention as the built-in DeepSeek-V3, else grouped heads. Other sizes do not matter. */
function cachedModel(row: Published): TransformerSpec {
  const layers = number(row, 'layers')
  if (row.config.attention === 'MLA') {
    const {spec} = models['deepseek-v3']
    const latent = {...spec.latent!, rank: number(row, 'kv_lora_rank'), ropeDim: number(row, 'qk_rope_head_dim')}
    return {...spec, layers, latent, groups: [{name: 'moe', layers}]}
  }
  const [kvHeads, headDim] = [number(row, 'kv_heads'), number(row, 'head_dim')]
  const rest = {hidden: 8192, heads: 64, ffn: 29_568, vocab: 152_064, positions: 32_768}
  return {...llamaLike, layers, kvHeads, headDim, ...rest}
}

/** Bytes of KV cache that one more token takes, in kB. */
function cachePerToken(row: Published): number {
  const roof = prepareRoof(machineOf([peak('bf16', 'matrix', 1), bandwidth('DRAM', 1)]))
  const held = (context: number) =>
    evaluate(transformer(cachedModel(row), tokens(1, {context})), roof, {
      dtype: {weights: 'bf16', activations: 'bf16', kv: 'bf16'},
    }).memory.kvCache
  return (held(1000) - held(999)) / 1000
}

const ours: Record<string, {compute: (row: Published) => number; rounding: number}> = {
  flops: {compute: attentionProducts, rounding: 0},
  // printed as a whole number
  critical_arithmetic_intensity: {compute: (row) => ridgePoint(number(row, 'peak'), number(row, 'bw')), rounding: 0.5},
  // 298.5 printed without its fraction; the first whole batch past it is 299
  critical_batch: {compute: criticalBatch, rounding: 1},
  kv_cache_per_token: {compute: cachePerToken, rounding: 0},
}

/** Every published figure beside ours. */
export function exactRows(): ExactRow[] {
  const all: readonly ModelDef[] = Object.values(models)
  const parameters = all
    .filter((model) => model.published)
    .map((model) => ({
      id: model.id,
      quantity: 'parameters',
      unit: '',
      published: model.published!.parameters,
      ours: parameterCount(buildGraph(model, standard(model, 1))).total,
      rounding: 0,
      source: model.published!.source,
    }))
  const figures = published.map((row) => {
    const rule = ours[row.quantity]
    if (!rule) throw new Error(`${row.id}: nothing computes ${row.quantity}`)
    return {
      id: row.id,
      quantity: row.quantity.replaceAll('_', ' '),
      unit: row.unit,
      published: row.value,
      ours: rule.compute(row),
      rounding: rule.rounding,
      source: row.source,
    }
  })
  return [...parameters, ...figures]
}
