/** The document a report shows: `analysis@1` as `perf analyze --json` prints it. Nothing here loads the schema. */
import type {Analysis} from '../src/analysis/document/analysis.ts'
import {AnalysisError, type Warning} from '../src/analysis/errors.ts'
import {analysisShape, misfit, warningsShape} from './shape.ts'

export type Operator = Analysis['operators'][number]

/**
 * FLOP/s that the roof allows an operator, `null` where it has no FLOPs or takes no time.
 * A fused operator that keeps the matrix and the vector engine busy at once does slightly more than either peak (attention:
 * its softmax runs beside its products); on a roofline of single ceilings it stands on the one that binds, not above.
 */
export function attainableOf(op: Operator, ceilings: Analysis['machine']['ceilings']): number | null {
  if (op.flops === 0 || op.time.lower === 0) return null
  const rate = op.flops / op.time.lower
  // a ceiling of exp or divide counts those alone, not FLOPs
  const counted = ['fma', 'dot', 'add', 'mul', undefined]
  const ceiling = ceilings.find((c) => c.id === op.bound && c.kind === 'compute' && counted.includes(c.operation))
  return ceiling ? Math.min(rate, ceiling.value) : rate
}

/** What is embedded in the page and what every view is drawn from. */
export interface ReportDocument {
  readonly schema: 'ridgepoint/analysis@1'
  readonly ok: true
  readonly result: Analysis
  readonly warnings: readonly Warning[]
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const badDocument = (message: string, ...suggestions: string[]) =>
  new AnalysisError('bad-document', message, suggestions)

/**
 * Checks that a value is a document that the page can show: kind, version, and the type of every field that views read.
 * A full check against the schema is the business of whoever reads foreign files.
 * @throws AnalysisError `bad-document` naming the first field that is wrong
 */
export function checkDocument(value: unknown): asserts value is ReportDocument {
  if (!isRecord(value)) throw badDocument('the document is not a JSON object', 'give what `perf analyze --json` prints')
  const {schema, ok, result, warnings} = value
  if (typeof schema !== 'string')
    throw badDocument('the document has no "schema"', 'give what `perf analyze --json` prints')
  if (schema === 'ridgepoint/error@1') throw badDocument('the document is an error, not a result')
  if (schema !== 'ridgepoint/analysis@1') {
    throw badDocument(`schema "${schema}" is not one that a page can show`, 'use a document of ridgepoint/analysis@1')
  }
  if (ok !== true) throw badDocument('"ok" is not true')
  const wrong = misfit(result, analysisShape, 'result') ?? misfit(warnings, warningsShape, 'warnings')
  if (wrong) throw badDocument(wrong)
}

/** The value itself, once it has passed `checkDocument`. */
export function readDocument(value: unknown): ReportDocument {
  checkDocument(value)
  return value
}
