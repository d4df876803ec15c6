import {spawnSync} from 'node:child_process'
import {cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const script = join(root, 'scripts', 'install-native.mjs')
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

/** A copy of the script, so that no build folder of this checkout is written. */
function copy(): string {
  const away = join(bin, 'away')
  cpSync(script, join(away, 'scripts', 'install-native.mjs'), {recursive: true})
  cpSync(join(root, 'package.json'), join(away, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(away, 'node_modules'))
  return away
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

  test('says that it compiles, which takes minutes, before anything else; a failure is one line more', () => {
    for (const name of ['g++', 'make', 'python3']) {
      const path = join(bin, name)
      writeFileSync(path, '#!/bin/sh\nexit 1\n', {mode: 0o755})
    }
    const away = copy()
    const run = spawnSync(process.execPath, [join(away, 'scripts', 'install-native.mjs')], {
      env: {PATH: bin},
      encoding: 'utf8',
    })
    expect(run.status).toBe(0)
    const lines = run.stderr.split('\n').filter(Boolean)
    expect(lines[0]).toMatch(/compiling the native addon, about \d+ min on \d+ processors \(.*install\.log\)/)
    expect(lines[1]).toMatch(/node-gyp configure failed, see .*install\.log/)
    expect(lines).toHaveLength(2)
  })

  test('RIDGEPOINT_NO_NATIVE skips it; asked for by hand it fails', () => {
    expect(install({RIDGEPOINT_NO_NATIVE: '1'})).toMatchObject({
      status: 0,
      lines: [expect.stringContaining('RIDGEPOINT_NO_NATIVE')],
    })
    expect(install({}, '--strict').status).toBe(1)
  })
})

test('what the first npx in a checkout runs again stands: the addon, and dist', () => {
  const away = copy()
  mkdirSync(join(away, 'build', 'Release'), {recursive: true})
  writeFileSync(join(away, 'build', 'Release', 'ridgepoint.node'), 'not loaded')
  for (const path of [join(away, 'scripts', 'install-native.mjs'), join(root, 'scripts', 'build.mjs')]) {
    const run = spawnSync(process.execPath, [path], {env: {PATH: bin, npm_command: 'exec'}, encoding: 'utf8'})
    expect(run).toMatchObject({status: 0, stdout: '', stderr: ''})
  }
})
