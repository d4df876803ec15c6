import {describe, expect, test} from 'vitest'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {mixOf} from '../../src/analysis/mix.ts'
import {benchKernels, entryOf} from '../../src/kernels/bench.ts'
import {benchPairs} from '../../src/kernels/pairs.ts'
import {partTime, programTime, roofFor} from '../../src/kernels/place.ts'
import {isStreamed, partTraffic} from '../../src/kernels/program.ts'
import {kernels, pairIds, pairs} from '../../src/kernels/registry.ts'

const measured = {kind: 'measured', source: 'test', date: '2026-11-21'} as const
const read = (level: 'L1' | 'L2' | 'DRAM', threads: number, value: number): Ceiling => ({
  id: `read-${level}-t${threads}`,
  kind: 'bandwidth',
  mix: 'read',
  level,
  threads,
  value,
  unit: 'B/s',
  provenance: measured,
})
const fma = (threads: number, value: number): Ceiling => ({
  id: `fma-f32-avx2-t${threads}`,
  kind: 'compute',
  operation: 'fma',
  dtype: 'f32',
  threads,
  value,
  unit: 'FLOP/s',
  provenance: measured,
})
const machine: Machine = {
  id: 'local',
  name: 'a made-up machine',
  identity: {
    caches: [
      {level: 'L1', claimed: 32_768, found: null, sharedBy: 1},
      {level: 'L2', claimed: 1_048_576, found: 524_288, sharedBy: 1},
      {level: 'L3', claimed: 33_554_432, found: null, sharedBy: 2},
    ],
  },
  ceilings: [1, 2].flatMap((t) => [
    fma(t, 1e11 * t),
    read('L1', t, 2e11 * t),
    read('L2', t, 1e11 * t),
    read('DRAM', t, 1e10 * t),
  ]),
}
const addOf = (elements: number) => kernels.add.program([elements])
const setup = {isa: 'avx2', threads: 1}

