/** Records of a CSV. */
import {fail} from './shared.ts'

export interface CsvRecord {
  readonly cells: string[]
  /** the line it starts on, from 1 */
  readonly line: number
}

/** One cell that begins at `at`: quoted as in RFC 4180, or plain up to the next comma or line end. */
function cellAt(text: string, at: number): {cell: string; end: number; lines: number} | undefined {
  let start = at
  while (text[start] === ' ' || text[start] === '\t') start++
  if (text[start] !== '"') {
    let end = at
    for (
      let c = text.charCodeAt(end);
      end < text.length && c !== 44 && c !== 10 && c !== 13;
      c = text.charCodeAt(++end)
    );
    return {cell: text.slice(at, end), end, lines: 0}
  }
  let cell = ''
  let lines = 0
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from)
    if (quote < 0) return undefined
    const part = text.slice(from, quote)
    for (let n = part.indexOf('\n'); n >= 0; n = part.indexOf('\n', n + 1)) lines++
    cell += part
    if (text[quote + 1] === '"') {
      cell += '"'
      from = quote + 2
      continue
    }
    let end = quote + 1
    for (
      let c = text.charCodeAt(end);
      end < text.length && c !== 44 && c !== 10 && c !== 13;
      c = text.charCodeAt(++end)
    );
    return {cell: cell + text.slice(quote + 1, end), end, lines}
  }
}

/**
 * The records of a CSV, one after the other: quotes, doubled quotes and line breaks inside quotes; empty lines are left out.
 * @throws AnalysisError `bad-points` where a quote is never closed
 */
export function* records(text: string, origin: string, suggestions: readonly string[]): Generator<CsvRecord> {
  let line = 1
  let at = 0
  while (at < text.length) {
    const cells: string[] = []
    const start = line
    for (;;) {
      const found = cellAt(text, at)
      if (!found) fail(`${origin}: line ${start}`, 'a quote is opened and never closed', suggestions)
      cells.push(found.cell)
      line += found.lines
      at = found.end + 1
      if (text[found.end] !== ',') {
        if (text[found.end] === '\r' && text[at] === '\n') at++
        if (found.end < text.length) line++
        break
      }
    }
    if (cells.length > 1 || cells[0]!.trim() !== '') yield {cells, line: start}
  }
}
