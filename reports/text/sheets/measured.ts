/** Measured ceilings as people read them: one row per limit, one thread beside all of them, and the model line. */
import type {Ceiling} from '../../../src/analysis/document/machine.ts'
import {format, formatCapacity, formatShare} from '../../../src/analysis/units.ts'
import {type Column, type Printed, print} from '../sheet.ts'
import {words} from './columns.ts'

interface Row {
  readonly name: string
  /** by number of threads */
  readonly at: ReadonlyMap<number, Ceiling>
}

/** Without its number of threads. */
const nameOf = ({id}: Ceiling): string => id.replace(/-t\d+$/, '')

function rowsOf(ceilings: readonly Ceiling[]): Row[] {
  const rows = new Map<string, Map<number, Ceiling>>()
  for (const ceiling of ceilings) {
    const name = nameOf(ceiling)
    const at = rows.get(name) ?? new Map<number, Ceiling>()
    rows.set(name, at.set(ceiling.threads ?? 0, ceiling))
  }
  return [...rows].map(([name, at]) => ({name, at}))
}

/**
 * `2.0/cycle × 16 lanes × 2 × 3.69 GHz`, `1 per 6.0 cycles × …`: the model without its result and without the words that the row's name
 * says, or what was measured where there is no model.
 */
function factorsOf(c: Ceiling | undefined): string | null {
  const factors = c?.modelText?.split(/ = |: /)[0]
  if (factors === undefined) return null
  return factors
    .replace(/^1 vector of /, '')
    .replace(/^([\d.]+) [a-z ]+ per cycle/i, '$1/cycle')
    .replace(/^1 [a-z ]+ per ([\d.]+ cycles)/i, '1 per $1')
}

/** The verdict of a row: of every number of threads where they agree, else of each that is not ok. */
function verdictOf({at}: Row): string {
  const all = [...at.values()]
  const [first] = all
  if (all.every((c) => c.verdict === first!.verdict)) return first!.verdict ?? '–'
  return all.flatMap((c) => (c.verdict === 'ok' ? [] : [`${c.verdict} (${c.threads})`])).join(', ')
}

const value = (title: string, key: string, of: (row: Row) => Ceiling | undefined, drop: number): Column<Row> => ({
  title,
  key,
  text: (row) => {
    const c = of(row)
    return c ? format(c.value, c.unit) : '–'
  },
  raw: (row) => of(row)?.value ?? null,
  align: 'right',
  drop,
})

const plural = (n: number): string => `${n} ${n === 1 ? 'thread' : 'threads'}`

function sheet(title: string, ceilings: readonly Ceiling[], counts: readonly number[]): Printed {
  const rows = rowsOf(ceilings)
  const one = (row: Row) => row.at.get(counts[0]!)
  const modelled = rows.some((row) => one(row)?.modelText)
  const sized = ceilings.some((c) => c.workingSet !== undefined)
  // of many thread counts the first and the last stay longest
  const columns: Column<Row>[] = counts.map((n, i) =>
    value(plural(n), `t${n}`, (row) => row.at.get(n), i === 0 || i === counts.length - 1 ? 0 : 8 + i),
  )
  return print<Row>({
    rows,
    columns: [
      words(title, 'limit', ({name}) => name),
      ...columns,
      ...(modelled
        ? [
            words<Row>('one thread by model', 'model', (row) => factorsOf(one(row)), 4),
            {
              title: 'reached',
              key: 'of_model',
              text: (row: Row) => {
                const c = one(row)
                return formatShare(c?.model ? c.value / c.model : null)
              },
              raw: (row: Row) => {
                const c = one(row)
                return c?.model ? c.value / c.model : null
              },
              align: 'right' as const,
              drop: 3,
            },
          ]
        : []),
      ...(sized
        ? [
            {
              ...words<Row>('set per thread', 'working_set', () => null, 6),
              text: (row: Row) => formatCapacity(one(row)?.workingSet ?? null),
              align: 'right' as const,
            },
          ]
        : []),
      words('verdict', 'verdict', verdictOf, 1),
    ],
  })
}

/** Whether the ceilings are those of a measured CPU, by threads. */
export const isByThreads = (ceilings: readonly Ceiling[]): boolean =>
  ceilings.some((c) => c.kind === 'compute' && c.threads !== undefined && c.provenance.kind === 'measured')

/** Arithmetic, bandwidth, instructions and latency, each a sheet. */
export function measuredSheets(ceilings: readonly Ceiling[]): Printed[] {
  const kinds = [
    ['arithmetic', 'compute'],
    ['bandwidth', 'bandwidth'],
    ['instructions', 'issue'],
  ] as const
  const sheets = kinds.flatMap(([title, kind]) => {
    const own = ceilings.filter((c) => c.kind === kind)
    const counts = [...new Set(own.map((c) => c.threads ?? 0))].sort((a, b) => a - b)
    return own.length > 0 ? [sheet(title, own, counts)] : []
  })
  const latencies = ceilings.filter((c) => c.kind === 'latency')
  if (latencies.length === 0) return sheets
  const latency = print<Ceiling>({
    rows: latencies,
    columns: [
      words('latency', 'limit', (c) => c.id),
      {
        title: 'least',
        key: 'value',
        text: (c) => format(c.value, c.unit),
        raw: (c) => c.value,
        align: 'right',
        drop: 0,
      },
      {
        title: 'median',
        key: 'median',
        text: (c) => format(c.median ?? null, c.unit),
        raw: (c) => c.median ?? null,
        align: 'right',
        drop: 3,
      },
      words('threads', 'threads', (c) => String(c.threads ?? '–'), 4),
      {
        ...words<Ceiling>('set', 'working_set', () => null, 5),
        text: (c) => formatCapacity(c.workingSet ?? null),
        align: 'right',
      },
      words('verdict', 'verdict', (c) => c.verdict ?? null, 1),
    ],
  })
  return [...sheets, latency]
}

/**
 * Model lines of what a reader asks for first: the widest set's FMA and dot products, and L1, on one thread:
 * `fma-f32-avx512: 2.0 FMA per cycle × 16 lanes × 2 × 2.40 GHz = 153.6 GFLOP/s; measured 152 GFLOP/s, 99.0 %`.
 */
export function modelLines(ceilings: readonly Ceiling[]): string[] {
  const alone = ceilings.filter((c) => c.threads === 1 && c.modelText)
  const widest = alone.findLast((c) => c.kind === 'compute' && c.engine === 'vector')?.isa
  return alone
    .filter((c) =>
      c.kind === 'compute'
        ? (c.isa === widest || c.engine === 'matrix') && (c.operation === 'fma' || c.operation === 'dot')
        : c.level === 'L1' && (c.mix === 'read' || c.mix === 'write'),
    )
    .map((c) => {
      const share = c.model ? `, ${formatShare(c.value / c.model)}` : ''
      return `${nameOf(c)}: ${c.modelText}; measured ${format(c.value, c.unit)}${share}`
    })
}
