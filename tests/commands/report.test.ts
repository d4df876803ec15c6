import {existsSync, readFileSync, writeFileSync} from 'node:fs'
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
  expect((await run('report', file, '--format', 'markdown')).stdout).toMatch(/^## .*\n\n[\s\S]*^\|/m)
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
    const paged = await run('compare', bench, path('bench.html'), '--report', path('c.html'))
    expect(paged.code, paged.stderr).toBe(0)
    await drawn(path('c.html'), 'placement@1', '--view', 'timings')
    // a page of two sides stands for the side after
    expect((await run('compare', path('c.html'), bench)).stdout).toMatch(/0 of 1 times changed/)
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
    expect(table.stdout).toMatch(/^\*\*.*\n\n## Comparison\n/)
    const words = (await run('report', path('c.html'), '--format', 'markdown')).stdout
    expect(words).toMatch(/^\*\*\d+ of \d+ figures changed/)
    expect(words.match(/^## .*/gm)).toEqual(expect.arrayContaining(['## Comparison', '## Operators']))
    expect(words).toMatch(/^\| totals\.time \| s \|.*\| yes \|/m)
    const text = (await run('report', path('c.html'), '--format', 'text')).stdout
    expect(text.indexOf('before GPT-2')).toBe(0)
    const page = await run('report', compared)
    expect(page.code).toBe(2)
    expect(page.stderr).toContain('perf compare BEFORE AFTER --report FILE.html')
    expect(page.stdout).toBe('')
  })

  it('draws a machine, and two of them side by side', async () => {
    const before = await save('before.json', 'machine', 'show', 'h100-sxm')
    await drawn(before, 'machine@1')
    const after = await save('after.json', 'machine', 'show', 'mi300x')
    const words = ['compare', before, after, '--report', path('c.html')]
    const {result} = JSON.parse(readFileSync(await save('changes.json', ...words), 'utf8'))
    expect(result.kind).toBe('machine')
    await drawn(path('c.html'), 'machine@1', '--view', 'profiles')
    expect((await run('compare', path('c.html'), after)).stdout).toMatch(/No ceiling of/)
    expect((await run('report', path('c.html'), '--format', 'markdown')).stdout).toMatch(
      /^\*\*18 of 18 figures changed.*\n\n## Comparison\n/,
    )
    const workload = await run('report', before, '--format', 'svg', '--view', 'time')
    expect(workload.code).toBe(3)
    expect(workload.stderr).toContain('a machine, not a workload')
  })

  it.each([
    ['list@1', ['model', 'list'], /--format markdown/],
    ['list@1', ['model', 'show', 'gpt2'], /--format markdown/],
    ['list@1', ['machine', 'list'], /--format markdown/],
    ['list@1', ['op', 'list'], /--format markdown/],
    ['list@1', ['analyze', 'gpt2', '--show-config'], /--format markdown/],
    ['explain@1', ['op', 'show', 'linear'], /--format markdown/],
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
    const failed = await run('analyze', 'nothing-of-that-name', '--json')
    writeFileSync(path('e.json'), failed.stdout)
    expect((await run('report', path('e.json'))).stderr).toContain('the command that wrote it failed')
    for (const schema of ['ridgepoint/nothing@1', 'ridgepoint/bench@2', 'ridgepoint/error@1']) {
      writeFileSync(path('p.json'), JSON.stringify({...placed, schema}))
      const {code, stderr} = await run('report', path('p.json'))
      expect(code).toBe(3)
      expect(stderr).toContain(schema)
    }
  })
})

it('a kept run of all kernels stands under its own machine, and a list of them under none is told what it lacks', async () => {
  const {result} = JSON.parse(readFileSync(await save('b.json', 'bench', 'add', '--dims', '4096'), 'utf8'))
  const {result: machine} = JSON.parse(readFileSync(await save('m.json', 'machine', 'show', 'local'), 'utf8'))
  // sides of pairs stand among its kernels
  const kernels = [...result.kernels, {...result.kernels[0], id: 'bias, gelu', parts: ['bias', 'gelu']}]
  writeFileSync(path('run.json'), JSON.stringify({about: 'a run', machine, kernels}))
  await drawn(path('run.json'), 'bench@1')
  writeFileSync(path('run.json'), JSON.stringify(result))
  const {code, stderr} = await run('report', path('run.json'))
  expect(code).toBe(3)
  expect(stderr).toContain('there is no "schema"')
  expect(stderr).toMatch(/perf \w+/)
})

