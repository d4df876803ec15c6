/**
 * CSV of NVIDIA Nsight Compute (`ncu --csv`), both forms: `--page raw`, a row per launch and a row of units below the header; and details,
 * a row per launch and metric with "Metric Name", "Metric Unit", "Metric Value". What ncu (`==PROF==`) or the program printed before the
 * header is passed over. Format: Nsight Compute CLI documentation, "Console Output" and "--csv"; exports in public repositories.
 */
import type {Warning} from '../../errors.ts'
import {show} from '../show.ts'
import {durations, isWanted, type Launch, launchOf, wantedMetrics} from './nsight-metrics.ts'
import {records} from './records.ts'
import {
  distinct,
  fail,
  limits,
  type Point,
  type PointFormat,
  type PointOptions,
  type Points,
  tidyName,
} from './shared.ts'

const collect = [
  `collect them: ncu --csv --page raw --metrics ${wantedMetrics.join(',')} PROGRAM > kernels.csv`,
  'for products on tensor cores add sm__ops_path_tensor_src_fp16_dst_fp32.sum, …_bf16_dst_fp32.sum and so on (ncu --query-metrics)',
]

/** an "ID" at the start of the line and the kernel's name in it: no other CSV has both */
const header = /^[ \t]*"?ID"?,(?:[^\n]*,)?"?Kernel Name"?(?=[,\r\n])/m

const prefixes: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  K: 1e3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
}

/** Factor to base units of `Mbyte`, `usecond`, `Gbyte/second`, `inst/cycle`, `cycle/nsecond`, `Ghz`; `undefined` where unknown. */
export function unitFactor(unit: string): number | undefined {
  let factor = 1
  for (const [i, part] of unit.split('/').entries()) {
    const match = /^([numKkMGT]?)(seconds?|sec|s|bytes?|B|inst|ops?|cycles?|hz|Hz|sector|)$/.exec(part.trim())
    if (!match) return undefined
    const scale = prefixes[match[1]!]!
    factor = i === 0 ? scale : factor / scale
  }
  return factor
}

/** A count as ncu prints it: `1,234,567.89`. Empty and `n/a` are no number. */
function numberOf(text: string, where: string, metric: string): number | undefined {
  const plain = text.trim()
  if (plain === '' || /^\(?n\/a\)?$/i.test(plain)) return undefined
  if (/^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?([eE][+-]?\d+)?$/.test(plain)) {
    const value = Number(plain.replaceAll(',', ''))
    if (Number.isFinite(value) && value >= 0) return value
  } else if (/^\d{1,3}(\.\d{3}){2,}(,\d+)?$|^\d+(\.\d{3})*,\d+$/.test(plain))
    fail(where, `${metric} ${show(plain)} has a decimal comma`, ['export again with LC_ALL=C'])
  return fail(where, `${metric} ${show(plain)} is not a number 0 or more`, ['export again with ncu --csv --page raw'])
}

interface Row {
  name: string
  shape: string
  line: number
  launches: number
  metrics: Map<string, number>
}

function putMetric(row: Row, metric: string, text: string, unit: string, where: string): void {
  const value = numberOf(text, where, metric)
  if (value === undefined) return
  // times without a unit are ncu's base unit, nanoseconds
  const timed = (durations as readonly string[]).includes(metric)
  const factor = timed && unit.trim() === '' ? 1e-9 : unitFactor(unit)
  if (factor === undefined)
    fail(where, `${metric} has the unit ${show(unit)}, which is not known`, ['export with ncu --print-units base'])
  row.metrics.set(metric, value * factor)
}

/** Launches of either form. */
function rowsOf(text: string, origin: string): Row[] {
  const start = header.exec(text)!.index
  const before = text.slice(0, start).split('\n').length - 1
  const rows = new Map<string, Row>()
  let columns: string[] = []
  let units: string[] = []
  let wanted: number[] = []
  for (const {cells, line} of records(text.slice(start), origin, collect)) {
    const where = `${origin}: line ${line + before}`
    if (columns.length === 0) {
      columns = cells.map((cell) => cell.trim())
      wanted = columns.flatMap((id, i) => (isWanted(id) ? [i] : []))
      continue
    }
    if (cells[0]!.startsWith('==')) continue
    if (cells.length !== columns.length)
      fail(
        where,
        `has ${cells.length} cells; the header has ${columns.length}: the file is cut off or mixed with other output`,
        collect,
      )
    const cell = (column: string): string => cells[columns.indexOf(column)] ?? ''
    const name = cell('Kernel Name')
    if (cell('ID').trim() === '' && name.trim() === '') {
      units = cells
      continue
    }
    const metric = columns.includes('Metric Name')
    const summary = columns.includes('Invocations')
    const shape = `grid ${cell('Grid Size') || cell('grid size')}, block ${cell('Block Size')}`
    const key = metric ? (summary ? `${name} ${shape}` : `${cell('Process ID')} ${cell('ID')}`) : String(line)
    let row = rows.get(key)
    if (!row) {
      const launches = summary ? (numberOf(cell('Invocations'), where, 'Invocations') ?? 1) : 1
      row = {name, shape, line: line + before, launches, metrics: new Map()}
      rows.set(key, row)
    }
    if (metric) {
      const id = cell('Metric Name').trim()
      const value = columns.includes('Metric Value') ? cell('Metric Value') : cell('Average')
      if (isWanted(id)) putMetric(row, id, value, cell('Metric Unit'), where)
    } else for (const i of wanted) putMetric(row, columns[i]!, cells[i]!, units[i] ?? '', where)
  }
  return [...rows.values()]
}

