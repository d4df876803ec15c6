/** A table before it has a look: one definition serves the terminal, CSV and Markdown. */
export type Cell = string | number | boolean | null

export interface Column<Row> {
  /** header where people read it */
  readonly title: string
  /** header where programs read it: the field and its base unit, `time_lower_s` */
  readonly key: string
  /** what people read: rounded, with units */
  readonly text: (row: Row) => string
  /** what programs read: base units, exact */
  readonly raw: (row: Row) => Cell
  readonly align?: 'left' | 'right'
  /** 0 stays whatever the width; the highest leaves a narrow terminal first */
  readonly drop: number
  /** prose that may be narrower than it is: cut at its end, or on several lines; else a column is whole or not there */
  readonly narrow?: 'cut' | 'wrap'
}

export interface Sheet<Row> {
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
}

/** A sheet of any rows, where the rows themselves no longer matter. */
export interface Printed {
  readonly titles: readonly string[]
  readonly keys: readonly string[]
  readonly aligns: readonly ('left' | 'right')[]
  readonly drops: readonly number[]
  readonly narrow: readonly ('cut' | 'wrap' | null)[]
  readonly text: readonly (readonly string[])[]
  readonly raw: readonly (readonly Cell[])[]
}

/** Evaluates every cell. */
export function print<Row>({columns, rows}: Sheet<Row>): Printed {
  return {
    titles: columns.map((c) => c.title),
    keys: columns.map((c) => c.key),
    aligns: columns.map((c) => c.align ?? 'left'),
    drops: columns.map((c) => c.drop),
    narrow: columns.map((c) => c.narrow ?? null),
    text: rows.map((row) => columns.map((c) => c.text(row))),
    raw: rows.map((row) => columns.map((c) => c.raw(row))),
  }
}
