import {spawnSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, expect, test, vi} from 'vitest'
import {
  allowedCpus,
  cachesFromSysfs,
  countCpuList,
  cpuName,
  freeMemory,
  grantedCpus,
  identityKey,
  parseCacheSize,
  parseCpuMax,
  readIdentity,
  usableMemory,
} from '../../src/kernels/identity.ts'

afterEach(() => vi.restoreAllMocks())

test('cpu lists, cache sizes and cgroup quotas as Linux writes them', () => {
  expect(['0', '0-3', '0-3,8', '0-1,4-5,9', ''].map(countCpuList)).toEqual([1, 4, 5, 5, 1])
  expect(['32K', '36608K', '1M', '512', 'x', ''].map(parseCacheSize)).toEqual([
    32768,
    37486592,
    1048576,
    512,
    undefined,
    undefined,
  ])
  expect(['max 100000', '150000 100000', '50000 100000', ''].map(parseCpuMax)).toEqual([undefined, 1.5, 0.5, undefined])
})

test('the time of CPUs that cgroups grant: of either version, of the group or of one around it, the least', () => {
  const granted = (groups: string, files: Record<string, string>) => grantedCpus(groups, (path) => files[path])
  const unified = '0::/user.slice/job\n'
  expect(granted(unified, {'/sys/fs/cgroup/user.slice/job/cpu.max': 'max 100000'})).toBeUndefined()
  const both = {
    '/sys/fs/cgroup/user.slice/job/cpu.max': '400000 100000',
    '/sys/fs/cgroup/user.slice/cpu.max': '150000 100000',
  }
  expect(granted(unified, both)).toBe(1.5)
  // a container sees its own group as the root, whatever its path says
  expect(granted('0::/docker/0123', {'/sys/fs/cgroup/cpu.max': '50000 100000'})).toBe(0.5)
  const first = '4:memory:/job\n3:cpuacct,cpu:/job\n1:cpuset:/\n0::/\n'
  const limits = {
    '/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us': '200000',
    '/sys/fs/cgroup/cpu/job/cpu.cfs_period_us': '100000',
  }
  expect(granted(first, limits)).toBe(2)
  expect(granted(first, {...limits, '/sys/fs/cgroup/cpu/job/cpu.cfs_quota_us': '-1'})).toBeUndefined()
  expect(granted('1:cpuset:/job\n', limits)).toBeUndefined()
  expect(granted('', {})).toBeUndefined()
})

test('the CPUs that a process may run on are counted in its own list, whatever time it gets of them', () => {
  const status = 'Name:\tnode\nCpus_allowed:\tff01\nCpus_allowed_list:\t0,8-15\nMems_allowed_list:\t0-1\n'
  expect(allowedCpus(status)).toBe(9)
  expect(allowedCpus('Name:\tnode\n')).toBeUndefined()
  const one = spawnSync('taskset', ['-c', '0', 'grep', 'Cpus_allowed_list', '/proc/self/status'], {encoding: 'utf8'})
  if (one.status === 0) expect(allowedCpus(one.stdout)).toBe(1)
})

test('caches are read from sysfs: data and unified only, by level, with their sharing; a missing folder has none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ridgepoint-sysfs-'))
  const cache = (index: number, level: string, type: string, size: string, shared: string) => {
    mkdirSync(join(folder, `index${index}`))
    for (const [name, text] of Object.entries({level, type, size, shared_cpu_list: shared}))
      writeFileSync(join(folder, `index${index}`, name), `${text}\n`)
  }
  cache(0, '3', 'Unified', '36608K', '0-15')
  cache(1, '1', 'Instruction', '32K', '0')
  cache(2, '1', 'Data', '48K', '0,16')
  cache(3, '2', 'Unified', 'garbage', '0')
  expect(cachesFromSysfs(folder)).toEqual([
    {level: 'L1', claimed: 49152, sharedBy: 2},
    {level: 'L3', claimed: 37486592, sharedBy: 16},
  ])
  rmSync(folder, {recursive: true})
  expect(cachesFromSysfs(folder)).toEqual([])
})

test('this machine has a name, at least one core, memory, and the same key every time', () => {
  const identity = readIdentity()
  expect(identity.cpu).not.toBe('')
  expect(identity.cores).toBeGreaterThanOrEqual(1)
  expect(identity.memory).toBeGreaterThan(1e8)
  expect(identity.key).toMatch(/^[0-9a-f]{16}$/)
  expect(readIdentity()).toEqual(identity)
})

test('the key changes with whatever would change a measurement', () => {
  const base = {cpu: 'a', isa: ['fma'], caches: [], cores: 2, arch: 'x64', system: 'linux'}
  const keys = [
    base,
    {...base, cpu: 'b'},
    {...base, isa: []},
    {...base, cores: 1},
    {...base, arch: 'arm64'},
    {...base, caches: [{level: 'L1' as const, claimed: 1, sharedBy: 1}]},
  ].map(identityKey)
  expect(new Set(keys).size).toBe(keys.length)
})

test('a CPU without a name is called by its numbers, and one without either is unknown; none is refused', () => {
  const name = (fields: Record<string, string>, fallback?: string) =>
    cpuName(new Map(Object.entries(fields)), fallback, 'riscv64').cpu
  expect(name({'model name': 'Some CPU 9000'})).toBe('Some CPU 9000')
  expect(name({'CPU implementer': '0x41', 'CPU part': '0xd4f'}, 'unknown')).toBe('0x41/0xd4f')
  expect(name({vendor_id: 'X', 'cpu family': '6', model: '999'})).toBe('X/6/999')
  expect(name({}, '')).toBe('unknown riscv64')
  expect(name({})).toBe('unknown riscv64')
})

test('memory is what the cgroup grants, and free is what is left of that', () => {
  const limit = vi.spyOn(process, 'constrainedMemory').mockReturnValue(300e6)
  expect(usableMemory()).toBe(300e6)
  expect(readIdentity().memory).toBe(300e6)
  expect(freeMemory()).toBeLessThanOrEqual(300e6)
  vi.spyOn(process, 'availableMemory').mockReturnValue(100e6)
  expect(freeMemory()).toBe(100e6)
  // cgroup v1 writes a number beyond any memory for "no limit"
  for (const none of [0, 2 ** 63]) {
    limit.mockReturnValue(none)
    expect(usableMemory()).toBeGreaterThan(1e8)
  }
})
