/** Training figures that others published, beside ours: they need not match, `docs/validation.md` says why. */
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {memoryRows, trainingRows} from './training.ts'
import {
  clusterTable,
  memoryTable,
  paperStateGiB,
  plainFlops,
  qwen72b,
  singleTable,
  tokenTable,
} from './training-tables.ts'

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

describe('differences', () => {
  const value = (id: string) => trainingRows.find((row) => row.id === id)!.value

  it('of Qwen-72B: the published figure is that of 12·L·h² weights and the LM head, without attention', () => {
    expect(plainFlops(qwen72b.spec) / 1e9).toBeCloseTo(394.02, 2)
    expect(Math.round(plainFlops(qwen72b.spec) / 1e9)).toBe(value('deepseek/trainflops/Qwen-72B'))
    // the other dense row of the same table, by the same formula: LLaMA-405B (126 layers of 16,384, 128,256 words), 2,448
    expect(Math.round(plainFlops({layers: 126, hidden: 16_384, vocab: 128_256}) / 1e9)).toBe(2448)
  })

  it('of parameter and optimizer memory: the published figures are 18 bytes of 12·L·h² parameters', () => {
    const rows = memoryRows.filter(({quantity}) => quantity === 'params_plus_optimizer_memory')
    expect(rows).toHaveLength(4)
    for (const row of rows) expect(paperStateGiB(row)).toBeCloseTo(row.value, 1)
  })

  it('leave no published row out of the tables', () => {
    const lines = [memoryTable(), singleTable(), clusterTable(), tokenTable()].flatMap((text) => text.split('\n'))
    for (const {id, value} of [...memoryRows, ...trainingRows]) {
      const parts = id.split('/')
      const names = [parts.slice(1).join('/'), parts.slice(1, -1).join('/'), parts[1], parts.at(-1), parts[2]]
      const text = id.startsWith('kor') ? value.toFixed(2) : `${value}`
      const found = lines.some((line) => {
        const [first, ...rest] = line
          .split('|')
          .map((cell) => cell.trim())
          .filter(Boolean)
        const named = names.some((name) => name !== undefined && (first === name || first?.startsWith(`${name}/`)))
        return named && rest.join(' ').includes(text.replace(/\.0$/, ''))
      })
      expect(found, `${id} = ${value}`).toBe(true)
    }
  })
})
