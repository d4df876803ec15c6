/** Saved documents: JSON as a command printed it, or the HTML page that embeds one. */
import type {Extras} from '../../../reports/live/source.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import {mistakeIn} from '../../analysis/importers/json.ts'
import {readInput} from './model.ts'

/** A document, and what its page embeds beside it. */
export interface Saved {
  readonly document: unknown
  readonly extras: Extras
}

/**
 * Reads a document without checking its kind, with the extras of the page that holds it.
 * @param path a file, or `-` for standard input
 * @throws AnalysisError `unreachable`, `bad-json`, `bad-document`
 */
export async function readPage(path: string): Promise<Saved> {
  const text = await readInput(path, 'a saved document')
  if (text.trimStart().startsWith('<')) {
    const {extractDocument, extractExtras} = await import('../../../reports/html.ts')
    return within(path, async () => ({document: await extractDocument(text), extras: await extractExtras(text)}))
  }
  try {
    return {document: JSON.parse(text), extras: {}}
  } catch {
    throw new AnalysisError('bad-json', `${nameOf(path)} ${fault(text)}`, [
      'save one with `perf analyze MODEL --json > a.json` or --report a.html',
    ])
  }
}

const nameOf = (path: string): string => (path === '-' ? 'standard input' : path)

/** Why a text is no JSON: nothing in it, broken off or edited, or something else altogether. */
function fault(text: string): string {
  if (text.trim() === '') return 'is empty'
  if (!/^\s*[{[]/.test(text)) return 'is neither JSON nor a page of this tool'
  const place = mistakeIn(text) ?? text.length
  const end = place >= text.trimEnd().length
  return end ? 'is not whole: its JSON breaks off at the end' : `is not JSON from character ${place} on`
}

/**
 * What is done with a document, its name before what is wrong with it.
 * @throws AnalysisError `bad-document`
 */
export async function within<T>(path: string, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    if (!(error instanceof AnalysisError) || error.code !== 'bad-document') throw error
    throw new AnalysisError(error.code, `${nameOf(path)}: ${error.message}`, error.suggestions)
  }
}

/**
 * Reads a document without checking its kind.
 * @param path a file, or `-` for standard input
 * @throws AnalysisError `unreachable`, `bad-json`, `bad-document`
 */
export const readSaved = async (path: string): Promise<unknown> => (await readPage(path)).document
