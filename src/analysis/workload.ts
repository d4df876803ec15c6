/** What is asked of a model: phase, sizes and number formats, checked. */

import type {ModelTraits, ModelWork} from './architectures/types.ts'
import {type ComputeDType, dtypeBits} from './dtype.ts'
import {AnalysisError} from './errors.ts'
import {type ModelDef, traitsOf} from './models/types.ts'
import {type Compression, type CompressionOptions, prunes, resolveCompression} from './passes/compression.ts'
import {type Fusion, fusions} from './passes/index.ts'
import {type RoutingOptions, resolveRouting} from './routing.ts'
import {refuseTraining, resolveTraining, type Training, type TrainingOptions} from './training/options.ts'
import {echoed} from './units.ts'

export const phases = ['prefill', 'decode', 'forward', 'train'] as const
export type Phase = (typeof phases)[number]

export interface DTypes {
  readonly weights: ComputeDType
  readonly activations: ComputeDType
  readonly kv: ComputeDType
}

export interface Workload extends ModelWork {
  readonly phase: Phase
  readonly dtype: DTypes
  readonly fusion: Fusion
  /** devices in all, of which `tp` share each layer: replicas = count ÷ tp */
  readonly count: number
  /** how a step is trained; only in phase `train` */
  readonly training?: Training
  /** fewer bits, fewer weights */
  readonly compression?: Compression
}

/** What a caller may leave out. */
export interface WorkloadOptions extends TrainingOptions, CompressionOptions, RoutingOptions {
  phase?: string | undefined
  batch?: number | undefined
  seq?: number | undefined
  context?: number | undefined
  logits?: 'last' | 'all' | undefined
  dtype?: ComputeDType | undefined
  weightsDtype?: ComputeDType | undefined
  kvDtype?: ComputeDType | undefined
  fusion?: Fusion | undefined
  count?: number | undefined
  tp?: number | undefined
  image?: ModelWork['image'] | undefined
  srcSeq?: number | undefined
  nodes?: number | undefined
  edges?: number | undefined
  features?: number | undefined
}

/** Largest value of any size: products of a few of them must stay exact below 2^53, and `evaluate` checks that they do. */
export const MAX_SIZE = 1e9

/** @throws AnalysisError `bad-flag` unless `value` is a whole number from `min` to 1e9 */
export function wholeNumber(value: number, name: string, min = 1, max: number = MAX_SIZE): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new AnalysisError(
      'bad-flag',
      `${name} ${echoed(value)} is not a whole number from ${min} to ${max.toLocaleString('en-US')}`,
      [`give a whole number, for example ${name} ${Math.max(min, 8)}`],
    )
  }
  return value
}

function phaseOf(model: ModelDef, traits: ModelTraits, asked: string | undefined): Phase {
  const allowed: readonly Phase[] = traits.generates ? ['prefill', 'decode', 'train'] : ['forward', 'train']
  if (asked === undefined) return allowed[0]!
  if ((allowed as readonly string[]).includes(asked)) return asked as Phase
  const reason = traits.generates ? '' : `${model.id} does not generate`
  throw new AnalysisError('bad-phase', `--phase ${asked} does not apply to ${model.id}${reason ? `: ${reason}` : ''}`, [
    `use --phase ${allowed.join(' or --phase ')}`,
  ])
}

/** Whether `tp` devices can share the layers of a model: they divide every sharded size, and no device's heads span two groups. */
export function canShare({shards, kvHeads}: ModelTraits, tp: number): boolean {
  const even = Object.values(shards).every((size) => size % tp === 0)
  return (
    even &&
    (kvHeads === undefined || kvHeads % tp === 0 || tp % kvHeads === 0) &&
    (tp === 1 || Object.keys(shards).length > 0)
  )
}

/** Devices must divide what they share. */
function checkDevices(model: ModelDef, traits: ModelTraits, count: number, tp: number): void {
  if (count % tp !== 0) {
    throw new AnalysisError('bad-flag', `--count ${count} is not a multiple of --tp ${tp}`, [
      `use --count ${tp * Math.ceil(count / tp)}`,
    ])
  }
  if (canShare(traits, tp)) return
  const uneven = Object.entries({...traits.shards, ...(traits.kvHeads ? {kvHeads: traits.kvHeads} : {})}).find(
    ([name, size]) => size % tp !== 0 && !(name === 'kvHeads' && tp % size === 0),
  )
  const possible = [2, 4, 8, 16, 32, 64].filter((n) => canShare(traits, n))
  throw new AnalysisError(
    'bad-dimension',
    uneven
      ? `--tp ${tp} does not divide ${uneven[0]} = ${uneven[1]} of ${model.id}`
      : `--tp ${tp} does not apply to ${model.id}: its layers are not divided over devices`,
    [possible.length > 0 ? `use --tp ${possible.join(', ')}` : 'leave --tp out'],
  )
}

/** A size that only some models have: the given value, the model's default, or an error where it means nothing. */
function sizeOf(model: ModelDef, flag: string, given: number | undefined, standard: number | undefined): number | null {
  if (standard === undefined) {
    if (given === undefined) return null
    throw new AnalysisError('bad-flag', `${flag} ${given} does not apply to ${model.id}`, [`leave ${flag} out`])
  }
  return wholeNumber(given ?? standard, flag)
}

