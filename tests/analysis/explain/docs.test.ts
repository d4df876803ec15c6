import {readFileSync, writeFileSync} from 'node:fs'
import {expect, it} from 'vitest'
import {adviceRules} from '../../../src/analysis/advice/index.ts'
import {concepts} from '../../../src/analysis/explain/concepts/index.ts'
import {families} from '../../../src/analysis/importers/hf/families.ts'
import {ops} from '../../../src/analysis/ops/index.ts'

const file = (name: string) => new URL(`../../../docs/${name}.md`, import.meta.url)
const page = (name: string) => readFileSync(file(name), 'utf8')

it('the conventions list every operator with its formula, and nothing else', () => {
  // `UPDATE_TABLES=1 npx vitest run tests/analysis/explain/docs.test.ts` writes the table anew, after an operator was added
  if (process.env.UPDATE_TABLES) {
    const rows = Object.values(ops).map((op) => `| \`${op.kind}\` | ${op.formula} |\n`)
    writeFileSync(
      file('conventions'),
      page('conventions').replace(/(?:^\| `[^`]+` \| .* \|\n)+/m, () => rows.join('')),
    )
  }
  const rows = [...page('conventions').matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)].map((m) => [m[1], m[2]])
  expect(rows).toEqual(Object.values(ops).map((op) => [op.kind, op.formula]))
})

it('the conventions name every advice rule and every family of configurations', () => {
  for (const id of [...Object.keys(adviceRules), ...Object.keys(families)])
    expect(page('conventions')).toContain(`\`${id}\``)
})

it('the glossary points to every concept but the count of FLOPs, which it defines', () => {
  const named = [...page('glossary').matchAll(/`perf explain ([a-z-]+)`/g)].map((m) => m[1])
  expect(named.sort()).toEqual(
    Object.keys(concepts)
      .filter((id) => id !== 'flop-mac')
      .sort(),
  )
})
