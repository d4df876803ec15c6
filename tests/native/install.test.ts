import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync, symlinkSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'

const script = resolve(import.meta.dirname, '../../scripts/install-native.mjs')
let bin: string

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'ridgepoint-bin-'))
})
afterEach(() => rmSync(bin, {recursive: true, force: true}))

/** Runs the install script where only the commands in `bin` exist. */
function install(env: NodeJS.ProcessEnv = {}, ...flags: string[]) {
  const {status, stdout, stderr} = spawnSync(process.execPath, [script, ...flags], {
    env: {PATH: bin, ...env},
    encoding: 'utf8',
  })
  return {status, stdout, lines: stderr.split('\n').filter(Boolean)}
}

describe('an install that cannot build the addon', () => {
  test('succeeds, with one line that says what is missing and how to get it', () => {
    const {status, stdout, lines} = install()
    expect(status).toBe(0)
    expect(stdout).toBe('')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/C\+\+ compiler, make, python3 not found/)
    expect(lines[0]).toMatch(/npm run build:native/)
  })

  test('names only what is missing, and this system’s own command', () => {
    for (const name of ['g++', 'make', 'apt-get']) {
      symlinkSync(process.execPath, join(bin, name))
    }
    const {status, lines} = install()
    expect(status).toBe(0)
    expect(lines[0]).toMatch(/: python3 not found\. /)
    if (process.platform === 'linux') expect(lines[0]).toContain('apt-get install g++ make python3')
  })

  test('RIDGEPOINT_NO_NATIVE skips it; asked for by hand it fails', () => {
    expect(install({RIDGEPOINT_NO_NATIVE: '1'})).toMatchObject({
      status: 0,
      lines: [expect.stringContaining('RIDGEPOINT_NO_NATIVE')],
    })
    expect(install({}, '--strict').status).toBe(1)
  })
})
