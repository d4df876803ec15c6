import {spawnSync} from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {build} from 'esbuild'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {makeFolder, replaceFile} from '../../src/kernels/whole-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ridgepoint-whole-'))
})
afterEach(() => rmSync(folder, {recursive: true, force: true}))

describe('a file is replaced whole', () => {
  test('a new one, an old one with its mode, and the target of a link', async () => {
    const path = join(folder, 'a')
    await replaceFile(path, 'one')
    chmodSync(path, 0o640)
    symlinkSync(path, join(folder, 'link'))
    await replaceFile(join(folder, 'link'), 'two')
    expect(readFileSync(path, 'utf8')).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o640)
    expect(lstatSync(join(folder, 'link')).isSymbolicLink()).toBe(true)
    expect(readdirSync(folder).sort()).toEqual(['a', 'link'])
  })

  test('at once from two sides: one of the two, whole', async () => {
    const path = join(folder, 'a')
    const texts = ['x'.repeat(1e6), 'y'.repeat(1e6)]
    await Promise.all(texts.map((text) => replaceFile(path, text)))
    expect(texts).toContain(readFileSync(path, 'utf8'))
    expect(readdirSync(folder)).toEqual(['a'])
  })

  test('a folder that is not there is refused, and nothing is left', async () => {
    await expect(replaceFile(join(folder, 'none', 'a'), 'x')).rejects.toThrow(/ENOENT/)
    expect(readdirSync(folder)).toEqual([])
  })

  // A limit of the file size cuts a write short as a disk that is nearly full does, and needs no disk.
  test.runIf(process.platform === 'linux')('a write that is cut short keeps the old file', async () => {
    const outfile = join(folder, 'write.mjs')
    const entry = join(import.meta.dirname, '../../src/kernels/whole-file.ts')
    await build({
      stdin: {
        contents: `import {makeFolder, replaceFile} from ${JSON.stringify(entry)}
          await replaceFile(process.argv[2], 'new'.repeat(10_000)).catch((error) => console.log(error.code))`,
        resolveDir: folder,
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
    })
    const path = join(folder, 'a')
    writeFileSync(path, 'old')
    const limited = ['-c', `trap '' XFSZ; ulimit -f 8; exec "$@"`, 'bash', process.execPath, outfile, path]
    expect(spawnSync('bash', limited, {encoding: 'utf8'}).stdout).toBe('EFBIG\n')
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(folder).sort()).toEqual(['a', 'write.mjs'])
  })
})

test('a folder and those above it are made; one that the system refuses ends with its reason', async () => {
  await makeFolder(join(folder, 'a', 'b', 'c'))
  await makeFolder(join(folder, 'a', 'b', 'c'))
  expect(statSync(join(folder, 'a', 'b', 'c')).isDirectory()).toBe(true)
  await replaceFile(join(folder, 'file'), 'x')
  await expect(makeFolder(join(folder, 'file', 'd'))).rejects.toThrow(/ENOTDIR|EEXIST/)
})

// mkdir with `recursive` never comes back from here
test.runIf(process.platform === 'linux')('a folder below /proc is refused', async () => {
  await expect(makeFolder('/proc/ridgepoint/machines')).rejects.toThrow(/ENOENT/)
})
