import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {describe, expect, it, vi} from 'vitest'
import {analyze} from '../../src/index.ts'
import {documentOf, run, sandbox, spawned} from './support.ts'

const {path} = sandbox()
const h100 = ['--machine', 'h100-sxm']

describe('analyze --json', () => {
  it('is the document of the library, and nothing else', async () => {
    const outcome = await run('analyze', 'llama-3-8b', ...h100, '--phase', 'decode', '--batch', '16', '--json')
    expect(outcome.code).toBe(0)
    expect(outcome.stderr).toBe('')
    const document = documentOf(outcome)
    expect(document).toEqual(analyze('llama-3-8b', {machine: 'h100-sxm', phase: 'decode', batch: 16}))
    expect(outcome.stdout).not.toMatch(/NaN|Infinity/)
  })

  it('carries its warnings in the document and says them on standard error', async () => {
    const outcome = await run('analyze', 'gpt2', ...h100, '--seq', '4096', '--json')
    expect(documentOf(outcome).warnings.map((w: {code: string}) => w.code)).toContain('beyond-positions')
    expect(outcome.stderr).toContain('[beyond-positions]')
    const quiet = await run('analyze', 'gpt2', ...h100, '--seq', '4096', '--json', '--quiet')
    expect(quiet.stderr).toBe('')
    expect(quiet.stdout).toBe(outcome.stdout)
  })

  it('still answers where it does not fit, with the bytes over', async () => {
    const {code, stdout} = await run('analyze', 'llama-3-70b', ...h100, '--json')
    const {warnings, result} = documentOf({stdout})
    expect(code).toBe(0)
    const over = result.totals.memory.peak - result.machine.memory
    const warning = warnings.find((w: {code: string}) => w.code === 'does-not-fit')
    expect(warning.message).toContain(String(over))
  })

  it('keeps every operator whatever the table shows', async () => {
    const all = await run('analyze', 'gpt2', ...h100, '--json')
    const top = await run('analyze', 'gpt2', ...h100, '--json', '--top', '2', '--group', 'kind')
    expect(top.stdout).toBe(all.stdout)
  })
})

