import {describe, expect, test} from 'vitest'
import {loadNative, type SampleSpec} from '../../src/kernels/native.ts'
import {sampleOf} from '../kernels/made-up.ts'

const addon = loadNative()
// the SSE2 variant without FMA is measured on old CPUs alone, but runs on all
const isas = [...(process.arch === 'x64' ? ['sse2'] : []), ...addon.cpu().isas.map(({name}) => name)]

/** The probes of memory of an instruction set; SSE2, which is not listed beside wider ones, has those of all. */
const memoryOf = (isa: string) => (addon.cpu().isas.find(({name}) => name === isa) ?? addon.cpu().isas.at(-1)!).memory
/** The mix that a probe moves: `copy` of `copy-4x8`. */
const mixOf = (probe: string) => probe.replace(/-\d+x\d+$/, '')

test('this CPU offers at least one instruction set, none narrower than the one before', () => {
  const widths = addon.cpu().isas.map(({vectorBytes}) => vectorBytes)
  expect(widths.length).toBeGreaterThan(0)
  // SVE may be as wide as NEON
  expect(widths.every((w, i) => i === 0 || w >= widths[i - 1]!)).toBe(true)
})

describe.each(isas)('read kernels, %s', (isa) => {
  // 64-bit words that do not cancel: the xor of the whole tells a missed, doubled or foreign line
  const words = BigUint64Array.from(
    {length: 20_000},
    (_, i) => (BigInt(i + 1) * 0x9e3779b97f4a7c15n) & 0xffffffffffffffffn,
  )
  const xor = (from: number, count: number) => words.subarray(from, from + count).reduce((a, b) => a ^ b, 0n)

  const ways = memoryOf(isa).filter((probe) => mixOf(probe) === 'read')
  test.each(ways)('%s reads every line once, at awkward sizes and offsets', (probe) => {
    for (const lines of [0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 2047])
      for (const offset of [0, 1, 8, 300]) {
        const data = new Uint8Array(words.buffer, offset * 64, lines * 64)
        expect(addon.runProbe(isa, probe, 1, data)).toEqual({
          word: xor(offset * 8, lines * 8),
          work: lines * 64,
        })
      }
  })
})

describe.each(isas)('store kernels, %s', (isa) => {
  /** payload bytes behind one line that is stored to */
  const perLine: Record<string, number> = {
    write: 64,
    'nt-write': 64,
    update: 128,
    copy: 128,
    'nt-copy': 128,
    '2:1': 192,
    'nt-2:1': 192,
    triad: 192,
    '4:1': 320,
    'nt-4:1': 320,
    '8:1': 576,
    'nt-8:1': 576,
    '1:2': 96,
    'nt-1:2': 96,
    '1:4': 80,
    'nt-1:4': 80,
  }
  const probes = memoryOf(isa).filter((probe) => mixOf(probe) !== 'read')

  test('each mix is walked in one run and in two other ways', () => {
    const ways = Object.keys(perLine).map((mix) => probes.filter((probe) => mixOf(probe) === mix))
    expect(ways.flat()).toHaveLength(probes.length)
    for (const [i, mix] of Object.keys(perLine).entries()) {
      expect(ways[i]).toHaveLength(3)
      expect(ways[i]).toContain(mix)
    }
  })

  test.each(probes)('%s stores what it is credited with, and nothing beyond its lines', (probe) => {
    for (const lines of [0, 1, 9, 16, 47, 64, 100, 257, 1000]) {
      // every f64 normal, all words different
      const whole = new Uint8Array((lines + 2) * 64)
      const values = new DataView(whole.buffer)
      for (let i = 0; i < whole.length / 8; i++) values.setFloat64(i * 8, 1 + i / 1024, true)
      const before = whole.slice()
      const {work} = addon.runProbe(isa, probe, 1, whole, lines)
      let stored = 0
      for (let line = 0; line < lines + 2; line++) {
        const range = [line * 64, line * 64 + 64] as const
        if (Buffer.compare(whole.subarray(...range), before.subarray(...range)) === 0) continue
        expect(line).toBeLessThan(lines)
        stored++
      }
      expect(work).toBe(stored * perLine[mixOf(probe)]!)
      // eight runs of whole bodies of eight lines, with gaps between them, leave much of a small set out
      if (lines >= (mixOf(probe) === probe ? 257 : 1000)) expect(work).toBeGreaterThan(lines * 32)
    }
  })
})

describe.each(isas)('compute kernels, %s', (isa) => {
  const rows =
    addon
      .cpu()
      .isas.find(({name}) => name === isa)
      ?.compute.filter(({missing}) => missing === null) ?? []
  const probes = rows.length > 0 ? rows.map(({probe}) => probe) : ['fma-f32', 'fma-f64', 'add-f32', 'mul-f64']

  test.each(probes)('%s does the work that it is credited with', (probe) => {
    const start = addon.runProbe(isa, probe, 0)
    if (isa === 'sse2' && probe.startsWith('fma')) {
      // Without FMA: a = a/2 + 2^-10, which nears 2^-9 by half with each of the four steps of a pass.
      const {sum, work} = addon.runProbe(isa, probe, 1)
      const settled = work / 8 / 512
      expect(sum).toBeCloseTo(settled + (start.sum - settled) / 16, 4)
      return
    }
    const once = addon.runProbe(isa, probe, 1)
    for (const passes of [1, 2, 3]) {
      const {sum, work, growth} = addon.runProbe(isa, probe, passes)
      expect(work).toBe(passes * once.work)
      // Each operation adds the same to one lane of one chain: the growth of the sum counts them, exactly at these sizes.
      if (growth > 0) expect(sum - start.sum).toBe(growth * work)
      else expect(sum).toBe(once.sum)
    }
  })
})

