import {spawnSync} from 'node:child_process'
import {mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, expect, test} from 'vitest'
import {loadNative} from '../../src/kernels/native.ts'

const root = join(import.meta.dirname, '../..')
const release = join(root, 'build', 'Release')
const sources = (folder: string) => readdirSync(folder).map((name) => join(folder, name))
const compiler = process.env.CXX ?? 'g++'
const possible =
  process.arch === 'x64' && process.platform === 'linux' && spawnSync(compiler, ['--version']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-emulated-'))
afterAll(() => rmSync(folder, {recursive: true, force: true}))

test.runIf(possible)(
  'probes that this CPU lacks compute what they are credited with, instruction by instruction',
  () => {
    const program = join(folder, 'emulated')
    const core = sources(join(root, 'native', 'core')).filter(
      (path) => path.endsWith('.cc') && !path.endsWith('user.cc'),
    )
    const kernels = sources(release).filter((path) => /kernels_\w+\.a$/.test(path))
    const flags = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Wno-psabi']
    const input = [join(import.meta.dirname, 'emulated.cc'), ...core, ...kernels]
    const built = spawnSync(compiler, [...flags, ...input, '-o', program, '-pthread'], {encoding: 'utf8'})
    expect(built.stderr).toBe('')
    const {stdout, stderr, status} = spawnSync(program, {encoding: 'utf8'})
    expect(stderr).toBe('')
    expect(stdout).not.toContain('FAIL')
    expect(status).toBe(0)
    // every one that the compiler knew and the CPU does not, where AVX-512 gives them registers
    const {isas} = loadNative().cpu()
    const lacking = isas.flatMap(({name, compute}) =>
      compute.filter(({missing, lanes}) => missing !== null && lanes > 0).map(({probe}) => `${name} ${probe}`),
    )
    if (isas.some(({name}) => name === 'avx512')) for (const probe of lacking) expect(stdout).toContain(`${probe}: `)
  },
  60_000,
)
