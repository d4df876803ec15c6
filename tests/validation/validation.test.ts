/** The engine against figures and measurements that others published. `npx vitest run tests/validation` prints the tables. */
import {readFileSync, writeFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {exactRows} from './exact.ts'
import {exactTable, insideTable, kindTable} from './table.ts'
import {kindsOf, LAST_LEVEL_CACHE, median, timedRows} from './times.ts'

const exact = exactRows()
const timed = timedRows()
const kinds = kindsOf(timed)
const inside = timed.filter((row) => row.lower > row.measured)

describe('published figures', () => {
  it.each(exact.map((row) => [`${row.quantity} ${row.id}`, row] as const))('%s', (_, row) => {
    if (row.rounding === 0) expect(row.ours).toBe(row.published)
    else expect(Math.abs(row.ours - row.published)).toBeLessThanOrEqual(row.rounding)
    expect(row.source.length).toBeGreaterThan(20)
  })
})

describe('operators measured on an A100', () => {
  it('are all there, each with its source', () => {
    expect(timed).toHaveLength(276)
    for (const row of timed) {
      expect(row.measured).toBeGreaterThan(0)
      expect(row.source).toMatch(/ at [0-9a-f]{7} \(.*measured/)
    }
    expect(new Set(timed.map((row) => `${row.source} ${row.id}`)).size).toBe(timed.length)
  })

  it('took no less than our lower bound, where their tensors exceed the cache', () => {
    const faster = timed.filter((row) => row.bytes > LAST_LEVEL_CACHE && row.measured < row.lower)
    expect(faster).toEqual([])
  })

  it('that beat the bound move little enough to stay in the cache', () => {
    for (const row of inside) {
      expect(row.bytes, row.id).toBeLessThan(LAST_LEVEL_CACHE)
      expect(row.bound, row.id).toBe('dram')
    }
  })

  it('stay within a factor of 3.5 of the bound: a bound far below would be wrong by a factor, not by efficiency', () => {
    // the least is vidur's RMSNorm, 0.31
    for (const kind of kinds) expect(kind.min, kind.name).toBeGreaterThan(1 / 3.5)
  })

  it('reach most of the bound where one kernel does nothing else: large products and additions', () => {
    for (const kind of kinds.filter(({name}) => /^(linear|add)/.test(name)))
      expect(kind.median, kind.name).toBeGreaterThan(0.6)
  })
})

describe('docs/validation.md', () => {
  const file = new URL('../../docs/validation.md', import.meta.url)
  let page = readFileSync(file, 'utf8')
  const between = (name: string) => new RegExp(`<!-- ${name} -->\\n\\n([\\s\\S]*?)\\n\\n<!-- /${name} -->`)
  const section = (name: string) => between(name).exec(page)?.[1]
  // `UPDATE_TABLES=1 npx vitest run tests/validation/validation.test.ts` writes the tables anew, after a model was added
  const update = (name: string, text: string) => {
    page = page.replace(between(name), () => `<!-- ${name} -->\n\n${text}\n\n<!-- /${name} -->`)
    writeFileSync(file, page)
  }

  it.each([
    ['exact', exactTable(exact)],
    ['kinds', kindTable(kinds)],
    ['inside', insideTable(inside)],
  ])('holds the table "%s" as it is computed', (name, text) => {
    console.log(text)
    if (process.env.UPDATE_TABLES) update(name, text)
    expect(section(name)).toBe(text)
  })

  it('quotes the overall figures', () => {
    const beyond = timed.filter((row) => row.bytes > LAST_LEVEL_CACHE)
    const ratios = beyond.map((row) => row.lower / row.measured)
    expect(page).toContain(`${timed.length} measurements, ${beyond.length} of them beyond the cache`)
    expect(page).toContain(`median ${median(ratios).toFixed(2)}`)
  })
})

describe('median', () => {
  it('is the middle, or the mean of both middles', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })
})
