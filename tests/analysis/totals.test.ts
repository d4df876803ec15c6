import {describe, expect, it} from 'vitest'
import {analyzeModel, evaluateModel} from '../../src/analysis/analyze.ts'
import type {Machine} from '../../src/analysis/document/machine.ts'
import {evaluate} from '../../src/analysis/evaluate.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {prepareRoof} from '../../src/analysis/roofline.ts'
import {mainPeak, totalsOf} from '../../src/analysis/totals.ts'
import {resolveWorkload, type WorkloadOptions} from '../../src/analysis/workload.ts'
import {gpu} from './support/machines.ts'

function totals(id: keyof typeof models, options: WorkloadOptions = {}, machine: Machine = gpu) {
  const work = resolveWorkload(models[id], options)
  const roof = prepareRoof(machine)
  const evaluation = evaluateModel(models[id], work, roof)
  return {evaluation, totals: totalsOf(evaluation, work, machine, roof)}
}

describe('rates', () => {
  it('a prefill has a time to first token and no time per later token', () => {
    const {evaluation, totals: t} = totals('llama-3-8b', {batch: 4, seq: 100})
    expect(t.ttft).toBe(evaluation.time.lower)
    expect(t.tpot).toBeNull()
    expect(t.reasons.tpot).toBe('only a decode step has later tokens')
    expect(t.tokensPerSecond).toBeCloseTo(400 / evaluation.time.lower, 6)
    expect(t).toMatchObject({isBound: true, complete: true})
    expect(t.reasons['time.predicted']).toBe('uncalibrated')
  })

  it('a decode step has a time per token and sequence, however many tokens it makes', () => {
    const {evaluation, totals: t} = totals('llama-3-8b', {phase: 'decode', batch: 4, seq: 2})
    expect(t.ttft).toBeNull()
    expect(t.reasons.ttft).toBe('only a prefill has a first token')
    expect(t.tpot).toBeCloseTo(evaluation.time.lower / 2, 15)
    expect(t.tokensPerSecond).toBeCloseTo(8 / evaluation.time.lower, 6)
  })

  it('an encoder has neither', () => {
    const {totals: t} = totals('bert-base')
    expect([t.ttft, t.tpot]).toEqual([null, null])
    expect(t.tokensPerSecond).toBeGreaterThan(0)
  })

  it('replicas add their tokens, devices that share a layer do not', () => {
    const one = totals('llama-3-8b', {tp: 2}).totals
    const four = totals('llama-3-8b', {tp: 2, count: 8}).totals
    expect(one.tokensPerSecond).toBeCloseTo(2048 / one.time.lower, 6)
    expect(four.tokensPerSecond).toBeCloseTo(4 * one.tokensPerSecond!, 6)
    expect(four.time).toEqual(one.time)
  })
})

describe('the main peak', () => {
  const roof = prepareRoof(machines['h100-sxm'])
  const {evaluation} = totals('llama-3-8b', {batch: 8}, machines['h100-sxm'])
  const [linear] = evaluation.operators.filter(({macs}) => macs > 0)
  const of = (...operators: Partial<typeof linear & object>[]) =>
    mainPeak({...evaluation, operators: operators.map((more) => ({...linear!, ...more}))}, roof)?.ceiling.id

  it('is that of the type with the most products, all instances', () => {
    const few = {macs: 100, repeat: 3, computes: 'bf16'} as const
    expect(of(few, {macs: 250, repeat: 1, computes: 'fp8'})).toBe('matrix-bf16')
    expect(of(few, {macs: 350, repeat: 1, computes: 'fp8'})).toBe('matrix-fp8')
    expect(of({macs: 350, repeat: 1, computes: 'fp8'}, few)).toBe('matrix-fp8')
  })

  it('is none without products, and the sparse one of 2:4 weights', () => {
    expect(of({macs: 0})).toBeUndefined()
    expect(of({macs: 0, repeat: 9, computes: 'fp8'}, {macs: 1, computes: 'bf16'})).toBe('matrix-bf16')
    const sparse = of({macs: 1, computes: 'bf16', sparsity: '2:4'})!
    expect(machines['h100-sxm'].ceilings.find(({id}) => id === sparse)!.sparsity).toBe('2:4')
  })
})

