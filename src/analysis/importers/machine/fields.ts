/** Reads the fields of a machine file one by one, so that a mistake names its field, what is allowed and an example. */
import {closest, distance} from 'fastest-levenshtein'
import {AnalysisError} from '../../errors.ts'
import {type BaseUnit, parseQuantity, parseUnit} from '../../units.ts'
import {show} from '../show.ts'

/** What a machine file may not exceed: a hostile one is refused before it is read field by field. */
export const limits = {characters: 1_000_000, depth: 10, values: 20_000, text: 2000, name: 200, ceilings: 500}

export type Fields = Record<string, unknown>
/** One object of the file: where it came from, its path in it, its values. */
export interface At {
  origin: string
  path: string
  fields: Fields
}

export function fail(at: {origin: string}, path: string, problem: string, suggestions: string[] = []): never {
  throw new AnalysisError('bad-machine', `${at.origin}: ${path}: ${problem}`, suggestions)
}

export const join = (path: string, key: string) => (path === '' ? key : `${path}.${key}`)
export const get = (at: At, key: string) => (Object.hasOwn(at.fields, key) ? at.fields[key] : undefined)

/** Opens an object and refuses fields it does not have, naming the nearest one that it does. */
export function open(value: unknown, parent: {origin: string}, path: string, allowed: readonly string[]): At {
  const shown = path === '' ? 'the machine' : path
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail(parent, shown, `is ${show(value)}, not an object with ${allowed.slice(0, 4).join(', ')}, …`)
  const at: At = {origin: parent.origin, path, fields: value as Fields}
  for (const key of Object.keys(at.fields)) {
    if (allowed.includes(key)) continue
    if (/spars/i.test(key))
      sparse(at, join(path, key), 'a ceiling is a dense peak; one for 2:4 weights alone says "sparsity": "2:4" itself')
    const near = closest(key.slice(0, 40), allowed)
    const hint = distance(key.slice(0, 40), near) <= 3 ? `; did you mean "${near}"?` : ''
    fail(at, join(path, show(key).slice(1, -1)), `unknown field${hint}`, [`the fields here are ${allowed.join(', ')}`])
  }
  return at
}

export function text(at: At, key: string, max = limits.text): string | undefined {
  const value = get(at, key)
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.trim() === '') fail(at, join(at.path, key), `is ${show(value)}, not a text`)
  if (value.length > max) fail(at, join(at.path, key), `has ${value.length} characters; at most ${max} are allowed`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters would reach the terminal
  if (/[\u0000-\u001f\u007f-\u009f]/.test(value)) fail(at, join(at.path, key), 'contains control characters')
  return value
}

export function required(at: At, key: string, example: string, max?: number): string {
  return text(at, key, max) ?? fail(at, join(at.path, key), `missing; write for example "${key}": "${example}"`)
}

export function choice<T extends string>(at: At, key: string, allowed: readonly T[]): T | undefined {
  const value = get(at, key)
  if (value === undefined) return undefined
  if (typeof value === 'string' && (allowed as readonly string[]).includes(value)) return value as T
  const near = typeof value === 'string' ? closest(value.slice(0, 40), allowed) : undefined
  const hint = near !== undefined && distance(String(value).slice(0, 40), near) <= 2 ? `; did you mean "${near}"?` : ''
  return fail(at, join(at.path, key), `${show(value)} is not one of ${allowed.join(', ')}${hint}`)
}

export function needed<T extends string>(at: At, key: string, allowed: readonly T[]): T {
  return choice(at, key, allowed) ?? fail(at, join(at.path, key), `missing; it is one of ${allowed.join(', ')}`)
}

/** A number in base units; `null` is kept where the field may be unknown. */
export function number(
  at: At,
  key: string,
  rule: 'positive' | 'count' | 'not negative' = 'positive',
): number | undefined {
  const value = get(at, key)
  if (value === undefined) return undefined
  const fits = typeof value === 'number' && Number.isFinite(value) && (rule === 'not negative' ? value >= 0 : value > 0)
  if (!fits || (rule === 'count' && !Number.isSafeInteger(value)))
    fail(at, join(at.path, key), `is ${show(value)}, not a ${rule === 'count' ? 'positive whole' : rule} number`)
  return value
}
export const nullable = (at: At, key: string) => (get(at, key) === null ? null : number(at, key))

/**
 * `"3.35 TB/s"`, or a number with its unit in `unitKey`.
 * @returns the value in `base`
 */
