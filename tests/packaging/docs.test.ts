/** What the README and the pages name exists: files, links, npm scripts, and every `perf` line with its flags and names. */
import {execFileSync} from 'node:child_process'
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'
import {concepts} from '../../src/analysis/explain/concepts/index.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import {kernels, pairIds} from '../../src/kernels/registry.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const markdown = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)

const pages = ['README.md', ...markdown('docs'), ...markdown('docs/adr'), ...markdown('docs/results')]
const files = execFileSync('git', ['ls-files'], {cwd: root, encoding: 'utf8'}).split('\n')

/** Files of other projects that the support table rests on; what a run writes or a package holds is left out by its folder. */
const foreign = ['unet/config.json', 'docs/ContribOperators.md', 'docs/gguf.md']

/** Inline code and the lines of fenced blocks, comments and what is piped on or follows cut off. */
const codeOf = (text: string): string[] => {
  const fenced = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].flatMap(([, body]) => body!.split('\n'))
  const inline = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!)
  return [...fenced, ...inline].flatMap((line) => line.replace(/\s[#>].*$/, '').split(/\s*(?:\||&&|;)\s*/))
}

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )

interface Manifest {
  commands: Record<
    string,
    {
      args: Record<string, {multiple?: boolean}>
      flags: Record<string, {type: string; char?: string; options?: string[]; allowNo?: boolean}>
    }
  >
}

const {commands} = JSON.parse(read('oclif.manifest.json')) as Manifest
const isPlaceholder = (word: string) => /^[A-Z…]|…|^\.\.\.$|\//.test(word) || /\.\w+$/.test(word) || word === '-'

/** What the positional words of a command may be. */
const names: Readonly<Record<string, ReadonlySet<string>>> = {
  analyze: new Set(Object.keys(models)),
  sweep: new Set(Object.keys(models)),
  report: new Set(Object.keys(models)),
  'model:show': new Set(Object.keys(models)),
  'machine:show': new Set([...Object.keys(machines), 'local', 'local-gpu']),
  'op:show': new Set(Object.keys(ops)),
  explain: new Set([...Object.keys(concepts), ...Object.keys(ops)]),
  bench: new Set(Object.keys(kernels)),
  measure: new Set(['cpu', 'webgpu', 'all']),
}
const valuesOf: Readonly<Record<string, ReadonlySet<string>>> = {
  machine: new Set([...Object.keys(machines), 'local', 'local-gpu']),
  fused: new Set(['all', ...pairIds]),
}

/** What is wrong with a `perf` line, or nothing. */
function flawOf(line: string): string | undefined {
  const words = line.replace(/[[\]]/g, '').trim().split(/\s+/).slice(1)
  const topic = `${words[0]}:${words[1]}`
  const id = Object.hasOwn(commands, topic) ? topic : words[0]!
  if (!Object.hasOwn(commands, id)) return `no command ${id}`
  const {flags, args} = commands[id]!
  const rest = words.slice(id === topic ? 2 : 1)
  let positional = 0
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i]!
    if (!word.startsWith('-') || word === '-') {
      positional++
      if (names[id] && !isPlaceholder(word) && !names[id].has(word)) return `${id} knows no ${word}`
      continue
    }
    const [name, own] = word.replace(/^--?/, '').split('=') as [string, string?]
    const flag = flags[name] ?? Object.values(flags).find(({char}) => char === name)
    if (!flag && !(name.startsWith('no-') && flags[name.slice(3)]?.allowNo)) return `${id} has no --${name}`
    if (flag?.type !== 'option') continue
    const value = own ?? rest[++i]
    if (value === undefined) return `--${name} has no value`
    if (isPlaceholder(value)) continue
    for (const one of valuesOf[name] ? value.split(',') : [])
      if (!valuesOf[name]!.has(one)) return `--${name} knows no ${one}`
    if (flag.options && !flag.options.includes(value)) return `--${name} cannot be ${value}`
  }
  const most = Object.values(args).some(({multiple}) => multiple) ? Number.POSITIVE_INFINITY : Object.keys(args).length
  return positional > Math.max(most, id === 'compare' ? 2 : 0) ? `${id} takes ${most} words` : undefined
}

describe.each(pages)('%s', (page) => {
  const text = read(page)
  const code = codeOf(text)

  it('links to what is there', () => {
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link]) => link!)
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => {
        const [path, anchor] = link.split('#') as [string, string?]
        const target = path === '' ? page : relative(root, join(root, dirname(page), path))
        if (!existsSync(join(root, target))) return true
        return anchor !== undefined && !anchorsOf(read(target)).has(anchor)
      })
    expect(broken).toEqual([])
  })

  it('names files that are there, whole or by their end', () => {
    const named = code
      .flatMap((line) => line.split(/[\s,()]+/))
      .filter((word) => /^(?!\.|\/|https?:|~)[\w@.-]+(?:\/[\w@.-]+)+\.(?:ts|mjs|cc|h|md|json|sh|gyp)$/.test(word))
      .filter((word) => !/^(?:dist|build|ridgepoint|node_modules)\//.test(word) && !foreign.includes(word))
    const missing = named.filter((word) => !files.some((file) => file === word || file.endsWith(`/${word}`)))
    expect(missing).toEqual([])
  })

  it('names npm scripts that there are', () => {
    const {scripts} = JSON.parse(read('package.json')) as {scripts: Record<string, string>}
    const named = code.flatMap((line) => [...line.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name!))
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([])
  })

  it('shows `perf` lines that the program takes', () => {
    const lines = code
      .map((line) => line.replace(/^(?:\$ |npx |quiet )+/, ''))
      .filter((line) => /^perf [a-z]/.test(line))
    expect(lines.flatMap((line) => flawOf(line) ?? [])).toEqual([])
  })
})

it('a line with a flag, a name, a value or a command that there is not is seen', () => {
  expect(flawOf('perf analyze llama-3-8b --machine h100-sxm,mi300x --count 4')).toBeUndefined()
  expect(flawOf('perf bench [KERNEL…] --backend webgpu')).toBeUndefined()
  expect(flawOf('perf analyse gpt2')).toBe('no command analyse')
  expect(flawOf('perf analyze gpt-2')).toBe('analyze knows no gpt-2')
  expect(flawOf('perf analyze gpt2 --batches 3')).toBe('analyze has no --batches')
  expect(flawOf('perf analyze gpt2 --machine h100,l4')).toBe('--machine knows no h100')
  expect(flawOf('perf bench --backend cuda')).toBe('--backend cannot be cuda')
})
