/** A document in and out of the self-contained page. */
import {AnalysisError} from '../src/analysis/errors.ts'
import type {ReportDocument} from './document.ts'

const SLOT = '<!--ridgepoint:document-->'
const OPEN = '<script type="application/json" id="ridgepoint-document">'
const CLOSE = '</script>'

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const bad = (message: string, ...suggestions: string[]) => new AnalysisError('bad-document', message, suggestions)

const needed = {
  model: 'object',
  workload: 'object',
  machine: 'object',
  operators: 'array',
  totals: 'object',
  advice: 'array',
  fusion: 'object',
  ranking: 'array',
  summary: 'object',
  assumptions: 'array',
} as const

/**
 * Checks that a value is a document that the page can show: kind, version, and the parts that views read.
 * A full check against the schema is the business of whoever reads foreign files.
 * @throws AnalysisError `bad-document` naming the first field that is wrong
 */
export function readDocument(value: unknown): ReportDocument {
  if (!isRecord(value)) throw bad('the document is not a JSON object', 'give what `perf analyze --json` prints')
  const {schema, ok, result, warnings} = value
  if (typeof schema !== 'string') throw bad('the document has no "schema"', 'give what `perf analyze --json` prints')
  if (schema === 'ridgepoint/error@1') throw bad('the document is an error, not a result')
  if (schema !== 'ridgepoint/analysis@1') {
    throw bad(`schema "${schema}" is not one that a page can show`, 'use a document of ridgepoint/analysis@1')
  }
  if (ok !== true) throw bad('"ok" is not true')
  if (!isRecord(result)) throw bad('"result" is not an object')
  for (const [field, kind] of Object.entries(needed)) {
    const found = result[field]
    if (kind === 'array' ? !Array.isArray(found) : !isRecord(found)) throw bad(`"result.${field}" is not an ${kind}`)
  }
  if (!Array.isArray(warnings)) throw bad('"warnings" is not an array')
  return value as unknown as ReportDocument
}

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
