/** Every kind of document that a page and a picture can be made of. */
import {AnalysisError} from '../src/analysis/errors.ts'
import {badDocument, isRecord, type ReportDocument, readDocument} from './document.ts'
import type {Extras} from './live/source.ts'
import {documentOf, isPlacement, type PlacementDocument, readPlacement} from './placement.ts'
import {isProfile, type MachineDocument, profileDocument, readProfile} from './profile.ts'

/** What a page embeds. */
export type Embedded = ReportDocument | PlacementDocument | MachineDocument

/** @throws AnalysisError `bad-document` naming the first field that is wrong */
export const readEmbedded = (value: unknown): Embedded =>
  isPlacement(value) ? readPlacement(value) : isProfile(value) ? readProfile(value) : readDocument(value)

/** What a page is about; where it is no workload there is nothing to compute again. */
export type Subject = 'analysis' | 'points' | 'machine'

const subjects: Readonly<Record<Embedded['schema'], Subject>> = {
  'ridgepoint/analysis@1': 'analysis',
  'ridgepoint/placement@1': 'points',
  'ridgepoint/machine@1': 'machine',
}

export interface Shown {
  readonly subject: Subject
  /** what views are drawn from */
  readonly document: ReportDocument
  readonly extras: Extras
  /** as it was embedded */
  readonly embedded: Embedded
}

/**
 * Checks what a page compares its document with.
 * @throws AnalysisError `bad-document` where it is wrong, or of another kind
 */
export function checkBefore(document: Embedded, {before}: Extras): void {
  if (before === undefined) return
  try {
    const {schema} = readEmbedded(before)
    if (schema !== document.schema) throw badDocument(`it is of ${schema}, the other of ${document.schema}`)
  } catch (error) {
    if (!(error instanceof AnalysisError)) throw error
    throw badDocument(`the document before: ${error.message}`, ...error.suggestions)
  }
}

/**
 * What a page and a picture are made of: an analysis, a placement with its points as operators, or a machine without any.
 * @throws AnalysisError `bad-document` naming the first field that is wrong
 */
export function shownOf(value: unknown, extras: Extras): Shown {
  if (!isRecord(value)) readDocument(value)
  const embedded = readEmbedded(value)
  checkBefore(embedded, extras)
  const shown = {subject: subjects[embedded.schema], embedded}
  switch (embedded.schema) {
    case 'ridgepoint/analysis@1':
      return {...shown, document: embedded, extras}
    case 'ridgepoint/placement@1':
      return {...shown, document: documentOf(embedded), extras: {...extras, placement: embedded.result}}
    case 'ridgepoint/machine@1':
      return {...shown, document: profileDocument(embedded), extras: {...extras, machines: [embedded.result]}}
  }
}
