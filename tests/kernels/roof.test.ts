/** Where a program's tensors lie, and what bounds it there: a made-up machine, times by hand. */
import {describe, expect, test} from 'vitest'
import {partTime, roofFor} from '../../src/kernels/place.ts'
import {keptBytes, type Part} from '../../src/kernels/program.ts'
import {kernels, pairs} from '../../src/kernels/registry.ts'
import {decidingCeilings} from '../../src/kernels/turns.ts'
import {bandwidth, compute, machineOf} from './made-up.ts'

const machine = machineOf(
  compute('fma', 1e15),
  bandwidth('2:1', 'L2', 1e11),
  bandwidth('read', 'L2', 1e11),
  bandwidth('2:1', 'L3', 1e10),
  bandwidth('read', 'DRAM', 1e9),
  bandwidth('update', 'DRAM', 1e12),
  bandwidth('2:1', 'DRAM', 1e9),
)
const timeOf = (part: Part, threads = 1, on = machine) =>
  partTime(part, roofFor(on, [{id: 'a program', parts: [part]}], threads)!)
const addOf = (thousands: number) => kernels.add.program([1000 * thousands])
const add = (bytes: number) => kernels.add.program([Math.floor(bytes / 12)]).parts[0]!

describe('a working set', () => {
  test('is in the cache that holds it; of a larger one a part is still there from the last pass', () => {
    const size = 2 ** 20
    expect(timeOf(add(0.8 * size))).toMatchObject({bound: '2:1-L2'})
    expect(timeOf(add(0.8 * size)).seconds).toBeCloseTo((0.8 * size) / 1e11, 9)
    // of 1.5 times L2: what fits, 2/3, less a sixth (0.5 of the three sizes over which it forgets)
    const found = (2 / 3) * (1 - 0.5 / 3)
    expect(timeOf(add(1.5 * size)).seconds).toBeCloseTo(1.5 * size * (found / 1e11 + (1 - found) / 1e10), 8)
    // four times: nothing
    expect(timeOf(add(4 * size)).seconds).toBeCloseTo((4 * size) / 1e10, 8)
  })

  test('finds no more in the outermost cache than the sweep of reads did, and nothing from where that met memory', () => {
    const MiB = 2 ** 20
    // memory at 1 GB/s, L3 at 10: of 40 MiB the middle of both times, of 48 a tenth, of 56 by chance more
    const half = 2 / (1e-10 + 1e-9)
    const tenth = 1 / (0.1e-10 + 0.9e-9)
    const rates = [4, 8, 16, 26, 40, 48, 52, 56, 64, 80].map((size) => (size <= 26 ? 1e10 : size === 40 ? half : 1e9))
    const sweep = [4, 8, 16, 26, 40, 48, 52, 56, 64, 80].map((size, i) => ({
      bytes: size * MiB,
      bytesPerSecond: size === 48 ? tenth : size === 56 ? half : rates[i]!,
    }))
    const on = {...machine, identity: {...machine.identity, sweep}}
    const shareOf = (size: number, of = on) => {
      const bytes = 12 * Math.floor((size * MiB) / 12)
      return (bytes / 1e9 - timeOf(add(bytes), 1, of).seconds) / (bytes / 1e9 - bytes / 1e10)
    }
    expect(shareOf(26)).toBeCloseTo(1, 6)
    expect(shareOf(40)).toBeCloseTo(0.5, 6)
    expect(shareOf(48)).toBeCloseTo(0.1, 6)
    expect(shareOf(44)).toBeGreaterThan(0.1)
    expect([52, 56, 60, 64, 100].map((size) => shareOf(size))).toEqual(Array(5).fill(expect.closeTo(0, 6)))
    // no more than the size alone allows, and that where the sweep ends before memory
    const rule = (times: number) => (1 / times) * (1 - (times - 1) / 3)
    const ends = {...machine, identity: {...machine.identity, sweep: sweep.slice(0, 5)}}
    expect(shareOf(48, ends)).toBeCloseTo(rule(1.5), 6)
    const late = {
      ...machine,
      identity: {...machine.identity, sweep: sweep.map((p) => (p.bytes < 50 * MiB ? {...p, bytesPerSecond: 1e10} : p))},
    }
    expect(shareOf(48, late)).toBeCloseTo(rule(1.5), 6)
  })

  test('of several threads is in as many caches as each has of its own', () => {
    const two = 2 * 0.8 * 2 ** 20
    expect(timeOf(add(two), 2).seconds).toBeCloseTo(two / 1e11, 9)
    // L3 is one for both
    const shared = 0.8 * 2 ** 25
    expect(timeOf(add(shared), 2).bound).toBe('2:1-L3')
    expect(timeOf(add(4 * shared), 2).bound).toBe('2:1-DRAM')
  })
})

