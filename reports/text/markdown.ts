/** GitHub-flavoured Markdown. */
import type {Printed} from './sheet.ts'

const escapeCell = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('\n', ' ')

/** A pipe table. */
export function toMarkdown(sheet: Printed): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  return (
    line(sheet.titles.map(escapeCell)) +
    line(sheet.aligns.map((align) => (align === 'right' ? '---:' : '---'))) +
    sheet.text.map((row) => line(row.map(escapeCell))).join('')
  )
}
