import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {expect, test} from 'vitest'

const root = join(import.meta.dirname, '../..')

test('threads meet after each call where another reads what it wrote, and nowhere else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-'))
  try {
    const program = join(folder, 'meeting')
    const core = ['session', 'pool', 'memory', 'counters'].map((name) => join(root, 'native/core', `${name}.cc`))
    const sources = [join(root, 'tests/native/meeting.cc'), ...core]
    const flags = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-pthread']
    const built = spawnSync(process.env.CXX ?? 'g++', [...flags, ...sources, '-o', program], {encoding: 'utf8'})
    expect(built.status, built.stderr).toBe(0)
    const {stdout, status} = spawnSync(program, {encoding: 'utf8'})
    expect(stdout.trim().split('\n')).toEqual([
      'one operator: did not meet',
      'one operator beside a chain: met',
      'two operators, between them: met',
      'two operators, before the next pass: met',
      'a loaded kernel: met',
    ])
    expect(status).toBe(0)
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}, 120_000)
