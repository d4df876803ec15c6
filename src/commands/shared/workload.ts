/** Flags → the options of the engine. */
import type {AnalyzeOptions} from '../../analysis/analyze.ts'
import type {TransformerSpec} from '../../analysis/architectures/transformer.ts'
import type {Dimensions} from '../../analysis/dimensions.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import type {ImportOptions} from '../../analysis/importers/index.ts'
import type {ModelDef} from '../../analysis/models/types.ts'
import type {CompressionOptions} from '../../analysis/passes/compression.ts'
import type {Training, TrainingOptions} from '../../analysis/training/options.ts'
import {resolveWorkload} from '../../analysis/workload.ts'
import type {ConfigRow} from './base.ts'
import type {compressionFlags, machineFlags, modelFlags, trainingFlags, workloadFlags} from './flags.ts'
import type {Values} from './values.ts'

export type WorkloadFlags = Values<typeof workloadFlags> &
  Partial<Values<typeof trainingFlags & typeof compressionFlags>> & {'launch-overhead'?: number | undefined}
export type DimensionFlags = Values<typeof modelFlags>

function chosenCompression(flags: WorkloadFlags): CompressionOptions {
  const {quantize, prune, dequantize} = flags
  return {quantize, prune, dequantize, lowRank: flags['low-rank'], convAlgorithm: flags['conv-algorithm']}
}

function chosenTraining(flags: WorkloadFlags): TrainingOptions {
  const {optimizer, recompute, dropout, lora, freeze} = flags
  return {
    optimizer,
    recompute,
    dropout,
    lora,
    sequenceParallel: flags['sequence-parallel'],
    freeze: freeze === undefined ? undefined : freeze.split(',').filter((name) => name !== ''),
    loraOn: flags['lora-on']?.split(',').filter((name) => name !== ''),
    offload: flags['offload-activations'],
    teacherDtype: flags['teacher-dtype'],
  }
}

/** The model of `--teacher`, read like MODEL. @throws what `findModel` throws */
export async function chosenTeacher(flags: WorkloadFlags): Promise<Pick<TrainingOptions, 'teacher'>> {
  if (flags.teacher === undefined) return {}
  const {findModel} = await import('./model.ts')
  return {teacher: (await findModel(flags.teacher, {batch: flags.batch})).model}
}

export function chosenWorkload(flags: WorkloadFlags): AnalyzeOptions {
  const {phase, batch, seq, context, logits, dtype, fusion, count, tp, image, nodes, edges, features, imbalance} = flags
  return {
    ...chosenTraining(flags),
    ...chosenCompression(flags),
    phase,
    batch,
    seq,
    context,
    logits,
    dtype: dtype ?? (flags['mixed-precision'] ? 'bf16' : undefined),
    fusion,
    count,
    tp,
    weightsDtype: flags['weights-dtype'],
    kvDtype: flags['kv-dtype'],
    image,
    srcSeq: flags['src-seq'],
    nodes,
    edges,
    features,
    imbalance,
    capacityFactor: flags['capacity-factor'],
    launchOverhead: flags['launch-overhead'],
  }
}

/** What flags say about reading a model file. @throws AnalysisError `bad-flag`, and what reading the costs throws */
export async function importOptions(flags: Pick<WorkloadFlags, 'dim' | 'op-cost' | 'batch'>): Promise<ImportOptions> {
  const file = flags['op-cost']
  const options = {dims: namedSizes(flags.dim), batch: flags.batch}
  if (file === undefined) return options
  const [{readFileText}, {parseOpCosts}] = await Promise.all([
    import('./model.ts'),
    import('../../analysis/importers/onnx/costs.ts'),
  ])
  return {...options, costs: parseOpCosts(readFileText(file, 'a JSON file of costs'), file)}
}

/** Sizes of named dimensions, `NAME=N` each. @throws AnalysisError `bad-flag` */
function namedSizes(given: readonly string[] | undefined): Record<string, number> {
  const dims: Record<string, number> = {}
  for (const text of given ?? []) {
    const at = text.lastIndexOf('=')
    const size = Number(text.slice(at + 1))
    if (at < 1 || !/^\d+$/.test(text.slice(at + 1)) || !Number.isSafeInteger(size) || size < 1)
      throw new AnalysisError('bad-flag', `--dim ${JSON.stringify(text.slice(0, 64))} is not NAME=N`, [
        'for example --dim batch=8',
      ])
    Object.defineProperty(dims, text.slice(0, at), {value: size, enumerable: true})
  }
  return dims
}

export function chosenDimensions(flags: DimensionFlags): Dimensions {
  const {layers, hidden, heads, ffn, vocab, encoder, decoder} = flags
  return {
    layers,
    hidden,
    heads,
    kvHeads: flags['kv-heads'],
    headDim: flags['head-dim'],
    ffn,
    vocab,
    encoder: encoder || (decoder ? false : undefined),
  }
}

function dimensionValues(spec: TransformerSpec): Record<string, ConfigRow['value']> {
  const {layers, hidden, heads, kvHeads, headDim, ffn, vocab, causal} = spec
  return {
    layers,
    hidden,
    heads,
    'kv-heads': kvHeads,
    'head-dim': headDim,
    ffn,
    vocab,
    [causal ? 'decoder' : 'encoder']: true,
  }
}

function trainingValues(training: Training): Record<string, ConfigRow['value']> {
  const {optimizer, recompute, dropout, sequenceParallel, lora, loraOn, freeze, offload, teacher} = training
  return {
    optimizer,
    recompute,
    dropout,
    'sequence-parallel': sequenceParallel,
    lora,
    'lora-on': loraOn?.join(',') ?? null,
    freeze: freeze.length > 0 ? freeze.join(',') : null,
    'offload-activations': offload,
    teacher: teacher?.model.id ?? null,
    'teacher-dtype': teacher?.dtype ?? null,
  }
}

/** Every value in force, the engine's defaults included. */
export function configValues(
  model: ModelDef,
  options: AnalyzeOptions,
  flags: Values<typeof machineFlags>,
): Record<string, ConfigRow['value']> {
  const work = resolveWorkload(model, options)
  return {
    model: model.id,
    machine: flags.machine ?? 'local',
    phase: work.phase,
    batch: work.batch,
    seq: work.seq,
    context: work.context,
    logits: work.logits,
    dtype: work.dtype.activations,
    'weights-dtype': work.dtype.weights,
    'kv-dtype': work.dtype.kv,
    fusion: work.fusion,
    count: work.count,
    tp: work.tp,
    ...(work.image === null ? {} : {image: `${work.image.height}x${work.image.width}`}),
    ...(work.srcSeq === null ? {} : {'src-seq': work.srcSeq}),
    ...(work.graph ?? {}),
    ...(work.routing ? {'capacity-factor': work.routing.capacityFactor, imbalance: work.routing.imbalance} : {}),
    ...(work.training ? trainingValues(work.training) : {}),
    ...(work.compression
      ? {
          quantize: options.quantize ?? null,
          prune: options.prune ?? null,
          'low-rank': options.lowRank ?? null,
          dequantize: work.compression.dequantize,
          'conv-algorithm': work.compression.convolution,
        }
      : {}),
    'launch-overhead': options.launchOverhead ?? null,
    price: flags.price ?? null,
    power: flags.power ?? null,
    ...(model.architecture === 'transformer' ? dimensionValues(model.spec) : {}),
  }
}