describe('the roof of a program', () => {
  test.each([
    [1000, 1, 'read-L1-t1'], // 12 kB
    [3000, 1, 'read-L2-t1'], // 36 kB: more than L1
    [3000, 2, 'read-L1-t2'], // two threads have two L1s
    [40_000, 1, 'read-DRAM-t1'], // 480 kB: more than 80 % of the 512 KiB found, whatever L2 claims; L3 has no ceiling
    [40_000, 2, 'read-L2-t2'],
    [40_000_000, 2, 'read-DRAM-t2'],
  ] as const)('%d elements on %d threads: %s', (elements, threads, id) => {
    expect(roofFor(machine, [addOf(elements)], threads)?.bandwidth(['read'])[0]?.id).toBe(id)
  })

  describe('of what is read in no order', () => {
    const withL3: Machine = {
      ...machine,
      ceilings: [
        ...machine.ceilings,
        ...[1, 2].map((t) => ({...read('L2', t, 5e10 * t), id: `read-L3-t${t}`, level: 'L3' as const})),
      ],
    }
    const at = (id: 'spmm' | 'embedding', dims: number[], threads = 1) => {
      const program = kernels[id].program(dims)
      return programTime(program, roofFor(withL3, [program], threads)!)
    }
    const [KiB, MiB] = [1024, 1024 ** 2]

    test.each([
      [1, 32 * MiB + MiB + 32 * KiB, 1e10],
      [2, 32 * MiB + 2 * (MiB + 32 * KiB), 2e10], // two threads meet in L3, and throw out into it what their own caches hold
    ])('caches find the share of the tensor that they hold at the most, on %d threads', (threads, held, rate) => {
      const [nodes, edges, row] = [200_000, 2_000_000, 512]
      const other = 4 * edges + 4 * (nodes + 1) + nodes * row
      const {seconds, bound} = at('spmm', [nodes, edges, row / 4, 1], threads)
      expect(seconds).toBeCloseTo((edges * row * (1 - held / (nodes * row)) + other) / rate, 9)
      expect(bound).toBe(`read-DRAM-t${threads}`)
    })

    test('a tensor that a cache holds is asked for there, whatever lies in memory beside it', () => {
      const [nodes, edges, row] = [10_000, 4_000_000, 1024]
      const {seconds, bound} = at('spmm', [nodes, edges, row / 4, 1])
      expect(seconds).toBeCloseTo((edges * row * (1 - (MiB + 32 * KiB) / (nodes * row))) / 5e10, 9)
      expect(bound).toBe('read-L3-t1')
    })

    test('rows of a table that are asked for once come from where it lies, those asked for again do not', () => {
      const bytes = (rows: number) => 4 * rows + 4 * 256 * rows
      // a table of 1 MB stays in L3, and memory has what is written past it alone
      expect(at('embedding', [400_000, 256, 1000]).seconds).toBeCloseTo((4 * 256 * 400_000) / 1e10, 9)
      expect(at('embedding', [400_000, 256, 400_000]).seconds).toBeCloseTo(
        (bytes(400_000) + 4 * 256 * 400_000) / 1e10,
        9,
      )
    })
  })

  test('a set little larger than a cache may still find most of itself there, one four times as large nothing', () => {
    const at = (elements: number) => {
      const program = addOf(elements)
      return programTime(program, roofFor(machine, [program], 2)!)
    }
    const bytes = 12 * 180_000 // two caches of 512 KiB hold 49 % of it; at 2.06 times their size 65 % of that is remembered
    const share = (1_048_576 / bytes) * (1 - (bytes / 1_048_576 - 1) / 3)
    const {seconds, bound} = at(180_000)
    expect(seconds).toBeCloseTo(bytes * (share / 2e11 + (1 - share) / 2e10), 12)
    expect(bound).toBe('read-DRAM-t2')
    expect(at(400_000).seconds).toBeCloseTo((12 * 400_000) / 2e10, 12)
    expect(at(80_000).bound).toBe('read-L2-t2')
  })

  test('L1 forgets what goes round in it sooner: at 1.25 times its size everything', () => {
    const seconds = (elements: number) => {
      const program = addOf(elements)
      return programTime(program, roofFor(machine, [program], 1)!).seconds
    }
    const bytes = 12 * 3000
    const share = (32_768 / bytes) * (1 - (bytes / 32_768 - 1) / 0.25)
    expect(seconds(3000)).toBeCloseTo(bytes * (share / 2e11 + (1 - share) / 1e11), 15)
    expect(seconds(3500)).toBeCloseTo((12 * 3500) / 1e11, 15)
  })

  test('ignores what was judged implausible, and takes other thread counts where there is no exact one', () => {
    const doubted = {
      ...machine,
      ceilings: machine.ceilings.map((c) =>
        c.id === 'read-L1-t1' ? {...c, verdict: 'implausible' as const, reason: 'test'} : c,
      ),
    }
    // one thread does not exceed two in the same cache; the next cache is no bound
    expect(roofFor(doubted, [addOf(1000)], 1)?.bandwidth(['read'])[0]?.id).toBe('read-L1-t2')
    const alone = {...doubted, ceilings: doubted.ceilings.filter(({id}) => id !== 'read-L1-t2')}
    expect(roofFor(alone, [addOf(1000)], 1)?.bandwidth(['read'])[0]?.id).toBe('read-L2-t1')
    expect(roofFor(machine, [addOf(1000)], 3)?.compute('f32').id).toBe('fma-f32-avx2-t2')
  })

  test('is undefined where the machine has no bandwidth', () => {
    expect(roofFor({...machine, ceilings: [fma(1, 1e11)]}, [addOf(1000)], 1)).toBeUndefined()
  })
})

