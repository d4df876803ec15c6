import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {documents} from '../../src/analysis/document/index.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {documentOf, expectNoInternals, root, run, sandbox} from './support.ts'

const {path} = sandbox()
const h100 = ['--machine', 'h100-sxm']
const folder = join(root, 'src', 'commands')

const files = readdirSync(folder, {recursive: true})
  .map(String)
  .filter((name) => name.endsWith('.ts') && !name.startsWith('shared'))
  .map((name) => name.slice(0, -3).replaceAll('/', ':'))
  .sort()

/** The commands of the contract. */
const contract = (
  'analyze bench check compare doctor explain measure place report sweep ' +
  'machine:add machine:list machine:show model:list model:show op:list op:show'
)
  .split(' ')
  .sort()

describe('the registry of commands', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8'))

  it('has every file and every command of the contract', () => {
    expect(Object.keys(manifest.commands).sort()).toEqual(files)
    expect(files).toEqual(contract)
  })

  it.each(files)('%s has a summary, examples first in its help, and the flags of all', async (id) => {
    const command = manifest.commands[id]
    expect(command.summary).toMatch(/\w+/)
    expect(command.examples.length).toBeGreaterThan(0)
    expect(Object.keys(command.flags)).toEqual(expect.arrayContaining(['json', 'csv', 'markdown', 'output', 'quiet']))
    const {stdout, code} = await run(...id.split(':'), '--help')
    expect(code).toBe(0)
    expect(stdout).toContain(command.summary.slice(0, 30))
    expect(stdout.indexOf('EXAMPLES')).toBeLessThan(stdout.indexOf('USAGE'))
  })

  it('names every document kind after its file', () => {
    const names = readdirSync(join(root, 'src/analysis/document')).map((name) => name.replace('.ts', ''))
    const kinds = Object.keys(documents).map((kind) => kind.replace('@1', ''))
    // parts of an analysis, no documents of their own
    const parts = ['index', 'compression', 'training']
    expect(names.filter((name) => !parts.includes(name)).sort()).toEqual(kinds.sort())
  })
})

describe('help and version', () => {
  it('print on standard output and exit 0', async () => {
    for (const args of [[], ['--help'], ['help'], ['-h'], ['help', 'analyze'], ['model', '--help']]) {
      const {stdout, code} = await run(...args)
      expect(code).toBe(0)
      expect(stdout.length).toBeGreaterThan(100)
    }
    const version = await run('--version')
    expect(version.stdout).toMatch(/^ridgepoint\/\d+\.\d+\.\d+ /)
  })

  it('are documents where JSON is asked for: text beside `--json` broke whoever parsed it', async () => {
    const version = documentOf(await run('--version', '--json'))
    expect(version.result.items[0]).toMatchObject({name: 'version', value: expect.stringMatching(/^\d+\.\d+\.\d+$/)})
    const ids = async (...args: string[]) => documentOf(await run(...args)).result.items.map(({id}: {id: string}) => id)
    for (const args of [
      ['--help', '--json'],
      ['help', '--json'],
      ['--json', '--help'],
      // without a command there is help
      ['--json'],
    ])
      expect(await ids(...args)).toEqual(contract.map((id) => id.replace(':', ' ')).toSorted())
    expect(await ids('model', '--help', '--json')).toEqual(['model list', 'model show'])
    expect(await ids('machine', 'add', '--json', '-h')).toEqual(['machine add'])
    // the value of a flag is no command
    expect(await ids('--help', '--machine', 'h100-sxm', '--json')).toHaveLength(contract.length)
    for (const words of [['nosuch'], ['machine', 'nosuch']])
      for (const args of [
        [...words, '--help', '--json'],
        ['help', ...words, '--json'],
      ]) {
        const {code, stdout} = await run(...args)
        expect(code).toBe(2)
        expect(JSON.parse(stdout)).toMatchObject({
          ...{ok: false, error: {code: 'unknown-command', message: expect.stringContaining('nosuch')}},
        })
      }
    const [analyze] = documentOf(await run('analyze', 'gpt2', '--help', '--json')).result.items
    expect(analyze.arguments).toEqual([{name: 'model', summary: expect.any(String), required: true}])
    expect(analyze.flags).toContainEqual({
      ...{name: 'logits', summary: 'tokens that get logits', value: 'last|all', required: false},
    })
  })

  it('shows all commands in one screen', async () => {
    const {stdout} = await run('--help')
    expect(stdout.split('\n').length).toBeLessThan(40)
    for (const id of contract) expect(stdout).toContain(id.split(':')[0])
  })
})

