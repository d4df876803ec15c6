/** Default sizes from memory: larger than all that caches are said to hold, by whole factors, within what there is room for. */
import {describe, expect, test} from 'vitest'
import {beyondCaches, type Room, sizeFromMemory} from '../../src/kernels/from-memory.ts'
import type {ClaimedCache} from '../../src/kernels/identity.ts'
import {bytesOf, keptBytes, type Program, partBytes} from '../../src/kernels/program.ts'
import {
  type KernelDef,
  type KernelDType,
  kernelIds,
  kernels,
  type PairDef,
  pairIds,
  pairs,
} from '../../src/kernels/registry.ts'
import {runsOf} from '../../src/kernels/sizes.ts'

const MiB = 2 ** 20
const GiB = 2 ** 30
const machine = (l3: number, sharedBy = 2): readonly ClaimedCache[] => [
  {level: 'L1', claimed: 48 * 1024, sharedBy: 1},
  {level: 'L2', claimed: 2 * MiB, sharedBy: 1},
  {level: 'L3', claimed: l3, sharedBy},
]
const zen4: Room = {caches: machine(32 * MiB), threads: 2, bytes: 8 * GiB}
const emeraldRapids: Room = {caches: machine(260 * MiB), threads: 2, bytes: 8 * GiB}

test('twice the outermost caches that the threads have', () => {
  expect(beyondCaches(zen4)).toBe(64 * MiB)
  expect(beyondCaches(emeraldRapids)).toBe(520 * MiB)
  // two of them for nine threads of which eight share one
  expect(beyondCaches({caches: machine(32 * MiB, 8), threads: 9})).toBe(128 * MiB)
  expect(beyondCaches({caches: [], threads: 4})).toBe(0)
})

describe('a size', () => {
  const def = {dims: ['rows', 'cols'], sizes: {cache: [4, 8], dram: [1024, 8]}, grows: ['rows']} as const
  // 8 KiB of a row in memory, of which half is kept
  const bytes = ([rows]: readonly number[]) => ({kept: 4096 * rows!, all: 8192 * rows!})
  const on = (l3: number, room = 8 * GiB) =>
    sizeFromMemory(def, bytes, {caches: machine(l3), threads: 1, bytes: room}).dims

  test('is as it is defined where caches are small, else the least multiple that is beyond them', () => {
    expect(on(2 * MiB)).toEqual([1024, 8])
    expect(on(2 * MiB + 1)).toEqual([2048, 8])
    expect(on(32 * MiB)).toEqual([16_384, 8])
  })
  test('grows no further than there is room', () => {
    expect(on(32 * MiB, 70 * MiB)).toEqual([8192, 8])
    const within = (room: number) => sizeFromMemory(def, bytes, {caches: machine(32 * MiB), threads: 1, bytes: room})
    expect([within(70 * MiB), within(128 * MiB)].map(({isShort}) => isShort)).toEqual([true, false])
    expect(on(32 * MiB, MiB)).toEqual([1024, 8])
    // no caches known: nothing to be beyond
    expect(sizeFromMemory(def, bytes, {caches: [], threads: 1, bytes: GiB})).toEqual({dims: [1024, 8], isShort: false})
  })
  test('of what arithmetic bounds is as it is', () => {
    const {grows: _, ...fixed} = def
    const room = {caches: machine(260 * MiB), threads: 1, bytes: 8 * GiB}
    expect(sizeFromMemory(fixed, bytes, room)).toEqual({dims: [1024, 8], isShort: false})
  })
})

const definitions: [
  string,
  Pick<KernelDef, 'dims' | 'sizes' | 'grows' | 'dtypes'>,
  (size: readonly number[], dtype: KernelDType) => Program[],
][] = [
  ...kernelIds.map((id): (typeof definitions)[number] => {
    const def: KernelDef = kernels[id]
    return [id, def, (size, dtype) => [def.program(size, dtype)]]
  }),
  ...pairIds.map((id): (typeof definitions)[number] => {
    const def: PairDef = pairs[id]
    return [`pair ${id}`, def, (size, dtype) => [def.unfused(size, dtype), def.fused(size, dtype)]]
  }),
]

test('what does fewer than 4 FLOPs for a byte grows: memory bounds it', () => {
  const sum = (program: Program, of: (part: Program['parts'][number]) => number) =>
    program.parts.reduce((total, part) => total + of(part), 0)
  for (const [id, {sizes, grows, dtypes}, programs] of definitions) {
    const program = programs(sizes.dram, dtypes?.[0] ?? 'f32').at(-1)!
    const intensity = sum(program, ({cost}) => cost.flops) / sum(program, partBytes)
    if (!grows) expect(intensity, id).toBeGreaterThan(4)
  }
})

describe('runs', () => {
  const def: KernelDef = kernels.add
  const [dram] = def.sizes.dram
  const at = (options: Parameters<typeof runsOf>[1], bytes: number) =>
    runsOf([def], options, true, (d, dims) => [d.program(dims)], {...emeraldRapids, bytes})
  const sizes = ({runs}: ReturnType<typeof at>) => runs.map(({dims}) => dims[0]!)

  test('have the size of a cache and that from memory, and say where that ends before it is beyond the caches', () => {
    const {runs, warnings} = at({}, 8 * GiB)
    expect(sizes({runs, warnings})).toEqual([def.sizes.cache[0], 3 * dram!])
    expect(warnings).toEqual([])
    const short = at({}, 500 * MiB)
    expect(sizes(short)).toEqual([def.sizes.cache[0], dram])
    expect(short.warnings).toMatchObject([
      {
        code: 'size-short',
        message: expect.stringMatching(/^add: .*524 MB of tensors, a quarter of the free memory.*; --dims gives/),
      },
    ])
  })
  test('end a sweep at that size', () => {
    expect(sizes(at({sweep: true}, 8 * GiB)).at(-1)).toBe(3 * dram!)
    expect(sizes(at({sweep: true}, 500 * MiB)).at(-1)).toBe(dram)
  })
  test('of one size have no other', () => {
    expect(at({sizes: [[77]]}, 8 * GiB)).toMatchObject({runs: [{dims: [77]}], warnings: []})
  })
})

describe.each(definitions.filter(([, {grows}]) => grows))('%s', (id, def, programs) => {
  const sized = (room: Room, dtype: KernelDType) => {
    const bytes = (size: readonly number[]) => {
      const sides = programs(size, dtype)
      return {kept: Math.min(...sides.map(keptBytes)), all: bytesOf(sides)}
    }
    const {dims: size} = sizeFromMemory(def, bytes, room)
    return {size, ...bytes(size)}
  }
  test.each<KernelDType>(def.dtypes ?? ['f32'])('%s is beyond 260 MiB, by dimensions that it has', (dtype) => {
    for (const name of def.grows!) expect(def.dims).toContain(name)
    const {size, kept} = sized(emeraldRapids, dtype)
    expect(kept).toBeGreaterThanOrEqual(520 * MiB)
    size.forEach((value, i) => {
      expect(value % def.sizes.dram[i]!).toBe(0)
      if (!def.grows!.includes(def.dims[i]!)) expect(value).toBe(def.sizes.dram[i])
    })
  })
  // of these 32 MiB are read and the rest is written past the caches
  test.runIf(!/^dequantize-int[48]$/.test(id))('is as it is defined with 32 MiB of L3', () => {
    for (const dtype of def.dtypes ?? (['f32'] as const)) expect(sized(zen4, dtype).size).toEqual(def.sizes.dram)
  })
})
