import {expect, test, vi} from 'vitest'
import {machineSchema} from '../../src/analysis/document/machine.ts'
import {measureCpu} from '../../src/kernels/measure-cpu.ts'

// A CPU that no table knows, on a system that describes no caches, under a cgroup that leaves 200 MB.
vi.mock('../../src/kernels/identity.ts', async (original) => {
  const real = await original<typeof import('../../src/kernels/identity.ts')>()
  return {
    ...real,
    freeMemory: () => 200e6,
    readIdentity: () => ({...real.readIdentity(), cpu: 'unknown x64', isa: [], caches: [], memory: 256e6}),
  }
})

test('an unknown CPU is measured by its features, within the memory that is left, and what is missing is said', async () => {
  const {machine, warnings} = await measureCpu({quick: true})
  expect(() => machineSchema.parse(machine)).not.toThrow()
  expect(machine.name).toMatch(/^unknown x64, /)
  expect(machine.memory?.capacity).toBe(256e6)
  const codes = warnings.map(({code}) => code)
  expect(codes).toContain('caches-unknown')
  for (const [kind, level] of [
    ['compute', undefined],
    ['bandwidth', 'L1'],
    ['bandwidth', 'L2'],
    ['bandwidth', 'DRAM'],
  ])
    expect(machine.ceilings.some((c) => c.kind === kind && c.level === level)).toBe(true)
}, 30_000)
