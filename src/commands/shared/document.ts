/** Saved documents: JSON as a command printed it, or the HTML page that embeds one. */
import {AnalysisError} from '../../analysis/errors.ts'
import {readInput} from './model.ts'

/**
 * Reads a document without checking its kind.
 * @param path a file, or `-` for standard input
 * @throws AnalysisError `unreachable`, `bad-json`, `bad-document`
 */
export async function readSaved(path: string): Promise<unknown> {
  const text = await readInput(path, 'a saved document')
  if (text.trimStart().startsWith('<')) {
    const {extractDocument} = await import('../../../reports/html.ts')
    return extractDocument(text)
  }
  try {
    return JSON.parse(text)
  } catch {
    throw new AnalysisError(
      'bad-json',
      `${path === '-' ? 'standard input' : path} is neither JSON nor a page of this tool`,
      ['save one with `perf analyze MODEL --json > a.json` or --report a.html'],
    )
  }
}
