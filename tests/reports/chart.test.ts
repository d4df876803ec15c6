import {describe, expect, it} from 'vitest'
import {classOf, classOfKind} from '../../reports/chart/classes.ts'
import {defaultState} from '../../reports/chart/draw.ts'
import {gutterOf, movesOf, pointsOf} from '../../reports/chart/points.ts'
import {frameOf, mainRidge, roofLines} from '../../reports/chart/roofs.ts'
import {attainableOf} from '../../reports/document.ts'
import {roofline} from '../../reports/views/roofline.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {ops} from '../../src/analysis/ops/index.ts'
import {cpu, sample, samples} from './support.ts'

describe('the frame', () => {
  it('is whole decades, a function of the machine alone', () => {
    const one = frameOf(sample().result.machine)
    const other = frameOf(sample({model: 'gpt2', options: {phase: 'decode', batch: 64}}).result.machine)
    expect(one).toEqual(other)
    for (const edge of [...one.x, ...one.y]) expect(Math.log10(edge)).toBeCloseTo(Math.round(Math.log10(edge)), 12)
  })

  it.each(Object.values(machines))('of $id holds its ridge and its peak', (machine) => {
    const summary = {...machine, memory: machine.memory?.capacity ?? null}
    const {x, y} = frameOf(summary)
    const peak = Math.max(...machine.ceilings.filter((c) => c.kind === 'compute').map((c) => c.value))
    const {intensity} = mainRidge({...sample({machine}).result, machine: summary})
    expect(peak).toBeLessThan(y[1])
    expect(intensity).toBeGreaterThan(x[0])
    expect(intensity).toBeLessThan(x[1])
  })
})

describe('the lines of the roof', () => {
  it('names each level and peak once, on the best of its threads', () => {
    const {result} = sample({model: 'transformer', machine: cpu})
    expect(roofLines(result).map((line) => line.label)).toEqual([
      'DRAM 38 GB/s',
      'L3 150 GB/s',
      'L2 420 GB/s',
      'L1 900 GB/s',
      'f32 vector 236 GFLOP/s',
    ])
  })

  it('shows at first what the workload uses, and keeps the two accumulators of one type apart', () => {
    const {result} = sample({machine: machines['rtx-4090']})
    const lines = roofLines(result)
    const shown = lines.filter((line) => line.relevant).flatMap((line) => line.ceilings)
    for (const op of result.operators) if (op.bound) expect(shown).toContain(op.bound)
    expect(lines.some((line) => line.label.includes('f16 sums'))).toBe(true)
  })

  it('meets at the knee: slanted and flat line have the same height there', () => {
    const {result} = sample({model: 'transformer', machine: cpu})
    const rows = roofline.inputs(result, defaultState(result)).data.lines as {
      kind: string
      value: number
      intensity2: number
      performance2: number
    }[]
    for (const row of rows.filter((r) => r.kind === 'bandwidth')) {
      expect(row.performance2).toBeCloseTo(236e9, -3)
      expect(row.intensity2).toBeCloseTo(236e9 / row.value, 9)
    }
  })
})

describe.each(Object.entries(samples))('operators of a document: %s', (_name, make) => {
  const {result} = make()
  const frame = frameOf(result.machine)
  const points = pointsOf(result, frame, [])
  const gutter = gutterOf(result, [])

  it('are each a dot or stand in the gutter', () => {
    expect([...points, ...gutter].map((p) => p.id).sort()).toEqual(result.operators.map((op) => op.id).sort())
    for (const {id} of gutter) expect(result.operators.find((op) => op.id === id)!.flops).toBe(0)
  })

  it('lie under every ceiling that binds them', () => {
    const bandwidth = mainRidge(result).bandwidth
    for (const point of points.filter((p) => p.off === '')) {
      // one rounding of a float division apart
      expect(point.performance).toBeLessThanOrEqual(point.intensity * bandwidth * (1 + 1e-12))
      expect(point.worst).toBeLessThanOrEqual(point.performance)
    }
  })

  it('stay in the frame, and are flagged where they were pulled in', () => {
    for (const point of points) {
      expect(point.intensity).toBeGreaterThanOrEqual(frame.x[0])
      expect(point.intensity).toBeLessThanOrEqual(frame.x[1])
      const op = result.operators.find((o) => o.id === point.id)!
      const rate = attainableOf(op, result.machine.ceilings)
      expect(point.off !== '').toBe(op.intensity !== point.intensity || rate !== point.performance)
    }
  })

  it('move to the right when they are fused', () => {
    for (const move of movesOf(result, frame)) expect(move.intensity2).toBeGreaterThanOrEqual(move.intensity)
  })

  it('leave out what is hidden', () => {
    expect(pointsOf(result, frame, ['matrix']).some((p) => p.classId === 'matrix')).toBe(false)
    expect(gutterOf(result, ['movement'])).toEqual([])
  })
})

it('flags a dot beyond the frame with an arrow towards its place', () => {
  const {result} = sample()
  const frame = {x: [1e-2, 10], y: [1e9, 1e12]} as const
  const far = pointsOf(result, frame, []).find((p) => p.id === 'layers.mlp.up')!
  expect(far).toMatchObject({intensity: 10, performance: 1e12, off: '▶'})
})

it('gives every kind of operator a class', () => {
  for (const kind of Object.keys(ops)) expect(classOf({kind, flops: 1, macs: 0})).toBeDefined()
  expect(classOf({kind: 'linear', flops: 200, macs: 100})).toBe('matrix')
  expect(classOf({kind: 'linear+rope+kv-write', flops: 210, macs: 100})).toBe('matrix')
  expect(classOf({kind: 'attention', flops: 250, macs: 100})).toBe('attention')
  expect(classOf({kind: 'add+rmsnorm', flops: 5, macs: 0})).toBe('norm')
  expect(classOf({kind: 'kv-write', flops: 0, macs: 0})).toBe('movement')
  expect(classOf({kind: 'batchnorm', flops: 5, macs: 0})).toBe('norm')
  expect(classOf({kind: 'mla-attention', flops: 250, macs: 100})).toBe('attention')
  expect(classOf({kind: 'conv+batchnorm+relu', flops: 210, macs: 100})).toBe('matrix')
  expect(classOf({kind: 'measured', flops: 210, macs: 100})).toBe('other')
})

it('gives what was measured the shape of its kind, from the names of kernels', () => {
  for (const [kind, expected] of [
    ['matmul', 'matrix'],
    ['dequantize+linear', 'matrix'],
    ['conv+batchnorm+relu', 'matrix'],
    ['attention', 'attention'],
    ['attention-scores, softmax, attention-values', 'attention'],
    ['scale, mask, softmax', 'norm'],
    ['add+layernorm', 'norm'],
    ['add+gelu', 'elementwise'],
    [undefined, 'other'],
  ] as const)
    expect(classOfKind(kind, 100), kind).toBe(expected)
  expect(classOfKind('transpose', 0)).toBe('movement')
})
