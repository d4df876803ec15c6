/** A document in and out of the self-contained page. */
import {badDocument as bad, isRecord} from './document.ts'
import type {Extras} from './live/source.ts'
import {checkBefore, readEmbedded} from './shown.ts'

const SLOT = '<!--ridgepoint:document-->'
const CLOSE = '</script>'

/** Documents above this many characters are compressed: 1,000 operators are 2 MB of JSON and 0.1 MB deflated. */
const PLAIN = 60_000

const element = (id: string, packed: boolean) =>
  `<script type="${packed ? 'application/octet-stream' : 'application/json'}" id="ridgepoint-${id}">`

/** Bytes through a stream of the platform: the same interface in Node and in a browser. */
async function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const writer = stream.writable.getWriter()
  // a failure shows on the readable side
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => undefined)
  writer.close().catch(() => undefined)
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader()
  const parts: Uint8Array[] = []
  let length = 0
  for (;;) {
    const {done, value} = await reader.read()
    if (done) break
    parts.push(value)
    length += value.length
  }
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Deflated, in base 64. */
export async function pack(text: string): Promise<string> {
  const bytes = await through(new TextEncoder().encode(text), new CompressionStream('deflate'))
  let binary = ''
  // in pieces: a call takes a limited number of arguments
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(binary)
}

/** @throws Error where the text is not what `pack` made */
export async function unpack(packed: string): Promise<string> {
  const bytes = Uint8Array.from(atob(packed.trim()), (c) => c.charCodeAt(0))
  return new TextDecoder('utf-8', {fatal: true}).decode(await through(bytes, new DecompressionStream('deflate')))
}

/** JSON as an element. Text from outside stays data: with `<` escaped it cannot end the script element. */
async function embed(id: string, value: unknown): Promise<string> {
  const json = JSON.stringify(value)
  const packed = json.length > PLAIN
  return `${element(id, packed)}${packed ? await pack(json) : json.replaceAll('<', '\\u003c')}${CLOSE}`
}

/**
 * Puts a document into the page, and beside it what the page needs to run the engine again.
 * @param template `dist/report/template.html`
 * @throws AnalysisError `bad-document`; Error where the template has no place for a document
 */
export async function renderHtml(template: string, document: unknown, extras: Extras = {}): Promise<string> {
  const value = readEmbedded(document)
  checkBefore(value, extras)
  const at = template.indexOf(SLOT)
  if (at < 0) throw new Error('the report template has no place for a document: build it again')
  const given = Object.values(extras).some((extra) => extra !== undefined)
  const parts = [await embed('document', value), given ? await embed('extras', extras) : '']
  return `${template.slice(0, at)}${parts.join('')}${template.slice(at + SLOT.length)}`
}

/** The text of an embedded element, or `undefined` where the page has none. */
async function embeddedText(html: string, id: string): Promise<string | undefined> {
  const again = 'write the page again with `perf analyze … --report FILE.html`'
  for (const packed of [false, true]) {
    const open = element(id, packed)
    const start = html.indexOf(open)
    if (start < 0) continue
    const end = html.indexOf(CLOSE, start)
    if (end < 0) throw bad('the page ends in the middle of its document', again)
    const text = html.slice(start + open.length, end)
    if (!packed) return text
    try {
      return await unpack(text)
    } catch {
      throw bad('the compressed document in the page is damaged', again)
    }
  }
  return undefined
}

/**
 * The document that a page embeds, as `perf compare a.html b.html` needs it.
 * @throws AnalysisError `bad-document` where the page has none, is cut off, or was edited into something else
 */
export async function extractDocument(html: string): Promise<unknown> {
  const again = 'write the page again with `perf analyze … --report FILE.html`'
  const json = await embeddedText(html, 'document')
  if (json === undefined) throw bad('the page embeds no Ridgepoint document', again)
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

/**
 * What a page embeds beside its document; nothing where it embeds no more.
 * @throws AnalysisError `bad-document` where it was cut off, or edited into something else
 */
export async function extractExtras(html: string): Promise<Extras> {
  const json = await embeddedText(html, 'extras')
  if (json === undefined) return {}
  try {
    const value: unknown = JSON.parse(json)
    if (isRecord(value)) return value
  } catch {
    // said below
  }
  throw bad('what the page embeds beside its document is not JSON', 'write the page again with --report FILE.html')
}
