/** Runs command lines: in this process, from the sources, or as users do, through the built bin. */
import {spawn} from 'node:child_process'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterEach, beforeEach, expect, vi} from 'vitest'
import {documents} from '../../src/analysis/document/index.ts'
import {runCommandLine} from '../../src/commands/shared/main.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
export const bin = join(root, 'bin', 'perf.js')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder of its own, and a home without settings or profiles, for every test. */
export function sandbox(): {path: (...parts: string[]) => string} {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ridgepoint-'))
    vi.stubEnv('XDG_CONFIG_HOME', join(folder, 'config'))
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'))
    // a hub that refuses connections: no test leaves this machine
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9')
    vi.stubEnv('HF_HOME', join(folder, 'huggingface'))
    vi.stubEnv('COLUMNS', '')
    vi.spyOn(process, 'cwd').mockReturnValue(folder)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
    rmSync(folder, {recursive: true, force: true})
  })
  return {path: (...parts) => join(folder, ...parts)}
}

const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** One command line in this process, from the sources. */
export async function run(...argv: string[]): Promise<Outcome> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  const collect = (into: Buffer[]) => (text: string | Uint8Array) => {
    into.push(Buffer.from(text as string))
    return true
  }
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation(collect(out) as typeof process.stdout.write)
  const stderr = vi.spyOn(process.stderr, 'write').mockImplementation(collect(err) as typeof process.stderr.write)
  const before = process.exitCode
  process.exitCode = undefined
  try {
    await runCommandLine(
      argv,
      root,
      pjson,
      (id) => import(/* @vite-ignore */ join(root, 'src', 'commands', `${id.replace(':', '/')}.ts`)),
    )
    const code = process.exitCode ?? 0
    return {code: Number(code), stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString()}
  } finally {
    process.exitCode = before
    stdout.mockRestore()
    stderr.mockRestore()
  }
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly cwd?: string
}

/** The same through the built bin, as a process of its own. */
export function spawned(argv: readonly string[], {env, input, cwd}: SpawnOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...argv], {
      cwd: cwd ?? process.cwd(),
      env: {...process.env, NO_COLOR: '', ...env},
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk) => out.push(chunk))
    child.stderr.on('data', (chunk) => err.push(chunk))
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString()}),
    )
    child.stdin.end(input ?? '')
  })
}

/** Parses standard output as a document and holds it against the schema that it names. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every kind
export function documentOf(outcome: Pick<Outcome, 'stdout'>): any {
  const document = JSON.parse(outcome.stdout)
  const kind = String(document.schema).replace('ridgepoint/', '')
  const schema = (documents as Record<string, (typeof documents)[keyof typeof documents]>)[kind]
  if (!schema) throw new Error(`no schema for ${document.schema}`)
  const parsed = schema.safeParse(document)
  expect(parsed.error?.issues ?? []).toEqual([])
  return document
}

/** What no user may ever see. */
export function expectNoInternals(text: string): void {
  expect(text).not.toMatch(/^\s+at .*[:(]/m)
  expect(text).not.toContain('node_modules')
  expect(text).not.toContain('a bug of ours')
}
