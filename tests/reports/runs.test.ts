import {expect, it} from 'vitest'
import {pointsOf} from '../../reports/chart/points.ts'
import {frameOf, roofLines} from '../../reports/chart/roofs.ts'
import {runsOf} from '../../reports/chart/runs.ts'
import type {BenchKernel} from '../../src/analysis/document/bench.ts'
import {cpu, sample} from './support.ts'

const run: BenchKernel = {
  id: 'gemm',
  op: 'matmul',
  dims: {m: 64, n: 32},
  dtype: 'f32',
  threads: 2,
  flops: 1,
  bytes: 1,
  seconds: {median: 1, min: 1, max: 1, cv: 0},
  flopsPerSecond: 1e11,
  bytesPerSecond: 1e9,
  intensity: 32,
  bound: 'fma-f32',
  attainable: 2e11,
  efficiency: 0.5,
  efficiencyMedian: 0.5,
  maxError: 0,
  verdict: 'ok',
}

it('places measured runs that can be believed, and no others', () => {
  const frame = frameOf(sample({machine: cpu}).result.machine)
  expect(runsOf([run], frame)).toEqual([
    expect.objectContaining({id: 'gemm 64×32 f32', intensity: 32, performance: 1e11, attainable: 2e11}),
  ])
  const bad: Partial<BenchKernel>[] = [
    {verdict: 'wrong'},
    {verdict: 'implausible'},
    {intensity: null},
    {attainable: null},
    {flopsPerSecond: 0},
    {intensity: 1e9},
  ]
  for (const change of bad) expect(runsOf([{...run, ...change}], frame)).toEqual([])
})

it('draws the bandwidth of a mix that binds an operator, so that none stands above its roof', () => {
  const update = {...cpu.ceilings.find((c) => c.id === 'dram')!, id: 'dram-update', mix: 'update' as const, value: 60e9}
  const mixed = ['copy', '2:1', 'triad', 'write'].map((mix) => ({
    ...update,
    id: `dram-${mix}`,
    mix: mix as 'copy',
    value: 30e9,
  }))
  const machine = {...cpu, ceilings: [...cpu.ceilings, update, ...mixed]}
  const {result} = sample({model: 'transformer', machine, options: {batch: 32}})
  const lines = roofLines(result)
  for (const op of result.operators) expect(lines.flatMap((line) => line.ceilings)).toContain(op.bound)
  const bandwidths = lines
    .filter((line) => line.kind === 'bandwidth' && line.level === 'DRAM')
    .map((line) => line.value)
  for (const point of pointsOf(result, frameOf(result.machine), [])) {
    expect(point.performance).toBeLessThanOrEqual(Math.max(...bandwidths) * point.intensity * 1.0001)
  }
})
