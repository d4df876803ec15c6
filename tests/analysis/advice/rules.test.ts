import {readdirSync} from 'node:fs'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {adviceRules} from '../../../src/analysis/advice/index.ts'
import type {AdviceRule} from '../../../src/analysis/advice/types.ts'
import {type AnalyzeOptions, analyzeModel} from '../../../src/analysis/analyze.ts'
import {findMachine, findModel} from '../../../src/analysis/catalog.ts'
import {adviceSchema} from '../../../src/analysis/document/analysis.ts'
import {largestWhere, smallestWhere} from '../../../src/analysis/search.ts'

const rules = Object.values(adviceRules) as AdviceRule[]

function analyze({model, machine, options}: AdviceRule['example']) {
  return analyzeModel(findModel(model), findMachine(machine), options as AnalyzeOptions).result
}
const advice = (rule: string, example: AdviceRule['example']) => analyze(example).advice.filter((a) => a.rule === rule)
const h100 = (options: Record<string, number | string>, model = 'llama-3-8b') => ({model, machine: 'h100-sxm', options})

describe('every rule', () => {
  it('is registered: one file, one line', () => {
    const notRules = ['index.ts', 'types.ts', 'shared.ts', 'quantize.ts']
    const files = readdirSync(new URL('../../../src/analysis/advice', import.meta.url)).filter(
      (file) => !notRules.includes(file),
    )
    expect(files.map((file) => file.replace('.ts', '')).sort()).toEqual(Object.keys(adviceRules).sort())
  })

  it.each(rules.map((rule) => [rule.id, rule] as const))('%s speaks on its example', (id, rule) => {
    expect(Object.keys(adviceRules)).toContain(id)
    const found = advice(id, rule.example)
    expect(found.length).toBeGreaterThan(0)
    for (const one of found) {
      expect(adviceSchema.parse(one)).toEqual(one)
      expect(one.message).toMatch(/^[A-Z].*\.$/)
      expect(one.message).not.toMatch(/NaN|undefined|Infinity|–/)
      if (one.saves !== null) expect(one.saves).toBeGreaterThan(0)
    }
  })

  it.each(rules.map((rule) => [rule.id, rule] as const))('%s is silent on its counter-example', (id, rule) => {
    expect(advice(id, rule.counterExample)).toEqual([])
  })

  it('saves less than the whole pass', () => {
    for (const rule of rules) {
      const {totals, advice: all} = analyze(rule.example)
      for (const {saves} of all) if (saves !== null) expect(saves).toBeLessThan(totals.time.lower)
    }
  })
})

describe('larger-batch', () => {
  const batchOf = (message: string) => Number(/Larger batch: (\d+) /.exec(message)![1])

  it('names the first batch at which memory no longer binds', () => {
    const [found] = advice('larger-batch', adviceRules['larger-batch'].example)
    const batch = batchOf(found!.message)
    const bound = (b: number) => analyze(h100({phase: 'decode', context: 128, batch: b})).totals.bound
    expect(bound(batch)).toBe('matrix-bf16')
    expect(bound(batch - 1)).toBe('dram')
  })

  it('saves the difference of the time per token, for the tokens of this workload', () => {
    const options = {phase: 'decode', context: 128, batch: 4}
    const [found] = advice('larger-batch', h100(options))
    const batch = batchOf(found!.message)
    const seconds = (b: number) => analyze(h100({...options, batch: b})).totals.time.lower
    expect(found!.saves).toBeCloseTo((seconds(4) / 4 - seconds(batch) / batch) * 4, 12)
  })

  it('stays within the memory: one more does not fit', () => {
    const [found] = advice('larger-batch', h100({phase: 'decode', context: 2048}))
    const batch = batchOf(found!.message)
    expect(found!.message).toContain('largest that fits')
    const peak = (b: number) => analyze(h100({phase: 'decode', context: 2048, batch: b})).totals.memory.peak
    expect(peak(batch)).toBeLessThanOrEqual(80e9)
    expect(peak(batch + 1)).toBeGreaterThan(80e9)
  })

  it('shares launches as well', () => {
    const options = {phase: 'decode', context: 16, launchOverhead: 20e-6}
    const [found] = advice('larger-batch', h100(options, 'gpt2'))
    expect(analyze(h100(options, 'gpt2')).totals.bound).toBe('latency')
    expect(found!.message).toContain('no longer bound by the start of operators or memory')
    const bound = (batch: number) => analyze(h100({...options, batch}, 'gpt2')).totals.bound
    const batch = batchOf(found!.message)
    expect(bound(batch)).toMatch(/^(vector|matrix)-/)
    expect(bound(batch - 1)).not.toMatch(/^(vector|matrix)-/)
  })

  it('is silent where nothing fits already', () =>
    expect(advice('larger-batch', h100({phase: 'decode'}, 'llama-3-70b'))).toEqual([]))
})

