import {spawnSync} from 'node:child_process'
import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, it} from 'vitest'
import {bin, root, sandbox} from '../commands/support.ts'

const {path} = sandbox()

/** Records every module that the process loads, of both module systems, and every native library. */
const preload = `
import {register} from 'node:module'
import {appendFileSync} from 'node:fs'
const log = process.env.MODULE_LOG
const dlopen = process.dlopen
process.dlopen = function (...args) { appendFileSync(log, args[1] + '\\n'); return dlopen.apply(this, args) }
register('data:text/javascript,' + encodeURIComponent(
  'import {appendFileSync} from "node:fs"; export async function load(url, context, next) { appendFileSync(' +
  JSON.stringify(log) + ', url + "\\\\n"); return next(url, context) }'))
process.on('exit', () => appendFileSync(log, process.moduleLoadList.filter((m) => /child_process|worker/.test(m)).join('\\n') + '\\n'))
`

function loaded(...args: string[]): string[] {
  const log = path('modules.log')
  writeFileSync(log, '')
  writeFileSync(path('preload.mjs'), preload)
  const run = spawnSync(process.execPath, ['--import', path('preload.mjs'), bin, ...args], {
    env: {...process.env, MODULE_LOG: log},
    encoding: 'utf8',
  })
  expect(run.status).toBe(0)
  return readFileSync(log, 'utf8').split('\n').filter(Boolean)
}

/** What a bundle holds: names that survive minification. */
const marks = {
  vega: /vega|Vega/,
  zod: /invalid_union|\bzod\b/,
  'table package': /drawHorizontalLine/,
  'cli-progress': /shades_classic|etaBuffer/,
}

const heavy = (modules: readonly string[]): string[] => {
  const bundles = modules.filter((url) => url.startsWith('file:') && url.includes('/dist/'))
  expect(bundles.length).toBeGreaterThan(0)
  const found = bundles.flatMap((url) => {
    const text = readFileSync(new URL(url), 'utf8')
    return Object.entries(marks).flatMap(([name, mark]) => (mark.test(text) ? [name] : []))
  })
  return [...new Set(found)].sort()
}

describe('what starting up loads', () => {
  it('for a JSON analysis: no Vega, no schemas, no tables, no addon, nothing outside of the package', () => {
    const modules = loaded('analyze', 'llama-3-8b', '--machine', 'h100-sxm', '--json')
    expect(heavy(modules)).toEqual([])
    expect(modules.filter((url) => /node_modules|webgpu|\.node$/.test(url))).toEqual([])
    const files = modules.filter((url) => url.startsWith('file:') && !url.includes('preload'))
    expect(files.filter((url) => !url.startsWith(`file://${root}/`))).toEqual([])
  })

  it('for a table: the table package and nothing else of them', () => {
    expect(heavy(loaded('analyze', 'gpt2', '--machine', 'h100-sxm'))).toEqual(['table package'])
  })

  it('knows the marks it looks for', () => {
    const svg = path('a.svg')
    const analysis = path('a.json')
    loaded('analyze', 'gpt2', '--machine', 'h100-sxm', '--json', '--output', analysis)
    const modules = loaded('report', analysis, '--format', 'svg', '--output', svg)
    expect(heavy(modules)).toEqual(expect.arrayContaining(['vega']))
    expect(modules.some((url) => url.includes('/zod/'))).toBe(true)
  })

  it('reads one manifest and no folders of commands', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8'))
    expect(manifest.commands.analyze.relativePath).toEqual(['dist', 'commands', 'analyze.js'])
  })
})
