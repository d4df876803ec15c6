/** Short ways to write the columns that most tables have. */
import {type BaseUnit, format, formatShare} from '../../../src/analysis/units.ts'
import type {Column} from '../sheet.ts'

/** A text as it is. */
export const words = <Row>(title: string, key: string, read: (row: Row) => string | null, drop = 0): Column<Row> => ({
  title,
  key,
  text: (row) => read(row) ?? '–',
  raw: read,
  drop,
})

/** A quantity in base units: a prefix and three digits for people, all digits for programs. */
export const quantity = <Row>(
  title: string,
  key: string,
  unit: BaseUnit | '',
  read: (row: Row) => number | null,
  drop = 0,
): Column<Row> => ({title, key, text: (row) => format(read(row), unit), raw: read, align: 'right', drop})

/** A share as a percentage for people, all digits for programs. */
export const share = <Row>(title: string, key: string, read: (row: Row) => number | null, drop = 0): Column<Row> => ({
  title,
  key,
  text: (row) => formatShare(read(row)),
  raw: read,
  align: 'right',
  drop,
})

/** A count that is read exactly. */
export const count = <Row>(title: string, key: string, read: (row: Row) => number | null, drop = 0): Column<Row> => ({
  title,
  key,
  text: (row) => read(row)?.toLocaleString('en-US') ?? '–',
  raw: read,
  align: 'right',
  drop,
})

/** Yes, no, or not known. */
export const yesNo = <Row>(title: string, key: string, read: (row: Row) => boolean | null, drop = 0): Column<Row> => ({
  title,
  key,
  text: (row) => ({true: 'yes', false: 'no', null: '–'})[String(read(row)) as 'true' | 'false' | 'null'],
  raw: read,
  drop,
})