test('between one thread and all of them what was not measured is that of all, or as often that of one', () => {
  const caches = [1, 4].map((threads) => bandwidth('2:1', 'L2', threads * 1e11, threads))
  const memory = [1, 2, 4].map((threads) => bandwidth('read', 'DRAM', threads * 1e9, threads))
  const on = machineOf(compute('fma', 1e15, 1), compute('fma', 4e15, 4), ...caches, ...memory)
  const boundOf = (bytes: number, threads: number) => timeOf(add(bytes), threads, on).bound
  expect([1, 2, 3, 4].map((threads) => boundOf(2 ** 18, threads))).toEqual([1, 4, 4, 4].map((n) => `2:1-L2-t${n}`))
  expect([1, 2, 3, 4].map((threads) => boundOf(2 ** 30, threads))).toEqual([1, 2, 4, 4].map((n) => `read-DRAM-t${n}`))
  // not the memory that alone was measured there
  expect([1, 2, 3, 4].map((threads) => timeOf(add(2 ** 18), threads, on).seconds * threads)).toEqual(
    Array(4).fill(expect.closeTo(2 ** 18 / 1e11, 9)),
  )
  expect([1, 2, 3].map((threads) => roofFor(on, [], threads)!.compute('f32').value)).toEqual([1e15, 2e15, 3e15])
  expect(decidingCeilings(on, [1, 2].map(addOf), 2).map(({id}) => id)).toEqual(['2:1-L2-t4'])
  // more threads than any was measured on: whatever there is
  expect(boundOf(2 ** 18, 8)).toBe('2:1-L2-t4')
})

test('weights of few bits are products of bytes, and the multiply-adds that scale them wait for the same unit', () => {
  const on = {
    ...machine,
    ceilings: [
      ...machine.ceilings.map((c) => (c.kind === 'compute' ? {...c, value: 1e9} : c)),
      {...compute('dot', 4e9), id: 'dot-int8', dtype: 'int8' as const, unit: 'OP/s' as const},
    ],
  }
  const part = {...addOf(1000).parts[0]!, byteProducts: 1e9}
  const plain = {...part, cost: {...part.cost, matrix: 2e9, vector: 0}}
  const seconds = (more: Partial<Part>) => timeOf({...plain, ...more}, 1, on).seconds
  expect(seconds({byteProducts: 0})).toBeCloseTo(2, 9)
  expect(seconds({})).toBeCloseTo(0.5, 9)
  expect(seconds({byteScales: 2.5e8})).toBeCloseTo(0.5 + 0.5, 9)
  // no slower than without
  expect(seconds({byteScales: 9e8})).toBeCloseTo(2, 9)
})

