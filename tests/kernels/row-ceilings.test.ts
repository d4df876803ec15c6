/** Rows in no order: which ceiling holds a gather to what, over which tables, and that its probe reads what it is credited with. */
import {describe, expect, test} from 'vitest'
import {benchDocument} from '../../reports/bench.ts'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {isRows} from '../../src/analysis/mix.ts'
import {place} from '../../src/analysis/place.ts'
import {prepareRoof} from '../../src/analysis/roofline.ts'
import {type Gather, gatherBytes, gatherLimit, rowProbes, tableOf, writtenBytes} from '../../src/kernels/gathers.ts'
import type {ClaimedCache} from '../../src/kernels/identity.ts'
import {rowsWarnings} from '../../src/kernels/measure-cpu.ts'
import {loadNative} from '../../src/kernels/native.ts'
import {programTime, roofFor} from '../../src/kernels/place.ts'
import {planTasks} from '../../src/kernels/plan.ts'
import {kernels} from '../../src/kernels/registry.ts'
import {side} from '../reports/pairs.ts'
import {bandwidth, compute, machineOf, sampleOf} from './made-up.ts'

const MiB = 2 ** 20

const rows = (mix: NonNullable<Ceiling['mix']>, value: number, threads = 1, workingSet = 96 * MiB): Ceiling => ({
  ...bandwidth(mix, 'DRAM', value, threads),
  workingSet: workingSet / threads,
})
const measured = [
  rows('rows-64', 5e9),
  rows('nt-rows-64', 6e9),
  rows('rows-512', 15e9),
  rows('nt-rows-512', 16e9),
  rows('rows-4096', 14e9),
  bandwidth('read', 'DRAM', 13e9, 1),
]
const gather = (more: Partial<Gather>): Gather => ({row: 512, all: 512e7, touched: 512e6, stored: 0, ...more})
const idsOf = (limit: ReturnType<typeof gatherLimit>) => limit?.from.map(({id}) => id)

describe('what rows in no order hold a gather to', () => {
  test.each([
    ['rows as long', 512, 512e7, ['rows-512-DRAM-t1']],
    ['those beside, the faster first', 256, 512e7, ['rows-512-DRAM-t1', 'rows-64-DRAM-t1']],
    ['the next shorter one although it is faster', 1024, 512e7, ['rows-512-DRAM-t1', 'rows-4096-DRAM-t1']],
    ['the longest or reading in order', 16_384, 512e7, ['rows-4096-DRAM-t1', 'read-DRAM-t1']],
    ['the lines of rows that fill none', 36, (512e7 / 36) * 64, ['rows-64-DRAM-t1']],
  ])('%s', (_, row, bytes, ids) => {
    const limit = gatherLimit(measured, gather({row}))
    expect(idsOf(limit)).toEqual(ids)
    expect(limit?.bytes).toBeCloseTo(bytes, 0)
  })

  test('stores count where they were measured beside them, one row for eight at the most', () => {
    const limit = gatherLimit(measured, gather({stored: 512e6}))
    expect(idsOf(limit)).toEqual(['nt-rows-512-DRAM-t1', 'rows-512-DRAM-t1'])
    expect(limit?.bytes).toBe(512e7 + 512e6)
    expect(gatherLimit(measured, gather({stored: 512e7}))?.bytes).toBe(512e7 * 1.125)
    // of rows of 4 KiB only those alone were measured
    expect(gatherLimit(measured, gather({row: 4096, stored: 512e6}))?.bytes).toBe(512e7)
  })

  test('a table smaller than theirs, or an older profile, has no such limit', () => {
    expect(gatherLimit(measured, gather({touched: 96 * MiB - 1}))).toBeUndefined()
    expect(gatherLimit(measured, gather({touched: 96 * MiB}))).toBeDefined()
    expect(gatherLimit([rows('rows-512', 1e9, 2)], gather({touched: 95 * MiB}))).toBeUndefined()
    expect(gatherLimit([bandwidth('read', 'DRAM', 13e9, 1)], gather({}))).toBeUndefined()
  })
})