describe('fuse-chain', () => {
  it('names the attention first where its scores are materialized', () => {
    const found = advice('fuse-chain', h100({fusion: 'none'}))
    expect(found[0]!.operator).toBe('layers.attn.scores+softmax+values')
    expect(found.length).toBeLessThanOrEqual(3)
  })

  it('all savings together are at most what --fusion all saves', () => {
    for (const fusion of ['none', 'elementwise', 'attention']) {
      const found = advice('fuse-chain', h100({fusion}))
      const seconds = (level: string) => analyze(h100({fusion: level})).totals.time.lower
      const saved = found.reduce((sum, one) => sum + one.saves!, 0)
      expect(saved).toBeLessThanOrEqual((seconds(fusion) - seconds('all')) * (1 + 1e-12))
      expect(saved).toBeGreaterThan(0)
    }
  })
})

describe('quantization', () => {
  it('saves what a run with the narrower type saves', () => {
    const found = advice('quantize-weights', h100({phase: 'decode'}))
    expect(found.map((a) => /Weights in (\w+)/.exec(a.message)![1])).toEqual(['int4', 'int8'])
    const seconds = (change: Record<string, string>) => analyze(h100({phase: 'decode', ...change})).totals.time.lower
    expect(found[1]!.saves).toBe(seconds({}) - seconds({weightsDtype: 'int8'}))
    expect(found[0]!.message).toContain('16.1 GB become 4.02 GB')
  })

  it('of what a pass has narrowed in part names the rest', () => {
    const [found] = advice('quantize-weights', h100({phase: 'decode', quantize: 'w4g128'}))
    expect(found!.message).toMatch(/^Weights still in bf16 to int4: 5\.7 GB become 4\.12 GB/)
  })

  it('is not advised to a type that is no narrower', () =>
    expect(advice('quantize-weights', h100({phase: 'decode', weightsDtype: 'int4'}))).toEqual([]))
})

describe('does-not-fit', () => {
  it('says by how many bytes, and its remedies fit', () => {
    const options = {phase: 'decode', batch: 1000}
    const {advice: all, totals} = analyze(h100(options))
    // it saves no time, but nothing else matters before it
    expect(all[0]!.rule).toBe('does-not-fit')
    expect(all[0]!.saves).toBeNull()
    expect(all[0]!.message).toContain((totals.memory.peak - 80e9).toLocaleString('en-US'))
    const remedies = [...all[0]!.message.matchAll(/--(batch|context|tp) (\d+)/g)]
    expect(remedies.map((m) => m[1])).toEqual(['tp', 'batch', 'context'])
    for (const [, flag, value] of remedies) {
      const peak = (n: number) => analyze(h100({...options, [flag!]: n})).totals.memory.peak
      expect(peak(Number(value))).toBeLessThanOrEqual(80e9)
      if (flag !== 'tp') expect(peak(Number(value) + 1)).toBeGreaterThan(80e9)
    }
  })

  it('says so where no single change is enough', () => {
    const found = advice('does-not-fit', {
      model: 'llama-3-70b',
      machine: 'tpu-v5e',
      options: {phase: 'decode', batch: 60_000},
    })
    expect(found[0]!.message).toContain('No single change makes it fit')
  })
})

describe('searches', () => {
  const bounds = fc.tuple(
    fc.integer({min: 0, max: 1e6}),
    fc.integer({min: 0, max: 1e6}),
    fc.integer({min: -5, max: 1e6}),
  )
  it('find the last number that holds and the first that does', () => {
    fc.assert(
      fc.property(bounds, ([low, span, edge]) => {
        const high = low + span
        const last = largestWhere((n) => n <= edge, low, high)
        expect(last).toBe(edge < low ? undefined : Math.min(edge, high))
        const first = smallestWhere((n) => n > edge, low, high)
        expect(first).toBe(edge < low || edge >= high ? undefined : edge + 1)
      }),
    )
  })
})

describe('training', () => {
  const train = (options: Record<string, number | string>, model = 'gpt2') => h100({phase: 'train', ...options}, model)

  it('recompute: the step it promises is the one that its flags give', () => {
    const [found] = advice('recompute', adviceRules.recompute.example)
    const now = analyze(adviceRules.recompute.example).totals.time.lower
    const {offload: _, ...rest} = adviceRules.recompute.example.options
    const then = analyze({...adviceRules.recompute.example, options: rest}).totals.time.lower
    expect(found!.message).toMatch(/^Keep activations on the device/)
    expect(found!.saves).toBeCloseTo(now - then, 12)
  })

  it('does-not-fit: says what of training makes it fit, and no type that nothing trains in', () => {
    const [found] = advice('does-not-fit', train({batch: 128, seq: 1024}))
    expect(found!.message).toMatch(/--recompute full/)
    expect(found!.message).not.toMatch(/int8|int4|reversible/)
    const fitted = analyze(train({batch: 128, seq: 1024, recompute: 'full'}))
    expect(fitted.totals.memory.peak).toBeLessThanOrEqual(fitted.machine.memory!)
    const [large] = advice('does-not-fit', train({seq: 64}, 'llama-3-8b'))
    expect(large!.message).toMatch(/--lora 16/)
    expect(advice('quantize-weights', train({seq: 64}, 'llama-3-8b'))).toEqual([])
  })
})
