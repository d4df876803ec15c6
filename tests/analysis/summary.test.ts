import {describe, expect, it} from 'vitest'
import {evaluateModel} from '../../src/analysis/analyze.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {models} from '../../src/analysis/models/index.ts'
import {prepareRoof} from '../../src/analysis/roofline.ts'
import {summarize, timeByLimiter} from '../../src/analysis/summary.ts'
import {totalsOf} from '../../src/analysis/totals.ts'
import {resolveWorkload, type WorkloadOptions} from '../../src/analysis/workload.ts'
import {gpu, launch} from './support/machines.ts'

function summary(options: WorkloadOptions, machine: Machine = gpu) {
  const model = models['llama-3-8b']
  const work = resolveWorkload(model, options)
  const roof = prepareRoof(machine)
  const evaluation = evaluateModel(model, work, roof)
  const advice = [{rule: 'test', operator: null, message: 'Do this first.', saves: 1}]
  const totals = totalsOf(evaluation, work, machine, roof)
  return {
    shares: timeByLimiter(evaluation, roof),
    text: summarize(evaluation, roof, totals, advice),
    silent: summarize(evaluation, roof, totals, []),
    evaluation,
  }
}

describe('what limits', () => {
  it('is memory in a decode step', () => {
    const {text, shares} = summary({phase: 'decode'})
    expect(text.limit).toMatch(/^Memory: 100\.0 % of the time is bound by DRAM bandwidth \(1 TB\/s\)/)
    expect(text.limit).toContain('against a ridge of 100 FLOP/B')
    expect(shares.memory).toBeCloseTo(1, 9)
  })

  it('is arithmetic in a long prefill', () => {
    const {text, shares} = summary({batch: 4})
    expect(text.limit).toMatch(/^Arithmetic: \d\d\.\d % of the time is bound by compute \(bf16, 100 TFLOP\/s\)/)
    expect(shares.compute).toBeGreaterThan(0.5)
  })

  it('is latency where starting operators takes longest', () => {
    const {text, shares} = summary({phase: 'decode'}, {...gpu, ceilings: [...gpu.ceilings, launch(0.01)]})
    expect(text.limit).toMatch(/^Latency: 100\.0 % of the time is the start of operators \(10 ms each\)/)
    expect(shares).toEqual({compute: 0, memory: 0, latency: expect.closeTo(1, 9) as number})
  })

  it('names the largest operator', () => {
    const {text, evaluation} = summary({phase: 'decode'})
    const largest = evaluation.operators.reduce((a, b) => (b.share > a.share ? b : a))
    expect(text.limit).toContain(`Largest: ${largest.id}, `)
  })
})

describe('distance and first step', () => {
  it('say that the numbers are bounds, and repeat the first advice', () => {
    const {text, silent} = summary({batch: 2})
    expect(text.distance).toMatch(/^At best .+ % of the bf16 peak; without any overlap .+ not measurements\.$/)
    expect(text.first).toBe('Do this first.')
    expect(silent.first).toContain('at its roof')
  })

  it('shares of limiters add up to the whole', () => {
    for (const options of [{}, {phase: 'decode'}, {fusion: 'all'}] as const) {
      const {compute, memory, latency} = summary(options).shares
      expect(compute + memory + latency).toBeCloseTo(1, 9)
    }
  })
})