/** One good call of every command that needs no measuring. */
const calls: [args: string[], kind: string][] = [
  [['analyze', 'bert-base', ...h100], 'analysis@1'],
  [['sweep', 'gpt2', ...h100, '--batch', '1:64:x4', '--seq', '128,256', '--fit', '--max-ttft', '10 ms'], 'sweep@1'],
  [['sweep', 'gpt2', ...h100], 'sweep@1'],
  [['compare', '@a.json', '@b.json'], 'comparison@1'],
  [['compare', '@m.json', '@m.json', '--all'], 'comparison@1'],
  [['check', '--baseline', '@a.json'], 'check@1'],
  [['check', '--baseline', '@m.json', '@m.json'], 'check@1'],
  [['place', '--flops', '1 TFLOP', '--bytes', '1 GB', '--seconds', '3 ms', ...h100, '--dtype', 'bf16'], 'placement@1'],
  [['place', '--points', '@points.csv', ...h100], 'placement@1'],
  [['place', '--points', '@measured.csv', '--join', '@a.json'], 'placement@1'],
  [['explain', 'linear', '--dim', 'm=1'], 'explain@1'],
  [['explain', 'roofline'], 'explain@1'],
  [['report', '@a.json', '--format', 'text'], 'analysis@1'],
  [['model', 'list'], 'list@1'],
  [['model', 'show', 'llama-3-8b'], 'list@1'],
  [['machine', 'list'], 'list@1'],
  [['machine', 'show', 'rtx-4090'], 'machine@1'],
  [['machine', 'add', '@mine.json'], 'machine@1'],
  [['op', 'list'], 'list@1'],
  [['op', 'show', 'attention'], 'explain@1'],
  [['doctor'], 'doctor@1'],
  [['measure', '--show-config'], 'list@1'],
  [['bench', '--show-config'], 'list@1'],
  [['compare', '--fused', 'all', '--show-config'], 'list@1'],
  [['model', 'list', '--show-config'], 'list@1'],
  [['machine', 'add', '@mine.json', '--show-config'], 'list@1'],
]

