/** The whole flow: model + machine + workload → Analysis. Pure; the same in Node and in a browser. */
import {adviceRules} from './advice/index.ts'
import type {AdviceRule} from './advice/types.ts'
import type {Analysis, FusionGroup, FusionLevel, Rank} from './document/analysis.ts'
import type {Machine} from './document/machine.ts'
import type {Warning} from './errors.ts'
import {type Evaluation, evaluate} from './evaluate.ts'
import {activeParameters, type Graph, parameterCount} from './graph.ts'
import {idle} from './idle.ts'
import {buildGraph, type ModelDef, traitsOf} from './models/types.ts'
import {placesOf} from './passes/compression.ts'
import {applyFusion, type Fusion, fusions} from './passes/index.ts'
import {unplaced} from './passes/split-layers.ts'
import {compressionConventions, compressionSummary, runWorkload} from './rewrites.ts'
import {prepareRoof, type Roof} from './roofline.ts'
import {routingConventions} from './routing.ts'
import {summarize} from './summary.ts'
import {totalsOf} from './totals.ts'
import {idleRecompute, isTraining, summarizeTraining, trainingConventions} from './training/evaluate.ts'
import {format, formatCount} from './units.ts'
import {resolveWorkload, type Workload, type WorkloadOptions} from './workload.ts'

export interface AnalyzeOptions extends WorkloadOptions {
  /** seconds that starting one operator takes */
  launchOverhead?: number | undefined
  /** further machines to rank */
  against?: readonly Machine[] | undefined
}

export interface AnalyzeOutcome {
  result: Analysis
  warnings: Warning[]
}

/** One phase of one model under one roof: the engine without words. */
export function evaluateModel(model: ModelDef, work: Workload, roof: Roof): Evaluation {
  const graph = buildGraph(model, work)
  // the plain case stands here by itself: it is the inner loop of sweeps
  if (work.training === undefined && work.compression === undefined)
    return evaluate(applyFusion(graph, work.fusion), roof, work)
  return runWorkload(model, work, roof, graph, work.fusion).evaluation
}

function fusionLevels(evaluations: Readonly<Record<Fusion, Evaluation>>, outer: string): FusionLevel[] {
  return (Object.keys(fusions) as Fusion[]).map((fusion) => {
    const e = evaluations[fusion]
    return {
      fusion,
      operators: e.operators.reduce((sum, op) => sum + op.repeat, 0),
      bytes: e.bytes[outer]!,
      intensity: e.intensity,
      time: e.time,
      activations: e.memory.activations,
      bound: e.bound,
    }
  })
}

/** Each fused operator beside the operators it replaces, times and bytes of all instances. */
function fusionGroups(unfused: Evaluation, fused: Evaluation, outer: string): FusionGroup[] {
  const byId = new Map(unfused.operators.map((op) => [op.id, op]))
  return fused.operators
    .filter((op) => op.fusedFrom.length > 0)
    .flatMap((op) => {
      const parts = op.fusedFrom.flatMap((id) => byId.get(id) ?? [])
      // sums of gradients that meet behind a fused attention (queries and keys of one tensor) are not there without it
      if (parts.length < op.fusedFrom.length) return []
      const bytes = parts.reduce((sum, part) => sum + part.bytes[outer]!, 0) * op.repeat
      const flops = parts.reduce((sum, part) => sum + part.flops, 0) * op.repeat
      const slowest = parts.reduce((a, b) => (b.time.lower > a.time.lower ? b : a))
      const group = {
        id: op.id,
        parts: [...op.fusedFrom],
        repeat: op.repeat,
        unfused: {
          bytes,
          intensity: bytes > 0 ? flops / bytes : null,
          time: parts.reduce((sum, part) => sum + part.time.lower, 0) * op.repeat,
          bound: slowest.bound,
        },
        fused: {
          bytes: op.bytes[outer]! * op.repeat,
          intensity: op.intensity,
          time: op.time.lower * op.repeat,
          bound: op.bound,
        },
      }
      return [group]
    })
}

