import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {analyzeModel} from '../../src/analysis/analyze.ts'
import type {OperatorsSpec} from '../../src/analysis/architectures/operators.ts'
import {sweepSchema} from '../../src/analysis/document/sweep.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'
import {machines} from '../../src/analysis/machines/index.ts'
import {models} from '../../src/analysis/models/index.ts'
import {MOST_VALUES, parseRange} from '../../src/analysis/range.ts'
import {type SweepOptions, sweep} from '../../src/analysis/sweep.ts'
import {failure} from './support/failure.ts'

const llama = models['llama-3-8b']
const h100 = machines['h100-sxm']

describe('ranges', () => {
  it.each([
    ['1:512:x2', [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]],
    ['1:500:x2', [1, 2, 4, 8, 16, 32, 64, 128, 256]],
    ['3:100:x3', [3, 9, 27, 81]],
    ['128:512:+128', [128, 256, 384, 512]],
    ['1:4', [1, 2, 3, 4]],
    ['7:7:x2', [7]],
    ['1,2,4', [1, 2, 4]],
    ['4, 2,2,1', [1, 2, 4]],
    ['32', [32]],
  ])('%s', (text, values) => expect(parseRange(text)).toEqual(values))

  it('from 0 where 0 is allowed', () => expect(parseRange('0:4096:+2048', '--context', 0)).toEqual([0, 2048, 4096]))

  it.each([
    ['', 'bad-range'],
    ['a', 'bad-range'],
    ['1:2:3:4', 'bad-range'],
    ['1:8:x1', 'bad-range'],
    ['1:8:x0', 'bad-range'],
    ['1:8:+0', 'bad-range'],
    ['1:8:*2', 'bad-range'],
    ['1:8:x1.5', 'bad-range'],
    ['8:1:x2', 'bad-range'],
    ['1:2000', 'bad-range'],
    ['1,2,', 'bad-range'],
    ['-1:8:x2', 'bad-range'],
    ['1.5', 'bad-range'],
    ['1e3', 'bad-range'],
    ['0:8:x2', 'bad-flag'],
    ['1:2000000000:x2', 'bad-flag'],
    ['0', 'bad-flag'],
  ])('refuses %j as %s', (text, code) => {
    const error = failure(() => parseRange(text))
    expect(error.code).toBe(code)
    expect(error.exitCode).toBe(2)
    expect(error.message).toContain('--batch')
    expect(error.suggestions.length).toBeGreaterThan(0)
  })

  it('a factor needs a start above 0, even where 0 is allowed', () =>
    expect(failure(() => parseRange('0:8:x2', '--context', 0)).code).toBe('bad-range'))

  it('any text is refused, or gives ascending distinct numbers in bounds', () => {
    const piece = fc.oneof(
      fc.nat().map(String),
      fc.constantFrom('x2', '+1', 'x', '', '-3', '1e9'),
      fc.string({maxLength: 5}),
    )
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, {maxLength: 4}).map((p) => p.join(':')),
      fc.array(piece, {maxLength: 5}).map((p) => p.join(',')),
    )
    fc.assert(
      fc.property(text, (t) => {
        let values: number[]
        try {
          values = parseRange(t)
        } catch (error) {
          expect(error).toBeInstanceOf(AnalysisError)
          return
        }
        expect(values.length).toBeGreaterThan(0)
        expect(values.length).toBeLessThanOrEqual(MOST_VALUES)
        for (const [i, v] of values.entries()) {
          expect(Number.isInteger(v) && v >= 1 && v <= 1e9).toBe(true)
          if (i > 0) expect(v).toBeGreaterThan(values[i - 1]!)
        }
      }),
    )
  })
})

