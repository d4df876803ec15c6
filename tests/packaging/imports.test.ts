import {readdirSync, readFileSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'
import {fileURLToPath} from 'node:url'
import {describe, expect, it} from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The arrows of the architecture: what each room may import besides itself. */
const allowed: Record<string, readonly string[]> = {
  commands: ['reports', 'kernels', 'analysis'],
  reports: ['analysis'],
  kernels: ['analysis'],
  analysis: [],
}

/** The library entry stands outside of the rooms and shows the engine alone. */
const entry: Record<string, readonly string[]> = {'src/index.ts': ['analysis']}

const roomOf = (path: string): string =>
  path.startsWith('reports/') ? 'reports' : (/^src\/(\w+)\//.exec(path)?.[1] ?? path)

/** Static and dynamic imports and re-exports, types included. */
const importPattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)(['"`])([^'"`\n]+)\1/g

interface Import {
  readonly file: string
  readonly to: string
}

const files = ['src', 'reports'].flatMap((folder) =>
  readdirSync(join(root, folder), {recursive: true})
    .map(String)
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => `${folder}/${name}`),
)
const imports: Import[] = files.flatMap((file) =>
  [...readFileSync(join(root, file), 'utf8').matchAll(importPattern)].map((match) => ({file, to: match[2]!})),
)

describe('the import rules of the architecture', () => {
  it('see the whole tree', () => {
    expect(files.length).toBeGreaterThan(100)
    expect(imports.length).toBeGreaterThan(files.length)
    expect([...new Set(files.map(roomOf))].sort()).toEqual([
      'analysis',
      'commands',
      'kernels',
      'reports',
      'src/index.ts',
    ])
  })

  it('hold: commands → {reports, kernels, analysis}, reports → analysis, kernels → analysis, analysis → nothing', () => {
    const wrong = imports
      .filter(({to}) => to.startsWith('.'))
      .map(({file, to}) => ({file, to: relative(root, join(root, dirname(file), to))}))
      .filter(({file, to}) => {
        const [from, into] = [roomOf(file), roomOf(to)]
        return from !== into && !(allowed[from] ?? entry[from] ?? []).includes(into)
      })
    expect(wrong).toEqual([])
  })

  it('keep Node out of src/analysis, so that it runs in a browser', () => {
    const wrong = imports.filter(
      ({file, to}) => roomOf(file) === 'analysis' && /^(node:|fs|path|os|crypto|child_process)/.test(to),
    )
    expect(wrong).toEqual([])
    const globals = files
      .filter((file) => roomOf(file) === 'analysis')
      .filter((file) =>
        /\b(process\.(env|stdout|stderr|exit)|console\.\w+|require\()/.test(readFileSync(join(root, file), 'utf8')),
      )
    expect(globals).toEqual([])
  })

  it('let only commands print or exit', () => {
    const wrong = files
      .filter((file) => roomOf(file) !== 'commands' && !file.startsWith('reports/runtime/'))
      .filter((file) =>
        /process\.(exit\b|exitCode|stdout|stderr)|console\.(log|error|warn)/.test(
          readFileSync(join(root, file), 'utf8'),
        ),
      )
    expect(wrong).toEqual([])
  })

  it('keep the schema library off the start-up path: only documents import it, and nobody imports their values early', () => {
    const zod = imports.filter(({to}) => to === 'zod').map(({file}) => file)
    expect(zod.filter((file) => !file.startsWith('src/analysis/document/'))).toEqual([])
  })

  it('run in no circle: what types alone tie is erased', () => {
    const statement = /^(?:import|export)\s+(?!type\b)[^'"`;]*?\bfrom\s*'(\.[^']+)'/gm
    const arrows = new Map(
      files.map((file) => [
        file,
        [...readFileSync(join(root, file), 'utf8').matchAll(statement)].map(([, to]) =>
          relative(root, join(root, dirname(file), to!)),
        ),
      ]),
    )
    expect(arrows.get('src/analysis/analyze.ts')!.length).toBeGreaterThan(5)
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      if (path.includes(file) || done.has(file)) return
      for (const to of arrows.get(file) ?? []) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(circles).toEqual([])
  })
})

it('nothing is exported that no other file names, but the schemas of documents, which are a contract', () => {
  const users = new Map<string, Set<string>>()
  const all = ['src', 'reports', 'tests', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), {recursive: true})
      .map(String)
      .filter((name) => /\.(ts|mjs|js)$/.test(name))
      .map((name) => `${folder}/${name}`),
  )
  const texts = new Map(all.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
  for (const [file, text] of texts)
    for (const [word] of text.matchAll(/[\w$]+/g)) {
      const known = users.get(word)
      if (known) known.add(file)
      else users.set(word, new Set([file]))
    }
  const exported = /^export (?:async )?(?:const|function\*?|class|abstract class) (\w+)/gm
  const alone = files
    .filter((file) => file.endsWith('.ts') && !file.startsWith('src/analysis/document/'))
    .flatMap((file) => [...texts.get(file)!.matchAll(exported)].map(([, name]) => ({file, name: name!})))
    .filter(({name}) => users.get(name)!.size === 1)
  expect(alone).toEqual([])
})
