/** CSV as RFC 4180 has it, values in base units. */
import type {Cell, Printed} from './sheet.ts'

/** A spreadsheet runs a text that begins like a formula: a leading apostrophe keeps it text. */
function field(value: Cell): string {
  if (value === null) return ''
  if (typeof value !== 'string') return String(value)
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Header and rows, each ended by CRLF. An unknown value is an empty field. */
export function toCsv(sheet: Printed): string {
  return [sheet.keys, ...sheet.raw].map((row) => `${row.map(field).join(',')}\r\n`).join('')
}