test('the table has every operation that a CPU of its kind can have, and names what is missing', () => {
  const widest = addon.cpu().isas.at(-1)!
  const ids = widest.compute.map(({id}) => id)
  for (const id of ['fma', 'add', 'mul', 'divide', 'sqrt'].flatMap((op) => [`${op}-f32`, `${op}-f64`]))
    expect(ids).toContain(id)
  for (const id of ['exp-f32', 'tanh-f32', 'erf-f32']) expect(ids).toContain(id)
  for (const {missing, lanes, perLane} of widest.compute)
    if (missing === null) expect(lanes * perLane).toBeGreaterThan(0)
    else expect(missing.length).toBeGreaterThan(2)
  expect(new Set(widest.compute.map(({probe}) => probe)).size).toBe(widest.compute.length)
})

describe('sessions', () => {
  const spec = sampleOf({probe: 'read', isa: isas.at(-1)!, bytes: 4096, passes: 3})

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
    expect(compute.work).toBe(addon.runProbe(spec.isa, 'fma-f64', 1).work * 10_000)
    expect(compute.clockHz).toHaveLength(2)
    for (const probe of ['call', 'fork-join', 'wake'] as const)
      expect((await session.sample({...spec, probe, threads: 2, bytes: 0})).work).toBe(3)
    // a chase counts loads, and needs none of the threads' memory
    const chase = await session.sample({...spec, probe: 'chase', bytes: 1 << 22, passes: 1000, warm: true})
    expect(chase.work).toBe(1000)
    session.close()
  })

  test('touching memory ends in time, but not before the resident bytes and the least behind them', async () => {
    const MiB = 1 << 20
    const session = new addon.Session()
    const info = await session.open([64 * MiB, 32 * MiB], [4 * MiB, 6 * MiB], {
      seconds: 0,
      enough: 16 * MiB,
      least: 8 * MiB,
    })
    expect(info.touched).toEqual([12 * MiB, 14 * MiB])
    expect(info.bytes).toBe(26 * MiB)
    // four windows of 8 MiB wrap around in what was touched
    const roam = {...spec, bytes: 8 * MiB, roam: true, passes: 1, repetitions: 4}
    expect((await session.sample(roam)).seconds).toHaveLength(4)
    // and so do four passes of one repetition, which count as four
    const once = await session.sample({...roam, repetitions: 1})
    expect((await session.sample({...roam, passes: 4, repetitions: 1})).work).toBe(4 * once.work)
    session.close()
    const whole = new addon.Session()
    const all = await whole.open([4 * MiB], [0], {seconds: 60, enough: 0, least: 0})
    expect(all.touched).toEqual([4 * MiB])
    whole.close()
    for (const touch of [
      {},
      {seconds: -1, enough: 0, least: 0},
      {seconds: 1, enough: 0, least: -1},
      {seconds: 1, least: 0},
      3,
    ])
      expect(() => new addon.Session().open([MiB], [0], touch as never)).toThrow(TypeError)
  })

  test('tensors that the system refuses leave none behind, and smaller and larger ones may follow', async () => {
    const session = new addon.Session()
    await session.open([1 << 16, 1 << 16], [0, 0])
    const sample = (count: number) => {
      const stages = [{kernel: 'add', dims: [count, 1], in: [0, 1], out: [2]}]
      return session.sample({...spec, probe: 'program', threads: 2, bytes: 0, stages})
    }
    const tensors = (bytes: number) => Array.from({length: 3}, () => ({bytes, fill: 'f32' as const}))
    await session.allocate(tensors(4000))
    expect((await sample(1000)).seconds).toHaveLength(2)
    await expect(session.allocate(tensors(2 ** 50))).rejects.toThrow(/refuses the memory/)
    expect((await sample(1000)).seconds).toHaveLength(0)
    // less than the pages of those before have room for, more, none
    for (const bytes of [4, 4 * 123_457, 64 * 2 ** 20, 0]) {
      await session.allocate(tensors(bytes))
      expect((await sample(bytes / 4)).seconds).toHaveLength(2)
    }
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

  test('samples that are asked for at once are taken one after the other', async () => {
    const session = new addon.Session()
    await session.open([1 << 16, 1 << 16], [0, 0])
    const wanted = Array.from({length: 24}, (_, i) => ({...spec, threads: 1 + (i % 2), repetitions: 5 + i}))
    const taken = await Promise.all(wanted.map((one) => session.sample(one)))
    expect(taken.map(({seconds}) => seconds.length)).toEqual(wanted.map(({repetitions}) => repetitions))
    for (const {seconds} of taken) expect([...seconds].every((took) => took > 0 && took < 10)).toBe(true)
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
      [{probe: 'chase', bytes: 0}, /chase/],
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
    const odd = new addon.Session()
    await odd.open([1 << 16], [100])
    const rows = {...spec, probe: 'rows', bytes: 4096, roam: true, row: 64, ahead: 0, burst: 0, again: 0}
    expect(() => odd.sample(rows)).toThrow(/begins at a line/)
    odd.close()
    expect(() => session.sample(spec)).toThrow(/open session/)
  })
})
