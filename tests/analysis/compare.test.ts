import {describe, expect, it} from 'vitest'
import {type AnalyzeOptions, analyzeModel} from '../../src/analysis/analyze.ts'
import {findMachine, findModel} from '../../src/analysis/catalog.ts'
import {checkDocument} from '../../src/analysis/check.ts'
import {type Comparable, compareDocuments, noiseOf, readComparable} from '../../src/analysis/compare.ts'
import {checkSchema} from '../../src/analysis/document/check.ts'
import {comparisonSchema} from '../../src/analysis/document/comparison.ts'
import type {Ceiling, Machine} from '../../src/analysis/document/machine.ts'
import {AnalysisError} from '../../src/analysis/errors.ts'

const analysis = (options: AnalyzeOptions = {}, machine = 'h100-sxm', model = 'llama-3-8b'): Comparable => ({
  kind: 'analysis',
  result: analyzeModel(findModel(model), findMachine(machine), options).result,
})

const ceiling = (id: string, value: number, cv?: number): Ceiling => ({
  id,
  kind: id === 'launch' ? 'latency' : id === 'dram' ? 'bandwidth' : 'compute',
  value,
  unit: id === 'launch' ? 's' : id === 'dram' ? 'B/s' : 'FLOP/s',
  provenance: {kind: cv === undefined ? 'datasheet' : 'measured', source: 'test', date: '2026-11-21'},
  ...(cv === undefined ? {} : {cv}),
})
const machine = (...ceilings: Ceiling[]): Comparable => ({
  kind: 'machine',
  result: {id: 'local', name: 'Local', identity: {}, ceilings} satisfies Machine,
})

describe('two analyses', () => {
  it('of the same question are equal in every figure', () => {
    const {result, warnings} = compareDocuments(analysis(), analysis())
    expect(comparisonSchema.parse(result)).toEqual(result)
    expect(warnings).toEqual([])
    expect(new Set(result.changes.map((c) => c.id)).size).toBe(result.changes.length)
    for (const c of result.changes) {
      expect(c.significant).toBe(false)
      expect(c.before).toBe(c.after)
    }
    expect(result.summary).toMatch(/^No change above 0.10 %/)
  })

  it('of two batches: ratios, and what differs in words', () => {
    const {result, warnings} = compareDocuments(analysis({phase: 'decode'}), analysis({phase: 'decode', batch: 2}))
    const find = (id: string) => result.changes.find((c) => c.id === id)!
    expect(find('totals.macs')).toMatchObject({ratio: 2, significant: true, unit: 'MAC'})
    expect(find('totals.memory.weights')).toMatchObject({ratio: 1, significant: false})
    expect(find('layers.mlp.up.flops').ratio).toBe(2)
    // the products wait for their weights: twice the tokens in almost the same time
    expect(find('layers.mlp.up.time').ratio).toBeLessThan(1.001)
    expect(find('layers.mlp.up.time').significant).toBe(false)
    expect(warnings[0]!.message).toBe('the two analyses differ in batch (1 → 2)')
    expect(result.summary).toMatch(/slower\)\.$/)
  })

  it('a kernel is compared with the sum of the operators that it was made of, either way', () => {
    const [apart, fused] = [analysis({fusion: 'none'}), analysis({fusion: 'attention'})]
    const {result} = compareDocuments(apart, fused)
    expect(comparisonSchema.parse(result)).toEqual(result)
    const kernel = 'layers.attn.scores+softmax+values'
    const parts = ['layers.attn.scores', 'layers.attn.softmax', 'layers.attn.values']
    const find = (id: string, changes = result.changes) => changes.find((c) => c.id === id)!
    const time = find(`${kernel}.time`)
    if (apart.kind !== 'analysis') throw new Error('no analysis')
    const ops = apart.result.operators.filter((op) => parts.includes(op.id))
    expect(time.before).toBeCloseTo(
      ops.reduce((all, op) => all + op.time.lower * op.repeat, 0),
      12,
    )
    expect(time).toMatchObject({operators: {before: parts, after: [kernel]}, significant: true})
    expect(time.reason).toMatch(/^beyond 0.10 %; 3 operators became 1 kernel$/)
    expect(find(`${kernel}.flops`)).toMatchObject({ratio: 1, significant: false})
    expect(find('layers.attn.softmax.time')).toBeUndefined()
    const back = find(`${kernel}.time`, compareDocuments(fused, apart).result.changes)
    expect(back).toMatchObject({before: time.after, after: time.before, operators: {before: [kernel], after: parts}})
    expect(back.reason).toContain('1 kernel became 3 operators')
    expect(result.summary).toMatch(/faster\)\.$/)
  })

  it.each([
    ['none', 'all'],
    ['attention', 'all'],
    ['elementwise', 'all'],
  ] as const)('%s to %s: every operator is in one row, and the rows add up to the totals', (from, to) => {
    const {result} = compareDocuments(analysis({fusion: from}), analysis({fusion: to}))
    const times = result.changes.filter((c) => c.metric === 'time' && c.subject !== 'totals')
    expect(times.filter((c) => c.before === null || c.after === null)).toEqual([])
    const total = result.changes.find((c) => c.id === 'totals.time')!
    for (const side of ['before', 'after'] as const)
      expect(times.reduce((all, c) => all + c[side]!, 0) / total[side]!).toBeCloseTo(1, 12)
    expect(new Set(result.changes.map((c) => c.id)).size).toBe(result.changes.length)
  })

  it('operators of one side only are changes with null on the other, and say so', () => {
    const {result} = compareDocuments(analysis({}), analysis({}, 'h100-sxm', 'gpt2'))
    expect(comparisonSchema.parse(result)).toEqual(result)
    const find = (id: string) => result.changes.find((c) => c.id === id)!
    expect(find('layers.mlp.gate.time')).toMatchObject({after: null, ratio: null, reason: 'only before'})
    expect(find('position.time') ?? find('layers.attn.qkv.time')).toBeDefined()
  })

  it('refuses an analysis beside a machine', () => {
    expect(() => compareDocuments(analysis(), machine(ceiling('dram', 1)))).toThrow(AnalysisError)
    expect(() => checkDocument(machine(ceiling('dram', 1)), analysis())).toThrow(/baseline of kind machine/)
  })
})

