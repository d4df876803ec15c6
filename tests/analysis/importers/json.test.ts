import fc from 'fast-check'
import {expect, it} from 'vitest'
import {mistakeIn, parseJson} from '../../../src/analysis/importers/json.ts'

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

it.each([
  ['{"a": NaN}', 6],
  ['{"a": 1,}', 8],
  ['[1, 2', 5],
  ['[1 2]', 3],
  ['{"a" 1}', 5],
  ['{a: 1}', 1],
  ['"\\x"', 1],
  ['"line\nbreak"', 5],
  ['01', 1],
  ['{}}', 2],
  ['', 0],
  ['tru', 0],
  ['-', 0],
  ['[}', 1],
])('%j stops being JSON at %i', (text, at) => expect(mistakeIn(text)).toBe(at))

it('finds a mistake in exactly the texts that do not parse', () => {
  const near = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', ']', 'NaN', '\\', '\u0001', ' ', '1'))
  fc.assert(
    fc.property(near, ([json, where, put]) => {
      const at = where % (json.length + 1)
      for (const text of [json, json.slice(0, at), json.slice(0, at) + put + json.slice(at)])
        expect(mistakeIn(text) === undefined, text).toBe(parses(text))
    }),
    {numRuns: 2000},
  )
})

it('is as deep and as long as a text is', () => {
  const deep = `${'['.repeat(300_000)}${']'.repeat(300_000)}`
  expect(mistakeIn(deep)).toBeUndefined()
  expect(mistakeIn(`${deep}]`)).toBe(600_000)
  expect(mistakeIn(`"${'a\\n'.repeat(500_000)}`)).toBe(1_500_001)
})

it('says the line and the column, that a text breaks off, or that there is none', () => {
  const wrong = (text: string) => {
    try {
      return parseJson(text, (said) => new Error(said))
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(wrong('{"a": [1]}')).toEqual({a: [1]})
  expect(wrong('{\n  "value": NaN\n}')).toBe('mistake at line 2, column 12')
  expect(wrong('{\n  "value": 1')).toBe('it breaks off at line 2, column 13')
  expect(wrong(' \n')).toBe('it is empty')
})
