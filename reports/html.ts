/** A document in and out of the self-contained page. */
import {badDocument as bad, isRecord, readDocument} from './document.ts'

const SLOT = '<!--ridgepoint:document-->'
const OPEN = '<script type="application/json" id="ridgepoint-document">'
const CLOSE = '</script>'

/**
 * Puts a document into the page. Text from outside stays data: with `<` escaped it cannot end the script element.
 * @param template `dist/report/template.html`
 * @throws AnalysisError `bad-document`; Error where the template has no place for a document
 */
export function renderHtml(template: string, document: unknown): string {
  const json = JSON.stringify(readDocument(document)).replaceAll('<', '\\u003c')
  const at = template.indexOf(SLOT)
  if (at < 0) throw new Error('the report template has no place for a document: build it again')
  return `${template.slice(0, at)}${OPEN}${json}${CLOSE}${template.slice(at + SLOT.length)}`
}

/**
 * The document that a page embeds, as `perf compare a.html b.html` needs it.
 * @throws AnalysisError `bad-document` where the page has none, is cut off, or was edited into something else
 */
export function extractDocument(html: string): unknown {
  const again = 'write the page again with `perf analyze … --report FILE.html`'
  const start = html.indexOf(OPEN)
  if (start < 0) throw bad('the page embeds no Ridgepoint document', again)
  const end = html.indexOf(CLOSE, start)
  if (end < 0) throw bad('the page ends in the middle of its document', again)
  const json = html.slice(start + OPEN.length, end)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw bad(`the document in the page is not JSON: ${error instanceof Error ? error.message : String(error)}`, again)
  }
  if (!isRecord(value) || typeof value.schema !== 'string' || !value.schema.startsWith('ridgepoint/')) {
    throw bad('the document in the page has no "schema" of Ridgepoint', again)
  }
  return value
}