describe('two machines', () => {
  it('a change counts only beyond the noise of both', () => {
    const before = machine(ceiling('fma', 100, 0.03), ceiling('dram', 100, 0.001), ceiling('old', 1))
    const after = machine(ceiling('fma', 93, 0.04), ceiling('dram', 97, 0.001), ceiling('new', 1))
    const {result} = compareDocuments(before, after)
    expect(comparisonSchema.parse(result)).toEqual(result)
    const significant = Object.fromEntries(result.changes.map((c) => [c.subject, c.significant]))
    expect(significant).toEqual({fma: false, dram: true, old: true, new: true})
    expect(noiseOf(ceiling('fma', 1, 0.03), ceiling('fma', 1, 0.04))).toBeCloseTo(0.1, 12)
    expect(noiseOf(ceiling('fma', 1), ceiling('fma', 1))).toBe(0.001)
    // a maximum that three samples agree on is not as noisy as the samples that a neighbour disturbed
    const settled = (cv: number): Ceiling => ({...ceiling('fma', 1, cv), verdict: 'ok'})
    expect(noiseOf(settled(0.7), settled(0.5))).toBeCloseTo(2 * Math.hypot(0.02, 0.02), 12)
    expect(noiseOf(settled(0.001), settled(0.001))).toBe(0.02)
    // and a machine that lost half of its bandwidth fails, however noisy it was
    expect(noiseOf(ceiling('dram', 1, 0.6), ceiling('dram', 1, 0.6))).toBe(0.4)
    expect(noiseOf(ceiling('launch', 1, 0.6), ceiling('launch', 1, 0.6))).toBeGreaterThan(1)
  })
})

it('the fastest of all threads is compared with it, whatever their number; one thread with one', () => {
  const at = (threads: number, value: number): Ceiling => ({...ceiling(`fma-t${threads}`, value, 0.01), threads})
  const {result} = compareDocuments(machine(at(1, 100), at(2, 200)), machine(at(1, 90), at(32, 2900), at(64, 5000)))
  expect(result.changes.map(({id, before, after}) => [id, before, after])).toEqual([
    ['fma-t1.value', 100, 90],
    ['fma-t2 → fma-t64.value', 200, 5000],
    ['fma-t32.value', null, 2900],
  ])
})