export function quantity(at: At, key: string, unitKey: string | undefined, base: BaseUnit, what: string): number {
  const value = get(at, key)
  const path = join(at.path, key)
  const example = base === 's' ? '4.5 us' : base === 'W' ? '700 W' : base === 'B' ? '80 GB' : `3.35 T${base}`
  if (value === undefined || value === null) fail(at, path, `missing; write for example "${key}": "${example}"`)
  const unit = unitKey === undefined ? undefined : text(at, unitKey, limits.name)
  const unitPath = join(at.path, unitKey ?? key)
  if (typeof value === 'string') {
    const written = /^\s*([+-]?[\d.,_eE+-]+)\s*(\S*)\s*$/.exec(value.slice(0, limits.name))
    if (written === null) fail(at, path, `${show(value)} is not a number with its unit; write for example "${example}"`)
    if (unit !== undefined) fail(at, unitPath, `given twice: ${key} is ${show(value)} already`)
    if (written[2] === '') fail(at, path, `${show(value)} has no unit; write for example "${example}"`)
    return unitOf(at, path, written[2]!, base, what, () => parseQuantity(value, base), show(value), example)
  }
  if (typeof value !== 'number') fail(at, path, `is ${show(value)}; write for example "${key}": "${example}"`)
  if (!(value > 0 && Number.isFinite(value))) fail(at, path, `is ${show(value)}, not a positive number`)
  if (unit === undefined)
    fail(at, unitPath, `missing; write for example "${unitKey ?? key}": "${example.split(' ')[1]}"`)
  return unitOf(at, unitPath, unit, base, what, () => parseQuantity(`${value} ${unit}`, base), show(unit), example)
}

/** Checks that a unit fits before the number is converted, so that the message is about the unit and not the number. */
export function unitOf(
  at: At,
  path: string,
  unit: string,
  base: BaseUnit,
  what: string,
  convert: () => number,
  shown: string,
  example: string,
): number {
  const parsed = parseUnit(unit)
  const use = `write for example "${example}"`
  if (parsed === undefined || !Number.isFinite(parsed.scale)) fail(at, path, `${shown} is not in a known unit; ${use}`)
  if (parsed.base !== base) fail(at, path, `${shown} does not fit ${what}, which is in ${base}; ${use}`)
  let result = Number.NaN
  try {
    result = convert()
  } catch (error) {
    if (!(error instanceof AnalysisError)) throw error
  }
  if (!(result > 0 && Number.isFinite(result))) fail(at, path, `${shown} is not a positive quantity; ${use}`)
  return result
}

export function day(at: At, key: string): string | undefined {
  const value = text(at, key, 40)
  if (value !== undefined && !/^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T[\d:.Z+-]*)?$/.test(value))
    fail(at, join(at.path, key), `${show(value)} is not a date such as 2026-11-21`)
  return value
}

export type Present<T> = {[K in keyof T]?: Exclude<T[K], undefined>}
/** Drops the fields that are not there: an optional field is absent, never `undefined`. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>
}

/** Refuses what no machine file is: too deep, too many values, texts without end, things JSON does not have. */
export function checkSize(root: unknown, at: {origin: string}): void {
  const stack: {value: unknown; depth: number}[] = [{value: root, depth: 0}]
  let values = 0
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const {value, depth} = next
    if (++values > limits.values) fail(at, 'the file', `has more than ${limits.values} values`)
    if (depth > limits.depth) fail(at, 'the file', `is nested more than ${limits.depth} levels deep`)
    if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
      fail(at, 'the file', `holds a ${typeof value}, which JSON does not have`)
    if (typeof value !== 'object' || value === null) continue
    const children = Array.isArray(value) ? value : Object.values(value)
    if (values + children.length > limits.values) fail(at, 'the file', `has more than ${limits.values} values`)
    for (const child of children) stack.push({value: child, depth: depth + 1})
  }
}

export function sparse(at: {origin: string}, path: string, problem: string, suggestions: string[] = []): never {
  throw new AnalysisError('sparse-peak', `${at.origin}: ${path}: ${problem}`, [
    ...suggestions,
    'give the dense peak: data sheets print the sparse one with a footnote, and it is twice the dense one',
  ])
}

/** A text that names a sparse peak, unless it says in the same breath how the dense one was had from it. */
export function refuseSparse(at: {origin: string}, path: string, value: string): void {
  if (/spars/i.test(value) && !/\b(dense|half|halved|halves|without|no|not|non)\b/i.test(value))
    sparse(at, path, `${show(value)} names a sparse peak`)
}
