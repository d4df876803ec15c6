import {describe, expect, it} from 'vitest'
import {batchSweep} from '../../reports/chart/batches.ts'
import {sourceOf} from '../../reports/live/source.ts'
import {type AnalyzeOptions, analyzeModel} from '../../src/analysis/analyze.ts'
import {partsOfTime, takesOver, weightShare} from '../../src/analysis/knee.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'

const machine = machines['h100-sxm']
const kindOf = (bound: string | null) => machine.ceilings.find((c) => c.id === bound)?.kind

const analysis = (options: AnalyzeOptions, model: keyof typeof models = 'llama-3-8b') =>
  analyzeModel(models[model], machine, options).result

const sweepOf = (options: AnalyzeOptions, model: keyof typeof models = 'llama-3-8b') =>
  batchSweep(
    sourceOf({schema: 'ridgepoint/analysis@1', ok: true, result: analysis(options, model), warnings: []}).source!,
  )

describe('time by what it is spent on', () => {
  it('adds up to the pass, and decode at batch 1 reads weights', () => {
    for (const options of [{phase: 'decode'}, {phase: 'prefill'}, {phase: 'decode', batch: 200}] as const) {
      const {operators, totals} = analysis(options)
      const parts = partsOfTime(operators, kindOf)
      expect(Object.values(parts).reduce((a, b) => a + b, 0) / totals.time.lower).toBeCloseTo(1, 9)
    }
    expect(weightShare(partsOfTime(analysis({phase: 'decode', context: 128}).operators, kindOf))).toBeGreaterThan(0.98)
    const prefill = partsOfTime(analysis({phase: 'prefill', seq: 2048}).operators, kindOf)
    expect(weightShare(prefill)).toBeLessThan(0.05)
    expect(takesOver(prefill)).toBe('arithmetic')
  })

  it('of nothing is nothing', () => {
    expect(weightShare(partsOfTime([], kindOf))).toBe(0)
    const still = {repeat: 1, bound: null, time: {lower: 0}, reads: [], writes: []}
    expect(weightShare(partsOfTime([still], kindOf))).toBe(0)
    expect(partsOfTime([{...still, bound: 'latency', time: {lower: 2}, repeat: 3}], kindOf).latency).toBe(6)
  })
})

describe('the knee of decode', () => {
  // Llama 3 8B in bf16: 8.03 G parameters less the embedding's 0.525 G that decode only gathers from, 2 bytes each; the cache
  // 2 · 32 layers · 8 heads · 128 · 2 B = 128 KiB per token
  const weights = 2 * (8_030_261_248 - 128_256 * 4096)
  const perToken = 131_072

  it('at a long context is weights ÷ cache, as the formula says', () => {
    const context = 16_384
    const {marks, knees} = sweepOf({phase: 'decode', context})
    const knee = marks.find(({kind, phase}) => kind === 'knee' && phase === 'decode')!
    // activations bring some bytes of their own: a little earlier
    const closed = weights / (perToken * (context + 1))
    expect(knee.batch).toBeLessThanOrEqual(Math.ceil(closed))
    expect(knee.batch).toBeGreaterThanOrEqual(Math.floor(0.97 * closed))
    expect(knees[1]).toContain(`Decode has its knee at batch ${knee.batch}`)
    expect(knees[1]).toContain('from there on the KV cache takes over')
  })

  it('at a short context is the ridge of the products', () => {
    const {marks} = sweepOf({phase: 'decode', context: 1})
    const knee = marks.find(({phase}) => phase === 'decode')!
    const peak = machine.ceilings.find((c) => c.dtype === 'bf16' && c.engine === 'matrix' && !c.sparsity)!.value
    const memory = machine.ceilings.find((c) => c.level === 'DRAM')!.value
    // 2 FLOP per weight and sample, 2 bytes per weight; activations move the ridge of each product up
    expect(knee.batch).toBeGreaterThanOrEqual(Math.floor(peak / memory))
    expect(knee.batch).toBeLessThan((1.4 * peak) / memory)
  })

  it('lies where the share of the weights falls to a half, and not before', () => {
    const {marks} = sweepOf({phase: 'decode', context: 4096})
    const {batch} = marks.find(({kind, phase}) => kind === 'knee' && phase === 'decode')!
    const share = (b: number) =>
      weightShare(partsOfTime(analysis({phase: 'decode', context: 4096, batch: b}).operators, kindOf))
    expect(share(batch)).toBeLessThanOrEqual(0.5)
    expect(share(batch - 1)).toBeGreaterThan(0.5)
  })
})

it('prefill of a long prompt has none, and says why; one of a few tokens has', () => {
  expect(sweepOf({phase: 'prefill', seq: 2048}).knees[0]).toMatch(
    /^Prefill has no knee: at batch 1 already arithmetic takes more of the pass than reading the weights \([\d.]+ %\)$/,
  )
  const short = sweepOf({phase: 'prefill', seq: 8})
  expect(short.knees[0]).toMatch(/^Prefill has its knee at batch \d+: .* arithmetic takes over$/)
  // every phase in words
  expect(short.knees).toHaveLength(2)
  // images: activations take over from the weights before batch 8
  expect(sweepOf({batch: 1, dtype: 'f16'}, 'resnet50').knees[0]).toMatch(
    /^Forward has (no knee: at batch 1|its knee at)/,
  )
})