function rank(model: ModelDef, work: Workload, machine: Machine, launchOverhead: number | undefined): Rank {
  const roof = prepareRoof(machine, launchOverhead)
  const evaluation = evaluateModel(model, work, roof)
  const totals = totalsOf(evaluation, work, machine, roof, traitsOf(model).positions !== null)
  return {
    id: machine.id,
    name: machine.name,
    time: evaluation.time,
    bound: evaluation.bound,
    tokensPerSecond: totals.tokensPerSecond,
    fits: machine.memory ? evaluation.memory.peak <= machine.memory.capacity : null,
    costPerMillionTokens: totals.costPerMillionTokens,
    energyPerMillionTokens: totals.energyPerMillionTokens,
  }
}

/** Steps that follow one another on a machine whose launch overhead nobody states: their latency is missing. */
function latencyUnknown(evaluation: Evaluation, machine: Machine): Warning[] {
  const longest = evaluation.operators
    .filter((op) => op.sequential && op.sequential.steps > 1)
    .sort((a, b) => b.sequential!.steps - a.sequential!.steps)[0]
  if (!longest) return []
  return [
    {
      code: 'sequential-steps',
      message: `${longest.id} takes ${longest.sequential!.steps.toLocaleString('en-US')} steps one after another, and ${machine.id} states no launch overhead: the time of starting each is missing in the lower bound (--launch-overhead "5 us" adds it)`,
    },
  ]
}

function remarks(model: ModelDef, work: Workload, machine: Machine, evaluation: Evaluation, roof: Roof): Warning[] {
  const warnings: Warning[] = []
  const reached = work.context + work.seq
  const {positions} = traitsOf(model)
  if (positions !== null && reached > positions) {
    warnings.push({
      code: 'beyond-positions',
      message: `${formatCount(reached)} tokens exceed the ${formatCount(positions)} positions of ${model.id}: the counts hold, the model was not made for it`,
    })
  }
  if (roof.launch === null) warnings.push(...latencyUnknown(evaluation, machine))
  const idle = idleRecompute(work, evaluation.operators)
  if (idle !== null) warnings.push({code: 'nothing-recomputed', message: idle})
  const over = machine.memory ? evaluation.memory.peak - machine.memory.capacity : 0
  if (over > 0) {
    warnings.push({
      code: 'does-not-fit',
      message: `needs ${format(over, 'B')} (${over} bytes) more than the ${format(machine.memory!.capacity, 'B')} of ${machine.id}`,
    })
  }
  const largest = Math.max(evaluation.executedFlops, evaluation.memory.peak, ...Object.values(evaluation.bytes))
  if (largest > Number.MAX_SAFE_INTEGER) {
    warnings.push({
      code: 'rounded-totals',
      message: 'totals above 2^53 are rounded to the nearest double; the counts of each operator are exact',
    })
  }
  if (work.count > 1) {
    warnings.push({
      code: 'communication-not-counted',
      message: `weights, KV cache and work are divided over ${work.tp} of ${work.count} devices; their communication is not counted, so times are lower bounds`,
    })
  }
  return warnings
}

/** What the totals lack. */
export function incomplete(unknown: NonNullable<Graph['unknown']>): Warning[] {
  if (unknown.length === 0) return []
  const named = unknown.slice(0, 8).map(({op, count}) => `${op} × ${count}`)
  const more = unknown.length > 8 ? ` and ${unknown.length - 8} more` : ''
  return [
    {
      code: 'incomplete',
      message: `the totals lack operators whose cost is not known: ${named.join(', ')}${more}`,
    },
  ]
}

/** Rules of compression whose place is nowhere in the model. */
export const misplaced = ({compression}: Workload, graph: Graph): Warning[] =>
  compression ? unplaced(graph, placesOf(compression)).map((message) => ({code: 'rule-without-operator', message})) : []

