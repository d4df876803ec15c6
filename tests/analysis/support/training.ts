/** Training steps of 64 tokens, and their analyses, for the tests of training. */
import {analyzeModel} from '../../../src/analysis/analyze.ts'
import {machines} from '../../../src/analysis/machines/index.ts'
import {buildGraph, type ModelDef} from '../../../src/analysis/models/types.ts'
import {trainingStep} from '../../../src/analysis/training/index.ts'
import {resolveWorkload, type WorkloadOptions} from '../../../src/analysis/workload.ts'

export const h100 = machines['h100-sxm']

export function step(model: ModelDef, options: WorkloadOptions = {}) {
  const work = resolveWorkload(model, {phase: 'train', seq: 64, ...options})
  const whole = () => buildGraph(model, {...work, tp: 1})
  return trainingStep(buildGraph(model, work), work.training!, work.dtype, work.fusion, {tp: work.tp, whole})
}

export const train = (model: ModelDef, options: WorkloadOptions = {}) =>
  analyzeModel(model, h100, {phase: 'train', seq: 64, ...options}).result

export const ids = (model: ModelDef, options: WorkloadOptions = {}) =>
  step(model, options).graph.nodes.map(({id}) => id)
