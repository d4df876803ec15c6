import {describe, expect, it} from 'vitest'
import {allowed, blockRuns, curvesOf, EDGES, pointsAlong} from '../../reports/chart/blocks.ts'
import {defaultState} from '../../reports/chart/draw.ts'
import {blocks} from '../../reports/views/blocks.ts'
import {tiles} from '../../reports/views/tiles.ts'
import type {BenchKernel} from '../../src/analysis/document/bench.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {cpu, sample} from './support.ts'

const caches = [
  {level: 'L1', claimed: 32_768, found: 32_768},
  {level: 'L2', claimed: 1_048_576, found: null},
  {level: 'L3', claimed: 32 * 2 ** 20, found: 2 ** 24},
]
const machine: Machine = {...cpu, identity: {caches}}
const {result} = sample({model: 'transformer', machine: cpu, options: {batch: 32}})
const resnet = sample({model: 'resnet50', machine: cpu}).result

const run = (mc: number, nc: number, kc: number, rate: number, change: Partial<BenchKernel> = {}): BenchKernel => ({
  ...{id: 'gemm-blocked', op: 'matmul', dims: {m: 1536, n: 1536, k: 1536, mc, nc, kc}, dtype: 'f32', threads: 2},
  ...{flops: 2 * 1536 ** 3, bytes: 12 * 1536 ** 2, seconds: {median: 1, min: 1, max: 1, cv: 0}, verdict: 'ok'},
  ...{flopsPerSecond: rate, bytesPerSecond: 1, intensity: 256, bound: 'fma-f32', attainable: 236e9},
  ...{efficiency: rate / 236e9, efficiencyMedian: rate / 236e9, maxError: 0},
  ...change,
})
const runs = [run(32, 32, 32, 80e9), run(256, 256, 256, 200e9), run(252, 2048, 512, 220e9)]

describe('curves of blocks', () => {
  it('are of the largest operators of the workload, and of usual ones where it has none', () => {
    const names = (of: typeof result) => curvesOf(of).map(({name}) => name)
    // layers.mlp.up: 32 × 1024 tokens, 3072 of 768
    expect(names(result)).toEqual([
      'product 32768×3072×768',
      'convolution 3×3, 256→256, 14×14 (usual)',
      'attention, 1024 tokens of 64',
    ])
    expect(names(resnet)[1]).toMatch(/^convolution \d×\d, \d+→\d+, \d+×\d+$/)
    expect(names(resnet)[2]).toMatch(/usual/)
  })

  it('do not take a decoding step for blocked attention', () => {
    const decode = sample({options: {phase: 'decode', batch: 8}}).result
    expect(curvesOf(decode)[2]!.name).toMatch(/usual/)
    expect(curvesOf(decode)[0]!.name).toMatch(/^product 8×/)
  })

  it('rise to the edge that is the whole operator, and end there', () => {
    for (const {model} of [...curvesOf(result), ...curvesOf(resnet)]) {
      const points = pointsAlong(model)
      expect(points[0]!.edge).toBe(EDGES[0])
      expect(points.at(-1)!.edge).toBeLessThanOrEqual(Math.max(EDGES[0], Math.min(EDGES[1], model.largest)) + 1e-6)
      for (const [i, {intensity}] of points.entries())
        if (i > 0) expect(intensity).toBeGreaterThanOrEqual(points[i - 1]!.intensity * 0.999)
    }
  })
})

describe('the view of blocks', () => {
  it('has a dot for each cache that holds a block, below what no schedule passes', () => {
    const {data} = tiles.inputs(result, defaultState(result), {machine})
    const holds = data.holds as {kind: string; level: string; edge: number; intensity: number; most: number}[]
    expect(holds.filter(({kind}) => kind === 'product').map(({level, edge}) => [level, edge])).toEqual([
      ['L1', 52],
      ['L2', 295],
      ['L3', 1182],
    ])
    for (const {intensity, most} of holds) expect(most).toBeGreaterThanOrEqual(intensity)
    // levels that hold the same block are one dot
    const edges = holds.map(({kind, edge}) => `${kind} ${edge}`)
    expect(new Set(edges).size).toBe(edges.length)
  })

  it('joins labels of ridges that would lie on one another', () => {
    const close = {...cpu, ceilings: cpu.ceilings.map((c) => (c.id === 'l3' ? {...c, value: 400e9} : c))}
    const of = sample({model: 'transformer', machine: close}).result
    const {data} = tiles.inputs(of, defaultState(of))
    const labels = (data.needLabels as {label: string}[]).map(({label}) => label)
    expect(labels.join()).toMatch(/ridge of L2, L3: /)
    expect((data.needs as object[]).length).toBe(4)
  })
})