describe('what is written past the caches', () => {
  const past = [bandwidth('read', 'L3', 4e9), bandwidth('nt-copy', 'DRAM', 2e9), bandwidth('nt-write', 'DRAM', 1.5e9)]
  const on = {...machine, ceilings: [...machine.ceilings, ...past]}
  const of = (rows: number) => kernels['dequantize-int8'].program([rows, 2 ** 14]).parts[0]!

  test('keeps nothing else out of them: weights that L3 holds come from there, and memory has the stores alone', () => {
    // 16 MiB are read, 64 written
    expect(timeOf(of(2 ** 10), 1, on)).toMatchObject({bound: 'nt-write-DRAM', seconds: 2 ** 26 / 1.5e9})
  })
  test('has the stores of the mix beside them where a quick profile has none alone: regular ones fetch lines first', () => {
    const quick = [bandwidth('nt-1:4', 'DRAM', 1.8e9), bandwidth('write', 'DRAM', 1e9)]
    const {ceilings} = on
    const without = {...on, ceilings: [...ceilings.filter(({mix}) => mix !== 'nt-write'), ...quick]}
    expect(timeOf(of(2 ** 10), 1, without)).toMatchObject({bound: 'nt-1:4-DRAM', seconds: 2 ** 26 / 1.8e9})
    const old = {...without, ceilings: without.ceilings.filter(({mix}) => !mix?.startsWith('nt-'))}
    expect(timeOf(of(2 ** 10), 1, old)).toMatchObject({bound: 'write-DRAM', seconds: 2 ** 26 / 1e9})
  })
  test('shares memory with what is read from there', () => {
    // 64 MiB are read, 256 written: of both mixes beside that the faster
    const {bound, seconds} = timeOf(of(2 ** 12), 1, on)
    expect(bound).toBe('nt-write-DRAM')
    expect(seconds).toBeCloseTo(2 ** 28 / 1.5e9, 9)
    const slow = {...on, ceilings: on.ceilings.map((c) => (c.mix === 'nt-write' ? {...c, value: 1.9e9} : c))}
    expect(timeOf(of(2 ** 12), 1, slow).bound).toBe('nt-copy-DRAM')
  })
  test('has the rate of its own mix where that was measured: faster than those of both beside it', () => {
    const mixed = {...on, ceilings: [...on.ceilings, bandwidth('nt-1:4', 'DRAM', 2.5e9)]}
    // 128 MiB and the scales are read, 512 written
    const part = of(2 ** 13)
    expect(timeOf(part, 1, mixed).bound).toBe('nt-1:4-DRAM')
    expect(timeOf(part, 1, mixed).seconds).toBeCloseTo((5 * 2 ** 27 + 4 * 2 ** 13) / 2.5e9, 9)
  })
  test('leaves of what is read a part in the cache before, whose lines come beside those of memory', () => {
    // 64 MiB in 32: a half, less a third of it
    const reads = 2 ** 26 + 4 * 2 ** 12
    const found = (2 ** 25 / reads) * (1 - (reads / 2 ** 25 - 1) / 3)
    const stores = {...on, ceilings: on.ceilings.map((c) => (c.mix === 'nt-write' ? {...c, value: 1.9e9} : c))}
    expect(timeOf(of(2 ** 12), 1, stores).seconds).toBeCloseTo(((1 - found) * reads + 2 ** 28) / 2e9, 9)
    const slow = {...stores, ceilings: stores.ceilings.map((c) => (c.id === 'read-L3' ? {...c, value: 1e8} : c))}
    const {bound, seconds} = timeOf(of(2 ** 12), 1, slow)
    expect({bound, seconds}).toEqual({bound: 'read-L3', seconds: expect.closeTo((found * reads) / 1e8, 9)})
  })
  test('and read again by the next part comes into them with that', () => {
    const {unfused, fused} = pairs['dequantize-int8+gemv']
    const size = [2 ** 13, 2 ** 13]
    expect(keptBytes(fused(size))).toBeGreaterThan(2 ** 26)
    expect(keptBytes(unfused(size))).toBeGreaterThan(2 ** 26 + 2 ** 28)
  })
  test('waits for reads where the cache that holds those was not measured', () => {
    const {ceilings} = on
    const without = {...on, ceilings: ceilings.filter(({level}) => level !== 'L3')}
    // 16 MiB and the scales are read, 64 written: both from memory, at the faster of copying and storing
    expect(timeOf(of(2 ** 10), 1, without)).toMatchObject({bound: 'nt-write-DRAM', seconds: 2 ** 26 / 1.5e9})
    const alone = {...without, ceilings: without.ceilings.filter(({mix}) => mix !== 'nt-write')}
    expect(timeOf(of(2 ** 10), 1, alone).seconds).toBeCloseTo((5 * 2 ** 24 + 2 ** 12) / 2e9, 9)
  })
})