describe('mixes and functions', () => {
  test.each([
    [12, 0, ['read']],
    [8, 4, ['2:1', 'triad']],
    [4, 4, ['copy']],
    [0, 4, ['write']],
    [1000, 1, ['read']],
    [1000, 1010, ['copy']],
    [16, 4, ['4:1']],
    [64, 8.5, ['8:1']],
    [4, 8, ['1:2']],
    [1, 4, ['1:4']],
    [0, 0, ['read']],
  ] as const)('%d bytes read, %d written: %j', (reads, writes, mixes) => {
    expect(mixOf(reads, writes)).toEqual([{mixes, bytes: reads + writes}])
    const updating = writes > 0 ? [...mixes, 'update'] : mixes
    expect(mixOf(reads, writes, {inPlace: true})).toEqual([{mixes: updating, bytes: reads + writes}])
  })

  const storesOf: Record<string, number> = {
    read: 0,
    '8:1': 1 / 9,
    '4:1': 1 / 5,
    '2:1': 1 / 3,
    copy: 1 / 2,
    '1:2': 2 / 3,
  }
  const shareOf = (mix: string): number => ({...storesOf, '1:4': 4 / 5, write: 1})[mix.replace('nt-', '')]!
  test.each([
    [20, 1, ['read', '8:1']],
    [6, 1, ['8:1', '4:1']],
    [11, 4, ['4:1', '2:1']],
    [6, 4, ['2:1', 'copy']],
    [1, 3, ['1:2', '1:4']],
    [1, 7, ['1:4', 'write']],
  ] as const)('%d bytes read, %d written are moved as %j, which add up', (reads, writes, mixes) => {
    for (const streamed of [false, true]) {
      const moved = mixOf(reads, writes, {streamed})
      expect(moved.map((part) => part.mixes[0]!.replace('nt-', ''))).toEqual(mixes)
      const stored = moved.map((part) => part.bytes * shareOf(part.mixes[0]!))
      expect(stored[0]! + stored[1]!).toBeCloseTo(writes, 12)
      expect(moved[0]!.bytes + moved[1]!.bytes).toBeCloseTo(reads + writes, 12)
    }
    // in which order an update in place reads and writes is not known
    const [updated, ...rest] = mixOf(reads, writes, {inPlace: true})
    expect(updated).toMatchObject({bytes: reads + writes, mixes: expect.arrayContaining([...mixes, 'update'])})
    expect(rest).toEqual([])
  })

  test('the faster of two mixes decides where one between them was not measured', () => {
    const quick = ['read', 'nt-copy', 'nt-1:4', 'nt-2:1']
    const has = (mix: string) => quick.includes(mix)
    expect(mixOf(1, 2, {streamed: true, has})).toEqual([{mixes: ['nt-copy', 'nt-1:4'], bytes: 3}])
    expect(mixOf(4, 1, {streamed: true, has})).toEqual([{mixes: ['read', 'nt-2:1'], bytes: 5}])
    expect(mixOf(1, 9, {streamed: true, has})).toEqual([{mixes: ['nt-1:4'], bytes: 10}])
    // 5:3 lies between two that were
    expect(mixOf(5, 3, {streamed: true, has})).toHaveLength(2)
  })

  const bandwidth = (mix: 'copy' | '2:1' | 'triad' | 'update', value: number): Ceiling => ({
    ...read('DRAM', 1, value),
    id: `${mix}-DRAM-t1`,
    mix,
  })
  const special = (operation: 'exp' | 'erf', value: number): Ceiling => ({
    ...fma(1, value),
    id: `${operation}-f32-avx2-t1`,
    operation,
  })
  const complete: Machine = {
    ...machine,
    ceilings: [...machine.ceilings, bandwidth('copy', 2e10), bandwidth('triad', 3e10), bandwidth('2:1', 2.5e10)],
  }
  const large = 40_000_000
  test('an optimizer moves at the rate of updates, but reads no faster than where nothing is written', () => {
    const step = kernels.momentum.program([large])
    const at = (reading: number, updating: number) => {
      const withUpdates: Machine = {
        ...machine,
        ceilings: [fma(1, 1e15), read('DRAM', 1, reading), bandwidth('copy', 1e10), bandwidth('update', updating)],
      }
      return programTime(step, roofFor(withUpdates, [step], 1)!)
    }
    // weights and velocities are read and written, gradients read: 12 B in, 8 B out
    expect(at(4e10, 5e10)).toEqual({seconds: (large * 20) / 5e10, bound: 'update-DRAM-t1'})
    expect(at(2e10, 5e10)).toMatchObject({seconds: (large * 12) / 2e10})
  })

  test('a sum is a triad, a softmax a copy, under DRAM', () => {
    const sum = addOf(large)
    expect(programTime(sum, roofFor(complete, [sum], 1)!)).toEqual({
      seconds: (12 * large) / 3e10,
      bound: 'triad-DRAM-t1',
    })
    const softmax = kernels.softmax.program([large / 1000, 1000])
    expect(programTime(softmax, roofFor(complete, [softmax], 1)!).bound).toBe('copy-DRAM-t1')
  })

  test('between two loads to one store and a copy each moves its part', () => {
    // gamma and beta are a fifth of x
    const program = kernels.layernorm.program([10, large / 10])
    const {reads, writes} = partTraffic(program.parts[0]!)
    const part = (writes / (reads + writes) - 1 / 3) / (1 / 2 - 1 / 3)
    expect(part).toBeGreaterThan(0.5)
    const roof = roofFor({...complete, ceilings: [...complete.ceilings, read('DRAM', 1, 1e12)]}, [program], 1)!
    const {seconds, bound, from} = partTime(program.parts[0]!, roof)
    expect(seconds).toBeCloseTo((reads + writes) * ((1 - part) / 3e10 + part / 2e10), 12)
    expect(bound).toBe('copy-DRAM-t1')
    expect(from.map(({id}) => id)).toEqual(expect.arrayContaining(['copy-DRAM-t1', '2:1-DRAM-t1', 'triad-DRAM-t1']))
  })

  test('what mostly writes is held by the stores alone, between two mixes whose faster one it is not', () => {
    const writes = {...bandwidth('copy', 1e10), id: 'write-DRAM-t1', mix: 'write'} as const
    const withWrites = {...complete, ceilings: [...complete.ceilings, writes]}
    const widen = kernels['dequantize-int8'].program([large / 1000, 1000])
    const bytes = (4 * large) / 1e10
    const {seconds, bound} = programTime(widen, roofFor(withWrites, [widen], 1)!)
    expect({seconds, bound}).toEqual({seconds: bytes, bound: 'write-DRAM-t1'})
    // not where whole lines of zeros are written: memory may take them faster
    const zeros = {...widen, parts: widen.parts.map((part) => ({...part, zeros: true}))}
    expect(programTime(zeros, roofFor(withWrites, [zeros], 1)!).bound).toBe('copy-DRAM-t1')
  })

  test('scales beside a large output do not keep it from being streamed', () => {
    expect(isStreamed(kernels.quantize.program([16_384, 4096]).parts[0]!)).toBe(true)
    expect(isStreamed(kernels.quantize.program([4096, 4096]).parts[0]!)).toBe(false)
    expect(isStreamed(kernels.quantize.program([16_384, 4090]).parts[0]!)).toBe(false)
  })

  test('divisions and roots share a unit: their times add up', () => {
    const rate = (operation: 'divide' | 'sqrt', value: number): Ceiling => ({
      ...special('exp', value),
      id: operation,
      operation,
    })
    const withUnit = {...machine, ceilings: [...machine.ceilings, rate('divide', 1e9), rate('sqrt', 5e8)]}
    const [part] = addOf(1000).parts
    const program = {id: 'both', parts: [{...part!, specials: {divide: 1000, sqrt: 1000}}]}
    const {seconds, bound} = programTime(program, roofFor(withUnit, [program], 1)!)
    expect(seconds).toBeCloseTo(1000 / 1e9 + 1000 / 5e8, 15)
    expect(bound).toBe('sqrt')
  })

  test('a softmax and a GELU in a cache find the ceilings of exp and erf', () => {
    const withFunctions = {...machine, ceilings: [...machine.ceilings, special('exp', 3e9), special('erf', 1e9)]}
    const softmax = kernels.softmax.program([4, 100])
    expect(programTime(softmax, roofFor(withFunctions, [softmax], 1)!)).toEqual({
      seconds: 400 / 3e9,
      bound: 'exp-f32-avx2-t1',
    })
    const gelu = kernels.gelu.program([400])
    expect(programTime(gelu, roofFor(withFunctions, [gelu], 1)!).bound).toBe('erf-f32-avx2-t1')
  })
})

