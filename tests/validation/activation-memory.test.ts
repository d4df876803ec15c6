/** Activation memory of Korthikanti et al. 2022 (arXiv:2205.05198): the set of kept tensors follows from the graph. */
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {gpt2Like} from '../../src/analysis/models/types.ts'
import {layerBytes, memoryRows, ours} from './training.ts'

/** Any GPT whose sizes 2 devices can share. */
const gpt = fc
  .record({heads: fc.integer({min: 1, max: 4}), size: fc.integer({min: 1, max: 4}), seq: fc.integer({min: 1, max: 32})})
  .map(({heads, size, seq}) => {
    const [a, h] = [2 * heads, 4 * heads * size]
    const spec = {...gpt2Like, layers: 3, hidden: h, heads: a, kvHeads: a, headDim: h / a, ffn: 4 * h, vocab: 64}
    return {spec: {...spec, positions: 2 * seq}, a, h, s: 2 * seq}
  })

describe('activation bytes of a layer, f16, masks of one byte', () => {
  const batch = fc.integer({min: 1, max: 3})
  const check = (
    formula: (n: {s: number; b: number; h: number; a: number; t: number}) => number,
    t: number,
    options = {},
  ) =>
    fc.assert(
      fc.property(gpt, batch, ({spec, a, h, s}, b) => {
        expect(layerBytes(spec, b, t, options)).toBe(formula({s, b, h, a, t}))
      }),
      {numRuns: 40},
    )

  it('are s·b·h·(34 + 5·a·s/h)', () => check(({s, b, h, a}) => 34 * s * b * h + 5 * a * s * s * b, 1))
  it('are 34·s·b·h with selective recomputation', () =>
    check(({s, b, h}) => 34 * s * b * h, 1, {recompute: 'selective'}))
  it('are 2·s·b·h with full recomputation', () => check(({s, b, h}) => 2 * s * b * h, 1, {recompute: 'full'}))
  it('are s·b·h·(10 + 24/t + 5·a·s/(h·t)) with tensor parallelism', () =>
    check(({s, b, h, a, t}) => 10 * s * b * h + (24 * s * b * h) / t + (5 * a * s * s * b) / t, 2))
  it('are s·b·h·(34 + 5·a·s/h)/t with sequence parallelism', () =>
    check(({s, b, h, a, t}) => (34 * s * b * h + 5 * a * s * s * b) / t, 2, {sequenceParallel: true}))
  it('are s·b·h·(10 + 24/t) with tensor parallelism and selective recomputation', () =>
    check(({s, b, h, t}) => 10 * s * b * h + (24 * s * b * h) / t, 2, {recompute: 'selective'}))
  it('are 34·s·b·h/t with sequence parallelism and selective recomputation', () =>
    check(({s, b, h, t}) => (34 * s * b * h) / t, 2, {recompute: 'selective', sequenceParallel: true}))
})

describe('published rows', () => {
  it.each(
    memoryRows.filter(({quantity}) => quantity !== 'params_plus_optimizer_memory').map((row) => [row.id, row] as const),
  )('%s within 0.15 point, or 0.15 GiB', (_, row) => {
    expect(Math.abs(ours(row) - row.value)).toBeLessThanOrEqual(0.15)
  })
})
