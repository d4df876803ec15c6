import {readFileSync, writeFileSync} from 'node:fs'
import {dirname} from 'node:path'
import {expect, it} from 'vitest'
import type {Machine} from '../../../src/analysis/document/machine.ts'
import {gpuProfilePath, loadGpuProfile, saveGpuProfile} from '../../../src/kernels/webgpu/profile.ts'
import {sandbox} from '../../commands/support.ts'

const {path} = sandbox()
const env = () => ({XDG_CACHE_HOME: path('cache')})

const gpu = (name: string, profile: 'quick' | 'full', value = 1e12): Machine => ({
  id: 'local-gpu',
  name,
  identity: {},
  profile,
  ceilings: [
    {
      id: 'fma-f32',
      kind: 'compute',
      operation: 'fma',
      dtype: 'f32',
      value,
      unit: 'FLOP/s',
      provenance: {kind: 'measured', source: 'a test', date: '2026-11-21'},
    },
  ],
})

it('keeps a file for each adapter, and finds the one that was saved last', async () => {
  expect(loadGpuProfile(undefined, env())).toBeUndefined()
  await saveGpuProfile(gpu('one', 'full'), env())
  await new Promise((done) => setTimeout(done, 5))
  await saveGpuProfile(gpu('two', 'quick'), env())
  expect(loadGpuProfile('one', env())).toEqual(gpu('one', 'full'))
  expect(loadGpuProfile(undefined, env())?.name).toBe('two')
  expect(loadGpuProfile('three', env())).toBeUndefined()
})

it('a quick measurement does not replace a full one, a full one replaces everything', async () => {
  await saveGpuProfile(gpu('one', 'full', 1), env())
  const kept = await saveGpuProfile(gpu('one', 'quick', 2), env())
  expect(kept).toMatchObject({saved: false, warnings: [{code: 'profile-kept'}]})
  expect(loadGpuProfile('one', env())?.ceilings[0]?.value).toBe(1)
  expect(await saveGpuProfile(gpu('one', 'full', 3), env())).toMatchObject({saved: true, warnings: []})
  expect(loadGpuProfile('one', env())?.ceilings[0]?.value).toBe(3)
})

it('a file that is broken, foreign or of another version counts as none', async () => {
  const {path: file} = await saveGpuProfile(gpu('one', 'full'), env())
  const good = readFileSync(file, 'utf8')
  for (const text of [
    '',
    good.slice(0, 40),
    'null',
    good.replace('"version":1', '"version":0'),
    good.replace('gpu-profile@1', 'profile@1'),
    good.replace('"id":"local-gpu"', '"id":"local"'),
    good.replace(/"ceilings":\[.*\]/, '"ceilings":[]'),
    good.replace('"value":1000000000000', '"value":null'),
  ]) {
    writeFileSync(file, text)
    expect(loadGpuProfile('one', env()), text.slice(0, 60)).toBeUndefined()
    expect(loadGpuProfile(undefined, env())).toBeUndefined()
  }
})

it('a folder that cannot be written is a warning', async () => {
  const file = gpuProfilePath('one', env())
  await saveGpuProfile(gpu('two', 'full'), env())
  writeFileSync(path('plain'), '')
  const answer = await saveGpuProfile(gpu('one', 'full'), {XDG_CACHE_HOME: path('plain')})
  expect(answer).toMatchObject({saved: false, warnings: [{code: 'profile-not-saved'}]})
  expect(dirname(file)).toContain('machines')
})