describe('an entry', () => {
  // 1000 sums: 12 kB at 200 GB/s are 60 ns; arithmetic takes 10 ns
  const entry = (seconds: number, maxError = 0) =>
    entryOf(
      kernels.add,
      [1000],
      addOf(1000),
      {rates: [1, 1, 1, 0.5].map((x) => x / seconds), counters: null, turn: []},
      maxError,
      setup,
      machine,
    )

  test('has the arithmetic of a worked example', () => {
    const e = entry(120e-9)
    expect(e).toMatchObject({flops: 1000, bytes: 12_000, bound: 'read-L1-t1', verdict: 'ok', dims: {elements: 1000}})
    expect(e.intensity).toBeCloseTo(1 / 12, 12)
    expect(e.seconds.min).toBeCloseTo(120e-9, 15)
    expect(e.seconds.max).toBeCloseTo(240e-9, 15)
    expect(e.efficiency).toBeCloseTo(0.5, 12)
    expect(e.attainable).toBeCloseTo(1000 / 60e-9, 0)
    expect(e.flopsPerSecond).toBeCloseTo(1000 / 120e-9, 0)
  })

  test('above its roof is implausible, off its reference wrong, both with a reason', () => {
    expect(entry(50e-9)).toMatchObject({verdict: 'implausible', reason: expect.stringContaining('120 %')})
    expect(entry(120e-9, 1e-3)).toMatchObject({verdict: 'wrong', reason: expect.stringContaining('1.0e-3')})
    expect(entry(120e-9, Number.NaN).verdict).toBe('wrong')
  })

  test('without fitting ceilings has no roof, and says null', () => {
    const e = entryOf(kernels.add, [1000], addOf(1000), {rates: [1e6, 1e6, 1e6], counters: null, turn: []}, 0, setup, {
      ...machine,
      ceilings: [fma(1, 1)],
    })
    expect(e).toMatchObject({bound: null, attainable: null, efficiency: null, verdict: 'ok'})
  })
})

