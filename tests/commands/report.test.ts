import {readFileSync, writeFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {documentOf, run, sandbox} from './support.ts'

const {path} = sandbox()

const h100 = ['--machine', 'h100-sxm'] as const

/** Prints a document into a file. */
async function save(name: string, ...words: string[]): Promise<string> {
  const {stdout, code, stderr} = await run(...words, '--json')
  expect(code, stderr).toBe(0)
  writeFileSync(path(name), stdout)
  return path(name)
}

/** Every format of a document that can be drawn. */
async function drawn(file: string, schema: string, ...flags: string[]): Promise<void> {
  const svg = await run('report', file, '--format', 'svg', ...flags)
  expect(svg.stderr).toBe('')
  expect(svg.stdout).toMatch(/^<svg[\s\S]*<\/svg>$/)
  expect((await run('report', file, '--format', 'markdown')).stdout).toMatch(/^## .*\n\n\|/)
  expect((await run('report', file, '--format', 'text')).stdout.length).toBeGreaterThan(40)
  expect((await run('report', file, '--format', 'csv')).stdout).toMatch(/^\w+,/)
  const json = JSON.parse((await run('report', file, '--format', 'json')).stdout)
  expect(json.schema).toBe(`ridgepoint/${schema}`)
  await run('report', file, '--format', 'png', '--output', path('picture.png'), ...flags)
  expect(readFileSync(path('picture.png')).subarray(1, 4).toString()).toBe('PNG')
  const html = await run('report', file, '--output', path('again.html'), ...flags)
  expect(html.code, html.stderr).toBe(0)
  expect(readFileSync(path('again.html'), 'utf8')).toContain('id="ridgepoint-document"')
}

describe('perf report of every kind of document', () => {
  it('shows measured kernels and pairs, from JSON and from the pages that were made of them', async () => {
    const bench = await save('bench.json', 'bench', 'add', '--dims', '4096', '--report', path('bench.html'))
    await drawn(bench, 'bench@1')
    await drawn(path('bench.html'), 'placement@1')
    const pair = ['compare', '--fused', 'bias+gelu', '--dims', '16x64', '--report', path('pairs.html')]
    const pairs = await save('pairs.json', ...pair)
    await drawn(pairs, 'comparison@1', '--view', 'pairs')
    await drawn(path('pairs.html'), 'placement@1', '--view', 'pairs')
    const page = await run('report', path('pairs.html'), '--format', 'svg', '--view', 'memory')
    expect(page.code).toBe(3)
    expect(page.stderr).toContain('measured points, not a workload')

    // measured times are compared with measured times, whichever document holds them
    const {result} = documentOf(await run('compare', bench, path('bench.html'), '--json'))
    expect(result).toMatchObject({kind: 'measured', changes: [{ratio: 1, significant: false, reason: 'equal'}]})
    expect((await run('compare', path('pairs.html'), pairs)).stdout).toMatch(/0 of 2 times changed/)
    await save('a.json', 'analyze', 'gpt2', ...h100)
    const mixed = await run('compare', bench, path('a.json'))
    expect(mixed.code).toBe(3)
    expect(mixed.stderr).toMatch(/a\.json holds no measured times/)
    const paged = await run('compare', bench, bench, '--report', path('c.html'))
    expect(paged.code).toBe(2)
    expect(paged.stderr).toContain('two sets of measured times')
  }, 120_000)

  it('shows placed points, alone and joined to an analysis', async () => {
    const words = ['place', '--flops', '1e12', '--bytes', '1e9', '--seconds', '0.01', '--name', 'x', ...h100]
    const placed = await save('placed.json', ...words, '--report', path('placed.html'))
    await drawn(placed, 'placement@1')
    await drawn(path('placed.html'), 'placement@1')
    const runs = await run('report', placed, '--runs', placed)
    expect(runs.code).toBe(2)
    expect(runs.stderr).toContain('--runs draws measured kernels beside an analysis')
  })

  it('draws the two documents of a comparison page, and its view of both', async () => {
    const before = await save('before.json', 'analyze', 'gpt2', ...h100)
    const after = await save('after.json', 'analyze', 'gpt2', ...h100, '--batch', '8')
    const compared = await save('c.json', 'compare', before, after, '--report', path('c.html'))
    await drawn(path('c.html'), 'analysis@1', '--view', 'comparison')
    const table = await run('report', compared, '--format', 'markdown')
    expect(table.stdout).toMatch(/^## Comparison/)
    const page = await run('report', compared)
    expect(page.code).toBe(2)
    expect(page.stderr).toContain('perf compare BEFORE AFTER --report FILE.html')
    expect(page.stdout).toBe('')
  })

  it.each([
    ['machine@1', ['machine', 'show', 'h100-sxm'], /perf analyze transformer --machine/],
    ['sweep@1', ['sweep', 'gpt2', '--batch', '1:4:x2', ...h100], /draws the sweep over the batch/],
    ['explain@1', ['explain', 'ridge'], /--format markdown/],
    ['doctor@1', ['doctor'], /--format markdown/],
  ])('prints %s, and says that it has no picture', async (schema, words, instead) => {
    const file = await save('d.json', ...words)
    const json = JSON.parse((await run('report', file, '--format', 'json')).stdout)
    expect(json.schema).toBe(`ridgepoint/${schema}`)
    expect((await run('report', file, '--format', 'markdown')).stdout).toMatch(/^## /)
    expect((await run('report', file, '--format', 'text')).code).toBe(0)
    for (const format of ['html', 'svg', 'png']) {
      const {code, stdout, stderr} = await run('report', file, '--format', format)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(instead)
      expect(stderr).toContain(schema)
    }
  })

  it('names the field of a document that was edited, and refuses what no command prints', async () => {
    const words = ['place', '--flops', '1', '--bytes', '1', '--seconds', '1', ...h100]
    const placed = JSON.parse(readFileSync(await save('p.json', ...words), 'utf8'))
    placed.result.points[0].seconds = -1
    writeFileSync(path('p.json'), JSON.stringify(placed))
    const edited = await run('report', path('p.json'))
    expect(edited.code).toBe(3)
    expect(edited.stderr).toContain('result.points.0.seconds')
    const compared = await run('compare', path('p.json'), path('p.json'))
    expect(compared.code).toBe(3)
    expect(compared.stderr).toContain('result.points.0.seconds')
    for (const schema of ['ridgepoint/nothing@1', 'ridgepoint/bench@2', 'ridgepoint/error@1']) {
      writeFileSync(path('p.json'), JSON.stringify({...placed, schema}))
      const {code, stderr} = await run('report', path('p.json'))
      expect(code).toBe(3)
      expect(stderr).toContain(schema)
    }
  })
})
