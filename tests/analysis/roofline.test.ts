import {describe, expect, it} from 'vitest'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {evaluate} from '../../src/analysis/evaluate.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph} from '../../src/analysis/models/types.ts'
import {attainable, prepareRoof, ridgePoint, trafficTime} from '../../src/analysis/roofline.ts'
import {resolveWorkload} from '../../src/analysis/workload.ts'
import {bandwidth, cpu, gpu, launch, machineOf, peak} from './support/machines.ts'

describe('the roof', () => {
  it('is the lower of both lines and meets itself at the ridge', () => {
    const [top, slope] = [100e12, 1e12]
    expect(ridgePoint(top, slope)).toBe(100)
    expect(attainable(1, top, slope)).toBe(1e12)
    expect(attainable(100, top, slope)).toBe(top)
    expect(attainable(1000, top, slope)).toBe(top)
    expect(attainable(0, top, slope)).toBe(0)
  })

  it('goes through the levels from the outermost inwards, whatever their order in the file', () => {
    expect(prepareRoof(cpu).levels.map((l) => [l.level, l.rate])).toEqual([
      ['DRAM', 0.1e12],
      ['L3', 1e12],
      ['L1', 10e12],
    ])
    expect(prepareRoof(cpu).atEachLevel(7)).toEqual({DRAM: 7, L3: 7, L1: 7})
  })

  it('takes the highest rate of each kind: all threads, the widest instructions, reading', () => {
    const roof = prepareRoof(
      machineOf([
        peak('f32', 'vector', 1e12, {id: 'one thread', threads: 1}),
        peak('f32', 'vector', 8e12, {id: 'all', threads: 8}),
        peak('f32', 'vector', 99e12, {id: 'exp', operation: 'exp'}),
        bandwidth('DRAM', 5e12, {id: 'copy', mix: 'copy'}),
        bandwidth('DRAM', 1e12, {id: 'read one', threads: 1}),
        bandwidth('DRAM', 3e12, {id: 'read all', threads: 8}),
      ]),
    )
    expect(roof.compute('vector', 'f32').ceiling.id).toBe('all')
    expect(roof.levels[0]!.ceiling.id).toBe('read all')
  })

  it('knows what everything inside of a level holds, all cores together, or that it does not', () => {
    const KiB = 1024
    const l1 = {level: 'L1', claimed: 32 * KiB, found: null, sharedBy: 1}
    const l2 = {level: 'L2', claimed: 1024 * KiB, found: null, sharedBy: 4}
    const l3 = {level: 'L3', claimed: 4096 * KiB, found: null, sharedBy: 16}
    const ceilings = [
      peak('f32', 'vector', 1e12),
      ...(['DRAM', 'L3', 'L2', 'L1'] as const).map((l) => bandwidth(l, 1e12)),
    ]
    const inside = (caches: Machine['identity']['caches'], cores: number | undefined = 6) =>
      prepareRoof(machineOf(ceilings, {identity: {...(cores ? {cores} : {}), ...(caches ? {caches} : {})}})).levels.map(
        ({inside}) => inside,
      )
    // six cores: registers of each, an L1 of each, an L2 for four of them, one L3
    const registers = inside([])[3]!
    // 32 vectors of 64 B, and the eight tiles of AMX
    expect(registers).toBe(6 * (32 * 64 + 8 * 1024))
    const [first, second, third] = [6 * 32 * KiB, 2 * 1024 * KiB, 4096 * KiB].map((bytes) => bytes)
    expect(inside([l1, l2, l3])).toEqual([
      registers + first! + second! + third!,
      registers + first! + second!,
      registers + first!,
      registers,
    ])
    // what is claimed counts, else what was found; no L3 is no unknown, no L2 is
    expect(inside([{...l1, claimed: null, found: 16 * KiB}, l2])).toEqual([
      registers + first! / 2 + second!,
      registers + first! / 2 + second!,
      registers + first! / 2,
      registers,
    ])
    expect(inside([l1, l3])).toEqual([null, null, registers + first!, registers])
    expect(inside([{...l1, claimed: null}, l2, l3])).toEqual([null, null, null, registers])
    // a cache whose sharers nobody names is one of each core
    const {sharedBy: _, ...alone} = l2
    expect(inside([l1, alone])[1]).toBe(registers + first! + 6 * 1024 * KiB)
    expect(inside(undefined)).toEqual([null, null, null, null])
    expect(inside([l1, l2, l3], 0)).toEqual([null, null, null, null])
  })

  it('has a sparse peak for the type that has one, and for no other', () => {
    const roof = prepareRoof(
      machineOf([
        peak('bf16', 'matrix', 100e12),
        peak('bf16', 'matrix', 190e12, {id: 'slow', sparsity: '2:4'}),
        peak('bf16', 'matrix', 200e12, {id: 'sparse', sparsity: '2:4'}),
        peak('bf16', 'matrix', 900e12, {id: 'broken', sparsity: '2:4', verdict: 'implausible', reason: 'test'}),
        peak('f16', 'matrix', 100e12),
        bandwidth('DRAM', 1e12),
      ]),
    )
    expect(roof.sparse('bf16')).toMatchObject({ceiling: {id: 'sparse'}, rate: 200e12, dtype: 'bf16'})
    expect(roof.sparse('f16')).toBeNull()
    expect(roof.compute('matrix', 'bf16').rate).toBe(100e12)
  })

  it.each([-1e-9, 1, Number.NaN])('refuses a start of %d s', (seconds) => {
    expect(() => prepareRoof(gpu, seconds)).toThrow(/is not a time from 0 to 1 s/)
    expect(prepareRoof(gpu, 0).launch).toEqual({seconds: 0, id: 'latency'})
    expect(prepareRoof(gpu, 0.999).launch?.seconds).toBe(0.999)
  })

  it('leaves out what was not measured well, and rates with a narrow accumulator', () => {
    const roof = prepareRoof(
      machineOf([
        peak('f16', 'matrix', 9e12, {id: 'broken', verdict: 'implausible', reason: 'above the model'}),
        peak('f16', 'matrix', 8e12, {id: 'failed', verdict: 'failed', reason: 'no such instruction'}),
        peak('f16', 'matrix', 7e12, {id: 'acc16', accumulate: 'f16'}),
        peak('f16', 'matrix', 6e12, {id: 'acc32', accumulate: 'f32'}),
        peak('f32', 'vector', 1e12, {id: 'noisy', verdict: 'noisy'}),
        bandwidth('DRAM', 2e12, {id: 'skipped', verdict: 'skipped', reason: 'asked to'}),
        bandwidth('DRAM', 1e12),
      ]),
    )
    expect(roof.compute('matrix', 'f16').ceiling.id).toBe('acc32')
    expect(roof.compute('vector', 'f32').ceiling.id).toBe('noisy')
    expect(roof.levels[0]!.ceiling.id).toBe('dram')
  })

  it('takes another mix where no reading bandwidth is known, and adds where nothing multiplies', () => {
    const roof = prepareRoof(
      machineOf([
        peak('f32', 'vector', 2e12, {id: 'add', operation: 'add'}),
        bandwidth('DRAM', 1e12, {id: 'triad', mix: 'triad'}),
      ]),
    )
    expect(roof.levels[0]!.ceiling.id).toBe('triad')
    expect(roof.compute('vector', 'f32').ceiling.id).toBe('add')
  })

  it('prefers a fused multiply-add to a faster add', () => {
    const roof = prepareRoof(
      machineOf([
        peak('f32', 'vector', 1e12, {id: 'fma'}),
        peak('f32', 'vector', 2e12, {id: 'add', operation: 'add'}),
        bandwidth('DRAM', 1),
      ]),
    )
    expect(roof.compute('vector', 'f32').ceiling.id).toBe('fma')
  })

  it('knows a launch from the machine or from the caller, else none', () => {
    const stated = machineOf([...gpu.ceilings, launch(4e-6)])
    expect(prepareRoof(gpu).launch).toBeNull()
    expect(prepareRoof(stated).launch).toEqual({seconds: 4e-6, id: 'latency'})
    expect(prepareRoof(stated, 0).launch).toEqual({seconds: 0, id: 'latency'})
  })
})

