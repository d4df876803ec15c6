/** The tables of `docs/validation.md`, made from what is computed: a test compares the two. */
import type {ExactRow} from './exact.ts'
import type {Kind, TimedRow} from './times.ts'

const table = (head: readonly string[], right: readonly boolean[], rows: readonly (readonly string[])[]) =>
  [head, right.map((r) => (r ? '---:' : '---')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const plain = (value: number) => value.toLocaleString('en-US', {maximumFractionDigits: 2})
const ratio = (value: number) => (Number.isFinite(value) ? value.toFixed(2) : '–')
const unitOf = (unit: string) => (unit === '' ? '' : ` ${unit}`)

export const exactTable = (rows: readonly ExactRow[]): string =>
  table(
    ['what', 'published', 'here', 'difference', 'source'],
    [false, true, true, true, false],
    rows.map((row) => [
      `${row.quantity}, ${row.id}`,
      plain(row.published) + unitOf(row.unit),
      plain(row.ours) + unitOf(row.unit),
      row.ours === row.published ? '0' : plain(row.ours - row.published),
      row.source,
    ]),
  )

export const kindTable = (kinds: readonly Kind[]): string =>
  table(
    ['operator', 'rows', 'beyond L2', 'faster than the bound', 'median', 'least', 'most'],
    [false, true, true, true, true, true, true],
    kinds.map((kind) => [
      kind.name,
      `${kind.rows}`,
      `${kind.beyondCache}`,
      `${kind.faster}`,
      ...[kind.median, kind.min, kind.max].map(ratio),
    ]),
  )

/** Rows that beat the DRAM bound, all of them inside the cache. */
export const insideTable = (rows: readonly TimedRow[]): string =>
  table(
    ['row', 'operator', 'MB', 'bound µs', 'measured µs'],
    [false, false, true, true, true],
    rows.map((row) => [
      row.id,
      row.op,
      plain(row.bytes / 1e6),
      (row.lower * 1e6).toFixed(2),
      (row.measured * 1e6).toFixed(2),
    ]),
  )