describe('MFU', () => {
  it('is useful FLOP/s over the dense peak of the products’ type, at most 1', () => {
    const {evaluation, totals: t} = totals('llama-3-8b', {batch: 8})
    expect(t.mfu).toBeCloseTo((2 * evaluation.macs) / evaluation.time.lower / 100e12, 12)
    expect(t.mfu).toBeLessThanOrEqual(1)
    expect(t.mfu).toBeGreaterThan(0.5)
  })

  it('is at most 1 where products run in several types, each at the peak of its own, and beside much vector work', () => {
    const {b200, 'h100-pcie': h100, 'a100-80gb-sxm': a100, mi300x} = machines
    // f32 weights beside products of two activations in bf16: against the f32 peak alone this was 102 to 169 %
    const runs: [keyof typeof models, WorkloadOptions, Machine][] = [
      ['whisper-large-v3', {seq: 5, weightsDtype: 'f32'}, h100],
      ['whisper-base', {batch: 128, seq: 2, quantize: 'w8c,a8c'}, mi300x],
      ['gemma-3-12b', {phase: 'decode', batch: 8, seq: 4096, context: 1e6, dtype: 'f64'}, a100],
      ['qwen3-8b', {phase: 'train', weightsDtype: 'f32', recompute: 'reversible'}, b200],
    ]
    for (const [id, options, machine] of runs) {
      const {result} = analyzeModel(models[id], machine, options)
      expect(result.totals.mfu, id).toBeGreaterThan(0.1)
      expect(result.totals.mfu, id).toBeLessThanOrEqual(1)
      if (result.training) {
        expect(result.training.hfu).toBeLessThanOrEqual(1)
        expect(result.training.hfu).toBeGreaterThan(result.totals.mfu!)
      }
    }
    const mixed = analyzeModel(models['qwen3-8b'], b200, {weightsDtype: 'f32'}).result
    expect(mixed.summary.distance).toMatch(/of the peaks of bf16 and f32;/)
  })

  it('does not count work that a mask discards', () => {
    const [fused, whole] = [totals('gpt2', {fusion: 'attention'}), totals('gpt2', {fusion: 'none'})]
    expect(whole.totals.flops).toBe(fused.totals.flops)
    expect(whole.totals.executedFlops).toBeGreaterThan(whole.totals.flops)
    expect(fused.totals.executedFlops).toBe(fused.totals.flops)
    expect(whole.totals.mfu).toBeLessThan(fused.totals.mfu!)
  })

  it('is null with a reason where there is no product, as is an intensity without bytes', () => {
    const roof = prepareRoof(gpu)
    const work = resolveWorkload(models.gpt2, {})
    const t = totalsOf(evaluate({nodes: [], tensors: []}, roof, work), work, gpu, roof)
    expect(t).toMatchObject({mfu: null, intensity: null, tokensPerSecond: null})
    expect(t.reasons).toMatchObject({mfu: 'no matrix product', intensity: 'no byte moves'})
  })
})

describe('cost and energy', () => {
  it('of a million tokens follow from rent, power and rate', () => {
    const machine: Machine = {
      ...gpu,
      price: {perHour: 3.6, currency: 'EUR', source: 'test'},
      power: {watts: 500, source: 'test'},
    }
    const {totals: t} = totals('llama-3-8b', {phase: 'decode'}, machine)
    // 0.001 EUR/s and 500 W
    expect(t.costPerMillionTokens).toBeCloseTo((0.001 / t.tokensPerSecond!) * 1e6, 9)
    expect(t.energyPerMillionTokens).toBeCloseTo((500 / t.tokensPerSecond!) * 1e6, 3)
    expect(t.currency).toBe('EUR')
    const replicas = totals('llama-3-8b', {phase: 'decode', count: 2, tp: 1}, machine).totals
    expect(replicas.costPerMillionTokens).toBeCloseTo(t.costPerMillionTokens!, 9)
  })

  it('are null with a reason where the machine states neither', () => {
    const {totals: t} = totals('gpt2')
    expect(t).toMatchObject({costPerMillionTokens: null, energyPerMillionTokens: null, currency: null})
    expect(t.reasons.costPerMillionTokens).toBe('round states no price')
    expect(t.reasons.energyPerMillionTokens).toBe('round states no power')
  })
})
