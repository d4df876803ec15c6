import {expect, it} from 'vitest'
import {benchDocument} from '../../reports/bench.ts'
import {pointsOf} from '../../reports/chart/points.ts'
import {frameOf, mainRidge, roofLines} from '../../reports/chart/roofs.ts'
import {placedRuns, runsOf} from '../../reports/chart/runs.ts'
import {documentOf} from '../../reports/placement.ts'
import {placementText} from '../../reports/text/placement.ts'
import type {BenchKernel} from '../../src/analysis/document/bench.ts'
import {placementSchema} from '../../src/analysis/document/placement.ts'
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
  // one that a neighbour disturbed has a place, and says so
  const [disturbed] = runsOf([{...run, verdict: 'throttled', dtype: 'int8'}], frame)
  expect(disturbed!.summary).toBe(
    'measured gemm 64×32 int8: 100 GOP/s at 32 FLOP/B, 50.0 % of what its roof allows, throttled',
  )
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

it('rates what was placed of integers in OP/s, as its table does', () => {
  const computing = {...run, flops: 1e11, bytes: 1e11 / 32}
  const bench = benchDocument([computing, {...computing, dtype: 'int8'}], {...cpu, memory: undefined}, [])
  const {points} = bench.result
  expect(points.map(({dtype}) => dtype)).toEqual(['f32', 'int8'])
  expect(placementSchema.parse(bench.result)).toEqual(bench.result)
  const {operators} = documentOf(bench).result
  expect(operators.map(({computes}) => computes)).toEqual(['f32', 'int8'])
  const frame = frameOf(documentOf(bench).result.machine)
  expect(placedRuns(points, frame, operators).map(({summary}) => /: (\S+ \S+) at/.exec(summary)?.[1])).toEqual([
    '100 GFLOP/s',
    '100 GOP/s',
  ])
  expect(
    pointsOf(documentOf(bench).result, frame, []).map(({summary}) => /most (\S+ \S+),/.exec(summary)?.[1]),
  ).toEqual(['200 GFLOP/s', '200 GOP/s'])
  // the types of the kernels choose no other ridge: it stays that of the document
  expect(mainRidge(documentOf(bench).result)).toMatchObject({unit: 'FLOP/s', peak: bench.result.roof.compute.value})
  const text = placementText(bench.result, {width: 160, color: false, chart: false})
  expect(text).toMatch(/f32, .* 100 GFLOP\/s +200 GFLOP\/s/)
  expect(text).toMatch(/int8, .* 100 GOP\/s +200 GOP\/s/)
  // a document of before has the type of all its points
  const older = {...bench.result, dtype: 'int8', points: points.map(({dtype: _, ...point}) => point)}
  expect(placementSchema.parse(older)).toEqual(older)
  expect(placementText(older, {width: 160, color: false, chart: false})).not.toMatch(/f32, .*FLOP\/s/)
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
