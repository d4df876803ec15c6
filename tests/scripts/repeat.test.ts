import {spawnSync} from 'node:child_process'
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {sandbox} from '../commands/support.ts'

const {path} = sandbox()
const script = join(import.meta.dirname, '../../scripts/bench/repeat.mjs')
const repeat = (...files: string[]) => spawnSync(process.execPath, [script, ...files], {encoding: 'utf8'})
const saved = (name: string, result: unknown) => {
  writeFileSync(path(name), JSON.stringify({result}))
  return path(name)
}

test('saved profiles are compared by kinds of ceilings, instructions per cycle among them', () => {
  const profile = (perSecond: number) => ({
    name: 'a made-up machine',
    identity: {seconds: 2},
    ceilings: [
      {id: 'issue-t1', kind: 'issue', threads: 1, value: perSecond, verdict: 'ok'},
      {id: 'read-DRAM-t1', kind: 'bandwidth', level: 'DRAM', threads: 1, value: 1e10, verdict: 'ok'},
    ],
  })
  const {status, stdout, stderr} = repeat(saved('a.json', profile(16e9)), saved('b.json', profile(17e9)))
  expect(status, stderr).toBe(5)
  expect(stdout).toMatch(/^\| instructions per cycle \| 1 \| 0 \| 0 \| 1 \|/m)
  expect(stdout).toMatch(/^\| bandwidth DRAM, one thread \| 1 \| 1 \|/m)
})

test('what is no saved profile is said in one line', () => {
  for (const file of [path('none.json'), saved('error.json', undefined), saved('gpu.json', {ceilings: []})]) {
    const {status, stdout, stderr} = repeat(file)
    expect({status, stdout}).toEqual({status: 3, stdout: ''})
    expect(stderr).toMatch(/^\S+\.json is no profile of a processor; [^\n]*perf measure cpu --json[^\n]*\n$/)
  }
})
