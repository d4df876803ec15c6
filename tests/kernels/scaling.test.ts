import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest'
import type {LocalIdentity} from '../../src/kernels/identity.ts'
import type {NativeAddon, NativeSession, ProgramSample, SampleSpec} from '../../src/kernels/native.ts'

// A machine with eight CPUs that share an L3 and whose DRAM gives no more than three of them can take; time passes with its samples.
const machine = vi.hoisted(() => ({seconds: 0, slowness: 1, calls: [] as {probe: string; threads: number}[]}))

const identity: LocalIdentity = {
  cpu: 'test CPU',
  isa: [],
  caches: [
    {level: 'L1', claimed: 32 * 1024, sharedBy: 1},
    {level: 'L2', claimed: 1024 * 1024, sharedBy: 1},
    {level: 'L3', claimed: 32 * 1024 * 1024, sharedBy: 8},
  ],
  cores: 8,
  memory: 16 * 2 ** 30,
  os: 'test',
  arch: 'x64',
  node: 'v20',
  tool: '0',
  key: '0',
}

/** Work per pass and seconds of a pass over all threads. */
function pass({probe, threads, bytes, roam}: SampleSpec): {work: number; seconds: number} {
  const speed = machine.slowness
  if (probe === 'fma-f32') return {work: 1000 * threads, seconds: 1e-8 * speed}
  if (bytes > 0 && probe !== 'chase') {
    const each = roam ? 10e9 : bytes <= 32 * 1024 ? 200e9 : 50e9
    const rate = roam ? Math.min(threads, 3) * each : threads * each
    return {work: bytes * threads, seconds: ((bytes * threads) / rate) * speed}
  }
  return {work: 1, seconds: (probe === 'chase' ? (bytes > 2 ** 24 ? 1e-7 : 2e-8) : 2e-7) * speed}
}

class FakeSession implements NativeSession {
  async open(bytesPerThread: number[]) {
    const bytes = bytesPerThread.reduce((a, b) => a + b)
    machine.seconds += 0.2 * machine.slowness
    return {
      threads: bytesPerThread.length,
      pinned: bytesPerThread.length,
      touched: bytesPerThread,
      bytes,
      hugeBytes: bytes,
    }
  }
  async allocate() {}
  async sample(spec: SampleSpec): Promise<ProgramSample> {
    machine.calls.push({probe: spec.probe, threads: spec.threads})
    const one = pass(spec)
    const seconds = Float64Array.from({length: spec.repetitions}, () => one.seconds * spec.passes)
    for (const took of seconds) machine.seconds += took
    return {
      seconds,
      clockHz: new Float64Array(0),
      work: one.work * spec.passes,
      counters: new Float64Array(0),
      counterProblem: null,
    }
  }
  cancel() {}
  close() {}
}

vi.mock('../../src/kernels/identity.ts', async (original) => ({
  ...(await original<typeof import('../../src/kernels/identity.ts')>()),
  readIdentity: () => identity,
  freeMemory: () => 8 * 2 ** 30,
}))
vi.mock('../../src/kernels/native.ts', async (original) => {
  const real = await original<typeof import('../../src/kernels/native.ts')>()
  const compute = [{probe: 'fma-f32', id: 'fma-f32', engine: null, lanes: 8, perLane: 2, missing: null}]
  const isas = [
    {name: 'avx2', vectorBytes: 32, kernels: [], memory: ['read', 'read-8x2', 'update', 'update-2x1'], compute},
  ]
  const addon: Pick<NativeAddon, 'cpu' | 'Session'> = {
    cpu: () => ({brand: 'test CPU', isas, allowed: 8}),
    Session: FakeSession,
  }
  return {...real, loadNative: () => addon}
})

const {measureCpu} = await import('../../src/kernels/measure-cpu.ts')

beforeEach(() => {
  Object.assign(machine, {seconds: 0, slowness: 1, calls: []})
  vi.spyOn(performance, 'now').mockImplementation(() => machine.seconds * 1000)
})
afterEach(() => vi.restoreAllMocks())

describe('scaling between one thread and all', () => {
  test('compute, DRAM read and update are measured on 1, 2, 4 and 8 threads, each with its own value', async () => {
    const {machine: measured} = await measureCpu({quick: false})
    const values = (prefix: string) =>
      [1, 2, 4, 8].map((t) => measured.ceilings.find(({id}) => id === `${prefix}-t${t}`)?.value ?? 0)
    expect(values('fma-f32-avx2').map((v) => Math.round(v / 1e11))).toEqual([1, 2, 4, 8])
    for (const mix of ['read', 'update'])
      expect(values(`${mix}-DRAM`).map((v) => Math.round(v / 1e9))).toEqual([10, 20, 30, 30])
    const middle = measured.ceilings.filter(({threads}) => threads === 2 || threads === 4)
    expect(middle.map(({id}) => id).sort()).toEqual(
      ['fma-f32-avx2', 'issue', 'read-DRAM', 'update-DRAM'].flatMap((id) => [`${id}-t2`, `${id}-t4`]).sort(),
    )
    expect(measured.ceilings.filter(({verdict}) => verdict !== 'ok')).toEqual([])
  })

  test('a quick run leaves the numbers between out', async () => {
    const {machine: measured} = await measureCpu({quick: true})
    expect(new Set(measured.ceilings.map(({threads}) => threads))).toEqual(new Set([1, 8]))
  })
})

describe('time', () => {
  test.each([1, 10, 100])('at 1/%d of the speed a run stays within its limit', async (slowness) => {
    machine.slowness = slowness
    for (const [quick, limit] of [
      [true, 3],
      [false, 30],
    ] as const) {
      machine.seconds = 0
      // opening takes 0.2 s times the slowness: where that alone is over the limit, the first round has 4 or 8 s more, and a sample under way ends
      const opening = 0.2 * slowness
      const most = opening < limit / 2 ? limit : opening + (quick ? 6 : 11)
      const {machine: measured} = await measureCpu({quick})
      expect(machine.seconds).toBeLessThan(most)
      expect(measured.ceilings.length).toBeGreaterThan(5)
    }
  })
})