describe('a type without a ceiling', () => {
  const codes = (roof: ReturnType<typeof prepareRoof>) => roof.warnings.map((w) => w.code)

  it('computes at the next wider type that has one, and says so once', () => {
    const roof = prepareRoof(gpu)
    expect(roof.compute('matrix', 'int8')).toMatchObject({dtype: 'f16', rate: 100e12})
    expect(roof.compute('matrix', 'int8').dtype).toBe('f16')
    expect(roof.warnings).toEqual([
      {
        code: 'computes-wider',
        message: 'round has no int8 ceiling: products of int8 compute at f16 (matrix-f16), their bytes stay',
      },
    ])
    expect(roof.compute('matrix', 'int4').dtype).toBe('f16')
    expect(codes(roof)).toEqual(['computes-wider', 'computes-wider'])
  })

  it('never narrows: f32 does not run at tf32, bf16 not at f16, f16 not at bf16', () => {
    const roof = prepareRoof(gpu)
    expect(roof.compute('matrix', 'f32').ceiling.id).toBe('vector-f32')
    const half = (dtype: 'f16' | 'bf16') =>
      prepareRoof(machineOf([peak(dtype, 'matrix', 100e12), peak('f32', 'vector', 1e12), bandwidth('DRAM', 1)]))
    expect(half('f16').compute('matrix', 'bf16').dtype).toBe('f32')
    expect(half('bf16').compute('matrix', 'f16').dtype).toBe('f32')
  })

  it('says nothing of elementwise work, which runs in f32 anyway', () => {
    const roof = prepareRoof(gpu)
    expect(roof.compute('vector', 'bf16')).toMatchObject({dtype: 'f32', rate: 10e12})
    expect(codes(roof)).toEqual([])
  })

  it('does not take matrix units for elementwise work', () => {
    const roof = prepareRoof(
      machineOf([peak('f32', 'matrix', 9e12), peak('f64', 'vector', 1e12), bandwidth('DRAM', 1)]),
    )
    expect(roof.compute('vector', 'f32').ceiling.id).toBe('vector-f64')
    expect(roof.compute('matrix', 'f32').ceiling.id).toBe('matrix-f32')
  })

  it('takes the highest rate there is as a last resort, and says that this is optimistic', () => {
    const roof = prepareRoof(machineOf([peak('f16', 'matrix', 9e12), bandwidth('DRAM', 1)]))
    expect(roof.compute('vector', 'f64')).toMatchObject({rate: 9e12})
    expect(roof.warnings[0]).toMatchObject({code: 'no-ceiling', message: expect.stringContaining('optimistic')})
  })

  it('is an error where the machine computes nothing at all', () => {
    expect(() => prepareRoof(machineOf([bandwidth('DRAM', 1)])).compute('vector', 'f32')).toThrow(
      'machine round has no compute ceiling',
    )
  })
})

