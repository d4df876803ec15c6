import {describe, expect, it} from 'vitest'
import {evaluate} from '../../src/analysis/evaluate.ts'
import {models} from '../../src/analysis/models/index.ts'
import {buildGraph} from '../../src/analysis/models/types.ts'
import {attainable, bandwidthOf, prepareRoof, ridgePoint} from '../../src/analysis/roofline.ts'
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
    ...(['read', 'copy', '2:1', 'update', 'nt-write'] as const).map((mix, i) => ({
      ...bandwidth('DRAM', (i + 1) * 1e9),
      id: mix,
      mix,
    })),
  ])
  const [level] = prepareRoof(measured).levels

  it('leave reading to the ceiling of reading', () => {
    expect(bandwidthOf(level!, 100, 0).id).toBe('read')
  })

  it('take the fastest way to do what an operator does', () => {
    expect(bandwidthOf(level!, 200, 100).id).toBe('update')
    expect(bandwidthOf(level!, 0, 100).id).toBe('nt-write')
  })

  it('are one ceiling where only one was measured', () => {
    const [only] = prepareRoof(gpu).levels
    expect(only!.mixes).toBeNull()
    expect(bandwidthOf(only!, 1, 1)).toBe(only!.ceiling)
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
