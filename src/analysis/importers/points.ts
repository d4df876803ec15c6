/** Measurements made elsewhere, from CSV or JSON: `name, flops, bytes, seconds` per point. */
import {AnalysisError} from '../errors.ts'
import {type BaseUnit, parseQuantity} from '../units.ts'

export interface Point {
  readonly name: string
  /** FLOP */
  readonly flops: number
  /** B at the level they are placed against */
  readonly bytes: number
  /** s */
  readonly seconds: number
}

export const limits = {characters: 10_000_000, points: 10_000, name: 200}

const fields = ['name', 'flops', 'bytes', 'seconds'] as const
const units = {flops: 'FLOP', bytes: 'B', seconds: 's'} as const satisfies Record<string, BaseUnit>
const example = [
  'a CSV starts with "name,flops,bytes,seconds"; JSON is [{"name": …, "flops": …, "bytes": …, "seconds": …}]',
]

function fail(where: string, problem: string): never {
  throw new AnalysisError('bad-points', `${where}: ${problem}`, example)
}

function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return (typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : String(value)).slice(0, 64)
}

/** A plain number in base units, or a quantity such as `12.5 us`. */
function numberOf(value: unknown, field: keyof typeof units, where: string): number {
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
  if (!fine) fail(where, `${field} ${show(value)} is not a number ${least} in ${units[field]}`)
  return number as number
}

/**
 * Checks one measurement.
 * @param where what messages call it
 * @throws AnalysisError `bad-points` naming the field
 */
export function pointOf(value: unknown, where: string, unnamed: string): Point {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail(where, `${show(value)} is not an object with ${fields.join(', ')}`)
  const own = (field: string): unknown =>
    Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : undefined
  const name = own('name') ?? unnamed
  if (typeof name !== 'string' || name.trim() === '') fail(where, `name ${show(name)} is not a text`)
  if (name.length > limits.name) fail(where, `name has ${name.length} characters; at most ${limits.name} are allowed`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters would reach the terminal
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) fail(where, 'name contains control characters')
  for (const field of fields.slice(1)) if (own(field) === undefined) fail(where, `${field} is missing`)
  const point = {
    name: name.trim(),
    flops: numberOf(own('flops'), 'flops', where),
    bytes: numberOf(own('bytes'), 'bytes', where),
    seconds: numberOf(own('seconds'), 'seconds', where),
  }
  if (point.flops === 0 && point.bytes === 0) fail(where, 'flops and bytes are both 0: there is nothing to place')
  return point
}

/** Records of a CSV (RFC 4180: quotes, doubled quotes, line breaks inside quotes), each with the line it starts on. */
function records(text: string, origin: string): {cells: string[]; line: number}[] {
  const out: {cells: string[]; line: number}[] = []
  let cells: string[] = []
  let cell = ''
  let quoted = false
  let line = 1
  let start = 1
  const endRecord = () => {
    cells.push(cell)
    if (cells.length > 1 || cells[0]!.trim() !== '') out.push({cells, line: start})
    if (out.length > limits.points + 1) fail(origin, `has more than ${limits.points} points`)
    cells = []
    cell = ''
  }
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (c === '\n') line++
    if (quoted) {
      if (c !== '"') cell += c
      else if (text[i + 1] === '"') {
        cell += '"'
        i++
      } else quoted = false
    } else if (c === '"' && cell.trim() === '') {
      quoted = true
      cell = ''
    } else if (c === ',') {
      cells.push(cell)
      cell = ''
    } else if (c === '\n' || c === '\r') {
      endRecord()
      if (c === '\r' && text[i + 1] === '\n') {
        i++
        line++
      }
      start = line
    } else cell += c
  }
  if (quoted) fail(`${origin}: line ${start}`, 'a quote is opened and never closed')
  endRecord()
  return out
}

function fromCsv(text: string, origin: string): Point[] {
  const [header, ...rows] = records(text, origin)
  if (!header) fail(origin, 'is empty')
  const columns = header.cells.map((cell) => cell.trim().toLowerCase())
  for (const field of fields.slice(1)) {
    if (!columns.includes(field)) fail(`${origin}: line ${header.line}`, `the header has no column ${field}`)
    if (columns.indexOf(field) !== columns.lastIndexOf(field))
      fail(`${origin}: line ${header.line}`, `the header has the column ${field} twice`)
  }
  return rows.map(({cells, line}, i) => {
    const where = `${origin}: line ${line}`
    if (cells.length !== columns.length) fail(where, `has ${cells.length} cells; the header has ${columns.length}`)
    const entries = fields.flatMap((field) => {
      const at = columns.indexOf(field)
      return at < 0 ? [] : [[field, cells[at]!] as const]
    })
    return pointOf(Object.fromEntries(entries), where, `point ${i + 1}`)
  })
}

function fromJson(text: string, origin: string): Point[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')
    const line = text.slice(0, position ? Number(position[1]) : text.length).split('\n').length
    throw new AnalysisError('bad-json', `${origin}: not JSON: mistake at line ${line}`, example)
  }
  const list = Array.isArray(parsed)
    ? parsed
    : typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, 'points')
      ? (parsed as {points: unknown}).points
      : undefined
  if (!Array.isArray(list)) fail(origin, 'is neither an array of points nor an object with "points"')
  if (list.length > limits.points) fail(origin, `has ${list.length} points; at most ${limits.points} are allowed`)
  return list.map((value: unknown, i) => pointOf(value, `${origin}: points[${i}]`, `point ${i + 1}`))
}

/**
 * Reads points from CSV (a header with `flops`, `bytes`, `seconds` and maybe `name`, in any order; further columns are
 * ignored) or JSON (an array, or an object with `points`). Numbers are in base units, or carry a unit (`12.5 us`).
 * @throws AnalysisError `bad-points` naming the line or entry and the field, `bad-json`
 */
export function parsePoints(text: string, origin: string): Point[] {
  const place = origin.length > 200 ? `…${origin.slice(-199)}` : origin
  if (text.length > limits.characters)
    fail(place, `has ${text.length} characters; at most ${limits.characters} are allowed`)
  const plain = text.replace(/^\uFEFF/, '')
  const points = /^\s*[[{]/.test(plain) ? fromJson(plain, place) : fromCsv(plain, place)
  if (points.length === 0) fail(place, 'has no points')
  return points
}
