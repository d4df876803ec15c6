import {execFileSync, spawnSync} from 'node:child_process'
import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {documents} from '../../src/analysis/document/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-pack-'))
const npm = (cwd: string, ...args: string[]) =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
    // the addon has tests of its own: here the install shows that it succeeds without
    env: {...process.env, RIDGEPOINT_NO_NATIVE: '1'},
  })

let files: string[] = []

beforeAll(() => {
  const [packed] = JSON.parse(npm(root, 'pack', '--json', '--ignore-scripts', '--pack-destination', folder))
  files = packed.files.map((file: {path: string}) => file.path)
  writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}')
  npm(folder, 'install', '--prefer-offline', join(folder, packed.filename))
}, 300_000)

afterAll(() => rmSync(folder, {recursive: true, force: true}))

const perf = (...args: string[]) =>
  spawnSync('npx', ['--no-install', 'perf', ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: {...process.env, XDG_CACHE_HOME: join(folder, 'cache'), XDG_CONFIG_HOME: join(folder, 'config')},
  })

describe('the package in an empty folder', () => {
  it('holds what runs and nothing else', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'bin/perf.js',
        'dist/perf.js',
        'dist/report/template.html',
        'oclif.manifest.json',
        'binding.gyp',
      ]),
    )
    expect(files.filter((file) => /^(src|tests|reports|node_modules|coverage)\//.test(file))).toEqual([])
    // of the documentation what messages send people to
    const named = ['src', 'reports'].flatMap((room) =>
      readdirSync(join(root, room), {recursive: true, encoding: 'utf8'})
        .filter((file) => file.endsWith('.ts'))
        .map((file) => readFileSync(join(root, room, file), 'utf8').replaceAll(/^\s*(\*|\/\*|\/\/).*$/gm, ''))
        .flatMap((code) => code.match(/(?<!\/)\bdocs\/[\w-]+\.md/g) ?? []),
    )
    expect(files.filter((file) => file.startsWith('docs/')).sort()).toEqual([...new Set(named)].sort())
    expect(files.filter((file) => file.startsWith('build/'))).toEqual([])
  })

  it('has both bins, and analyzes', () => {
    const {stdout, status} = perf('analyze', 'gpt2', '--machine', 'h100-sxm')
    expect(status).toBe(0)
    expect(stdout).toContain('124,439,808')
    expect(readdirSync(join(folder, 'node_modules/.bin'))).toEqual(expect.arrayContaining(['perf', 'ridgepoint']))
  })

  it('writes a report, draws a picture, and reads documents with its own dependencies', () => {
    expect(perf('analyze', 'gpt2', '--machine', 'h100-sxm', '--report', 'r.html').status).toBe(0)
    expect(perf('report', 'r.html', '--format', 'svg', '--output', 'r.svg').status).toBe(0)
    expect(readFileSync(join(folder, 'r.svg'), 'utf8')).toMatch(/^<svg/)
    expect(perf('compare', 'r.html', 'r.html').status).toBe(0)
  })

  it('is a typed library', () => {
    const program = `import {AnalysisError, analyze, type Analysis} from 'ridgepoint'
const {result, warnings} = analyze('llama-3-8b', {machine: 'h100-sxm', phase: 'decode', batch: 8})
const totals: Analysis['totals'] = result.totals
const tpot: number | null = totals.tpot
if (warnings.length > 0 || tpot === null) throw new Error('no')
try {
  analyze('gpt3', {machine: 'h100-sxm'})
} catch (error) {
  if (!(error instanceof AnalysisError) || error.code !== 'unknown-model') throw error
}
// @ts-expect-error a batch is a number
analyze('gpt2', {machine: 'l4', batch: '8'})
`
    writeFileSync(join(folder, 'use.ts'), program)
    const options = [
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      '',
      '--outDir',
      'out',
      'use.ts',
    ]
    const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...options], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(tsc.stdout).toBe('')
    const plain = readFileSync(join(folder, 'out/use.js'), 'utf8').replace(/^analyze\('gpt2'.*$/m, '')
    writeFileSync(join(folder, 'use.mjs'), plain)
    expect(spawnSync(process.execPath, ['use.mjs'], {cwd: folder, encoding: 'utf8'}).stderr).toBe('')
  })

  it('has a JSON Schema of every document', () => {
    const schemas = join(folder, 'node_modules/ridgepoint/dist/schemas')
    expect(readdirSync(schemas).sort()).toEqual(
      Object.keys(documents)
        .map((kind) => `${kind}.json`)
        .sort(),
    )
    const contract = 'analysis machine bench comparison sweep placement explain check doctor list error'.split(' ')
    expect(Object.keys(documents).sort()).toEqual(contract.map((kind) => `${kind}@1`).sort())
    const schema = JSON.parse(readFileSync(join(schemas, 'analysis@1.json'), 'utf8'))
    expect(schema.properties.schema.const).toBe('ridgepoint/analysis@1')
  })

  it('installs at run time only what is used then', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['node-addon-api', 'node-gyp', 'zod'])
    for (const name of ['vega', '@oclif/core', 'esbuild', 'vitest'])
      expect(existsSync(join(folder, 'node_modules', name))).toBe(false)
  })
})
