import {expect, test, vi} from 'vitest'
import {kernelRuns} from '../../src/kernels/bench.ts'
import {pairRuns} from '../../src/kernels/pairs.ts'

const system = vi.hoisted(() => ({reads: 0, free: 64 * 2 ** 30}))
const MiB = 2 ** 20
// two cores that share 1 GiB of L3
vi.mock('../../src/kernels/identity.ts', async (original) => {
  const real = await original<typeof import('../../src/kernels/identity.ts')>()
  return {
    ...real,
    freeMemory: () => system.free,
    readIdentity: () => {
      system.reads++
      return {...real.readIdentity(), cores: 2, caches: [{level: 'L3', claimed: 1024 * 2 ** 20, sharedBy: 2}]}
    },
  }
})

/** Bytes of add's three tensors at its size from memory. */
const added = ({runs}: ReturnType<typeof kernelRuns>) => 12 * runs.filter(({def}) => def.id === 'add').at(-1)!.dims[0]!

test('what is asked for by name has 3 GiB, all in one run 1.5: where that is less than twice the caches it is said', () => {
  const named = kernelRuns({kernels: ['add']})
  expect(added(named)).toBeLessThanOrEqual(3072 * MiB)
  expect(added(named)).toBeGreaterThanOrEqual(2600 * MiB)
  const short = kernelRuns({kernels: ['dequantize-int4']}).warnings
  expect(short).toMatchObject([{code: 'size-short', message: expect.stringMatching(/hold a part of it; --dims gives/)}])
  const all = kernelRuns({})
  expect(added(all)).toBeLessThanOrEqual(1536 * MiB)
  expect(added(all)).toBeGreaterThanOrEqual(1200 * MiB)
  expect(all.warnings).toMatchObject([
    {
      code: 'size-short',
      message: expect.stringMatching(/ends at 1\.6\d* GB.*asked for by name it may take 3\.2\d* GB, and --dims/),
    },
  ])
  expect(pairRuns({}).warnings).toHaveLength(1)
})

test('the system is asked once, not for each kernel', () => {
  system.reads = 0
  kernelRuns({})
  expect(system.reads).toBe(1)
})

test('nothing has more than a quarter of the free memory', () => {
  system.free = 8 * 2 ** 30
  const named = kernelRuns({kernels: ['add']})
  expect(added(named)).toBeLessThanOrEqual(2048 * MiB)
  expect(added(named)).toBeGreaterThanOrEqual(1700 * MiB)
})
