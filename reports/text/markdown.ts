/** GitHub-flavoured Markdown. */
import type {Printed} from './sheet.ts'

/** Names from outside stay text: no markup, no link, no end of a cell. */
export const escapeMarkdown = (text: string): string =>
  text
    .replaceAll(/[\\|`*[\]]/g, '\\$&')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/\s*[\r\n]+\s*/g, ' ')

/** A pipe table. */
export function toMarkdown(sheet: Printed): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  return (
    line(sheet.titles.map(escapeMarkdown)) +
    line(sheet.aligns.map((align) => (align === 'right' ? '---:' : '---'))) +
    sheet.text.map((row) => line(row.map(escapeMarkdown))).join('')
  )
}
