/** A machine's profile as the page shows it: its ceilings, without a workload. */
import type {Machine} from '../src/analysis/document/machine.ts'
import type {Warning} from '../src/analysis/errors.ts'
import {prepareRoof} from '../src/analysis/roofline.ts'
import {blankAnalysis} from './blank.ts'
import {badDocument, isRecord, type ReportDocument} from './document.ts'
import {misfit, profileShape, warningsShape} from './shape.ts'

/** What `perf measure --json` prints. */
export interface MachineDocument {
  readonly schema: 'ridgepoint/machine@1'
  readonly ok: true
  readonly result: Machine
  readonly warnings: readonly Warning[]
}

export const isProfile = (value: unknown): boolean => isRecord(value) && value.schema === 'ridgepoint/machine@1'

/**
 * @throws AnalysisError `bad-document` naming the first field that is wrong; what `prepareRoof` throws where the ceilings make no roof
 */
export function readProfile(value: unknown): MachineDocument {
  const {result, warnings} = isRecord(value) ? value : {result: undefined, warnings: undefined}
  const wrong = misfit(result, profileShape, 'result') ?? misfit(warnings, warningsShape, 'warnings')
  if (wrong) throw badDocument(wrong)
  const document = value as unknown as MachineDocument
  const roof = prepareRoof(document.result)
  if (roof.levels.length === 0)
    throw badDocument(`${document.result.id} has no memory bandwidth: nothing of it can be drawn`, 'perf measure')
  return document
}

/** The summary of a machine that analyses hold. */
export const summaryOf = ({id, name, memory, ceilings}: Machine) => ({
  ...{id, name, ceilings},
  memory: memory?.capacity ?? null,
})

/** A profile as a document without operators. */
export const profileDocument = ({result, warnings}: MachineDocument): ReportDocument => ({
  schema: 'ridgepoint/analysis@1',
  ok: true,
  result: blankAnalysis('ceilings', summaryOf(result), 'f32'),
  warnings,
})