describe('mixes of loads and stores', () => {
  const measured = machineOf([
    peak('f32', 'vector', 1e12),
    ...(
      [
        ['read', 3.5e9],
        ['copy', 2e9],
        ['2:1', 3e9],
        ['update', 6e9],
        ['nt-write', 7e9],
      ] as const
    ).map(([mix, value]) => ({
      ...bandwidth('DRAM', value),
      id: mix,
      mix,
    })),
  ])
  const [level] = prepareRoof(measured).levels

  it('leave reading to the ceiling of reading', () => {
    expect(trafficTime(level!, 100, 0)).toEqual({seconds: 100 / 3.5e9, id: 'read'})
  })

  it('take the fastest way to do what an operator does', () => {
    expect(trafficTime(level!, 100, 100)).toEqual({seconds: 200 / 6e9, id: 'update'})
    expect(trafficTime(level!, 0, 100)).toEqual({seconds: 100 / 7e9, id: 'nt-write'})
  })

  it('read no faster than where nothing is written: a product with a vector is no update of its weights', () => {
    expect(trafficTime(level!, 1000, 1)).toEqual({seconds: 1000 / 3.5e9, id: 'read'})
    expect(trafficTime(level!, 200, 100)).toEqual({seconds: 200 / 3.5e9, id: 'read'})
    expect(trafficTime(level!, 110, 100)).toEqual({seconds: 210 / 6e9, id: 'update'})
  })

  it('are one ceiling where only one was measured', () => {
    const [only] = prepareRoof(gpu).levels
    expect(only!.mixes).toBeNull()
    expect(trafficTime(only!, 1, 1)).toEqual({seconds: 2 / only!.rate, id: only!.ceiling.id})
  })
})

describe('special functions', () => {
  const exp = {...peak('f32', 'vector', 1e9), id: 'exp', operation: 'exp' as const}
  it('bind an operator made of them', () => {
    const roof = prepareRoof(machineOf([...cpu.ceilings, exp]))
    const graph = buildGraph(models.gpt2, resolveWorkload(models.gpt2, {seq: 64}))
    const softmax = evaluate(graph, roof, {dtype: {weights: 'f32', activations: 'f32', kv: 'f32'}}).operators.find(
      (op) => op.kind === 'softmax',
    )!
    expect(softmax.bound).toBe('exp')
    expect(softmax.time.lower).toBe(softmax.special / 1e9)
  })

  it('are no limit where none was measured', () => {
    expect(prepareRoof(gpu).special).toBeNull()
  })
})
