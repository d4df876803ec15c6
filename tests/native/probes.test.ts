import {describe, expect, test} from 'vitest'
import {loadNative, type SampleSpec} from '../../src/kernels/native.ts'

const addon = loadNative()
// the SSE2 variant without FMA is measured on old CPUs alone, but runs on all
const isas = [...(process.arch === 'x64' ? ['sse2'] : []), ...addon.cpu().isas.map(({name}) => name)]

test('this CPU offers at least one instruction set, each wider than the one before', () => {
  const widths = addon.cpu().isas.map(({vectorBytes}) => vectorBytes)
  expect(widths.length).toBeGreaterThan(0)
  expect(widths.every((w, i) => i === 0 || w > widths[i - 1]!)).toBe(true)
})

describe.each(isas)('read kernels, %s', (isa) => {
  // 64-bit words that do not cancel: the xor of the whole tells a missed, doubled or foreign line
  const words = BigUint64Array.from(
    {length: 20_000},
    (_, i) => (BigInt(i + 1) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn,
  )
  const xor = (from: number, count: number) => words.subarray(from, from + count).reduce((a, b) => a ^ b, 0n)

  test.each([false, true])('read every line once, streams %s, at awkward sizes and offsets', (streams) => {
    for (const lines of [0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 2047])
      for (const offset of [0, 1, 8, 300]) {
        const data = new Uint8Array(words.buffer, offset * 64, lines * 64)
        expect(addon.readXor(isa, streams, data)).toBe(xor(offset * 8, lines * 8))
      }
  })
})

describe.each(isas)('compute kernels, %s', (isa) => {
  test.each(['f32', 'f64'] as const)('do the FLOPs that they are credited with, %s', (dtype) => {
    const vectorBytes = addon.cpu().isas.find(({name}) => name === isa)?.vectorBytes ?? 16
    const lanes = isa === 'scalar' ? 1 : vectorBytes / (dtype === 'f32' ? 4 : 8)
    const start = addon.fmaSum(isa, dtype, 0)
    if (isa === 'sse2') {
      // Without FMA: a = a/2 + 2^-10, which nears 2^-9 by half with each of the four steps of a pass.
      const {sum, flopsPerPass} = addon.fmaSum(isa, dtype, 1)
      const settled = flopsPerPass / 8 / 512
      expect(sum).toBeCloseTo(settled + (start.sum - settled) / 16, 4)
      return
    }
    // Each FMA adds 2^-11 to one lane of one chain: the growth of the sum counts them, exactly at these sizes.
    for (const passes of [1, 2, 3, 100]) {
      const {sum, flopsPerPass} = addon.fmaSum(isa, dtype, passes)
      expect((sum - start.sum) * 2 ** 11 * 2).toBe(flopsPerPass * passes)
      expect(flopsPerPass % (2 * lanes)).toBe(0)
    }
  })
})

describe('sessions', () => {
  const spec: SampleSpec = {
    probe: 'read',
    isa: isas.at(-1)!,
    threads: 1,
    bytes: 4096,
    roam: false,
    passes: 3,
    repetitions: 2,
    clock: false,
  }

  test('count the work of a repetition over all threads', async () => {
    const session = new addon.Session()
    const info = await session.open([1 << 21, 1 << 21], [1 << 16, 0])
    expect(info.threads).toBe(2)
    expect(info.bytes).toBeGreaterThanOrEqual(2 << 21)
    for (const threads of [1, 2]) {
      const sample = await session.sample({...spec, threads})
      expect(sample.work).toBe(4096 * 3 * threads)
      expect([...sample.seconds].every((s) => s > 0)).toBe(true)
      expect(sample.seconds).toHaveLength(2)
      expect(sample.clockHz).toHaveLength(0)
    }
    const compute = await session.sample({...spec, probe: 'fma-f64', bytes: 0, passes: 10_000, clock: true})
    expect(compute.work).toBe(addon.fmaSum(spec.isa, 'f64', 0).flopsPerPass * 10_000)
    expect(compute.clockHz).toHaveLength(2)
    for (const probe of ['call', 'fork-join', 'wake'] as const)
      expect((await session.sample({...spec, probe, threads: 2, bytes: 0})).work).toBe(3)
    session.close()
  })

  test('more threads than CPUs still meet at the barrier', async () => {
    const session = new addon.Session()
    const threads = addon.cpu().allowed * 2 + 1
    await session.open(Array<number>(threads).fill(1 << 16), Array<number>(threads).fill(0))
    const sample = await session.sample({...spec, threads, repetitions: 20})
    expect(sample.seconds).toHaveLength(20)
    session.close()
  })

  test('a cancelled session answers its running sample with an error', async () => {
    const session = new addon.Session()
    await session.open([1 << 20], [0])
    const long = session.sample({...spec, passes: 10, repetitions: 1e6})
    session.cancel()
    await expect(long).rejects.toThrow('cancelled')
    await expect(session.sample(spec)).rejects.toThrow('cancelled')
    session.close()
  })

  test('wrong arguments are refused before any thread runs', async () => {
    const session = new addon.Session()
    expect(() => session.sample(spec)).toThrow(/open session/)
    for (const bytes of [[], [0], [-1], [Number.NaN], ['64' as unknown as number]])
      expect(() =>
        session.open(
          bytes,
          bytes.map(() => 0),
        ),
      ).toThrow(TypeError)
    expect(() => session.open([4096], [-1])).toThrow(TypeError)
    expect(() => session.open([4096], [])).toThrow(TypeError)
    await session.open([1 << 16], [1 << 12])
    const wrong: [Partial<Record<keyof SampleSpec, unknown>>, RegExp][] = [
      [{probe: 'nothing'}, /probe/],
      [{isa: 'avx1024'}, /isa/],
      [{threads: 0}, /threads/],
      [{threads: 2}, /threads/],
      [{threads: 1.5}, /threads/],
      [{bytes: -64}, /bytes/],
      [{bytes: 1 << 22}, /exceed/],
      [{bytes: (1 << 16) - 64, roam: true}, /exceed/],
      [{passes: 0}, /passes/],
      [{passes: Number.NaN}, /passes/],
      [{repetitions: 0}, /repetitions/],
    ]
    for (const [change, message] of wrong)
      expect(() => session.sample({...spec, ...change} as SampleSpec), JSON.stringify(change)).toThrow(message)
    session.close()
    expect(() => session.sample(spec)).toThrow(/open session/)
  })
})
