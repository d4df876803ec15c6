import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel, evaluateModel} from '../../src/analysis/analyze.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {fitSchema} from '../../src/analysis/document/sweep.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {findFit} from '../../src/analysis/fit.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {prepareRoof} from '../../src/analysis/roofline.ts'
import {resolveWorkload} from '../../src/analysis/workload.ts'

const llama = models['llama-3-8b']
const h100: Machine = machines['h100-sxm']
const {memory: _, ...boundless} = h100

const size = (name: string, ...args: Parameters<typeof findFit>) => findFit(...args).sizes.find((s) => s.size === name)!

describe('what fits the memory', () => {
  it.each([
    [{phase: 'decode'}, ['batch', 'context']],
    [{phase: 'prefill', seq: 512}, ['batch', 'context', 'seq']],
    [{phase: 'prefill', seq: 512, fusion: 'none'}, ['batch', 'context', 'seq']],
    [{phase: 'decode', batch: 8, kvDtype: 'int8', tp: 2}, ['batch', 'context']],
  ] as const)('%j: one more does not', (options, sizes) => {
    const found = findFit(llama, h100, options)
    expect(fitSchema.parse(found)).toEqual(found)
    expect(found.sizes.map((s) => s.size)).toEqual(sizes)
    for (const {size: name, value, peak, limitedBy} of found.sizes) {
      const needs = (n: number) =>
        evaluateModel(llama, resolveWorkload(llama, {...options, [name]: n}), prepareRoof(h100)).memory.peak
      expect(needs(value!)).toBe(peak)
      // a long fused prefill can leave the exact integers before its cache fills the memory
      if (limitedBy === 'counts') {
        expect([name, 'fusion' in options]).toEqual(['seq', false])
        expect(() => needs(value! + 1)).toThrow(/2\^53/)
        continue
      }
      expect(limitedBy).toBe('memory')
      expect(needs(value!)).toBeLessThanOrEqual(80e9)
      expect(needs(value! + 1)).toBeGreaterThan(80e9)
    }
  })

  it('agrees with the KV cache by hand', () => {
    // 80 GB − weights − activations of one token, over 2·32·8·128·2 B = 131,072 B per cached token
    const {value} = size('context', llama, h100, {phase: 'decode'})
    const {weights, activations} = analyzeModel(llama, h100, {phase: 'decode'}).result.totals.memory
    expect(value).toBe(Math.floor((80e9 - weights - activations) / 131_072) - 1)
  })

  it('asks for no sequence of what sees none, and for no batch of a file that has its own', () => {
    for (const model of [models.resnet50, models.gcn])
      for (const phase of ['forward', 'train'])
        expect(findFit(model, h100, {phase}).sizes.map((s) => [s.size, s.limitedBy])).toEqual([['batch', 'memory']])
    const spec = {batch: 4, operators: [], tensors: [], unknown: []}
    const file = {
      ...{id: 'file', name: 'File', source: 'test', dtype: 'f32' as const},
      architecture: 'operators' as const,
      spec,
    }
    const [batch, ...others] = findFit(file, h100, {}).sizes
    expect(others).toEqual([])
    expect(batch).toMatchObject({value: null, reason: 'the sizes of file are for batch 4'})
  })

  it('says that nothing fits, and by how much', () => {
    const found = size('batch', models['llama-3-70b'], h100, {phase: 'decode', context: 0})
    expect(found).toMatchObject({value: null, limitedBy: 'memory', peak: null})
    expect(found.reason).toMatch(/not even batch 1 fits 80 GB: 61,\d{3},\d{3},\d{3} bytes over/)
  })

  it('says that nothing limits it where the machine states no memory', () => {
    for (const found of findFit(llama, boundless, {phase: 'decode'}).sizes) {
      expect(found).toMatchObject({value: null, limitedBy: 'nothing'})
      expect(found.reason).toContain('unbounded')
    }
  })

  it('stops where counts stop being exact', () => {
    const vast: Machine = {...h100, memory: {capacity: 1e18}}
    const found = size('batch', models['bert-base'], vast, {})
    expect(found.limitedBy).toBe('counts')
    const bert = models['bert-base']
    const run = (batch: number) => evaluateModel(bert, resolveWorkload(bert, {batch}), prepareRoof(vast))
    expect(run(found.value!).memory.peak).toBe(found.peak)
    expect(() => run(found.value! + 1)).toThrow(/2\^53/)
  })

  it('mentions positions that the model was not made for', () =>
    expect(size('context', models.gpt2, h100, {phase: 'decode'}).reason).toContain('made for 1,024 positions'))

  it.each([
    ['context', 'decode', {seq: 3}],
    ['seq', 'prefill', {context: 200}],
  ] as const)('mentions them from the first that it was not made for: %s, with what else there is', (name, phase, more) => {
    const {gpt2} = models
    const other = 'seq' in more ? more.seq : more.context
    for (const value of [1024 - other, 1025 - other]) {
      const work = resolveWorkload(gpt2, {phase, ...more, [name]: value})
      const capacity = evaluateModel(gpt2, work, prepareRoof(h100)).memory.peak
      const found = size(name, gpt2, {...h100, memory: {capacity}}, {phase, ...more})
      expect(found.value).toBe(value)
      expect(found.reason.includes('made for 1,024 positions')).toBe(value + other > 1024)
    }
  })

  it('more memory never holds less', () => {
    const capacity = fc.integer({min: 1, max: 500}).map((n) => n * 1e8)
    fc.assert(
      fc.property(capacity, capacity, (a, b) => {
        const batch = (c: number) =>
          size('batch', models.gpt2, {...h100, memory: {capacity: c}}, {phase: 'decode'}).value ?? 0
        expect(batch(Math.max(a, b))).toBeGreaterThanOrEqual(batch(Math.min(a, b)))
      }),
      {numRuns: 30},
    )
  })
})

