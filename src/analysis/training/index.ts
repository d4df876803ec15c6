/** A training step as one graph: forward, loss, backward, optimizer; and the memory it needs. */
import {AnalysisError} from '../errors.ts'
import type {Graph, Node, Tensor} from '../graph.ts'
import type {Memory} from '../memory.ts'
import {fuseAttention} from '../passes/fuse-attention.ts'
import {fuseChains, fuseElementwise} from '../passes/fuse-chains.ts'
import type {Fusion} from '../passes/index.ts'
import type {Bytes, Flops} from '../units.ts'
import type {DTypes} from '../workload.ts'
import {isAdapter, withAdapters} from './adapters.ts'
import {withBatchStatistics} from './batch-statistics.ts'
import {differentiate} from './differentiate.ts'
import {type Saved, savedBytes, savedTensors, trainingMemory} from './memory.ts'
import {addOptimizer, type StateTypes, stateTypes} from './optimizer.ts'
import type {Training} from './options.ts'
import {continueFrom, type Loss, withDistillation, withDropout, withLoss, withoutCache} from './prepare.ts'
import {segmentsOf} from './segments.ts'
import {sequenceParallel} from './sequence.ts'
import type {TeacherPass} from './teacher.ts'

export interface TrainingStep {
  readonly graph: Graph
  readonly memory: Memory
  /** what waits for the backward pass */
  readonly saved: readonly Saved[]
  readonly savedBytes: Bytes
  readonly loss: Loss
  /** weights that take a gradient, on one device */
  readonly trainable: number
  readonly types: StateTypes
  /** useful FLOPs by part of the step, and what is executed a second time */
  readonly flops: {
    /** forward pass of the teacher of a distillation */
    readonly teacher: Flops
    readonly forward: Flops
    readonly data: Flops
    readonly weights: Flops
    readonly optimizer: Flops
    readonly recomputed: Flops
  }
  /** multiply-accumulates of forward, of the whole step; the teacher's apart */
  readonly macs: {readonly forward: number; readonly step: number}
}

/** Useful FLOPs of the parts; gradients that are added up count with the data's. */
function partsOf(nodes: readonly Node[], forward: number, teacher: number): Pick<TrainingStep, 'flops' | 'macs'> {
  const flops = {teacher: 0, forward: 0, data: 0, weights: 0, optimizer: 0, recomputed: 0}
  const macs = {forward: 0, step: 0}
  nodes.forEach(({id, kind, cost, repeat}, i) => {
    if (i < teacher) {
      flops.teacher += cost.flops * repeat
      return
    }
    const part =
      i < forward
        ? 'forward'
        : id === 'optimizer' || id.startsWith('optimizer.')
          ? 'optimizer'
          : kind.endsWith('-wgrad')
            ? 'weights'
            : 'data'
    flops[part] += cost.flops * repeat
    macs.step += cost.macs * repeat
    if (i < forward) macs.forward += cost.macs * repeat
    // of one operator, what a mask discards is executed too, but not a second time: only copies and fused attention count
    else if (kind.endsWith('-recompute') || kind.endsWith('attention-dgrad'))
      flops.recomputed += (cost.matrix + cost.vector - cost.flops) * repeat
  })
  return {flops, macs}
}

/** What changes the scores has a gradient of its own through them: kernels that keep scores on chip give none. */
const changesScores = new Set(['relative-bias', 'window-bias', 'alibi', 'softcap', 'softmax-sink'])

const anything = (_: Tensor, elements: number): number => elements

/**
 * The training step of a forward graph.
 * @param sequence devices, and the same graph on one of them, for sequence parallelism
 * @param teacher forward pass of the teacher of a distillation
 * @throws AnalysisError `bad-phase` where an operator has no gradient rule, `bad-flag` where nothing trains
 */
export function trainingStep(
  forward: Graph,
  training: Training,
  dtype: DTypes,
  fusion: Fusion,
  sequence: {tp: number; whole: () => Graph},
  teacher: TeacherPass | null = null,
): TrainingStep {
  const fused = fusion === 'attention' || fusion === 'all'
  const prepare = (graph: Graph): Graph => {
    let result = withBatchStatistics(withoutCache(graph))
    if (fused && !result.nodes.some(({kind}) => changesScores.has(kind))) result = fuseAttention.apply(result)
    if (training.lora !== null) result = withAdapters(result, training.lora, training.loraOn)
    return training.dropout ? withDropout(result) : result
  }
  let graph = prepare(forward)
  let held = anything
  if (training.sequenceParallel) ({graph, held} = sequenceParallel(graph, prepare(sequence.whole()), sequence.tp))
  const lossy = teacher ? withDistillation(graph, teacher) : {...withLoss(graph), teacher: 0}
  const trains = (weight: Tensor): boolean =>
    !training.freeze.some((name) => weight.name.startsWith(name)) && (training.lora === null || isAdapter(weight))
  const types = stateTypes(dtype)
  const pass = differentiate(lossy.graph, {
    trains,
    apart: lossy.teacher,
    segments: segmentsOf(lossy.graph.nodes, training.recompute, lossy.teacher),
    gradientType: types.gradient,
    held,
  })
  if (pass.gradients.size === 0) {
    throw new AnalysisError(
      'bad-flag',
      training.lora === null
        ? '--freeze leaves nothing to train'
        : `--lora ${training.lora}: no product of a layer takes an adapter`,
      [training.lora === null ? 'freeze fewer weights' : 'leave --lora out, or --freeze the weights that stay'],
    )
  }
  const builder = continueFrom(pass.graph)
  builder.nodes.push(...pass.graph.nodes)
  const step = addOptimizer(builder, pass.gradients, training.optimizer, dtype)
  const kept = savedTensors(pass.graph, pass.forward, dtype, held, pass.once)
  const {graph: both, forward: first, gradients} = pass
  const memory = trainingMemory(both, first, kept, gradients, step.bytes, dtype, training.offload !== null)
  let result = builder.graph()
  if (fusion === 'elementwise') result = fuseElementwise.apply(result)
  if (fusion === 'all') result = fuseChains.apply(result)
  let trainable = 0
  for (const weight of pass.gradients.keys()) trainable += weight.elements * weight.repeat
  return {
    graph: result,
    memory,
    saved: kept.map(({tensor: _, ...saved}) => saved),
    savedBytes: savedBytes(kept),
    loss: lossy.loss,
    trainable,
    types,
    ...partsOf(builder.nodes, pass.forward, lossy.teacher),
  }
}