describe('products measured in blocks', () => {
  it('are read from runs, wrong ones and other kernels left out', () => {
    const other = run(64, 64, 64, 1e9, {id: 'gemm'})
    const wrong = run(64, 64, 64, 1e9, {verdict: 'wrong'})
    const oblong = run(64, 64, 64, 1e9, {dims: {m: 2, n: 1536, k: 1536, mc: 64, nc: 64, kc: 64}})
    const found = blockRuns({runs: [...runs, other, wrong, oblong]})
    expect(found.map(({edge, chosen}) => [Math.round(edge), chosen])).toEqual([
      [32, false],
      [256, false],
      [359, true],
    ])
  })

  it('that are no squares are those of the model only where they are', () => {
    const tall = run(64, 128, 128, 230e9)
    const more = {runs: [tall, ...runs]}
    expect(blockRuns(more).map(({blocks, square, chosen}) => [blocks, square, chosen])).toEqual([
      ['64 × 128 × 128', false, false],
      ['32', true, false],
      ['256', true, false],
      ['252 × 2048 × 512', false, true],
    ])
    const said = blocks.describe!(result, more)
    expect(said).toMatch(/fastest with blocks of 64 × 128 × 128.* The model takes 252 × 2048 × 512/)
    expect(blocks.describe!(result, {runs: [tall, run(32, 32, 32, 80e9)]})).not.toContain('The model takes')
  })

  it('are of one product on one number of threads, each size once: a page of both drew one line through all', () => {
    const again = run(256, 256, 256, 190e9)
    const one = [run(32, 32, 32, 41e9, {threads: 1}), run(64, 64, 64, 60e9, {threads: 1})]
    const found = blockRuns({runs: [one[0]!, ...runs, again, one[1]!]})
    expect(found.map(({edge, threads, flopsPerSecond}) => [Math.round(edge), threads, flopsPerSecond])).toEqual([
      [32, 2, 80e9],
      [256, 2, 200e9],
      [359, 2, 220e9],
    ])
  })

  it('stand under what the level behind their cache allows', () => {
    const held = caches.map(({level, claimed, found}) => ({level, bytes: found ?? claimed}))
    const of = {peak: 236e9, threads: 2, size: 1536}
    expect(allowed(result, held, of, 32)).toMatchObject({level: 'L2'})
    expect(allowed(result, held, of, 256)).toMatchObject({level: 'L3'})
    expect(allowed(result, held, of, 1024)).toMatchObject({level: 'DRAM', rate: 236e9})
    // blocks of 4 do 2·n³ FLOP on n³/2 + n³/2 elements of a, b and c twice n³/4: 1/3 FLOP per byte from L2's 420 GB/s
    expect(allowed(result, held, of, 4).rate).toBeCloseTo((420e9 * 2) / (4 * (1 / 4 + 1 / 4 + 2 / 4)), -6)
  })

  it('are drawn with the blocking of the model apart', () => {
    expect(blocks.missing!(result, {})).toContain('gemm-blocked --sweep')
    // one size of blocks, as `perf bench` of all kernels has it, is the fastest of one
    expect(blocks.missing!(result, {runs: runs.slice(0, 1)})).toContain('gemm-blocked --sweep')
    expect(blocks.missing!(result, {runs})).toBeUndefined()
    const {data, signals} = blocks.inputs(result, defaultState(result), {machine, runs})
    expect(data.measured).toHaveLength(3)
    expect(signals.top).toBeGreaterThan(236e9)
    expect(blocks.describe(result, {machine, runs})).toBe(
      'Product of 1,536 × 1,536 × 1,536 on 2 threads: fastest with blocks of 252 × 2048 × 512, 220 GFLOP/s, 93.2 % of the peak.',
    )
  })
})
