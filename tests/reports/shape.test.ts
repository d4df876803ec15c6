import {expect, it} from 'vitest'
import {checkDocument} from '../../reports/document.ts'
import {readPlacement} from '../../reports/placement.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {place} from '../../src/analysis/place.ts'
import {sample} from './support.ts'

type Json = Record<string, unknown>

/** Paths of all fields of a document: of each list its first item alone, of each record its first value. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.slice(0, 1).entries()]
    : Object.entries(value)
  return [...(path.length > 0 ? [path] : []), ...entries.flatMap(([key, inner]) => pathsOf(inner, [...path, key]))]
}

/** A copy with one field replaced. */
function edited(document: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(document) as Json
  let at = copy
  for (const key of path.slice(0, -1)) at = at[key] as Json
  at[path.at(-1)!] = value
  return copy
}

/** What a page does not read, or may hold anything. */
const free =
  /^(ok|schema)$|\.(shape\.|(image|srcSeq|graph|accumulate|dtype|engine|operation|sparsity|level|mix|threads|cv|verdict)$)/

const alone = () => {
  const {result, warnings} = place([{name: 'a', flops: 1e12, bytes: 1e9, seconds: 0.01}], machines['h100-sxm'], {
    dtype: 'bf16',
  })
  return {schema: 'ridgepoint/placement@1', ok: true, result, warnings}
}

const cases = [
  ['an analysis', sample({options: {phase: 'decode', count: 2, tp: 2, against: [machines.mi300x]}}), checkDocument],
  ['a page of points', alone(), readPlacement],
] as const

it.each(cases)('names the field of %s that was edited by hand', (_name, document, check) => {
  expect(() => check(document)).not.toThrow()
  let tried = 0
  for (const path of pathsOf(document)) {
    const name = path.join('.')
    if (free.test(name)) continue
    // an object where a value was, a value where an object or a list was
    const now = path.reduce<unknown>((at, key) => (at as Json)[key], document)
    const wrong = typeof now === 'object' && now !== null ? 7 : {}
    expect(() => check(edited(document, path, wrong)), name).toThrow(`"${name}" is not`)
    expect(() => check(edited(document, path, undefined)), name).toThrow(/ is not /)
    tried++
  }
  expect(tried).toBeGreaterThan(30)
})