test('rows are no rate of memory for anything else, though caches make them the fastest', () => {
  const fast = machineOf(
    compute('fma', 1e12, 1),
    bandwidth('read', 'DRAM', 1e10, 1),
    bandwidth('copy', 'DRAM', 2e10, 1),
  )
  const on = {...fast, ceilings: [...fast.ceilings, rows('rows-4096', 9e10), rows('nt-rows-4096', 9.5e10)]}
  expect(prepareRoof(on).levels).toEqual(prepareRoof(fast).levels)
  const options = {dtype: 'f32', engine: 'vector'} as const
  const roofOf = (machine: Machine) =>
    place([{name: 'a', flops: 1, bytes: 1, seconds: 1}], machine, options).result.roof
  expect(roofOf(on)).toEqual(roofOf(fast))
  expect(roofOf(on).bandwidth.id).toBe('copy-DRAM-t1')
  expect(benchDocument([side('add', 1e9, 0.1, 'read-DRAM-t1', 1)], on, []).result.roof.bandwidth.id).toBe(
    'copy-DRAM-t1',
  )
})

test('a page of kernels on one thread draws the roof of one thread, of kernels on two that of two', () => {
  const on = machineOf(
    ...[1, 2].flatMap((threads) => [
      compute('fma', threads * 1e12, threads),
      bandwidth('read', 'DRAM', threads * 1e10, threads),
    ]),
  )
  const pageOf = (...threads: number[]) => {
    const kernelOn = (count: number) => ({...side('add', 1e9, 0.1, `read-DRAM-t${count}`, 1), threads: count})
    return benchDocument(threads.map(kernelOn), on, []).result
  }
  expect(pageOf(1, 1).roof.compute.value).toBe(1e12)
  expect(pageOf(1, 1).roof.bandwidth.value).toBe(1e10)
  expect(pageOf(1, 2).roof.compute.value).toBe(2e12)
  expect(pageOf(2).roof.bandwidth.value).toBe(2e10)
  expect(pageOf(2).machine.ceilings).toHaveLength(4)
  // one that decides is there in any case
  const borrowed = benchDocument([{...side('add', 1e9, 0.1, 'read-DRAM-t2', 1), threads: 1}], on, []).result
  expect(borrowed.machine.ceilings.map(({id}) => id)).toContain('read-DRAM-t2')
})

describe('the roof of a sparse product', () => {
  const older = machineOf(
    compute('fma', 1e12, 1),
    bandwidth('read', 'L2', 1e11, 1),
    bandwidth('read', 'L3', 30e9, 1),
    bandwidth('read', 'DRAM', 15e9, 1),
  )
  const now = {...older, ceilings: [...older.ceilings, rows('rows-512', 14e9)]}
  const at = (on: Machine, nodes: number, edges: number) => {
    const program = kernels.spmm.program([nodes, edges, 128, 1])
    return programTime(program, roofFor(on, [program], 1)!)
  }

  test('is that of its rows in no order, else what caches are credited with', () => {
    expect(at(now, 300_000, 3_000_000)).toEqual({seconds: (3_000_000 * 512) / 14e9, bound: 'rows-512-DRAM-t1'})
    expect(at(older, 300_000, 3_000_000).bound).toBe('read-DRAM-t1')
    expect(at(older, 300_000, 3_000_000).seconds).toBeLessThan(at(now, 300_000, 3_000_000).seconds)
  })

  test('of a table that so many draws touch as far as the one that was measured is, they are that of its rows', () => {
    // 300,000 rows of 512 B; n draws touch the share 1 − exp(−n ÷ 300,000) of them: 96 MiB are 65.5 %, 319,700 draws
    const slow = {...older, ceilings: [...older.ceilings, rows('rows-512', 2e9)]}
    expect(at(slow, 300_000, 318_000)).toEqual(at(older, 300_000, 318_000))
    expect(at(slow, 300_000, 321_000)).toEqual({seconds: (321_000 * 512) / 2e9, bound: 'rows-512-DRAM-t1'})
  })

  test('of a graph whose rows are found in a cache, or few of whose rows are touched, it is as it was', () => {
    for (const [nodes, edges] of [
      [20_000, 2_000_000],
      [300_000, 30_000],
    ] as const)
      expect(at(now, nodes, edges)).toEqual(at(older, nodes, edges))
  })
})

