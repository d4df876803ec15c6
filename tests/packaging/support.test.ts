/** docs/support.md against the project: what it names exists, and what exists is named. */
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {models} from '../../src/analysis/models/index.ts'
import {ops} from '../../src/analysis/ops/index.ts'

const root = new URL('../../', import.meta.url)
const file = new URL('docs/support.md', root)

/** Between these marks stand the operators and models that have no row of their own yet: written by `UPDATE_TABLES=1`. */
const marks = /<!-- others -->\n\n[\s\S]*?\n*<!-- \/others -->/
const namedIn = (text: string) =>
  new Set(
    text
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .flatMap((line) => [...line.split(/(?<!\\) \| /)[0]!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)),
  )

if (process.env.UPDATE_TABLES) {
  const text = readFileSync(file, 'utf8')
  const named = namedIn(text.replace(marks, ''))
  const all = [
    ...Object.values(ops).map((op) => [op.kind, op.source, '`ops-registry.test.ts`'] as const),
    ...Object.values(models).map((model) => [model.id, model.source, '`analysis/models.test.ts`'] as const),
  ]
  const rest = all.filter(([id]) => !named.has(id)).map(([id, ...cells]) => `| \`${id}\` | ${cells.join(' | ')} |`)
  const table = rest.length > 0 ? ['| item | source | test that proves it |', '|---|---|---|', ...rest, ''] : []
  writeFileSync(
    file,
    text.replace(marks, () => ['<!-- others -->', '', ...table, '<!-- /others -->'].join('\n')),
  )
}
const page = readFileSync(file, 'utf8')
const tests = readdirSync(new URL('tests/', root), {recursive: true, encoding: 'utf8'})
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.test.ts'))

/** Cells of every row of every table, without heads and rules. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (item|---)/.test(line))
  .map((line) => line.slice(2, -2).split(/(?<!\\) \| /))

/** The files that a name can mean: a path, or the end of one. */
const filesOf = (name: string) => tests.filter((path) => `/tests/${path}`.endsWith(`/${name}`))

describe('the support table', () => {
  it('has three cells in every row: the item, its source, its test', () => {
    expect(rows.length).toBeGreaterThan(100)
    for (const row of rows) {
      expect(row, row[0]).toHaveLength(3)
      for (const cell of row) expect(cell.trim().length, row[0]).toBeGreaterThan(0)
    }
  })

  it.each(rows.map((row) => [row[0]!, row[2]!] as const))('%s: its tests exist', (_, proof) => {
    const files = [...proof.matchAll(/`([\w./-]+\.test\.ts)`/g)].map((match) => match[1]!)
    for (const name of files) expect(filesOf(name).length, name).toBeGreaterThan(0)
    // a row without a test file of its own names the command or the page that has the figures
    if (files.length === 0) expect(proof).toMatch(/`npm run \w+|validation\.md/)
    const text = files
      .flatMap(filesOf)
      .map((path) => readFileSync(new URL(`tests/${path}`, root), 'utf8'))
      .join('\n')
    for (const [, title] of proof.matchAll(/"([^"]+)"/g)) expect(text, title).toContain(title)
  })

  it('names every operator and every model of the registries in the item of some row', () => {
    const named = namedIn(page)
    for (const id of [...Object.keys(ops), ...Object.keys(models)]) expect(named.has(id), id).toBe(true)
  })
})
