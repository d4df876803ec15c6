/** The HTML page of a document, from the template that the build made. */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
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

/** @throws AnalysisError `internal` where the package was not built */
export async function renderPage(document: Document): Promise<string> {
  const path = join(packageRoot().path, 'dist', 'report', 'template.html')
  let template: string
  try {
    template = readFileSync(path, 'utf8')
  } catch {
    throw new AnalysisError('internal', `${path} is missing: the package was not built`, ['npm run build'])
  }
  const {renderHtml} = await import('../../../reports/html.ts')
  return renderHtml(template, document)
}

/** @throws AnalysisError `cannot-write` */
export async function writeReport(flag: string, path: string, document: Document): Promise<void> {
  await writeWhole(flag, path, await renderPage(document))
}
