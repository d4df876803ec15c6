/** What a document was computed from: what live controls change and what swept views run again. */
import type {AnalyzeOptions} from '../../src/analysis/analyze.ts'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import type {Analysis} from '../../src/analysis/document/analysis.ts'
import type {BenchKernel, FusedPair} from '../../src/analysis/document/bench.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import type {Placement} from '../../src/analysis/document/placement.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {type ModelDef, traitsOf} from '../../src/analysis/models/types.ts'
import {compressionOptions} from '../../src/analysis/passes/compression.ts'
import {routingOptions} from '../../src/analysis/routing.ts'
import {trainingOptions} from '../../src/analysis/training/options.ts'
import type {Workload} from '../../src/analysis/workload.ts'
import type {ReportDocument} from '../document.ts'
import type {Embedded, Subject} from '../shown.ts'
import type {ViewMore} from '../view.ts'

/** Options that stay as they were given. */
export type Fixed = Pick<AnalyzeOptions, 'launchOverhead'>

/** What a page may embed beside its document: what the document itself does not hold. */
export interface Extras {
  /** the model with its dimensions: a file's, or the generic one's with the given dimensions */
  readonly model?: ModelDef | undefined
  /** the machine with its identity, price and power, then further ones that were ranked */
  readonly machines?: readonly Machine[] | undefined
  /** options that a workload does not repeat */
  readonly fixed?: Fixed | undefined
  /** the document to compare with: the state before */
  readonly before?: Embedded | undefined
  /** kernels that were measured on the document's machine */
  readonly runs?: readonly BenchKernel[] | undefined
  /** products measured in blocks of many sizes, where the document is of measured kernels */
  readonly blocks?: readonly BenchKernel[] | undefined
  /** fused kernels measured against their chains on the document's machine */
  readonly pairs?: readonly FusedPair[] | undefined
  /** points measured elsewhere, placed under the document's machine */
  readonly placement?: Pick<Placement, 'points' | 'join'> | undefined
}

/** Everything that is needed to run an analysis again. */
export interface Source {
  readonly model: ModelDef
  readonly machine: Machine
  readonly workload: Workload
  readonly fixed: Fixed
  /** every machine that can be chosen: the document's own first */
  readonly machines: readonly Machine[]
  /** ids of the machines that are ranked */
  readonly ranked: readonly string[]
}

/** Either a source, or the reason why there is none. */
export type Sourced =
  | {readonly source: Source; readonly reason?: never}
  | {readonly source?: never; readonly reason: string}

/** A document's machine: no more than its ceilings and its memory, where the page embeds nothing else. */
const bareMachine = ({id, name, memory, ceilings}: Analysis['machine']): Machine => ({
  id,
  name,
  identity: {},
  ...(memory === null ? {} : {memory: {capacity: memory}}),
  ceilings: [...ceilings],
})

/** A catalog machine stands for the document's only where the ceilings are the same. */
function machineOf(summary: Analysis['machine'], known: readonly Machine[]): Machine {
  const same = known.find(
    ({id, ceilings}) =>
      id === summary.id &&
      ceilings.length === summary.ceilings.length &&
      ceilings.every((ceiling, i) => ceiling.value === summary.ceilings[i]!.value),
  )
  return same ?? bareMachine(summary)
}

/** What a comparison calls the state before, by its kind. */
function beforeOf(before: Embedded | undefined): Pick<ViewMore, 'before' | 'pointsBefore' | 'machineBefore'> {
  switch (before?.schema) {
    case 'ridgepoint/analysis@1':
      return {before: before.result}
    case 'ridgepoint/placement@1':
      return {pointsBefore: before.result}
    case 'ridgepoint/machine@1':
      return {machineBefore: before.result}
    default:
      return {}
  }
}

/** What views may use besides a document. */
export const moreOf = (
  {result}: ReportDocument,
  extras: Extras,
  source: Source | undefined,
  subject: Subject,
): ViewMore => ({
  source,
  subject,
  machine: source?.machine ?? extras.machines?.find(({id}) => id === result.machine.id),
  ...beforeOf(extras.before),
  runs: extras.runs,
  blocks: extras.blocks,
  pairs: extras.pairs,
  points: extras.placement?.points,
})

/** Options that repeat a workload on a model; sizes that mean nothing to the model are left out. */
export function optionsOf(model: ModelDef, work: Workload): AnalyzeOptions {
  const traits = traitsOf(model)
  const {phase, batch, seq, context, logits, dtype, fusion, count, tp, image, srcSeq, graph} = work
  return {
    phase,
    batch,
    logits,
    fusion,
    count,
    tp,
    dtype: dtype.activations,
    weightsDtype: dtype.weights,
    kvDtype: dtype.kv,
    ...(traits.positions === null ? {} : {seq}),
    ...(phase === 'prefill' || phase === 'decode' ? {context} : {}),
    ...trainingOptions(work.training),
    ...compressionOptions(work.compression),
    ...(traits.mixture ? routingOptions(work.routing) : {}),
    ...(traits.image && image ? {image} : {}),
    ...(traits.srcSeq !== undefined && srcSeq !== null ? {srcSeq} : {}),
    ...(traits.graph && graph ? graph : {}),
  }
}

/**
 * Finds what a document was computed from: in the extras of its page, else in the catalog. The engine repeats the analysis
 * and must come to the same counts; a source that does not is none.
 */
export function sourceOf(document: ReportDocument, extras: Extras = {}): Sourced {
  const {result} = document
  const catalog: Readonly<Record<string, ModelDef>> = models
  const known = Object.hasOwn(catalog, result.model.id) ? catalog[result.model.id] : undefined
  const model = extras.model ?? known
  if (!model) {
    return {reason: `The page does not embed the dimensions of ${result.model.name}, and the catalog does not know it.`}
  }
  const given = extras.machines ?? []
  const machine = machineOf(result.machine, [...given, ...Object.values(machines)])
  const workload = result.workload as Workload
  const own = new Set([machine.id, ...given.map((m) => m.id)])
  const others = [...given.filter((m) => m.id !== machine.id), ...Object.values(machines).filter((m) => !own.has(m.id))]
  const source: Source = {
    model,
    machine,
    workload,
    fixed: extras.fixed ?? {},
    machines: [machine, ...others],
    ranked: result.ranking.map((rank) => rank.id).filter((id) => id !== machine.id),
  }
  try {
    const {totals, model: again} = analyzeModel(model, machine, {
      ...optionsOf(model, workload),
      ...source.fixed,
    }).result
    const level = Object.keys(result.totals.bytes)[0] ?? ''
    const same =
      totals.flops === result.totals.flops &&
      totals.bytes[level] === result.totals.bytes[level] &&
      again.parameters.total === result.model.parameters.total
    if (same) return {source}
    return {reason: `The document was made with other dimensions of ${result.model.name} than the page knows.`}
  } catch (error) {
    return {reason: `The analysis cannot be repeated here: ${error instanceof Error ? error.message : String(error)}.`}
  }
}
