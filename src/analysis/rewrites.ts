/** What runs instead of the plain forward graph: a compressed graph, a training step. */
import type {CompressionSide, CompressionSummary} from './document/compression.ts'
import {type Evaluation, evaluate} from './evaluate.ts'
import type {Graph} from './graph.ts'
import {buildGraph, type ModelDef} from './models/types.ts'
import {compress, reshape} from './passes/compress.ts'
import {type Compression, prunes} from './passes/compression.ts'
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
 * @param forward the graph of the model for this workload, as its architecture builds it
 */
export function runWorkload(model: ModelDef, work: Workload, roof: Roof, forward: Graph, fusion: Fusion): Run {
  const {compression} = work
  if (isTraining(work)) {
    const shaped = (graph: Graph) => (compression ? reshape(graph, compression, true) : graph)
    const step = stepOf(model, shaped(forward), work, fusion, () => shaped(buildGraph(model, {...work, tp: 1})))
    return {step, evaluation: evaluateStep(step, roof, work)}
  }
  const graph = compression ? compress(forward, compression, fusion, work.dtype.weights) : applyFusion(forward, fusion)
  return {evaluation: evaluate(graph, roof, work)}
}

const sideOf = ({macs, flops, bytes, memory, time}: Evaluation, outer: string): CompressionSide => ({
  macs,
  flops,
  bytes: bytes[outer]!,
  weights: memory.weights,
  kvCache: memory.kvCache,
  peak: memory.peak,
  time: time.lower,
})

/** Each pass that was asked for, with the totals before and after it. */
export function compressionSummary(
  model: ModelDef,
  work: Workload,
  roof: Roof,
  forward: Graph,
  final: Evaluation,
  outer: string,
): CompressionSummary {
  const {compression} = work
  if (!compression) return []
  const {prune, lowRank, quantize, convolution} = compression
  const {channels, heads, weights} = prunes(compression)
  const shapes = [...heads, ...channels]
  const none: Compression = {...compression, prune: [], lowRank: [], quantize: [], convolution: 'direct'}
  const stages: {pass: CompressionSummary[number]['pass']; asked: boolean; upTo: Compression}[] = [
    {pass: 'prune-heads', asked: heads.length > 0, upTo: {...none, prune: heads}},
    {pass: 'prune-channels', asked: channels.length > 0, upTo: {...none, prune: shapes}},
    {pass: 'low-rank', asked: lowRank.length > 0, upTo: {...none, prune: shapes, lowRank}},
    {
      pass: convolution === 'winograd' ? 'conv-winograd' : 'conv-im2col',
      asked: convolution !== 'direct',
      upTo: {...none, prune: shapes, lowRank, convolution},
    },
    {pass: 'prune-weights', asked: weights.length > 0, upTo: {...none, prune, lowRank, convolution}},
    {pass: 'quantize', asked: quantize.length > 0, upTo: compression},
  ]
  const asked = stages.filter((stage) => stage.asked)
  const run = (upTo: Compression) =>
    sideOf(runWorkload(model, {...work, compression: upTo}, roof, forward, work.fusion).evaluation, outer)
  let before = run(none)
  return asked.map(({pass, upTo}, i) => {
    const after = i === asked.length - 1 ? sideOf(final, outer) : run(upTo)
    const entry = {pass, before, after}
    before = after
    return entry
  })
}

/**
 * How compression is counted, for the list of assumptions.
 * @param operators of the analysis: it says how many convolutions run in the algorithm that was asked for
 */
export function compressionConventions(
  {quantize, prune, dequantize, convolution}: Compression,
  operators: Evaluation['operators'],
): string[] {
  const conventions: string[] = []
  if (convolution !== 'direct') {
    const count = (test: (kind: string) => boolean) =>
      operators.reduce((sum, {kind, repeat}) => sum + (test(kind) ? repeat : 0), 0)
    const changed = count((kind) => kind === `conv-${convolution}`)
    const all = changed + count((kind) => kind.split('+').includes('conv'))
    conventions.push(
      `${changed} of ${all} convolutions run as ${convolution}${convolution === 'winograd' ? ', F(2×2, 3×3): 3×3 with stride 1, one group' : ': 1×1 ones are products already'}; the others run directly`,
    )
  }
  if (quantize.length > 0) {
    conventions.push(
      `quantized weights are read with their scales (f16) and zero points and widened ${dequantize === 'fused' ? 'inside the product' : 'by an operator of their own'}; a table that the embedding shares stays as it is`,
      'a product runs in the narrow type where its weights and its activations are both narrow, else in the type of the activations',
    )
  }
  if (prune.some(({what}) => what === 'weights'))
    conventions.push('single pruned weights save bytes (the index is counted) and no FLOP: products compute as before')
  if (prune.some(({what}) => what === '2:4'))
    conventions.push('2:4 products use a sparse ceiling only where the machine states one')
  return conventions
}