describe('the plan', () => {
  const caches = (claimed: number, sharedBy: number): ClaimedCache[] => [{level: 'L3', claimed, sharedBy}]

  test.each([
    ['32 MiB for two', 32, 2, 1, 1024, 96],
    ['the same, of each thread', 32, 2, 2, 1024, 48],
    ['260 MiB for two', 260, 2, 1, 1024, 455],
    ['two caches of 64 MiB', 64, 1, 2, 1024, 112],
    ['what there is room for', 260, 2, 1, 404, 400],
  ])('a table beyond the caches, but no larger than default sizes have: %s', (_, l3, sharedBy, threads, room, MiBs) => {
    expect(tableOf(caches(l3 * MiB, sharedBy), threads, room * MiB)).toBe(MiBs * MiB)
  })
  test('none where it would fit them', () => {
    expect(tableOf(caches(260 * MiB, 2), 1, 260 * MiB)).toBeUndefined()
    expect(tableOf([], 1, 0)).toBeUndefined()
  })

  const isa = loadNative().cpu().isas.at(-1)!
  const planned = (quick: boolean, tables = [200 * MiB, 100 * MiB]) =>
    planTasks({
      isas: [isa],
      ownIsas: [isa],
      threads: [1, 2],
      between: [],
      caches: caches(32 * MiB, 2),
      resident: [MiB, MiB],
      window: MiB,
      chase: MiB,
      tables,
      quick,
    }).filter(({ceiling}) => isRows(ceiling))

  test('has every length alone and with stores on one thread and on all, and none in a quick run', () => {
    expect(planned(true)).toEqual([])
    const found = planned(false)
    expect(found.map(({ceiling}) => ceiling.id)).toEqual(
      [1, 2].flatMap((threads) => rowProbes.map(({mix}) => `${mix}-DRAM-t${threads}`)),
    )
    for (const {ceiling, tasks} of found) for (const {spec} of tasks) expect(spec.bytes).toBe(ceiling.workingSet)
  })

  test('is missed aloud, by the threads that have no room for it', () => {
    expect(rowsWarnings(planned(false), [1, 2])).toEqual([])
    const said = (tables: number[]) =>
      rowsWarnings(planned(false, tables), [1, 2]).map(({code, message}) => [code, message.slice(0, 17)])
    expect(said([200 * MiB, MiB])).toEqual([['rows-skipped', 'Each of 2 threads']])
    expect(said([MiB, MiB])).toEqual([['rows-skipped', 'Each of 2 threads']])
    expect(rowsWarnings(planned(false, [MiB, MiB]), [1])[0]?.message).toMatch(/^Each of 1 thread had/)
  })
})

describe('the probe', () => {
  const spec = sampleOf({
    probe: 'rows',
    isa: loadNative().cpu().isas[0]!.name,
    bytes: 8 * MiB,
    roam: true,
    row: 512,
    ahead: 4096,
    burst: 0,
    again: 0,
  })

  test('counts rows of every length and way of asking, over all threads, and stores besides', async () => {
    const session = new (loadNative().Session)()
    await session.open([20 * MiB, 16 * MiB], [MiB, MiB])
    for (const {probes} of rowProbes)
      for (const {spec: asked} of probes)
        for (const threads of [1, 2]) {
          const {work, seconds} = await session.sample({...spec, ...asked, threads})
          expect(work).toBe(gatherBytes * asked.passes! * threads * (asked.stores ? 1.125 : 1))
          expect([...seconds].every((took) => took > 0)).toBe(true)
        }
    session.close()
  })

  test('leaves room behind the table for what it writes, and takes no time where there is no table', async () => {
    const least = async (room: number) => {
      const session = new (loadNative().Session)()
      await session.open([8 * MiB], [8 * MiB - room])
      const {seconds} = await session.sample({...spec, bytes: 4096, row: 4096, repetitions: 5})
      session.close()
      return Math.min(...seconds)
    }
    // 65,536 lines of L1, or none
    expect(await least(writtenBytes)).toBeLessThan(5e-6)
    expect(await least(writtenBytes + 4096)).toBeGreaterThan(1e-5)
  })

  test('refuses what it has no rows for', async () => {
    const session = new (loadNative().Session)()
    await session.open([4 * MiB], [0])
    for (const wrong of [
      {row: 100},
      {row: 0},
      {ahead: -1},
      {roam: false},
      {bytes: 256},
      {bytes: 5 * MiB},
      {burst: 0.5},
    ])
      expect(() => session.sample({...spec, bytes: 2 * MiB, ...wrong})).toThrow(TypeError)
    session.close()
  })
})
