import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {ClaimedCache} from '../../src/kernels/identity.ts'
import {findKnee, findLevels, levelSets, planMemory, sweepSizes} from '../../src/kernels/levels.ts'

const KiB = 1024
const MiB = 1024 * KiB
const cascadeLake: ClaimedCache[] = [
  {level: 'L1', claimed: 32 * KiB, sharedBy: 1},
  {level: 'L2', claimed: MiB, sharedBy: 1},
  {level: 'L3', claimed: 36608 * KiB, sharedBy: 2},
]
const sapphireRapids: ClaimedCache[] = [
  {level: 'L1', claimed: 48 * KiB, sharedBy: 2},
  {level: 'L2', claimed: 2 * MiB, sharedBy: 2},
  {level: 'L3', claimed: 105 * MiB, sharedBy: 112},
]
const appleM: ClaimedCache[] = [
  {level: 'L1', claimed: 128 * KiB, sharedBy: 1},
  {level: 'L2', claimed: 16 * MiB, sharedBy: 4},
]

describe('working sets', () => {
  test.each([
    ['Cascade Lake', cascadeLake, [1, 2]],
    ['Sapphire Rapids, 112 threads', sapphireRapids, [1, 56, 112]],
    ['Apple M', appleM, [1, 4, 8]],
  ] as const)('%s: each set fits its level and is more than the level inside holds', (_, caches, threadCounts) => {
    for (const threads of threadCounts) {
      const sets = levelSets(caches, threads)
      expect(sets.map((set) => set.level)).toEqual(caches.map((cache) => cache.level))
      let innerShare = 0
      for (const [i, {bytes}] of sets.entries()) {
        const {claimed, sharedBy} = caches[i]!
        const share = claimed / Math.min(sharedBy, threads)
        expect(bytes % 2048).toBe(0)
        expect(bytes).toBeGreaterThan(innerShare)
        expect(bytes).toBeLessThan(share + innerShare)
        innerShare = share
      }
    }
  })

  test('L3 is measured at a quarter of its share, at four times the share of L2 at least and eight times at most', () => {
    const at = (threads: number, l3: number) =>
      levelSets([...cascadeLake.slice(0, 2), {level: 'L3', claimed: l3, sharedBy: 2}], threads).at(-1)!.bytes
    expect(at(1, 32 * MiB)).toBe(8 * MiB)
    expect(at(2, 32 * MiB)).toBe(4 * MiB)
    expect(at(2, 18 * MiB)).toBe(4 * MiB)
    // shared with neighbours: a quarter would be 65 MiB
    expect(at(1, 260 * MiB)).toBe(8 * MiB)
    expect(at(2, 260 * MiB)).toBe(8 * MiB)
  })

  test('L3 behind an L2 that the system does not name is measured at a quarter of its share', () => {
    const unnamed = [cascadeLake[0]!, {level: 'L3', claimed: 32 * MiB, sharedBy: 2}] as const
    expect(levelSets(unnamed, 1).at(-1)).toEqual({level: 'L3', bytes: 8 * MiB})
  })

  test('a sweep grows to its end without repeats', () => {
    fc.assert(
      fc.property(fc.integer({min: 4096, max: 2 ** 30}), fc.integer({min: 1, max: 8}), (largest, perOctave) => {
        const sizes = sweepSizes(largest, perOctave)
        expect(sizes[0]).toBe(4096)
        expect(sizes.at(-1)).toBeLessThanOrEqual(largest)
        expect(sizes.every((size, i) => i === 0 || size > sizes[i - 1]!)).toBe(true)
      }),
    )
  })
})

describe('knees', () => {
  const curve = [4, 8, 16, 32, 64, 128, 256, 512].map((k) => ({
    bytes: k * KiB,
    rate: k <= 32 ? 340e9 : k <= 256 ? 110e9 : 23e9,
  }))
  test('are found where the curve falls, whatever was claimed', () => {
    expect(findKnee(curve, 340e9, 110e9, 0)).toBe(32 * KiB)
    expect(findKnee(curve, 110e9, 23e9, 256 * KiB)).toBe(256 * KiB)
  })
  test('lie between two sets where the cache is said to be larger than the one that still fits', () => {
    const knee = (claimed: number) => findKnee(curve, 110e9, 23e9, claimed)
    // from 256 to 512 KiB the rate falls from 110 to 23 GB/s, whose middle is half an octave on
    expect(knee(MiB)).toBe(362 * KiB)
    expect(knee(300 * KiB)).toBe(300 * KiB)
    // one octave a step on Emerald Rapids, whose L2 has 2 MiB; the rate of 2 MiB has begun to fall
    const quick = [512, 1024, 2048, 4096].map((k, i) => ({bytes: k * KiB, rate: [136e9, 135e9, 50.8e9, 29.4e9][i]!}))
    expect(findKnee(quick, 136e9, 30e9, 2 * MiB)! / MiB).toBeCloseTo(1.7, 2)
  })
  test('are null where two levels are alike, or where the sweep ends first', () => {
    expect(findKnee(curve, 118e9, 100e9, MiB)).toBeNull()
    expect(findKnee(curve.slice(0, 4), 340e9, 110e9, MiB)).toBeNull()
    expect(findKnee([], 340e9, 110e9, MiB)).toBeNull()
  })
})

