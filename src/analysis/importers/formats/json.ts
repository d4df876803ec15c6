/** Telling JSON files apart. */
import {type ByteSource, badFile, textOf} from '../source.ts'

/** The largest JSON that is read; the largest shard index of a published model has 10 MB. */
const LARGEST = 64 * 2 ** 20

/** Whether the first character that is no space opens an object. */
export const opensObject = (head: Uint8Array): boolean => /^\uFEFF?\s*\{/.test(textOf(head.subarray(0, 256)))

/** Whether the first bytes have no control characters but line breaks and tabs. */
export const isText = (head: Uint8Array): boolean =>
  head.every((byte) => byte >= 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d)

/** Whether the first character that is no space begins a JSON value: of a model's an object, of others a list or a plain value. */
export const opensJson = (head: Uint8Array): boolean =>
  /^\uFEFF?\s*([[{"]|-?\d|null\b|true\b|false\b)/.test(textOf(head.subarray(0, 256)))

/** Whether a field of that name stands in the first bytes. */
export const mentions = (head: Uint8Array, name: string): boolean => textOf(head).includes(`"${name}"`)

/** A whole text file. @throws AnalysisError `bad-file` where it is too large */
export function wholeText(source: ByteSource, origin: string): string {
  if (source.size > LARGEST) badFile(origin, `has ${source.size} bytes; a JSON file of a model has at most ${LARGEST}`)
  return textOf(source.read(0, source.size))
}