describe('what narrows its input', () => {
  const past = [bandwidth('nt-2:1', 'DRAM', 1.37e9), bandwidth('nt-copy', 'DRAM', 1.5e9)]
  const old = {...machine, ceilings: [...machine.ceilings, bandwidth('read', 'DRAM', 1e9), ...past]}
  const full = {...old, ceilings: [...old.ceilings, bandwidth('nt-4:1', 'DRAM', 1.19e9), bandwidth('8:1', 'DRAM', 1e9)]}
  const [rows, cols] = [2 ** 14, 2 ** 12]
  const [bytes, scales] = [rows * cols, 4 * rows]
  const part = kernels.quantize.program([rows, cols]).parts[0]!

  test('has four loads to one store past the caches, and without that ceiling what it reads', () => {
    expect(timeOf(part, 1, full).bound).toBe('nt-4:1-DRAM')
    expect(timeOf(part, 1, full).seconds).toBeCloseTo((5 * bytes + scales) / 1.19e9, 9)
    expect(timeOf(part, 1, old).bound).toBe('read-DRAM')
    expect(timeOf(part, 1, old).seconds).toBeCloseTo((4 * bytes) / 1e9, 9)
  })
  test('to half a byte has eight, with the scales of its groups', () => {
    const halves = kernels['quantize-int4'].program([2 ** 19, 128]).parts[0]!
    expect(timeOf(halves, 1, full).bound).toBe('8:1-DRAM')
    expect(timeOf(halves, 1, old).bound).toBe('read-DRAM')
  })
})

test('zeros are stored as anything else in a core, and beyond as a copy of the rest where that is faster', () => {
  const regular = (['L2', 'L3', 'DRAM'] as const).flatMap((level) => [
    bandwidth('copy', level, 8e9),
    bandwidth('1:2', level, 6e9),
    bandwidth('write', level, 4e9),
  ])
  const past = [
    bandwidth('nt-copy', 'DRAM', 8e9),
    bandwidth('nt-1:2', 'DRAM', 6e9),
    // what is stored alone is no limit to zeros
    bandwidth('nt-write', 'DRAM', 4e9),
  ]
  const on = machineOf(compute('fma', 1e15), bandwidth('read', 'L2', 1e11), ...regular, ...past)
  const of = (seq: number) => kernels['scale+mask+softmax'].program([1, seq, 64]).parts[0]!
  expect(timeOf(of(256), 1, on).bound).toBe('1:2-L2')
  expect(timeOf(of(2 ** 14), 1, on).bound).toBe('nt-copy-DRAM')
  // 36 MiB past a cache that holds what is read: nor does memory bound it by its stores
  const larger = {...on, identity: {caches: [{level: 'L3', claimed: 2 ** 26, found: null, sharedBy: 2}]}}
  expect(timeOf(of(3072), 1, larger).bound).toBe('copy-L3')
})

test('what is read beside an update in place comes no faster than where nothing is written', () => {
  const [momentum] = kernels.momentum.program([1e8]).parts
  // weights, gradients and velocities are read, two of them written: 20 B at the rate of updates would be 2 ms
  expect(timeOf(momentum!)).toMatchObject({bound: 'read-DRAM', seconds: (12 * 1e8) / 1e9})
})

test('divisions and roots share a unit: their times add up, those of functions do not', () => {
  const specials = {divide: 1e6, sqrt: 1e6, exp: 1e6}
  const on = {
    ...machine,
    ceilings: [...machine.ceilings, compute('divide', 1e9), compute('sqrt', 5e8), compute('exp', 4e8)],
  }
  const part = {...add(1200), specials}
  // 1 and 2 ms one after the other; 2.5 ms beside them
  expect(timeOf(part, 1, on).seconds).toBeCloseTo(0.003, 9)
  expect(timeOf({...part, specials: {exp: 2e6, sqrt: 1e6}}, 1, on)).toMatchObject({bound: 'exp-f32', seconds: 0.005})
})

test('of two ways to make a function the faster bounds it, and both are measured beside it', () => {
  const on = (divide: number, erf: number) => ({
    ...machine,
    ceilings: [...machine.ceilings, compute('exp', 4e9), compute('divide', divide), compute('erf', erf)],
  })
  const [part] = kernels['gelu-tanh'].program([1e4]).parts
  const at = (divide: number, erf: number) => timeOf(part!, 1, on(divide, erf))
  expect(at(1e9, 2e9)).toMatchObject({bound: 'erf-f32', seconds: 1e4 / 2e9})
  expect(at(3e9, 2e9)).toMatchObject({bound: 'divide-f32', seconds: 1e4 / 3e9})
  expect(at(3e9, 2e9).from.map(({id}) => id)).toEqual(expect.arrayContaining(['divide-f32', 'erf-f32', 'exp-f32']))
})
