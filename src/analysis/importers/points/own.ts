/** Our own form of measurements: CSV or JSON with `name, flops, bytes, seconds` per point. */
import {AnalysisError} from '../../errors.ts'
import {type BaseUnit, parseQuantity} from '../../units.ts'
import {parseJson} from '../json.ts'
import {show} from '../show.ts'
import {records} from './records.ts'
import {fail as failWith, limits, type Point, type PointOptions, type Points} from './shared.ts'

const fields = ['name', 'flops', 'bytes', 'seconds'] as const
const units = {flops: 'FLOP', bytes: 'B', seconds: 's'} as const satisfies Record<string, BaseUnit>
const example = [
  'a CSV starts with "name,flops,bytes,seconds"; JSON is [{"name": …, "flops": …, "bytes": …, "seconds": …}]; the CSV of Nsight Compute and the output of likwid are read as they are',
]

const fail = (where: string, problem: string): never => failWith(where, problem, example)

/** A plain number in base units, or a quantity such as `12.5 us`. */
function numberOf(value: unknown, field: keyof typeof units, where: string, suggestions: readonly string[]): number {
  const text = typeof value === 'string' ? value.trim() : value
  let number: unknown = text
  if (typeof text === 'string') {
    if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) number = Number(text)
    else {
      try {
        number = parseQuantity(text, units[field])
      } catch {
        number = undefined
      }
    }
  }
  const least = field === 'seconds' ? 'above 0' : '0 or more'
  const fine = typeof number === 'number' && Number.isFinite(number) && (field === 'seconds' ? number > 0 : number >= 0)
  if (!fine) failWith(where, `${field} ${show(value)} is not a number ${least} in ${units[field]}`, suggestions)
  return number as number
}

/**
 * Checks one measurement.
 * @param where what messages call it
 * @param joined FLOPs and bytes may be left out (or be empty in a CSV): an analysis has them
 * @param suggestions what to do about a mistake
 * @throws AnalysisError `bad-points` naming the field
 */
export function pointOf(
  value: unknown,
  where: string,
  unnamed: string,
  joined = false,
  suggestions: readonly string[] = example,
): Point {
  const fail: (where: string, problem: string) => never = (at, problem) => failWith(at, problem, suggestions)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail(where, `${show(value)} is not an object with ${fields.join(', ')}`)
  const own = (field: string): unknown =>
    Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined
  const name = own('name') ?? unnamed
  if (typeof name !== 'string' || name.trim() === '') return fail(where, `name ${show(name)} is not a text`)
  if (name.length > limits.name) fail(where, `name has ${name.length} characters; at most ${limits.name} are allowed`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters would reach the terminal
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) fail(where, 'name contains control characters')
  const absent = (field: string) => own(field) === undefined || (joined && own(field) === '')
  for (const field of fields.slice(1))
    if (absent(field) && !(joined && field !== 'seconds')) fail(where, `${field} is missing`)
  const figure = (field: 'flops' | 'bytes') => (absent(field) ? null : numberOf(own(field), field, where, suggestions))
  const point = {
    name: name.trim(),
    flops: figure('flops'),
    bytes: figure('bytes'),
    seconds: numberOf(own('seconds'), 'seconds', where, suggestions),
  }
  if (point.flops === 0 && point.bytes === 0) fail(where, 'flops and bytes are both 0: there is nothing to place')
  return point
}

function fromCsv(text: string, origin: string, joined: boolean): Point[] {
  const points: Point[] = []
  let columns: string[] | undefined
  for (const {cells, line} of records(text, origin, example)) {
    const where = `${origin}: line ${line}`
    if (!columns) {
      columns = cells.map((cell) => cell.trim().toLowerCase())
      const other = cells.length === 1 ? /[;\t|]/.exec(cells[0]!)?.[0] : undefined
      if (other) fail(where, `the header's columns are separated by ${show(other)}; a comma is needed`)
      for (const field of fields) {
        const needed = field !== 'name' && !(joined && field !== 'seconds')
        if (needed && !columns.includes(field)) fail(where, `the header has no column ${field}`)
        if (columns.indexOf(field) !== columns.lastIndexOf(field))
          fail(where, `the header has the column ${field} twice`)
      }
      continue
    }
    if (points.length === limits.points) fail(origin, `has more than ${limits.points} points`)
    if (cells.length !== columns.length) fail(where, `has ${cells.length} cells; the header has ${columns.length}`)
    const names = columns
    const entries = fields.flatMap((field) => {
      const at = names.indexOf(field)
      return at < 0 ? [] : [[field, cells[at]!] as const]
    })
    points.push(pointOf(Object.fromEntries(entries), where, `point ${points.length + 1}`, joined))
  }
  if (!columns) fail(origin, 'is empty')
  return points
}

function fromJson(text: string, origin: string, joined: boolean): Point[] {
  const refuse = (wrong: string) => new AnalysisError('bad-json', `${origin}: not JSON: ${wrong}`, example)
  const parsed = parseJson(text, refuse)
  const list = Array.isArray(parsed)
    ? parsed
    : typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, 'points')
      ? (parsed as {points: unknown}).points
      : undefined
  if (!Array.isArray(list)) return fail(origin, 'is neither an array of points nor an object with "points"')
  if (list.length > limits.points) fail(origin, `has ${list.length} points; at most ${limits.points} are allowed`)
  return list.map((value: unknown, i) => pointOf(value, `${origin}: points[${i}]`, `point ${i + 1}`, joined))
}

/**
 * Reads points from CSV (a header with `flops`, `bytes`, `seconds` and maybe `name`, in any order; further columns are
 * ignored) or JSON (an array, or an object with `points`). Numbers are in base units, or carry a unit (`12.5 us`).
 * @throws AnalysisError `bad-points` naming the line or entry and the field, `bad-json`
 */
export function parseOwn(text: string, origin: string, {joined = false}: PointOptions): Points {
  if (text.includes('\u0000')) fail(origin, 'holds zero bytes: it is no text, or not in UTF-8')
  const points = /^\s*[[{]/.test(text) ? fromJson(text, origin, joined) : fromCsv(text, origin, joined)
  if (points.length === 0) fail(origin, 'has no points')
  return {points, warnings: []}
}
