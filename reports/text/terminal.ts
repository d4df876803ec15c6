/** A sheet as a terminal table that never exceeds the terminal's width. */
import {getBorderCharacters, table} from 'table'
import {toAscii} from './ascii.ts'
import type {Printed} from './sheet.ts'
import type {Look} from './style.ts'
import {styleOf} from './style.ts'

/** columns between two cells: one space of padding on each side of nothing */
const gap = 2
/** a first column shorter than this no longer says which operator it is */
const shortest = 12
/** prose narrower than this says nothing */
const narrowest = 27

/** Keeps the head and the tail of an identifier: both tell operators apart. */
function shorten(text: string, width: number): string {
  if (text.length <= width) return text
  const tail = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`
}

/** Leaves out the columns that matter least until the rest fits; the first column may be shortened instead, prose narrowed. */
function keepColumns(sheet: Printed, width: number): {keep: number[]; widths: readonly number[]} {
  const full = sheet.titles.map((title, i) => Math.max(title.length, ...sheet.text.map((row) => row[i]!.length)))
  const least = full.map((size, i) => (sheet.narrow[i] ? Math.min(size, narrowest) : size))
  let keep = full.map((_, i) => i)
  const spare = () => width - keep.slice(1).reduce((sum, i) => sum + least[i]!, 0) - gap * Math.max(0, keep.length - 1)
  while (keep.length > 1) {
    // an identifier may lose a third of its length before a column is given up
    const wanted = Math.max(shortest, Math.ceil((full[0]! * 2) / 3))
    const droppable = keep.filter((i) => sheet.drops[i]! > 0)
    if (spare() >= Math.min(full[0]!, wanted) || droppable.length === 0) break
    const victim = droppable.reduce((a, b) => (sheet.drops[b]! >= sheet.drops[a]! ? b : a))
    keep = keep.filter((i) => i !== victim)
  }
  const first = Math.min(full[0]!, Math.max(shortest, spare()))
  let rest = Math.max(0, spare() - first)
  const widths = full.map((size, i) => {
    if (i === 0) return first
    if (!keep.includes(i)) return 0
    const more = Math.min(rest, size - least[i]!)
    rest -= more
    return least[i]! + more
  })
  return {keep, widths}
}

/** Some signs take more columns in ASCII: they are replaced before anything is measured. */
const readable = (printed: Printed, look: Look): Printed =>
  look.ascii
    ? {...printed, titles: printed.titles.map(toAscii), text: printed.text.map((row) => row.map(toAscii))}
    : printed

/** Keys of the columns that a terminal has room for: a note under a table speaks of these alone. */
export function shownKeys(printed: Printed, look: Look): ReadonlySet<string> {
  if (printed.text.length === 0) return new Set()
  return new Set(keepColumns(readable(printed, look), look.width).keep.map((i) => printed.keys[i]!))
}

/**
 * Draws the table.
 * @param paint colours the text of a cell after it is laid out: `(text, row, column key)`
 */
export function toTerminal(
  printed: Printed,
  look: Look,
  paint?: (text: string, row: number, key: string) => string,
): string {
  if (printed.text.length === 0) return ''
  const sheet = readable(printed, look)
  const {keep, widths} = keepColumns(sheet, look.width)
  const style = styleOf(look.color)
  const cell = (text: string, column: number) => {
    if (column === 0) return shorten(text, widths[0]!)
    const cut = sheet.narrow[column] === 'cut' && text.length > widths[column]!
    return cut ? `${text.slice(0, widths[column]! - 1)}…` : text
  }
  const rows = [
    keep.map((i) => style.bold(cell(sheet.titles[i]!, i))),
    ...sheet.text.map((row, r) =>
      keep.map((i) => {
        const text = cell(row[i]!, i)
        return paint ? paint(text, r, sheet.keys[i]!) : text
      }),
    ),
  ]
  const last = keep.length - 1
  const drawn = table(rows, {
    border: {...getBorderCharacters('void'), joinBody: '─', bodyJoin: ''},
    columns: keep.map((i, position) => ({
      alignment: sheet.aligns[i]!,
      ...(sheet.narrow[i] === 'wrap' ? {width: widths[i]!, wrapWord: true} : {}),
      paddingLeft: 0,
      paddingRight: position === last ? 0 : gap,
    })),
    drawHorizontalLine: (line) => line === 1,
  })
  return drawn.replace(/[ \t]+$/gm, '')
}