describe('sweep', () => {
  const decode = {phase: 'decode', context: 128}
  const one = (options: SweepOptions, batch: readonly number[]) => sweep(llama, h100, options, {batch}).result

  it('rows are the analyses', () => {
    const {result, warnings} = sweep(llama, h100, decode, {batch: parseRange('1:512:x2')})
    expect(sweepSchema.parse(result)).toEqual(result)
    expect(warnings).toEqual([])
    expect(result.rows.map((row) => row.batch)).toEqual(parseRange('1:512:x2'))
    for (const row of result.rows) {
      expect(row.totals).toEqual(analyzeModel(llama, h100, {...decode, batch: row.batch}).result.totals)
    }
  })

  it.each(['resnet50', 'gcn'] as const)('rows of %s are the analyses: samples, no tokens', (id) => {
    const {rows} = sweep(models[id], h100, {}, {batch: [1, 4]}).result
    for (const {batch, totals} of rows) expect(totals).toEqual(analyzeModel(models[id], h100, {batch}).result.totals)
    expect(rows.map(({totals}) => totals.tokensPerSecond)).toEqual([null, null])
  })

  it('says what the totals lack, as an analysis does', () => {
    const spec: OperatorsSpec = {batch: 1, operators: [], tensors: [], unknown: [{op: 'acme.Frob', count: 2}]}
    const about = {id: 'file', name: 'file', source: 'file.onnx', dtype: 'f32'} as const
    const {result, warnings} = sweep({...about, architecture: 'operators', spec}, h100, {}, {batch: [1]})
    expect(result.rows.map(({totals}) => totals.complete)).toEqual([false])
    expect(warnings).toMatchObject([{code: 'incomplete', message: expect.stringContaining('acme.Frob × 2')}])
  })

  it('says what was asked for and changes nothing, or is nowhere, as an analysis does', () => {
    const options = {kvDtype: 'int8', logits: 'all', quantize: 'nowhere=w8c,kv8'} as const
    const {warnings} = sweep(models.resnet50, h100, options, {batch: [1, 4]})
    const codes = ['rule-without-operator', 'changes-nothing']
    const expected = analyzeModel(models.resnet50, h100, options).warnings.filter(({code}) => codes.includes(code))
    expect(new Set(expected.map(({code}) => code))).toEqual(new Set(codes))
    expect(warnings).toEqual(expected)
  })

  it('names the exact whole numbers where a bound changes', () => {
    const {crossings} = one(decode, parseRange('1:512:x2'))
    const boundAt = (batch: number, id: string | null) => {
      const {operators, totals} = analyzeModel(llama, h100, {...decode, batch}).result
      return id === null ? totals.bound : operators.find((op) => op.id === id)!.bound
    }
    expect(crossings.map((c) => c.operator)).toContain(null)
    expect(crossings.map((c) => c.operator)).toContain('layers.mlp.up')
    for (const c of crossings) {
      expect(c).toMatchObject({dimension: 'batch', exact: true, from: c.at - 1, fixed: {}})
      expect([boundAt(c.from, c.operator), boundAt(c.at, c.operator)]).toEqual([c.before, c.after])
    }
    // weights [4096, 14336] in bf16: 2·m·k·n/peak = 2·(m·k + k·n + m·n)/bandwidth → m = 1/(r⁻¹ − 1/k − 1/n), r the ridge
    const ridge = 989.4e12 / 3.35e12
    const analytic = Math.ceil(1 / (1 / ridge - 1 / 4096 - 1 / 14_336))
    expect(crossings.find((c) => c.operator === 'layers.mlp.up')!.at).toBe(analytic)
  })

  it('does not depend on the grid', () => {
    const coarse = one(decode, [1, 512]).crossings
    const fine = one(decode, parseRange('1:512:+7').concat(512)).crossings
    const key = (c: (typeof fine)[number]) => `${c.operator} ${c.from} ${c.at} ${c.before} ${c.after}`
    expect(coarse.map(key).sort()).toEqual(fine.map(key).sort())
  })

  it('two dimensions: every pair is a row, changes lie between neighbours', () => {
    const {result} = sweep(llama, h100, {phase: 'decode'}, {batch: [1, 512], context: [0, 1024]})
    expect(result.rows.map((row) => [row.batch, row.context])).toEqual([
      [1, 0],
      [1, 1024],
      [512, 0],
      [512, 1024],
    ])
    expect(result.dimensions.map((d) => d.name)).toEqual(['batch', 'context'])
    const up = result.crossings.filter((c) => c.operator === 'layers.mlp.up')
    expect(up.map((c) => [c.dimension, c.from, c.at, c.exact, c.fixed])).toEqual([
      ['batch', 1, 512, false, {context: 0}],
      ['batch', 1, 512, false, {context: 1024}],
    ])
  })

  it('says how many rows do not fit or exceed the positions', () => {
    const {result, warnings} = sweep(llama, h100, {phase: 'decode'}, {context: [1024, 8192, 1_000_000]})
    expect(result.rows.map((row) => row.fits)).toEqual([true, true, false])
    expect(warnings.map((w) => w.code)).toEqual(['does-not-fit', 'beyond-positions'])
    expect(warnings[1]!.message).toContain('2 of 3 rows')
  })

  it('refuses more rows than anybody reads, and bad values as an analysis does', () => {
    const many = parseRange('1:200')
    expect(failure(() => sweep(llama, h100, {}, {batch: many, seq: many})).code).toBe('bad-range')
    expect(failure(() => sweep(models['bert-base'], h100, {}, {context: [1]})).code).toBe('bad-flag')
  })

  it('time and memory never fall along a dimension', () => {
    const dimension = fc.constantFrom('batch', 'seq', 'context')
    const values = fc.uniqueArray(fc.integer({min: 1, max: 5000}), {minLength: 2, maxLength: 6})
    const phase = fc.constantFrom('prefill', 'decode')
    const fusion = fc.constantFrom('none', 'attention', 'all')
    fc.assert(
      fc.property(dimension, values, phase, fusion, (name, list, p, f) => {
        const sorted = [...list].sort((a, b) => a - b)
        const {rows} = sweep(
          models.gpt2,
          machines.l4,
          {phase: p, fusion: f, seq: 64, context: 64},
          {[name]: sorted},
        ).result
        for (let i = 1; i < rows.length; i++) {
          expect(rows[i]!.totals.time.lower).toBeGreaterThanOrEqual(rows[i - 1]!.totals.time.lower)
          expect(rows[i]!.totals.memory.peak).toBeGreaterThanOrEqual(rows[i - 1]!.totals.memory.peak)
        }
      }),
      {numRuns: 40},
    )
  })
})
