import {chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type Machine, machineSchema} from '../../src/analysis/document/machine.ts'
import {type LocalIdentity, readIdentity} from '../../src/kernels/identity.ts'
import {loadProfile, profilePath, saveProfile} from '../../src/kernels/profile.ts'

let folder: string
let env: NodeJS.ProcessEnv
const identity: LocalIdentity = {...readIdentity(), key: '0123456789abcdef', memory: 8e9}

const machine = (profile: 'quick' | 'full', value = 1e11): Machine => ({
  id: 'local',
  name: 'a machine',
  identity: {},
  memory: {capacity: 4e9},
  profile,
  ceilings: [
    {
      id: 'fma-f32-avx2-t1',
      kind: 'compute',
      operation: 'fma',
      dtype: 'f32',
      value,
      unit: 'FLOP/s',
      provenance: {kind: 'measured', source: 'test', date: '2026-11-21'},
    },
  ],
})

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ridgepoint-profile-'))
  env = {XDG_CACHE_HOME: folder}
})
afterEach(() => rmSync(folder, {recursive: true, force: true}))

const path = () => profilePath(identity.key, env)
const write = (content: string) => {
  mkdirSync(dirname(path()), {recursive: true})
  writeFileSync(path(), content)
}
const stored = () => JSON.parse(readFileSync(path(), 'utf8'))

describe('saving and loading', () => {
  test('what was saved is loaded, with today’s memory, and is a valid machine', async () => {
    expect(loadProfile(identity, env)).toMatchObject({present: false, warnings: []})
    const saved = await saveProfile(machine('full'), identity, env)
    expect(saved).toEqual({saved: true, path: path(), warnings: []})
    const {machine: loaded, warnings} = loadProfile(identity, env)
    expect(warnings).toEqual([])
    expect(loaded?.ceilings).toEqual(machine('full').ceilings)
    expect(loaded?.memory?.capacity).toBe(8e9)
    expect(() => machineSchema.parse(loaded)).not.toThrow()
    expect(readdirSync(dirname(path()))).toEqual([`${identity.key}.json`])
  })

  test('a relative XDG_CACHE_HOME is ignored', () => {
    expect(profilePath('k', {XDG_CACHE_HOME: 'relative'})).toBe(profilePath('k', {}))
  })

  test('a quick measurement never replaces a full one, a full one replaces both', async () => {
    await saveProfile(machine('quick', 1), identity, env)
    expect((await saveProfile(machine('quick', 2), identity, env)).saved).toBe(true)
    expect((await saveProfile(machine('full', 3), identity, env)).saved).toBe(true)
    const kept = await saveProfile(machine('quick', 4), identity, env)
    expect(kept).toMatchObject({saved: false, warnings: [{code: 'profile-kept'}]})
    expect(loadProfile(identity, env).machine?.ceilings[0]?.value).toBe(3)
    await saveProfile(machine('full', 5), identity, env)
    expect(loadProfile(identity, env).machine?.ceilings[0]?.value).toBe(5)
  })
})

describe('profiles that cannot be used', () => {
  const broken: [string, () => string, RegExp][] = [
    ['truncated', () => readFileSync(path(), 'utf8').slice(0, 200), /truncated/],
    ['empty', () => '', /is empty/],
    ['without a version', () => JSON.stringify({...stored(), version: undefined}), /not a profile/],
    ['null', () => 'null', /not a profile/],
    ['a list', () => '[]', /not a profile/],
    ['of another machine', () => JSON.stringify({...stored(), key: 'feedfeedfeedfeed'}), /another machine/],
    ['of a later version', () => JSON.stringify({...stored(), version: 99}), /another version \(99, now/],
    ['of an earlier version', () => JSON.stringify({...stored(), version: 1}), /another version \(1, now/],
    ['without ceilings', () => JSON.stringify({...stored(), machine: {...stored().machine, ceilings: []}}), /ceilings/],
    [
      'with a null ceiling',
      () => JSON.stringify({...stored(), machine: {...stored().machine, ceilings: [null]}}),
      /ceilings/,
    ],
    [
      'with a ceiling that is no number',
      () =>
        JSON.stringify({
          ...stored(),
          machine: {...stored().machine, ceilings: [{id: 'a', kind: 'b', unit: 'c', value: 'd'}]},
        }),
      /ceilings/,
    ],
  ]
  test.each(broken)('%s: a warning, no machine, and the next save keeps it as .bak', async (_, content, reason) => {
    await saveProfile(machine('full'), identity, env)
    const text = content()
    write(text)
    const loaded = loadProfile(identity, env)
    expect(loaded.machine).toBeUndefined()
    expect(loaded.warnings).toHaveLength(1)
    expect(loaded.warnings[0]?.message).toMatch(reason)
    const saved = await saveProfile(machine('quick', 7), identity, env)
    expect(saved.saved).toBe(true)
    expect(readFileSync(`${path()}.bak`, 'utf8')).toBe(text)
    expect(loadProfile(identity, env).machine?.ceilings[0]?.value).toBe(7)
  })

  test('a folder in its place is reported, not thrown', () => {
    mkdirSync(path(), {recursive: true})
    expect(loadProfile(identity, env).warnings[0]?.message).toMatch(/it is a directory/)
  })

  test('a cache folder that cannot be made: unsaved with a warning, nothing thrown', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, 'kept')
    const saved = await saveProfile(machine('full'), identity, {XDG_CACHE_HOME: file})
    expect(saved).toMatchObject({saved: false, warnings: [{code: 'profile-not-saved'}]})
    expect(readFileSync(file, 'utf8')).toBe('kept')
  })

  test('a folder without write permission leaves the old profile as it was', async () => {
    await saveProfile(machine('quick', 1), identity, env)
    chmodSync(dirname(path()), 0o555)
    try {
      const saved = await saveProfile(machine('full', 2), identity, env)
      // root may write anywhere; everybody else is refused and told so
      if (process.getuid?.() === 0) expect(saved.saved).toBe(true)
      else expect(saved.warnings[0]?.code).toBe('profile-not-saved')
      expect(existsSync(path())).toBe(true)
      expect(loadProfile(identity, env).machine?.ceilings[0]?.value).toBe(saved.saved ? 2 : 1)
    } finally {
      chmodSync(dirname(path()), 0o755)
    }
  })
})
