/** Colour and glyphs of one output stream. */

export interface Look {
  /** columns of the terminal */
  readonly width: number
  readonly color: boolean
  /** whether nothing but ASCII can be shown: tables are laid out for it (`ascii.ts`) */
  readonly ascii?: boolean
}

type Paint = (text: string) => string

export interface Style {
  readonly bold: Paint
  readonly dim: Paint
  readonly compute: Paint
  readonly memory: Paint
  readonly latency: Paint
  readonly good: Paint
  readonly warn: Paint
  readonly bad: Paint
}

/** SGR codes: start and end. Only the 16 colours that every terminal theme defines. */
const codes = {
  bold: [1, 22],
  dim: [2, 22],
  compute: [35, 39],
  memory: [36, 39],
  latency: [33, 39],
  good: [32, 39],
  warn: [33, 39],
  bad: [31, 39],
} as const

/** Paints text, or leaves it as it is where the stream has no colour. */
export function styleOf(color: boolean): Style {
  const paint = ([start, end]: readonly [number, number]): Paint =>
    color ? (text) => `\u001b[${start}m${text}\u001b[${end}m` : (text) => text
  return Object.fromEntries(Object.entries(codes).map(([name, pair]) => [name, paint(pair)])) as unknown as Style
}

const escapes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')

/** Columns that a text takes on screen: colour takes none. */
export const visibleLength = (text: string): number => text.replace(escapes, '').length

/**
 * Wraps prose at word boundaries; a word longer than the width stands alone.
 * @param hang indents every line but the first
 * @param used columns that the first line has already
 */
export function wrap(text: string, width: number, hang = '', used = 0): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    const room = width - (lines.length > 0 ? hang.length : used)
    if (line && visibleLength(line) + 1 + visibleLength(word) > room) {
      lines.push(line)
      line = word
    } else line = line ? `${line} ${word}` : word
  }
  if (line) lines.push(line)
  return lines.join(`\n${hang}`)
}