describe('levels', () => {
  // Zen 4: reads of L3 reach 85 % of those of L2, so bandwidth shows no knee there; latency does
  const sweep = [16, 32, 64, 256, 512, 1024, 2048, 8192, 16384, 65536, 131072].map((k) => ({
    bytes: k * KiB,
    bytesPerSecond: k <= 32 ? 225e9 : k <= 1024 ? 118e9 : k <= 16384 ? 100e9 : 33e9,
    latency: k <= 32 ? 1.1e-9 : k <= 512 ? 3.8e-9 : k <= 16384 ? 16e-9 : 110e-9,
  }))
  const caches: ClaimedCache[] = [
    {level: 'L1', claimed: 32 * KiB, sharedBy: 1},
    {level: 'L2', claimed: MiB, sharedBy: 1},
    {level: 'L3', claimed: 32 * MiB, sharedBy: 2},
  ]
  const rates = new Map([
    ['L1', 225e9],
    ['L2', 118e9],
    ['L3', 100e9],
    ['DRAM', 33e9],
  ] as const)
  const latencies = new Map([
    ['L1', 1.08e-9],
    ['L2', 3.8e-9],
    ['L3', 16e-9],
    ['DRAM', 110e-9],
  ] as const)
  test('end where bandwidth falls if it does, where latency rises if it does not', () => {
    expect(findLevels(caches, sweep, latencies, rates).map(({found}) => found)).toEqual([32 * KiB, 724 * KiB, 32 * MiB])
  })
  test('end where bandwidth does, though latency climbs for long: a set read in no order still finds a share of itself', () => {
    // one core of Emerald Rapids: 2 MiB of L2, L3 shared with other guests
    const points: [number, number, number][] = [
      ...([
        [0.03, 289, 1.9],
        [0.045, 285, 4.8],
        [0.063, 136, 5.3],
        [1, 136, 7.3],
        [1.41, 136, 12.9],
        [2, 136, 17.2],
      ] as const),
      ...([
        [2.38, 43.6, 24.1],
        [4, 31, 27.3],
        [8, 30, 37.7],
        [32, 30.4, 51.8],
        [45, 30.3, 64],
        [64, 29.9, 119],
      ] as const),
      ...([
        [90, 26.1, 120],
        [108, 23.2, 148],
        [128, 20.6, 153],
        [181, 16.8, 155],
        [256, 16.5, 160],
        [512, 16, 160],
      ] as const),
    ].map(([mebibytes, rate, nanoseconds]) => [mebibytes * 1024 * KiB, rate * 1e9, nanoseconds * 1e-9])
    const claims: ClaimedCache[] = [
      {level: 'L1', claimed: 48 * KiB, sharedBy: 1},
      {level: 'L2', claimed: 2048 * KiB, sharedBy: 1},
      {level: 'L3', claimed: 260 * 1024 * KiB, sharedBy: 2},
    ]
    const at = <T>(...values: readonly T[]) =>
      new Map((['L1', 'L2', 'L3', 'DRAM'] as const).map((l, i) => [l, values[i]!]))
    const curve = points.map(([bytes, bytesPerSecond, latency]) => ({bytes, bytesPerSecond, latency}))
    const [loads, reads] = [at(1.7e-9, 5.3e-9, 45.7e-9, 162e-9), at(290e9, 136e9, 26.4e9, 16.6e9)]
    const found = findLevels(claims, curve, loads, reads).map((level) => level.found! / (1024 * KiB))
    expect(found).toEqual([48 / 1024, 2, expect.closeTo(125, 0)])
    // where bandwidth does not tell L2 from L3, latency may not make it larger than it is said to be
    const alike = curve.map((point) => ({...point, bytesPerSecond: Math.min(point.bytesPerSecond, 30e9)}))
    const slowL3 = at(1.7e-9, 5.3e-9, 160e-9, 400e-9)
    expect(findLevels(claims, alike, slowL3, at(30e9, 30e9, 29e9, 16e9))[1]!.found).toBe(2048 * KiB)
  })
  test('end where bandwidth falls when there is no latency; unknown where neither tells', () => {
    const read = sweep.map(({bytes, bytesPerSecond}) => ({bytes, bytesPerSecond}))
    expect(findLevels(caches, read, new Map(), rates).map(({found}) => found)).toEqual([32 * KiB, null, 32 * MiB])
    expect(findLevels(caches, [], latencies, rates).map(({found}) => found)).toEqual([null, null, null])
    expect(findLevels([], sweep, latencies, rates)).toEqual([])
  })
})

