/** A training step under a roof, and what a reader wants to know of it. */
import type {Totals} from '../document/analysis.ts'
import type {TrainingSummary} from '../document/training.ts'
import {bytesOf} from '../dtype.ts'
import {type Evaluation, evaluate} from '../evaluate.ts'
import type {Graph} from '../graph.ts'
import type {ModelDef} from '../models/types.ts'
import type {Fusion} from '../passes/index.ts'
import type {Roof} from '../roofline.ts'
import {hfuOf} from '../totals.ts'
import type {Workload} from '../workload.ts'
import {type TrainingStep, trainingStep} from './index.ts'
import {withLink} from './offload.ts'
import type {Training} from './options.ts'
import {teacherPass} from './teacher.ts'

/** A workload in phase `train`. */
export type TrainingWork = Workload & {readonly training: Training}

export const isTraining = (work: Workload): work is TrainingWork => work.training !== undefined

/**
 * @param model the student of a distillation, or simply what is trained
 * @param forward the forward graph on one of `tp` devices
 * @param whole the same on one device
 */
export function stepOf(
  model: ModelDef,
  forward: Graph,
  work: TrainingWork,
  fusion: Fusion,
  whole: () => Graph,
): TrainingStep {
  const {teacher} = work.training
  const pass = teacher && teacherPass(teacher, model, work, forward, fusion)
  return trainingStep(forward, work.training, work.dtype, fusion, {tp: work.tp, whole}, pass)
}

/** Operators, totals and memory of one step on one device. */
export function evaluateStep(step: TrainingStep, roof: Roof, work: Workload): Evaluation {
  const evaluation = {...evaluate(step.graph, roof, work), memory: step.memory}
  const offload = work.training?.offload ?? null
  return offload === null ? evaluation : withLink(evaluation, step.savedBytes, offload)
}

/** Activations kept by the repeated layers, of one layer. */
function perLayer(step: TrainingStep): number | null {
  const layers = step.saved.filter(({repeat}) => repeat > 1)
  return layers.length === 0 ? null : layers.reduce((sum, {bytes}) => sum + bytes, 0)
}

/** The document's section on training. */
export function summarizeTraining(
  step: TrainingStep,
  work: TrainingWork,
  evaluation: Evaluation,
  totals: Totals,
  roof: Roof,
  parameters: number,
): TrainingSummary {
  const {training, batch, seq} = work
  const {optimizer, recompute, dropout, sequenceParallel, lora, loraOn, freeze, teacher} = training
  const {tokensPerSecond} = totals
  const tokens = tokensPerSecond === null ? null : batch * seq
  const {forward, data, weights} = step.flops
  const {link} = evaluation
  return {
    ...{
      optimizer,
      recompute,
      dropout,
      sequenceParallel,
      lora,
      loraOn: loraOn && [...loraOn],
      freeze: [...freeze],
      loss: step.loss,
    },
    trainable: step.trainable,
    teacher: teacher && {
      id: teacher.model.id,
      name: teacher.model.name,
      dtype: teacher.dtype,
      ...teacherSize(step),
    },
    types: {
      weights: work.dtype.weights,
      gradients: step.types.gradient,
      master: step.types.master,
      state: step.types.state,
    },
    flops: {...step.flops},
    macsRatio: step.macs.forward > 0 ? step.macs.step / step.macs.forward : null,
    hfu: hfuOf(evaluation, roof, step.graph),
    flopsPerToken: tokens === null ? null : (forward + data + weights) / tokens,
    sixN: tokens === null ? null : 6 * parameters,
    saved: step.saved.map((saved) => ({...saved})),
    savedBytes: step.savedBytes,
    savedPerLayer: perLayer(step),
    offload: link ? {bytes: step.savedBytes, ...link} : null,
  }
}

/** Weights of the teacher on one device, and their bytes. */
function teacherSize({graph}: TrainingStep): {parameters: number; weights: number} {
  let parameters = 0
  let weights = 0
  for (const {name, role, elements, repeat, dtype} of graph.tensors) {
    if (role !== 'weight' || dtype === null || !name.startsWith('teacher.')) continue
    parameters += elements * repeat
    weights += bytesOf(elements, dtype) * repeat
  }
  return {parameters, weights}
}

const losses: Readonly<Record<TrainingStep['loss'], string>> = {
  'cross-entropy': 'softmax cross-entropy over the logits of all tokens',
  'mse-loss': "the mean squared error of the model's output",
  distillation:
    "distillation: KL divergence from the teacher's softened softmax to the student's, times T², beside cross-entropy with the targets",
}

/** Why nothing is computed again though `--recompute` asks for it; `null` where something is, or nothing was asked. */
export function idleRecompute(
  {training, fusion}: Pick<Workload, 'training' | 'fusion'>,
  operators: readonly {readonly kind: string}[],
): string | null {
  const recompute = training?.recompute ?? 'none'
  if (recompute === 'none' || operators.some(({kind}) => kind.includes('-recompute'))) return null
  const changesNothing = `--recompute ${recompute} changes nothing`
  if (recompute !== 'selective') return `${changesNothing}: this model has no layers or blocks`
  const fused = fusion === 'attention' || fusion === 'all'
  return fused && operators.some(({kind}) => kind.includes('attention'))
    ? `${changesNothing}: fused attention computes its scores again by itself (--fusion none keeps them)`
    : `${changesNothing}: this model has no scores of attention to compute again`
}

/** How a step is counted, for the list of assumptions. */
export function trainingConventions(step: TrainingStep, work: TrainingWork): string[] {
  const {training, dtype} = work
  const {master, gradient, state} = step.types
  const conventions = [
    'backward follows the rule of each operator: gradient of the data (.dgrad) and of the weights (.wgrad) apart; what is computed a second time is executed, not useful (mfu leaves it out, hfu counts it)',
    master === null
      ? `weights and gradients in ${dtype.weights}, optimizer state in ${state}`
      : `weights in ${dtype.weights}, gradients in ${gradient}, ${master} master weights and ${state} optimizer state: mixed precision`,
    `the loss is ${losses[step.loss]}`,
    'kept activations are what some gradient reads, each once; mean and deviation of norms are computed again',
  ]
  const idle = idleRecompute(work, step.graph.nodes)
  if (idle !== null) conventions.push(idle)
  if (training.recompute === 'reversible')
    conventions.push(
      'reversible layers: two streams as wide as the model, each block adds to one what it computes from the other; the last outputs are kept, inputs are had back by one more forward of each block and a subtraction; joining the streams at the end is not counted',
    )
  if (training.dropout)
    conventions.push('dropout masks are kept at one byte per element; fused attention draws its mask again, uncounted')
  if (training.offload !== null)
    conventions.push(
      'offloaded activations cross the link to the host once in forward and once in backward: time.lower is the longer of the link and the operators (all of the copying hidden), time.upper their sum',
    )
  if (training.teacher)
    conventions.push(
      `the teacher runs forward only, in ${training.teacher.dtype}: its weights are in memory, of its activations the logits alone wait for the backward pass; mfu counts its work as useful, flopsPerToken and macsRatio leave it out`,
    )
  if (training.lora !== null)
    conventions.push(
      `LoRA adapters of rank ${training.lora} on ${training.loraOn ? `${training.loraOn.join(', ')} of each layer` : 'every product of the layers (a joint one, such as qkv, has one adapter; --lora-on q,k,v gives each part its own)'}; everything else is frozen`,
    )
  return conventions
}