describe.each(calls)('perf %j', (args, kind) => {
  const argv = async () => {
    const save = async (name: string, ...words: string[]) =>
      writeFileSync(path(name), (await run(...words, '--json')).stdout)
    await save('a.json', 'analyze', 'gpt2', ...h100)
    await save('b.json', 'analyze', 'gpt2', ...h100, '--fusion', 'none')
    await save('m.json', 'machine', 'show', 'l4')
    const mine = JSON.parse(readFileSync(path('m.json'), 'utf8')).result
    writeFileSync(path('mine.json'), JSON.stringify({...mine, id: 'mine'}))
    writeFileSync(path('points.csv'), 'name,flops,bytes,seconds\na,1e12,1e9,0.1\n"b, c",1e9,1e9,0.1\n')
    writeFileSync(path('measured.csv'), 'name,seconds\nlayers.mlp.up,1 ms\nlayers.mlp.upp,1 ms\n')
    return args.map((arg) => (arg.startsWith('@') ? path(arg.slice(1)) : arg))
  }

  it(`answers ${kind} in JSON, the same in every form`, async () => {
    const words = await argv()
    const format = words.includes('--format') ? ['--format', 'json'] : ['--json']
    const json = await run(...words.filter((w) => w !== '--format' && w !== 'text'), ...format)
    expect(json.code).toBe(0)
    expect(documentOf(json).schema).toBe(`ridgepoint/${kind}`)

    const text = await run(...words)
    expect(text.code).toBe(0)
    expect(text.stdout.endsWith('\n')).toBe(true)
    expectNoInternals(text.stdout + text.stderr)
    expect(text.stdout).not.toMatch(/undefined|NaN|\[object/)

    for (const form of ['csv', 'markdown']) {
      const words2 = words.filter((w) => w !== '--format' && w !== 'text')
      const {code, stdout} = await run(...words2, `--${form}`)
      expect(code).toBe(0)
      expect(stdout).not.toMatch(/undefined|NaN|\[object/)
      const lines = stdout.trimEnd().split('\n').length
      expect(lines).toBeGreaterThan(1)
    }
  })
})

describe('lists', () => {
  it('have everything that is registered', async () => {
    const ids = async (...args: string[]) =>
      documentOf(await run(...args, '--json')).result.items.map((item: {id: string}) => item.id)
    expect(await ids('model', 'list')).toEqual(Object.keys(models))
    expect(await ids('machine', 'list')).toEqual(Object.keys(machines))
  })

  it.each(Object.values(models))('model show counts the published parameters of $id', async (model) => {
    const [facts] = documentOf(await run('model', 'show', model.id, '--json')).result.items
    if ('published' in model) expect(facts.parameters).toBe(model.published.parameters)
  })
})

describe('machine add', () => {
  it('keeps a machine that analyze, show and list then know', async () => {
    const {result} = documentOf(await run('machine', 'show', 'l4', '--json'))
    writeFileSync(path('mine.json'), JSON.stringify({...result, id: 'mine', name: 'Mine'}))
    expect((await run('machine', 'add', path('mine.json'))).code).toBe(0)
    expect(documentOf(await run('machine', 'show', 'mine', '--json')).result.name).toBe('Mine')
    const {stdout} = await run('machine', 'list', '--csv')
    expect(stdout).toContain('\r\nmine,Mine,')
    const totals = async (id: string) =>
      documentOf(await run('analyze', 'gpt2', '--machine', id, '--json')).result.totals.time
    expect(await totals('mine')).toEqual(await totals('l4'))
  })
})

describe('check', () => {
  const save = async (name: string, ...more: string[]) =>
    writeFileSync(path(name), (await run('analyze', 'gpt2', ...h100, ...more, '--json')).stdout)

  it('exits 5 on a regression, with the same document in JSON', async () => {
    await save('a.json')
    await save('b.json', '--fusion', 'none')
    const worse = await run('check', '--baseline', path('a.json'), path('b.json'))
    expect(worse.code).toBe(5)
    expect(worse.stdout).toContain('failed')
    const json = await run('check', '--baseline', path('a.json'), path('b.json'), '--json')
    expect(json.code).toBe(5)
    expect(documentOf(json).result.passed).toBe(false)
    expect((await run('check', '--baseline', path('b.json'), path('a.json'))).code).toBe(0)
    const allowed = ['--max-regression', '50%']
    expect((await run('check', '--baseline', path('a.json'), path('b.json'), ...allowed)).code).toBe(0)
  })

  it('asks the question of the baseline again, and refuses where it cannot', async () => {
    await save('a.json')
    expect((await run('check', '--baseline', path('a.json'))).code).toBe(0)
    const {stdout} = await run('analyze', 'transformer', '--layers', '3', ...h100, '--json')
    writeFileSync(path('t.json'), stdout)
    const other = await run('check', '--baseline', path('t.json'))
    expect(other.code).toBe(3)
    expect(other.stderr).toContain('other dimensions')
  })
})

describe('report', () => {
  it('draws SVG and PNG, and refuses a view that is not there', async () => {
    writeFileSync(path('a.json'), (await run('analyze', 'gpt2', ...h100, '--json')).stdout)
    const svg = await run('report', path('a.json'), '--format', 'svg')
    expect(svg.stdout).toMatch(/^<svg/)
    await run('report', path('a.json'), '--format', 'png', '--output', path('a.png'))
    expect(readFileSync(path('a.png')).subarray(1, 4).toString()).toBe('PNG')
    expect((await run('report', path('a.json'), '--format', 'svg', '--view', 'pie')).code).toBe(2)
  })
})