describe('the largest batch under a latency', () => {
  it('TPOT: one more takes longer', () => {
    const [found] = findFit(llama, h100, {phase: 'decode', context: 1024}, {maxTpot: 0.008}).latency
    const tpot = (batch: number) =>
      analyzeModel(llama, h100, {phase: 'decode', context: 1024, batch}).result.totals.tpot!
    expect(found).toMatchObject({limit: 'tpot', limitedBy: 'tpot', at: {phase: 'decode', seq: 1, context: 1024}})
    expect(found!.time).toBe(tpot(found!.batch!))
    expect(tpot(found!.batch!)).toBeLessThanOrEqual(0.008)
    expect(tpot(found!.batch! + 1)).toBeGreaterThan(0.008)
  })

  it('TPOT of several tokens a step is of each of them', () => {
    const options = {phase: 'decode', context: 1024, seq: 4} as const
    const [found] = findFit(llama, h100, options, {maxTpot: 0.002}).latency
    const tpot = (batch: number) => analyzeModel(llama, h100, {...options, batch}).result.totals.tpot!
    expect(found!.time).toBe(tpot(found!.batch!))
    expect(tpot(found!.batch!)).toBeLessThanOrEqual(0.002)
    expect(tpot(found!.batch! + 1)).toBeGreaterThan(0.002)
  })

  it('TPOT of a prefill is that of the first step behind it', () => {
    const [found] = findFit(llama, h100, {phase: 'prefill', context: 24, seq: 1000}, {maxTpot: 0.008}).latency
    expect(found).toMatchObject({limit: 'tpot', at: {phase: 'decode', seq: 1, context: 1024}})
    expect(found).toEqual(findFit(llama, h100, {phase: 'decode', context: 1024}, {maxTpot: 0.008}).latency[0])
  })

  it('names what batch 1 lacks, not batch 2', () => {
    const {tpot} = analyzeModel(llama, h100, {phase: 'decode'}).result.totals
    const small = {...h100, memory: {capacity: 10e9}}
    // it is fast enough, two are not; memory has no room for either
    const [found] = findFit(llama, small, {phase: 'decode'}, {maxTpot: tpot!}).latency
    expect(found).toMatchObject({batch: null, limitedBy: 'memory', reason: 'not even batch 1 fits the memory'})
  })

  it('TTFT: of the prompt that a decode workload has cached', () => {
    const [found] = findFit(llama, h100, {phase: 'decode', context: 1024}, {maxTtft: 0.2}).latency
    const ttft = (batch: number) => analyzeModel(llama, h100, {phase: 'prefill', seq: 1024, batch}).result.totals.ttft!
    expect(found).toMatchObject({limit: 'ttft', at: {phase: 'prefill', seq: 1024, context: 0}})
    expect(ttft(found!.batch!)).toBeLessThanOrEqual(0.2)
    expect(ttft(found!.batch! + 1)).toBeGreaterThan(0.2)
  })

  it('the memory limits it first', () => {
    const {latency, sizes} = findFit(llama, h100, {phase: 'decode'}, {maxTpot: 10})
    expect(latency[0]).toMatchObject({limitedBy: 'memory', batch: sizes[0]!.value})
  })

  it('batch 1 is too slow already', () => {
    const [found] = findFit(llama, h100, {phase: 'decode'}, {maxTpot: 1e-3}).latency
    expect(found).toMatchObject({batch: null, limitedBy: 'tpot'})
    expect(found!.reason).toContain('batch 1 takes 4.56 ms at least')
  })

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d seconds', (seconds) => {
    expect(() => findFit(llama, h100, {}, {maxTtft: seconds})).toThrow(AnalysisError)
    expect(() => findFit(llama, h100, {}, {maxTpot: seconds})).toThrow(/--max-tpot/)
  })

  it('does not apply to a model that does not generate', () =>
    expect(() => findFit(models['bert-base'], h100, {}, {maxTtft: 1})).toThrow(/does not generate/))
})
