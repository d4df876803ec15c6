/** Training figures that others published, beside ours: they need not match, `docs/validation.md` says why. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {clusterTable, memoryTable, singleTable, tokenTable} from './training-tables.ts'

describe('docs/validation.md', () => {
  const page = readFileSync(new URL('../../docs/validation.md', import.meta.url), 'utf8')
  const section = (name: string) => new RegExp(`<!-- ${name} -->\n\n([\\s\\S]*?)\n\n<!-- /${name} -->`).exec(page)?.[1]

  it.each([
    ['activation-memory', memoryTable()],
    ['training-single', singleTable()],
    ['training-cluster', clusterTable()],
    ['training-tokens', tokenTable()],
  ])('holds the table "%s" as it is computed', (name, text) => {
    console.log(`<!-- ${name} -->\n\n${text}\n\n<!-- /${name} -->`)
    expect(section(name)).toBe(text)
  })
})