/** Launches of one kernel and shape, added up. */
interface Sum {
  name: string
  shape: string
  launches: number
  flops: number | null
  bytes: number | null
  seconds: number
}

const added = (a: number | null, b: number | null, times: number): number | null =>
  a === null || b === null ? null : a + b * times

function warningsOf(launches: readonly Launch[]): Warning[] {
  const warnings: Warning[] = []
  const uncounted = (['f32', 'f64', 'f16'] as const).filter((f) =>
    launches.some((l) => l.flops !== null && l.uncounted.includes(f)),
  )
  if (uncounted.length > 0)
    warnings.push({
      code: 'not-collected',
      message: `Nsight Compute did not collect ${uncounted.join(' and ')} instructions: they count as none.`,
    })
  if (launches.some(({half}) => half))
    warnings.push({
      code: 'packed-half',
      message:
        'Half instructions are counted as pairs, as NVIDIA does (HFMA2 is 4 FLOP): an upper bound where a kernel fills one half.',
    })
  if (launches.some(({tensorUncounted}) => tensorUncounted))
    warnings.push({
      code: 'tensor-not-counted',
      message: 'Tensor cores worked, and no sm__ops_path_tensor_… metric says how much: the FLOPs are too low.',
    })
  return warnings
}

/** Launches of the same kernel with the same grid and block are one point: their mean. */
function parse(text: string, origin: string, options: PointOptions): Points {
  if (options.level === 'L3')
    fail(origin, 'Nsight Compute counts the bytes of L1, L2 and DRAM, not of L3', ['--level L1, L2 or DRAM'])
  const rows = rowsOf(text, origin)
  if (rows.length === 0) fail(origin, 'has no kernel launches', collect)
  const launches: Launch[] = []
  const sums = new Map<string, Sum>()
  let empty = 0
  for (const row of rows) {
    const launch = launchOf(row.metrics, options.level)
    const missing = options.joined ? launch.missing.filter((name) => name === durations[0]) : launch.missing
    const where = `${origin}: line ${row.line}: ${tidyName(row.name, 'a kernel').slice(0, 80)}`
    if (missing.length > 0) fail(where, `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`, collect)
    if (launch.seconds === null || launch.seconds === 0) fail(where, 'took no time', collect)
    launches.push(launch)
    if (launch.flops === 0 && launch.bytes === 0) {
      empty++
      continue
    }
    const key = `${row.name}\n${row.shape}`
    const sum = sums.get(key)
    const {flops, bytes, seconds} = launch
    const n = row.launches
    if (!sum) {
      if (sums.size === limits.points)
        fail(origin, `has more than ${limits.points} different kernels`, ['choose some with ncu --kernel-name'])
      const name = tidyName(row.name, `kernel ${sums.size + 1}`)
      sums.set(key, {
        name,
        shape: row.shape,
        launches: n,
        flops: added(0, flops, n),
        bytes: added(0, bytes, n),
        seconds: seconds! * n,
      })
    } else {
      sum.launches += n
      sum.flops = added(sum.flops, flops, n)
      sum.bytes = added(sum.bytes, bytes, n)
      sum.seconds += seconds! * n
    }
  }
  const warnings = warningsOf(launches)
  if (empty > 0)
    warnings.push({code: 'empty-kernels', message: `${empty} launches without FLOPs and without bytes were left out.`})
  if (sums.size === 0) fail(origin, 'no launch has FLOPs or bytes: there is nothing to place', collect)
  const mean = (value: number | null, n: number) => (value === null ? null : value / n)
  const shapes = new Map<string, number>()
  for (const {name} of sums.values()) shapes.set(name, (shapes.get(name) ?? 0) + 1)
  const points = [...sums.values()].map(({name, shape, launches: n, flops, bytes, seconds}): Point => {
    const full =
      shapes.get(name)! > 1 && !shape.startsWith('grid ,')
        ? tidyName(`${name.slice(0, limits.name - 60)} ${shape}`, name)
        : name
    return {name: full, flops: mean(flops, n), bytes: mean(bytes, n), seconds: seconds / n, count: n}
  })
  return {points: distinct(points), warnings}
}

export const nsight: PointFormat = {
  id: 'nsight',
  title: 'Nsight Compute CSV',
  sniff: (text) => header.test(text),
  parse,
}
