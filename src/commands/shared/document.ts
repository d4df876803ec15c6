/** Saved documents: JSON as a command printed it, or the HTML page that embeds one. */
import type {Extras} from '../../../reports/live/source.ts'
import {AnalysisError} from '../../analysis/errors.ts'
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
    return {document: await extractDocument(text), extras: await extractExtras(text)}
  }
  try {
    return {document: JSON.parse(text), extras: {}}
  } catch {
    throw new AnalysisError(
      'bad-json',
      `${path === '-' ? 'standard input' : path} is neither JSON nor a page of this tool`,
      ['save one with `perf analyze MODEL --json > a.json` or --report a.html'],
    )
  }
}

/**
 * Reads a document without checking its kind.
 * @param path a file, or `-` for standard input
 * @throws AnalysisError `unreachable`, `bad-json`, `bad-document`
 */
export const readSaved = async (path: string): Promise<unknown> => (await readPage(path)).document
