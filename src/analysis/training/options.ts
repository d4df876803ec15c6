/** What is asked of a training step, checked. */
import type {ComputeDType} from '../dtype.ts'
import {AnalysisError} from '../errors.ts'
import type {ModelDef} from '../models/types.ts'
import {type BytesPerSecond, echoed} from '../units.ts'

export const optimizerIds = ['sgd', 'momentum', 'rmsprop', 'adam', 'adamw', 'adafactor'] as const
export type OptimizerId = (typeof optimizerIds)[number]

export const recomputations = ['none', 'selective', 'full', 'reversible'] as const
export type Recompute = (typeof recomputations)[number]

/** A model whose outputs the student learns from, in its own type. */
export interface Teacher {
  readonly model: ModelDef
  readonly dtype: ComputeDType
}

export interface Training {
  readonly optimizer: OptimizerId
  /** what the backward pass computes again instead of keeping: nothing, the attention core, whole layers from their
   * inputs, or whole layers whose inputs it computes from their outputs */
  readonly recompute: Recompute
  /** dropout on attention weights and on the output of each block, as Korthikanti et al. 2022 count it */
  readonly dropout: boolean
  /** norms, residuals and dropout divided over the devices of `--tp` by tokens (Korthikanti et al. 2022 §4.2.2) */
  readonly sequenceParallel: boolean
  /** rank of LoRA adapters on the products of the layers, everything else frozen; `null` without */
  readonly lora: number | null
  /** products that have adapters, by the last part of their id or as a part of a joint one (q, k, v); `null`: all */
  readonly loraOn: readonly string[] | null
  /** weights whose name starts with one of these take no gradient */
  readonly freeze: readonly string[]
  /** kept activations wait in host memory, over a link of this many B/s; `null`: they stay on the device */
  readonly offload: BytesPerSecond | null
  /** distillation: a forward pass of this model beside the step; `null` without */
  readonly teacher: Teacher | null
}

/** What a caller may leave out. */
export interface TrainingOptions {
  optimizer?: string | undefined
  recompute?: string | undefined
  dropout?: boolean | undefined
  sequenceParallel?: boolean | undefined
  lora?: number | undefined
  loraOn?: readonly string[] | undefined
  freeze?: readonly string[] | undefined
  offload?: BytesPerSecond | undefined
  teacher?: ModelDef | undefined
  teacherDtype?: ComputeDType | undefined
}

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === value)
  if (found) return found
  throw new AnalysisError('bad-flag', `${flag} "${value}" is not known`, [`use one of ${allowed.join(', ')}`])
}

const flags: Readonly<Record<keyof TrainingOptions, string>> = {
  optimizer: '--optimizer',
  recompute: '--recompute',
  dropout: '--dropout',
  sequenceParallel: '--sequence-parallel',
  lora: '--lora',
  loraOn: '--lora-on',
  freeze: '--freeze',
  offload: '--offload-activations',
  teacher: '--teacher',
  teacherDtype: '--teacher-dtype',
}

/** The options that give this training again. */
export const trainingOptions = (training: Training | undefined): TrainingOptions => {
  if (!training) return {}
  const {lora, loraOn, offload, dropout, sequenceParallel, teacher, ...rest} = training
  return {
    ...rest,
    dropout: dropout || undefined,
    sequenceParallel: sequenceParallel || undefined,
    lora: lora ?? undefined,
    loraOn: loraOn ?? undefined,
    offload: offload ?? undefined,
    teacher: teacher?.model,
    teacherDtype: teacher?.dtype,
  }
}

/** @throws AnalysisError `bad-flag` where an option of training is given to another phase */
export function refuseTraining(options: TrainingOptions, phase: string): void {
  for (const [name, flag] of Object.entries(flags) as [keyof TrainingOptions, string][]) {
    if (options[name] === undefined || options[name] === false) continue
    throw new AnalysisError('bad-flag', `${flag} does not apply to ${phase}: it is an option of training`, [
      'add --phase train',
    ])
  }
}

/**
 * Fills in the defaults: AdamW, nothing recomputed, no dropout, every weight trained.
 * @throws AnalysisError `bad-flag` naming the flag, the value and what is allowed
 */
export function resolveTraining(options: TrainingOptions, tp: number): Training {
  const {lora, loraOn} = options
  if (loraOn !== undefined && (lora === undefined || loraOn.length === 0))
    throw new AnalysisError('bad-flag', '--lora-on names the products that --lora adapts', [
      'use --lora 8 --lora-on q,v',
    ])
  if (lora !== undefined && (!Number.isInteger(lora) || lora < 1 || lora > 65_536))
    throw new AnalysisError('bad-flag', `--lora ${echoed(lora)} is not a whole number from 1 to 65536`, [
      'use --lora 16',
    ])
  const {offload} = options
  if (offload !== undefined && !(offload > 0 && Number.isFinite(offload)))
    throw new AnalysisError('bad-flag', `--offload-activations ${offload} B/s is not a bandwidth`, [
      'give the bandwidth of the link to the host, for example --offload-activations "64 GB/s"',
    ])
  const {teacher, teacherDtype} = options
  if (!teacher && teacherDtype !== undefined)
    throw new AnalysisError('bad-flag', '--teacher-dtype is the type of a teacher, and there is none', [
      'add --teacher MODEL',
    ])
  const sequenceParallel = options.sequenceParallel ?? false
  if (sequenceParallel && tp === 1)
    throw new AnalysisError('bad-flag', '--sequence-parallel divides over the devices of --tp, which is 1', [
      'add --tp 8',
    ])
  return {
    optimizer: oneOf('--optimizer', options.optimizer ?? 'adamw', optimizerIds),
    recompute: oneOf('--recompute', options.recompute ?? 'none', recomputations),
    dropout: options.dropout ?? false,
    sequenceParallel,
    lora: lora ?? null,
    loraOn: loraOn ?? null,
    freeze: options.freeze ?? [],
    offload: options.offload ?? null,
    teacher: teacher ? {model: teacher, dtype: teacherDtype ?? teacher.dtype} : null,
  }
}