/** Image and graph sizes: the model's own unless they are given. */
function inputsOf(
  model: ModelDef,
  traits: ModelTraits,
  options: WorkloadOptions,
): Pick<ModelWork, 'image' | 'srcSeq' | 'graph'> {
  const {image} = options
  if (image && !traits.image) {
    throw new AnalysisError('bad-flag', `--image ${image.height}x${image.width} does not apply to ${model.id}`, [
      'leave --image out',
    ])
  }
  const size = image ?? traits.image ?? null
  if (size) {
    wholeNumber(size.height, '--image height')
    wholeNumber(size.width, '--image width')
  }
  const nodes = sizeOf(model, '--nodes', options.nodes, traits.graph?.nodes)
  const edges = sizeOf(model, '--edges', options.edges, traits.graph?.edges)
  const features = sizeOf(model, '--features', options.features, traits.graph?.features)
  const graph = nodes === null || edges === null || features === null ? null : {nodes, edges, features}
  return {image: size, srcSeq: sizeOf(model, '--src-seq', options.srcSeq, traits.srcSeq), graph}
}

/** A step trains weights of full width: of the ways to compress, it takes those that change shapes. */
function compressionOf(options: WorkloadOptions, training: boolean): {compression?: Compression} {
  const compression = resolveCompression(options)
  if (!compression) return {}
  if (training && (compression.quantize.length > 0 || prunes(compression).weights.length > 0)) {
    throw new AnalysisError('bad-flag', '--quantize and --prune of single weights do not apply to training', [
      'use --prune channels:0.25, --prune heads:0.25 or --low-rank with --phase train, or another phase',
    ])
  }
  return {compression}
}

/**
 * Fills in the defaults of the contract and checks every value.
 * @throws AnalysisError naming the flag, the value and what is allowed
 */
export function resolveWorkload(model: ModelDef, options: WorkloadOptions): Workload {
  const traits = traitsOf(model)
  const phase = phaseOf(model, traits, options.phase)
  const decode = phase === 'decode'
  const batch = wholeNumber(options.batch ?? traits.batch ?? 1, '--batch')
  if (traits.batch !== undefined && batch !== traits.batch) {
    throw new AnalysisError(
      'bad-flag',
      `--batch ${batch} does not apply to ${model.id}: its sizes are for ${traits.batch}`,
      [`leave --batch out, or read the file again with --batch ${batch}`],
    )
  }
  // 1 is what such a sample counts as: saved documents and sweeps give it back
  if (traits.positions === null && options.seq !== undefined && options.seq !== 1) {
    throw new AnalysisError('bad-flag', `--seq ${options.seq} does not apply to ${model.id}: it sees no sequence`, [
      'leave --seq out',
    ])
  }
  const seq = wholeNumber(options.seq ?? (decode ? 1 : Math.min(2048, traits.positions ?? 1)), '--seq')
  const context = wholeNumber(options.context ?? (decode ? 2048 : 0), '--context', 0)
  const training = phase === 'train'
  if ((phase === 'forward' || training) && context > 0) {
    throw new AnalysisError(
      'bad-flag',
      `--context ${context} does not apply to ${training ? 'training' : model.id}: it has no KV cache`,
      ['leave --context out'],
    )
  }
  const logits = options.logits ?? (training ? 'all' : 'last')
  if (training && logits === 'last') {
    throw new AnalysisError('bad-flag', '--logits last does not apply to training: every token has a loss', [
      'leave --logits out',
    ])
  }
  if (logits !== 'last' && logits !== 'all') {
    throw new AnalysisError('bad-flag', `--logits "${logits}" is not known`, ['use one of last, all'])
  }
  const fusion = options.fusion ?? 'attention'
  if (!Object.hasOwn(fusions, fusion)) {
    throw new AnalysisError('bad-flag', `--fusion "${fusion}" is not known`, [
      `use one of ${Object.keys(fusions).join(', ')}`,
    ])
  }
  const base = options.dtype ?? model.dtype
  const dtype = {weights: options.weightsDtype ?? base, activations: base, kv: options.kvDtype ?? base}
  const given = options.count === undefined ? undefined : wholeNumber(options.count, '--count')
  const tp = wholeNumber(options.tp ?? given ?? 1, '--tp')
  const count = given ?? tp
  checkDevices(model, traits, count, tp)
  const work = {phase, batch, seq, context, logits, dtype, fusion, count, tp, ...inputsOf(model, traits, options)}
  if (!training) refuseTraining(options, phase)
  const routing = resolveRouting(model, options)
  return {
    ...work,
    ...(routing ? {routing} : {}),
    ...(training ? {training: resolveTraining(options, tp)} : {}),
    ...compressionOf(options, training),
  }
}

/** The type that a product of two operands computes in: the wider of both, the activations' where they tie. */
export function productType(a: ComputeDType, activations: ComputeDType): ComputeDType {
  return dtypeBits[a] > dtypeBits[activations] ? a : activations
}
