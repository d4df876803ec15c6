/** What changed between two saved documents. */
import type {Comparison} from '../../analysis/document/comparison.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import type {Answer} from './base.ts'

/** A document that was read, and what it was read from. */
export type Named = readonly [value: unknown, origin: string]

/**
 * Two documents of measured times.
 * @returns `undefined` where neither is one
 * @throws AnalysisError `bad-document` where one of them is
 */
export async function measuredChanges(...documents: readonly [Named, Named]): Promise<Comparison | undefined> {
  const {compareMeasured, readMeasured} = await import('../../analysis/compare-measured.ts')
  const [a, b] = await Promise.all(documents.map(([value, origin]) => readMeasured(value, origin)))
  if (!a && !b) return undefined
  if (!a || !b)
    throw new AnalysisError(
      'bad-document',
      `${documents[a ? 1 : 0]![1]} holds no measured times, the other document does`,
      ['compare two of one kind: analyses, profiles, or what bench, place and compare --fused print'],
    )
  return compareMeasured(a, b)
}

/** How a comparison is shown. */
export const changesAnswer = (result: Comparison, all: boolean): Answer => {
  const shown = () => import('../../../reports/text/comparison.ts')
  return {
    schema: 'comparison@1',
    result,
    text: async (look) => (await shown()).comparisonText(result, look, all),
    sheets: async () => (await shown()).comparisonSheets(result),
    lead: async () => (await shown()).comparisonLead(result),
  }
}

/**
 * The answer of a page of two documents: what changed, before what the later one holds.
 * @throws AnalysisError `bad-document` naming the field of either that is wrong
 */
export async function withChanges(answer: Answer, before: Named, after: Named): Promise<Answer> {
  const {compareDocuments, readComparable} = await import('../../analysis/compare.ts')
  const result =
    (await measuredChanges(before, after)) ??
    compareDocuments(await readComparable(...before), await readComparable(...after)).result
  const changes = changesAnswer(result, false)
  return {
    ...answer,
    text: async (look) => `${(await changes.text(look)).trimEnd()}\n\n${await answer.text(look)}`,
    sheets: async () => [...(await changes.sheets()), ...(await answer.sheets())],
    lead: async () => [await changes.lead!(), ...(answer.lead ? [await answer.lead()] : [])].join('\n'),
  }
}