const conventions = (work: Workload): string[] => [
  '1 MAC = 2 FLOP; flops count everything, macs count matrix products alone',
  work.compression?.prune.some(({what}) => what === '2:4')
    ? 'peaks are dense, but for products with 2:4 weights where the machine states a sparse one'
    : 'peaks are dense; a sparse peak is never used',
  'bytes are compulsory traffic: every tensor read once, written once, nothing left in a cache by the operator before',
  'times are lower bounds: the slowest of arithmetic, each memory level and launch per operator, added along the graph',
  work.fusion === 'none' || work.fusion === 'elementwise'
    ? 'attention writes its scores: masked pairs are computed, stored and moved (executedFlops), but are no useful FLOPs'
    : 'attention keeps its scores on chip and skips masked pairs',
  'bandwidth is decimal (1 GB/s = 1e9 B/s), cache sizes are binary',
]

/**
 * Analyzes one model on one machine.
 * @throws AnalysisError for every value that does not make sense
 */
export function analyzeModel(model: ModelDef, machine: Machine, options: AnalyzeOptions = {}): AnalyzeOutcome {
  const work = resolveWorkload(model, options)
  const roof = prepareRoof(machine, options.launchOverhead)
  const graph = buildGraph(model, work)
  const run = (fusion: Fusion) => runWorkload(model, work, roof, graph, fusion)
  const runs = {none: run('none'), elementwise: run('elementwise'), attention: run('attention'), all: run('all')}
  const {evaluation, step} = runs[work.fusion]
  const evaluations = {
    none: runs.none.evaluation,
    elementwise: runs.elementwise.evaluation,
    attention: runs.attention.evaluation,
    all: runs.all.evaluation,
  }
  const outer = roof.levels[0]!.level
  const whole = work.tp === 1 ? graph : buildGraph(model, {...work, batch: 1, seq: 1, context: 0, tp: 1})
  const {total, embedding} = parameterCount(whole)
  const {unknown = []} = graph
  const sequence = traitsOf(model).positions !== null
  const totals = totalsOf(evaluation, work, machine, roof, sequence, unknown.length === 0)
  const context = {
    model,
    work,
    roof,
    evaluation,
    rerun: ({fusion, ...change}: Partial<Workload>) =>
      fusion !== undefined && Object.keys(change).length === 0
        ? evaluations[fusion]
        : evaluateModel(model, {...work, ...change, fusion: fusion ?? work.fusion}, roof),
    withoutLaunch: () => evaluateModel(model, work, prepareRoof(machine, 0)),
  }
  const advice = (Object.values(adviceRules) as AdviceRule[])
    .flatMap((rule) => rule.apply(context))
    .sort((a, b) => (b.saves ?? Number.POSITIVE_INFINITY) - (a.saves ?? Number.POSITIVE_INFINITY))
  const machines = options.against && options.against.length > 0 ? [machine, ...options.against] : []
  const ranking = machines
    .map((m) => rank(model, work, m, options.launchOverhead))
    .sort((a, b) => a.time.lower - b.time.lower)
  const result: Analysis = {
    model: {
      id: model.id,
      name: model.name,
      source: model.source,
      parameters: {total, active: activeParameters(whole), embedding},
    },
    workload: work,
    machine: {id: machine.id, name: machine.name, memory: machine.memory?.capacity ?? null, ceilings: machine.ceilings},
    operators: evaluation.operators as Analysis['operators'],
    totals,
    unknown: [...unknown],
    advice,
    fusion: {levels: fusionLevels(evaluations, outer), groups: fusionGroups(evaluations.none, evaluations.all, outer)},
    ranking,
    summary: summarize(evaluation, roof, totals, advice),
    assumptions: [...conventions(work), ...(traitsOf(model).assumptions ?? [])],
  }
  if (work.routing) result.assumptions.push(...routingConventions(work.routing))
  if (work.compression) result.compression = compressionSummary(model, work, roof, graph, evaluation, outer)
  if (work.compression) result.assumptions.push(...compressionConventions(work.compression, evaluation.operators))
  if (step && isTraining(work)) {
    result.training = summarizeTraining(step, work, evaluation, totals, roof, total)
    result.assumptions.push(...trainingConventions(step, work))
  }
  return {
    result,
    warnings: [
      ...incomplete(unknown),
      ...misplaced(work, graph),
      ...idle(model, work, graph, result.compression ?? []),
      ...remarks(model, work, machine, evaluation, roof),
      ...roof.warnings,
    ],
  }
}