describe('runs', () => {
  test('a kernel at a given size', async () => {
    const {
      kernels: [entry, ...rest],
    } = await benchKernels({kernels: ['rmsnorm'], sizes: [[3, 100]], threads: 1, machine})
    expect(rest).toEqual([])
    expect(entry).toMatchObject({
      id: 'rmsnorm',
      dims: {rows: 3, cols: 100},
      threads: 1,
      flops: 4 * 300 + 12,
      bytes: 4 * 700,
    })
    expect(entry!.seconds.min).toBeGreaterThan(0)
    expect(entry!.maxError).toBeLessThan(1e-5)
    expect(Object.values(entry!).every((v) => typeof v !== 'number' || Number.isFinite(v))).toBe(true)
  }, 20_000)

  test('every pair, with the bytes that fusing saves', async () => {
    for (const id of pairIds) {
      const dims = [...pairs[id].check]
      const {
        pairs: [entry],
      } = await benchPairs({pairs: [id], sizes: [dims], threads: 1, machine})
      expect(entry!.bytesSaved).toBe(entry!.unfused.bytes - entry!.fused.bytes)
      expect(entry!.bytesSaved).toBeGreaterThan(0)
      expect(entry!.unfused.parts.length).toBeGreaterThan(1)
      expect(entry!.speedup).toBeGreaterThan(0)
      expect(entry!.predictedSpeedup).toBeGreaterThan(0)
    }
  }, 60_000)

  test('refusals name what is allowed and allocate nothing', async () => {
    const wrong: [object, string, RegExp][] = [
      [{kernels: ['sofmax']}, 'unknown-kernel', /softmax/],
      [{kernels: ['gemm'], sizes: [[1, 2]]}, 'bad-dimension', /m × n × k/],
      [{kernels: ['gemm'], sizes: [[1, 2, 0]]}, 'bad-dimension', /k = 0/],
      [{kernels: ['add'], sizes: [[1.5]]}, 'bad-dimension', /1\.5/],
      [{kernels: ['gemm'], sizes: [[2 ** 31, 2 ** 31, 2]]}, 'does-not-fit', /GB/],
      [{kernels: ['add'], isa: 'mmx'}, 'bad-flag', /mmx/],
      [{kernels: ['add'], dtype: 'f64'}, 'bad-flag', /f32/],
      [{kernels: ['add'], threads: 0}, 'bad-flag', /threads 0/],
    ]
    for (const [options, code, message] of wrong)
      await expect(benchKernels({machine, ...options})).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      })
    await expect(benchPairs({machine, pairs: ['gemm']})).rejects.toMatchObject({code: 'unknown-kernel'})
    await expect(benchKernels({machine, signal: AbortSignal.abort()})).rejects.toMatchObject({code: 'interrupted'})
  })
})