it('names the file and what is wrong with it, whatever it is', async () => {
  const good = readFileSync(await save('a.json', 'analyze', 'gpt2', ...h100), 'utf8')
  await run('analyze', 'gpt2', ...h100, '--report', path('a.html'))
  const page = readFileSync(path('a.html'), 'utf8')
  const edited = (change: (document: {ok: boolean; result?: Record<string, unknown>}) => void) => {
    const document = JSON.parse(good)
    change(document)
    return JSON.stringify(document)
  }
  for (const [content, wrong] of [
    ['', 'is empty'],
    [good.slice(0, 5000), 'is not whole: its JSON breaks off at the end'],
    [good.replace(/"share": [\d.e-]+/, '"share": NaN'), /is not JSON from character \d+ on/],
    [good.replace('"share"', 'share'), /is not JSON from character \d+ on/],
    ['hello', 'is neither JSON nor a page'],
    ['\0\x01\xff', 'is neither JSON nor a page'],
    [page.slice(0, 3000), 'the page embeds no Ridgepoint document'],
    ['<html></html>', 'the page embeds no Ridgepoint document'],
    [edited((d) => Object.assign(d, {ok: false})), '"ok" is not true'],
    [edited((d) => delete d.result), 'there is no "result"'],
    [edited((d) => Object.assign(d, {schema: 'ridgepoint/analysis@7'})), 'reads ridgepoint/analysis@1'],
    [edited((d) => Object.assign(d.result!, {operators: 3})), 'result.operators'],
  ] as const) {
    writeFileSync(path('x.json'), content)
    const {code, stderr} = await run('report', path('x.json'), '--output', path('x.html'))
    expect(code, stderr).toBe(3)
    expect(stderr).toMatch(wrong)
    expect(stderr).toContain(path('x.json'))
    expect(stderr.trim().split('\n').length).toBeGreaterThan(1)
    expect(existsSync(path('x.html'))).toBe(false)
  }
})

it('a check that was saved is printed again, and names the page of what it compared', async () => {
  const before = await save('a.json', 'analyze', 'gpt2', ...h100)
  const check = await save('check.json', 'check', '--baseline', before, before)
  for (const format of ['markdown', 'text', 'csv', 'json'])
    expect((await run('report', check, '--format', format)).code).toBe(0)
  for (const format of ['html', 'svg', 'png']) {
    const {code, stderr} = await run('report', check, '--format', format)
    expect(code).toBe(2)
    expect(stderr).toContain('perf compare BEFORE AFTER --report FILE.html')
  }
})

describe('every kind of comparison, and an analysis', () => {
  it('an analysis and its page are drawn in every format, with and without measured kernels', async () => {
    const analysis = await save('a.json', 'analyze', 'gpt2', ...h100, '--report', path('a.html'))
    await drawn(analysis, 'analysis@1')
    await drawn(path('a.html'), 'analysis@1', '--view', 'throughput')
  })

  it.each([
    ['two machines', ['machine', 'show', 'h100-sxm'], ['machine', 'show', 'l4']],
    ['two analyses', ['analyze', 'gpt2', ...h100], ['analyze', 'gpt2', ...h100, '--fusion', 'none']],
    [
      'two points',
      ['place', '--flops', '1e12', '--bytes', '1e9', '--seconds', '0.01', '--name', 'x', ...h100],
      ['place', '--flops', '1e12', '--bytes', '1e9', '--seconds', '0.02', '--name', 'x', ...h100],
    ],
  ])('%s: the table in every text format; a picture is named that needs both documents', async (_name, a, b) => {
    const [before, after] = [await save('before.json', ...a), await save('after.json', ...b)]
    const compared = await save('c.json', 'compare', before, after)
    for (const format of ['markdown', 'text', 'csv', 'json']) {
      const {code, stdout} = await run('report', compared, '--format', format)
      expect([code, stdout.length > 40]).toEqual([0, true])
    }
    for (const format of ['html', 'svg', 'png']) {
      const {code, stdout, stderr} = await run('report', compared, '--format', format)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain('perf compare BEFORE AFTER --report FILE.html')
    }
    const page = await run('compare', before, after, '--report', path('c.html'))
    expect(page.code, page.stderr).toBe(0)
    const table = await run('compare', path('c.html'), before, '--json')
    expect(JSON.parse(table.stdout).result.changes.length).toBeGreaterThan(0)
  })
})