describe('analyze for people', () => {
  it('answers the three questions, shows every operator, the fusions, and the convention', async () => {
    const {stdout, stderr, code} = await run('analyze', 'gpt2', ...h100)
    expect(code).toBe(0)
    for (const text of ['What limits:', 'How far:', 'Change first:', 'Fused against unfused', '1 MAC = 2 FLOP'])
      expect(stdout).toContain(text)
    for (const op of analyze('gpt2', {machine: 'h100-sxm'}).result.operators)
      expect(stdout).toMatch(new RegExp(`^${op.id.slice(0, 12).replaceAll('.', '\\.')}`, 'm'))
    expect(stdout).toContain('124,439,808')
    expect(stderr).toMatch(/^Next: /m)
  })

  it.each([40, 60, 80, 100, 200])('fits a terminal of %d columns', async (width) => {
    vi.stubEnv('COLUMNS', String(width))
    for (const model of ['gpt2', 'llama-3-8b']) {
      const args = ['--machine', 'h100-sxm,mi300x', '--fusion', 'all', '--price', '2']
      const {stdout} = await run('analyze', model, ...args)
      const long = stdout.split('\n').filter((line) => [...line].length > width)
      expect(long).toEqual([])
      expect(stdout).toMatch(/^operator .*share$/m)
    }
  })

  it('shows the longest rows with --top and sums the others', async () => {
    const {stdout} = await run('analyze', 'gpt2', ...h100, '--top', '3')
    const {operators} = analyze('gpt2', {machine: 'h100-sxm'}).result
    expect(stdout).toContain(`and ${operators.length - 3} more rows`)
    expect(stdout.match(/^layers\.mlp\.(up|down)/gm)).toHaveLength(2)
  })

  it.each(['kind', 'layer'] as const)('sums by %s to the same totals', async (group) => {
    const csv = async (...more: string[]) => {
      const {stdout} = await run('analyze', 'gpt2', ...h100, '--csv', ...more)
      const [header, ...rows] = stdout
        .trim()
        .split('\r\n')
        .map((line) => line.split(','))
      const column = (name: string) => rows.map((row) => Number(row[header!.indexOf(name)]))
      return {rows: rows.length, share: column('share'), flops: column('flops'), repeat: column('repeat')}
    }
    const [all, grouped] = [await csv(), await csv('--group', group)]
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)
    expect(grouped.rows).toBeLessThan(all.rows)
    expect(sum(grouped.share)).toBeCloseTo(1, 12)
    expect(sum(grouped.flops)).toBe(sum(all.flops.map((f, i) => f * all.repeat[i]!)))
    expect(sum(grouped.repeat)).toBe(sum(all.repeat))
  })

  it('ranks machines, the fastest first', async () => {
    const {stdout} = await run('analyze', 'llama-3-8b', '--machine', 'v100-sxm,h200-sxm,h100-sxm', '--json')
    const {ranking, machine} = documentOf({stdout}).result
    expect(ranking.map((r: {id: string}) => r.id)).toEqual(['h200-sxm', 'h100-sxm', 'v100-sxm'])
    expect(machine.id).toBe('v100-sxm')
  })

  it('writes CSV in base units, one row an operator, and Markdown with all tables', async () => {
    const {stdout} = await run('analyze', 'gpt2', ...h100, '--csv')
    const {operators} = analyze('gpt2', {machine: 'h100-sxm'}).result
    const lines = stdout.split('\r\n')
    expect(lines[0]).toBe('id,kind,repeat,shape,flops,bytes_dram,intensity_flop_per_b,bound,time_lower_s,share')
    expect(lines).toHaveLength(operators.length + 2)
    expect(lines[4]!.split(',')[4]).toBe(String(operators[3]!.flops))
    const markdown = (await run('analyze', 'gpt2', '--machine', 'h100-sxm,l4', '--markdown')).stdout
    expect(markdown.match(/^## .*/gm)).toEqual([
      '## GPT-2 (124M) on NVIDIA H100 SXM5 80 GB',
      ...['## Operators', '## Fused against unfused', '## Machines'],
    ])
    // fit for a comment: what was asked and the answer come before the tables
    expect(markdown.split('\n## Operators')[0]).toMatch(
      /\n\nprefill: batch 1 .*time ≥ .* tokens\/s, .*\n\n- \*\*What limits:\*\* .+\n- \*\*How far:\*\* .+\n- \*\*Change first:\*\* .+\n$/,
    )
    const widths = new Set(
      markdown
        .split('\n')
        .filter((l) => l.startsWith('| l'))
        .map((l) => l.split(' | ').length),
    )
    expect(widths.size).toBeLessThanOrEqual(2)
  })
})

describe('flags of analyze', () => {
  it('builds a transformer from its dimensions and leaves the others', async () => {
    const {stdout} = await run(
      'analyze',
      'transformer',
      ...h100,
      '--hidden',
      '1024',
      '--heads',
      '16',
      '--show-config',
      '--json',
    )
    const values = Object.fromEntries(
      documentOf({stdout}).result.items.map((i: {name: string; value: unknown}) => [i.name, i.value]),
    )
    expect(values).toMatchObject({
      layers: 12,
      hidden: 1024,
      heads: 16,
      'kv-heads': 16,
      'head-dim': 64,
      ffn: 4096,
      vocab: 50257,
      seq: 1024,
      decoder: true,
    })
  })

  it('takes an encoder, and price, power and launch overhead with units', async () => {
    const encoder = documentOf(await run('analyze', 'transformer', '--encoder', ...h100, '--json')).result
    expect(encoder.workload.phase).toBe('forward')
    const priced = documentOf(
      await run('analyze', 'gpt2', ...h100, '--price', '3.6', '--power', '1 kW', '--launch-overhead', '5 us', '--json'),
    ).result.totals
    const {tokensPerSecond, costPerMillionTokens, energyPerMillionTokens} = priced
    expect(costPerMillionTokens).toBeCloseTo((0.001 / tokensPerSecond) * 1e6, 12)
    expect(energyPerMillionTokens).toBeCloseTo((1000 / tokensPerSecond) * 1e6, 6)
    const seconds = documentOf(await run('analyze', 'gpt2', ...h100, '--launch-overhead', '5e-6', '--json')).result
    expect(seconds.totals.time).toEqual(priced.time)
  })

  it('reads a configuration from a file, its folder, or standard input', async () => {
    const config = {model_type: 'gpt2', n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024, vocab_size: 50257}
    writeFileSync(path('config.json'), JSON.stringify(config))
    const file = documentOf(await run('analyze', path('config.json'), ...h100, '--json')).result
    const folder = documentOf(await run('analyze', path(), ...h100, '--json')).result
    const piped = documentOf(await spawned(['analyze', '-', ...h100, '--json'], {input: JSON.stringify(config)})).result
    expect(file.model.parameters.total).toBe(124_439_808)
    expect(folder.totals).toEqual(file.totals)
    expect(piped.totals).toEqual(file.totals)
  })

  it('writes to --output whole, and leaves no temporary file', async () => {
    writeFileSync(path('a.json'), 'old')
    const {stdout, code} = await run('analyze', 'gpt2', ...h100, '--json', '--output', path('a.json'))
    expect(code).toBe(0)
    expect(stdout).toBe('')
    expect(documentOf({stdout: readFileSync(path('a.json'), 'utf8')}).ok).toBe(true)
    expect(readdirSync(path())).toEqual(['a.json'])
  })

  it('replaces an existing report by a page that embeds the document', async () => {
    writeFileSync(path('r.html'), 'old')
    const {stdout} = await run('analyze', 'gpt2', ...h100, '--report', path('r.html'), '--json')
    const page = readFileSync(path('r.html'), 'utf8')
    expect(page).toMatch(/^<!doctype html>/i)
    expect(Buffer.byteLength(page)).toBeLessThan(1.2e6)
    const again = await run('report', path('r.html'), '--format', 'json')
    expect(documentOf(again).result).toEqual(documentOf({stdout}).result)
    expect(readdirSync(path())).toEqual(['r.html'])
  })
})