describe('memory', () => {
  test('windows lie behind the resident sets, in whole lines, for any machine', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(cascadeLake, sapphireRapids, appleM, []),
        fc.integer({min: 1, max: 512}),
        fc.integer({min: 2 ** 26, max: 2 ** 38}),
        (caches, threads, free) => {
          const {bytesPerThread, residentPerThread, window} = planMemory(caches, threads, free)
          expect(bytesPerThread).toHaveLength(threads)
          expect(window % 64).toBe(0)
          expect(window).toBeGreaterThan(0)
          for (const [i, bytes] of bytesPerThread.entries())
            expect(residentPerThread[i]! + window).toBeLessThanOrEqual(bytes)
        },
      ),
    )
  })
  test.each([
    // DRAM: 4 × 35.75 MiB on every thread; sets of 4.47 MiB together and of 8 alone; a window of 1024 pages in eight streams, less ten lines each
    ['two cores', cascadeLake, 2, 16_384, [151, 147.46875], [8, 4.46875], 65_526, 143],
    // 512 MiB for all but the first
    ['eight', cascadeLake, 8, 16_384, [151, 68.46875], [8, 4.46875], 32_758, 143],
    // a third of 600 MiB without 12.5 of sets and two pages: half of that, and a quarter; the chain a twelfth
    ['two with little memory', cascadeLake, 2, 600, [99.765625, 50.3515625], [8, 4.46875], 23_478, 50],
    // 4 × 105 MiB, 512 / 4 of the others; a chain of 256 at most
    ['four of a server', sapphireRapids, 4, 65_536, [436, 134.5625], [16, 6.5625], 65_526, 256],
    // 128 MiB and a chain of 64 at least; a set of one grain where no cache is named
    ['one without caches', [], 1, 4096, [128 + 1 / 512], [1 / 512], 65_526, 64],
  ] as const)('of %s is what its rules make', (_, caches, threads, free, bytes, resident, lines, chase) => {
    const plan = planMemory(caches, threads, free * MiB)
    const each = (found: readonly number[]) => found.slice(0, 2).map((size) => size / MiB)
    expect(each(plan.bytesPerThread)).toEqual(bytes)
    expect(each(plan.residentPerThread)).toEqual(resident)
    expect(new Set(plan.bytesPerThread.slice(1)).size).toBeLessThanOrEqual(1)
    expect(plan.window).toBe(lines * 512)
    expect(plan.chase).toBe(chase * MiB)
  })

  test('stays within 2 GiB and a good part of what is free, and says when that is too little', () => {
    for (const threads of [1, 2, 64, 256]) {
      const plan = planMemory(sapphireRapids, threads, 64 * 1024 * MiB)
      expect(plan.bytesPerThread.reduce((a, b) => a + b) + 2 * plan.chase).toBeLessThanOrEqual(2 * 1024 * MiB)
      expect(plan.short).toBe(false)
    }
    expect(planMemory(cascadeLake, 2, 100 * MiB).short).toBe(true)
    // a set of 1.4 times the outermost cache still leaves much of itself there
    const large: ClaimedCache[] = [...cascadeLake.slice(0, 2), {level: 'L3', claimed: 256 * MiB, sharedBy: 1}]
    const plan = planMemory(large, 1, 2400 * MiB)
    expect((plan.bytesPerThread[0]! - plan.residentPerThread[0]!) / (256 * MiB)).toBeCloseTo(1.4, 0)
    expect(plan.short).toBe(true)
    expect(planMemory(large, 1, 4096 * MiB).short).toBe(false)
  })
})

describe('memory', () => {
  const huge = 2 * 2 ** 20
  const rounded = (bytes: number) => Math.ceil(bytes / huge) * huge
  const shapes = [
    [],
    [{level: 'L1', claimed: 32 * 1024, sharedBy: 1} as const],
    [
      {level: 'L1', claimed: 48 * 1024, sharedBy: 1} as const,
      {level: 'L2', claimed: 2 * 2 ** 20, sharedBy: 1} as const,
      {level: 'L3', claimed: 504 * 2 ** 20, sharedBy: 256} as const,
    ],
    [
      {level: 'L1', claimed: 32 * 1024, sharedBy: 1} as const,
      {level: 'L2', claimed: 2 ** 20, sharedBy: 1} as const,
      {level: 'L3', claimed: 32 * 2 ** 20, sharedBy: 2} as const,
    ],
  ]
  test.each([1, 2, 16, 128, 512])('of %d threads: half of what is free at most, never more than 2 GiB', (threads) => {
    for (const caches of shapes)
      for (const free of [64 * 2 ** 20, 2 ** 30, 4 * 2 ** 30, 23 * 2 ** 30, 2 ** 40]) {
        const plan = planMemory(caches, threads, free)
        const all = plan.bytesPerThread.reduce((sum, bytes) => sum + rounded(bytes), 0) + 2 * rounded(plan.chase)
        // every thread has a huge page at least: with less free than eight of them each, that alone may be more than half
        if (free >= threads * 8 * huge) expect(all).toBeLessThanOrEqual(Math.min(2 * 2 ** 30, free / 2))
        for (const [i, resident] of plan.residentPerThread.entries())
          expect(plan.bytesPerThread[i]).toBeGreaterThanOrEqual(resident + plan.window)
      }
  })
})
