/**
 * The library: the engine of the command, typed. Pure functions, nothing is printed and nothing exits; errors are
 * `AnalysisError` with a stable code.
 */
import type {AnalyzeOptions as EngineOptions} from './analysis/analyze.ts'
import {analyzeModel} from './analysis/analyze.ts'
import {findMachine, findModel} from './analysis/catalog.ts'
import {type Dimensions, withDimensions} from './analysis/dimensions.ts'
import type {Analysis} from './analysis/document/analysis.ts'
import type {Machine} from './analysis/document/machine.ts'
import {AnalysisError, type Warning} from './analysis/errors.ts'
import type {ModelDef} from './analysis/models/types.ts'

export {checkDocument} from './analysis/check.ts'
export {compareDocuments, readComparable} from './analysis/compare.ts'
export type {Analysis} from './analysis/document/analysis.ts'
export type {Ceiling, Machine} from './analysis/document/machine.ts'
export {AnalysisError, type ErrorCode, type Warning} from './analysis/errors.ts'
export {findFit} from './analysis/fit.ts'
export {parseConfig} from './analysis/importers/hf-config.ts'
export {machineJson, parseMachine} from './analysis/importers/machine-file.ts'
export {machines} from './analysis/machines/index.ts'
export {models} from './analysis/models/index.ts'
export type {ModelDef} from './analysis/models/types.ts'
export {place} from './analysis/place.ts'
export {parseRange, sweep} from './analysis/sweep.ts'
export type {Workload} from './analysis/workload.ts'
export {findMachine, findModel}

export interface AnalyzeOptions extends Omit<EngineOptions, 'against'>, Dimensions {
  /** built-in id, or a machine from `parseMachine` */
  readonly machine: string | Machine
  /** further machines to rank */
  readonly against?: readonly (string | Machine)[] | undefined
}

/** The document of `perf analyze --json`. */
export interface AnalysisDocument {
  readonly schema: 'ridgepoint/analysis@1'
  readonly ok: true
  readonly result: Analysis
  readonly warnings: readonly Warning[]
}

const machineOf = (machine: string | Machine): Machine => (typeof machine === 'string' ? findMachine(machine) : machine)

/**
 * Analyzes a model on a machine: the same answer as `perf analyze MODEL --machine ID --json`.
 * @param model built-in id, or a model from `parseConfig`
 * @throws AnalysisError with the code and message that the command prints
 * @example analyze('llama-3-8b', {machine: 'h100-sxm', phase: 'decode', batch: 16}).result.totals.tpot
 */
export function analyze(model: string | ModelDef, options: AnalyzeOptions): AnalysisDocument {
  if (options?.machine === undefined)
    throw new AnalysisError('bad-flag', 'analyze needs a machine', [
      "for example analyze('gpt2', {machine: 'h100-sxm'})",
    ])
  const {machine, against = [], layers, hidden, heads, kvHeads, headDim, ffn, vocab, encoder, ...rest} = options
  const dimensions = {layers, hidden, heads, kvHeads, headDim, ffn, vocab, encoder}
  const base = typeof model === 'string' ? findModel(model) : model
  const {result, warnings} = analyzeModel(withDimensions(base, dimensions), machineOf(machine), {
    ...rest,
    against: against.map(machineOf),
  })
  return {schema: 'ridgepoint/analysis@1', ok: true, result, warnings}
}
