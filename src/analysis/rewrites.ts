/** What runs instead of the plain forward graph: a training step. */
import {type Evaluation, evaluate} from './evaluate.ts'
import type {Graph} from './graph.ts'
import {buildGraph, type ModelDef} from './models/types.ts'
import {applyFusion, type Fusion} from './passes/index.ts'
import type {Roof} from './roofline.ts'
import {evaluateStep, isTraining, stepOf} from './training/evaluate.ts'
import type {TrainingStep} from './training/index.ts'
import type {Workload} from './workload.ts'

/** One variant of a workload under a roof. */
export interface Run {
  readonly evaluation: Evaluation
  /** in phase `train` */
  readonly step?: TrainingStep
}

/**
 * Evaluates a workload at one fusion level.
 * @param forward the graph of the model for this workload
 */
export function runWorkload(model: ModelDef, work: Workload, roof: Roof, forward: Graph, fusion: Fusion): Run {
  if (isTraining(work)) {
    const step = stepOf(forward, work, fusion, () => buildGraph(model, {...work, tp: 1}))
    return {step, evaluation: evaluateStep(step, roof, work)}
  }
  return {evaluation: evaluate(applyFusion(forward, fusion), roof, work)}
}