describe('settings', () => {
  const sources = async (...args: string[]) => {
    const {stdout} = await run('analyze', 'gpt2', ...args, '--show-config', '--json')
    const items: {name: string; value: unknown; source: string}[] = documentOf({stdout}).result.items
    return Object.fromEntries(items.map(({name, value, source}) => [name, [value, source]]))
  }

  it('come from flag, environment, project file, user file, default, in that order', async () => {
    expect((await sources()).batch).toEqual([1, 'default'])
    const user = path('config', 'ridgepoint')
    await import('node:fs/promises').then((fs) => fs.mkdir(user, {recursive: true}))
    writeFileSync(`${user}/config.json`, '{"batch": 2, "machine": "l4"}')
    expect((await sources()).batch).toEqual([2, `${user}/config.json`])
    writeFileSync(path('ridgepoint.json'), '{"batch": 3}')
    expect((await sources()).batch).toEqual([3, path('ridgepoint.json')])
    expect((await sources()).machine).toEqual(['l4', `${user}/config.json`])
    vi.stubEnv('RIDGEPOINT_BATCH', '4')
    expect((await sources()).batch).toEqual([4, 'environment RIDGEPOINT_BATCH'])
    expect((await sources('--batch', '5')).batch).toEqual([5, 'flag'])
    const {result} = documentOf(await run('analyze', 'gpt2', '--json'))
    expect([result.workload.batch, result.machine.id]).toEqual([4, 'l4'])
  })

  it('are checked: the file and the nearest name, the source of a bad value', async () => {
    writeFileSync(path('ridgepoint.json'), '{"bacth": 3}')
    const typo = await run('analyze', 'gpt2', ...h100)
    expect(typo.code).toBe(3)
    expect(typo.stderr).toContain(`${path('ridgepoint.json')}: "bacth" is not a setting`)
    expect(typo.stderr).toContain('did you mean "batch"?')
    writeFileSync(path('ridgepoint.json'), '{"output": "x"}')
    expect((await run('analyze', 'gpt2', ...h100)).code).toBe(3)
    writeFileSync(path('ridgepoint.json'), '[1]')
    expect((await run('analyze', 'gpt2', ...h100)).code).toBe(3)
    writeFileSync(path('ridgepoint.json'), '{')
    expect((await run('analyze', 'gpt2', ...h100)).code).toBe(3)
    writeFileSync(path('ridgepoint.json'), '{"machine": "h100-sxm"}')
    vi.stubEnv('RIDGEPOINT_FUSION', 'some')
    const bad = await run('analyze', 'gpt2')
    expect(bad.code).toBe(2)
    expect(bad.stderr).toContain('RIDGEPOINT_FUSION')
  })

  it('for another command do not disturb', async () => {
    writeFileSync(path('ridgepoint.json'), '{"batch": 3, "max-regression": "1%", "threads": 1}')
    expect((await run('model', 'list')).code).toBe(0)
    expect(documentOf(await run('analyze', 'gpt2', ...h100, '--json')).result.workload.batch).toBe(3)
  })
})
