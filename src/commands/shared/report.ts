/** The HTML page of a document, from the template that the build made. */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Extras} from '../../../reports/live/source.ts'
import {AnalysisError} from '../../analysis/errors.ts'
import {packageRoot} from '../../kernels/package-root.ts'
import {writeWhole} from './output.ts'

/** A success document of any kind. */
export interface Document {
  readonly schema: string
  readonly ok: true
  readonly result: unknown
  readonly warnings: readonly unknown[]
}

/**
 * @param extras what the page needs to compute again and the document does not hold
 * @throws AnalysisError `internal` where the package was not built
 */
export async function renderPage(document: Document, extras?: Extras): Promise<string> {
  const path = join(packageRoot().path, 'dist', 'report', 'template.html')
  let template: string
  try {
    template = readFileSync(path, 'utf8')
  } catch {
    throw new AnalysisError('internal', `${path} is missing: the package was not built`, ['npm run build'])
  }
  const {renderHtml} = await import('../../../reports/html.ts')
  return renderHtml(template, document, extras)
}

/** @throws AnalysisError `cannot-write` */
export async function writeReport(flag: string, path: string, document: Document, extras?: Extras): Promise<void> {
  await writeWhole(flag, path, await renderPage(document, extras))
}
