/** Tables of the page as CSV. */

interface CsvColumn<Row> {
  readonly id: string
  value(row: Row): string | number | null
}

const cell = (text: string): string => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** Rows as CSV (RFC 4180) in base units. */
export function toCsv<Row>(columns: readonly CsvColumn<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map((column) => column.id), ...rows.map((row) => columns.map((c) => c.value(row) ?? ''))]
  return `${lines.map((line) => line.map((value) => cell(String(value))).join(',')).join('\r\n')}\r\n`
}