describe('check', () => {
  const decode = (batch: number) => analysis({phase: 'decode', context: 1024, batch})

  it('passes on itself and fails beyond the limit, in either direction of the arguments only where it got slower', () => {
    const same = checkDocument(decode(1), decode(1)).result
    expect(checkSchema.parse(same)).toEqual(same)
    expect(same).toMatchObject({passed: true, rows: [{id: 'totals.time', change: 0, limit: 0.05}]})
    const [fast, slow] = [decode(1), decode(64)]
    expect(checkDocument(fast, slow).result.passed).toBe(false)
    expect(checkDocument(slow, fast).result.passed).toBe(true)
    expect(checkDocument(fast, slow, {maxRegression: 10}).result.passed).toBe(true)
    expect(checkDocument(fast, slow).warnings[0]!.code).toBe('different-questions')
  })

  it('the limit is the last share that passes', () => {
    const [a, b] = [decode(1), decode(8)]
    const {change} = checkDocument(a, b).result.rows[0]!
    expect(checkDocument(a, b, {maxRegression: change!}).result.passed).toBe(true)
    expect(checkDocument(a, b, {maxRegression: change! * 0.999}).result.passed).toBe(false)
  })

  it('a profile: a ceiling that fell beyond its noise, one that is gone, a latency that rose', () => {
    const before = machine(
      ceiling('fma', 100, 0),
      ceiling('dram', 100, 0.05),
      ceiling('gone', 5, 0),
      ceiling('launch', 1e-6, 0),
    )
    const after = machine(
      ceiling('fma', 97, 0),
      ceiling('dram', 88, 0.05),
      ceiling('launch', 1.1e-6, 0),
      ceiling('extra', 1, 0),
    )
    const {result} = checkDocument(before, after)
    expect(checkSchema.parse(result)).toEqual(result)
    expect(result.rows.map((row) => [row.id, row.pass])).toEqual([
      ['fma', false],
      ['dram', true],
      ['gone', false],
      ['launch', false],
    ])
    expect(result.rows[0]!.reason).toContain('worse (−3.00 %)')
    expect(result.rows[3]!.reason).toContain('worse (+10.0 %)')
    expect(checkDocument(after, before).result.rows[0]!.pass).toBe(true)
    expect(checkDocument(before, after, {maxRegression: 0.04}).result.rows[0]!.pass).toBe(true)
  })

  it('a profile beside a busy neighbour: fewer instructions per cycle are said and fail nothing', () => {
    const issue = (value: number): Ceiling => ({...ceiling('issue-t1', value, 0.01), kind: 'issue', unit: 'instr/s'})
    const {result} = checkDocument(machine(issue(16e9)), machine(issue(9e9)))
    expect(result).toMatchObject({passed: true, rows: [{id: 'issue-t1', pass: true}]})
    expect(result.rows[0]!.reason).toMatch(/^worse .*neighbour/)
  })

  it.each([-0.1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the limit %d', (maxRegression) =>
    expect(() => checkDocument(decode(1), decode(1), {maxRegression})).toThrow(/--max-regression/))
})

describe('reading documents', () => {
  const envelope = (kind: string, result: unknown) => ({schema: `ridgepoint/${kind}@1`, ok: true, result, warnings: []})

  it('accepts what the tool prints', async () => {
    const document = analysis()
    const printed = JSON.parse(JSON.stringify(envelope('analysis', document.result)))
    expect(await readComparable(printed, 'a.json')).toEqual(document)
    const profile = machine(ceiling('dram', 1, 0.1))
    expect(await readComparable(envelope('machine', profile.result), 'm.json')).toEqual(profile)
  })

  it.each([
    ['nothing', null, 'there is no "schema"'],
    ['an array', [], 'there is no "schema"'],
    ['another kind', envelope('sweep', {}), '"ridgepoint/sweep@1": it is none of'],
    ['an error document', {schema: 'ridgepoint/analysis@1', ok: false}, 'there is no "result"'],
    ['a broken field', envelope('machine', {id: 'x', name: 'X', ceilings: [{id: 'a'}]}), 'result.ceilings.0.kind'],
    [
      'an unknown version',
      {schema: 'ridgepoint/analysis@2', result: {}},
      '"ridgepoint/analysis@2", and this version of the tool reads ridgepoint/analysis@1',
    ],
  ])('refuses %s', async (_, value, message) => {
    const error = await readComparable(value, 'a.json').catch((e: unknown) => e)
    expect(error).toBeInstanceOf(AnalysisError)
    expect(error).toMatchObject({code: 'bad-document', exitCode: 3})
    expect((error as AnalysisError).message).toContain('a.json: ')
    expect((error as AnalysisError).message).toContain(message)
  })
  it.each([
    ['sweep', ['perf report a.json --format markdown']],
    // a profile as it is kept: no command prints it, and `perf report` refuses it too
    ['profile', []],
  ])('says of a %s what shows it, if anything does', async (kind, shows) => {
    const error = await readComparable(envelope(kind, {}), 'a.json').catch((e: AnalysisError) => e)
    const {suggestions} = error as AnalysisError
    expect(suggestions.slice(1).map((line) => /`(.*)`/.exec(line)![1])).toEqual(shows)
  })
})
