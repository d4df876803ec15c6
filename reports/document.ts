/** The document a report shows: `analysis@1` as `perf analyze --json` prints it. Types only; nothing here reads zod. */
import type {Analysis} from '../src/analysis/document/analysis.ts'
import type {Warning} from '../src/analysis/errors.ts'

export type Operator = Analysis['operators'][number]

/** What is embedded in the page and what every view is drawn from. */
export interface ReportDocument {
  readonly schema: 'ridgepoint/analysis@1'
  readonly ok: true
  readonly result: Analysis
  readonly warnings: readonly Warning[]
}
