import {expect, test} from 'vitest'
// @ts-expect-error scripts have no types
import {calmer, highest, isDisturbed, resultsPage, settle} from '../../scripts/bench/results-page.mjs'
import {isImplausible} from '../../src/analysis/plausible.ts'

const entry = (id: string, dims: Record<string, number>, more: object = {}) => ({
  ...{id, dims, dtype: 'f32', threads: 1, flops: 2e6, bytes: 1e6},
  ...{seconds: {min: 1e-4, median: 2e-4}, flopsPerSecond: 2e10, bytesPerSecond: 1e10},
  ...{efficiency: 0.5, bound: 'read-L2-t1', inTurn: null, verdict: 'ok'},
  ...more,
})
const pair = {
  id: 'chain',
  dims: {elements: 1000, k: 4},
  unfused: entry('chain', {}, {bound: 'copy-DRAM-t1'}),
  fused: entry('chain', {}, {seconds: {min: 1e-5, median: 5e-5}}),
  ...{speedup: 4, predictedSpeedup: 4, speedupInTurn: null, predictedInTurn: null},
  pays: {dim: 'elements', when: 'always', at: null},
}
const run = {
  machine: {name: 'a machine'},
  ...{cpu: 'a processor', cores: 2, node: 'v20', date: '2026-11-21', command: 'npm run bench:results -- x', tries: 3},
  kernels: [
    entry('relu', {elements: 10}),
    entry('relu', {elements: 1000}, {bytes: 1e9, efficiency: 0.95}),
    entry('gemm', {m: 2, n: 3, k: 4}, {efficiency: 0.97}),
  ],
  blocks: [entry('gemm-blocked', {m: 512, n: 512, k: 512, mc: 64, nc: 96, kc: 128})],
  pairs: [pair],
}

/** Tables of the page under each heading, as rows of cells. */
function tablesOf(page: string): Map<string, string[][]> {
  const sections = page.split(/^## /m).slice(1)
  return new Map(
    sections.map((section) => {
      const rows = section.split('\n').filter((line) => line.startsWith('|'))
      return [section.slice(0, section.indexOf('\n')), rows.map((row) => row.slice(2, -2).split(' | '))]
    }),
  )
}

test('the page has machine, date, command, counts, and every kernel, block size and pair in a table of even rows', () => {
  const page: string = resultsPage(run)
  const head =
    'Machine: a processor, 2 CPUs allowed, Node v20. Date: 2026-11-21. Command: `npm run bench:results -- x`.'
  expect(page.split('\n').slice(0, 3)).toEqual(['# Kernels and pairs: a machine', '', head])
  expect(page).toContain('**From DRAM: 1 of 1 reach 92 %')
  expect(page).toContain('**From L2: 0 of 1 reach 75 %')
  expect(page).toContain('Of the 1 that come from memory by 0 % in the median; 1 is within 15 %.')
  const tables = tablesOf(page)
  expect([...tables].map(([title, rows]) => [title, rows.length - 2])).toEqual([
    ['Kernels', 3],
    ['A matrix product over block sizes', 1],
    ['Pairs', 1],
  ])
  for (const [title, rows] of tables)
    for (const row of rows) expect(row.length, `${title}: ${row.join()}`).toBe(rows[0]!.length)
  expect(tables.get('A matrix product over block sizes')!.at(-1)).toEqual([
    ...['512×512×512', '64 × 96 × 128', '20.0 GFLOP/s', '50 %'],
  ])
  expect(tables.get('Pairs')!.at(-1)!.slice(0, 7)).toEqual([
    ...['chain', '1000×4', 'f32', '1', '200 µs', '50.0 µs', '4.00'],
  ])
  expect(page).not.toMatch(/undefined|NaN|Infinity|\[object/)
})

test('a run without pairs or block sizes still is a page', () => {
  expect(resultsPage({...run, pairs: [], blocks: []})).not.toMatch(/undefined|NaN/)
})

test('of two profiles the better of each ceiling: lower latencies, higher rates; what one lacks is kept', () => {
  const of = (...ceilings: object[]) => ({name: 'm', ceilings})
  const one = of({id: 'a', kind: 'bandwidth', value: 1}, {id: 'b', kind: 'latency', value: 1}, {id: 'c', value: 3})
  const two = of({id: 'a', kind: 'bandwidth', value: 2}, {id: 'b', kind: 'latency', value: 2})
  expect(highest(one, two).ceilings.map(({value}: {value: number}) => value)).toEqual([2, 1, 3])
})

test('of two profiles a ceiling that contradicts others of its own does not count, unless both do', () => {
  const of = (...ceilings: object[]) => ({name: 'm', ceilings: ceilings.map((c) => ({id: 'a', kind: 'compute', ...c}))})
  const [low, high, doubted] = [
    {value: 1, verdict: 'ok'},
    {value: 2, verdict: 'noisy'},
    {value: 3, verdict: 'implausible'},
  ]
  for (const [one, two, value] of [
    [low, doubted, 1],
    [doubted, low, 1],
    [low, high, 2],
    [doubted, {...doubted, value: 4}, 3],
  ] as const)
    expect(highest(of(one), of(two)).ceilings[0].value).toBe(value)
})

test('an entry is placed under the roof of all profiles, or left where that has no ceiling or nothing was timed', () => {
  const timed = entry('relu', {elements: 10})
  const allowed = () => ({seconds: 8e-5, bound: 'copy-DRAM-t1'})
  expect(settle(timed, allowed, isImplausible)).toMatchObject({efficiency: 0.8, bound: 'copy-DRAM-t1', verdict: 'ok'})
  expect(settle(timed, () => undefined, isImplausible)).toBe(timed)
  const untimed = entry('relu', {elements: 10}, {seconds: {min: 0, median: 0}})
  expect(settle(untimed, allowed, isImplausible)).toBe(untimed)
})

test('an entry above every roof, under that of all profiles too, is implausible; no longer under a higher one', () => {
  const verdictOf = (seconds: number, more: object) =>
    settle(entry('relu', {elements: 10}, more), () => ({seconds, bound: 'b'}), isImplausible).verdict
  // 150.9 % of it
  expect(verdictOf(1.509e-4, {verdict: 'noisy'})).toBe('implausible')
  expect(verdictOf(1.509e-4, {verdict: 'noisy', inTurn: {efficiency: 1.2, efficiencyMedian: 0.9}})).toBe('noisy')
  expect(verdictOf(1.509e-4, {verdict: 'wrong'})).toBe('wrong')
  expect(verdictOf(0.9e-4, {verdict: 'implausible'})).toBe('noisy')
  expect(verdictOf(0.9e-4, {verdict: 'throttled'})).toBe('throttled')
})

test('of two runs that with the calmer host stands, whatever the kernel reached, and a wrong one always', () => {
  const at = (verdict: string, perCycle: number, ceiling: number, efficiency: number) =>
    entry(
      'relu',
      {elements: 10},
      {
        ...{verdict, efficiency, issue: {perCycle, best: 6, samples: 9}},
        inTurn: {
          bound: 'b',
          efficiency,
          ceilings: [
            {id: 'a', median: 9e9},
            {id: 'b', median: ceiling},
          ],
        },
      },
    )
  const [ok, noisy] = [at('ok', 5, 10e9, 0.7), at('noisy', 6, 12e9, 0.9)]
  expect(isDisturbed(ok)).toBe(false)
  expect(isDisturbed(noisy)).toBe(true)
  expect(calmer(noisy, ok)).toBe(ok)
  expect(calmer(ok, noisy)).toBe(ok)
  // of one verdict by what was left: slots times the ceiling that decides
  const [slots, memory] = [at('noisy', 4, 12e9, 0.99), at('noisy', 6, 11e9, 0.6)]
  expect(calmer(slots, memory)).toBe(memory)
  expect(calmer(memory, slots)).toBe(memory)
  const wrong = at('wrong', 1, 1e9, 0.1)
  expect(calmer(wrong, ok)).toBe(wrong)
  expect(calmer(ok, wrong)).toBe(wrong)
  // a pair is as calm as its sides: one throttled side outweighs two noisy ones
  const [good, bad] = [
    {unfused: noisy, fused: noisy},
    {unfused: ok, fused: at('throttled', 6, 12e9, 1)},
  ]
  expect(calmer(bad, good)).toBe(good)
  // neither ceilings in turn nor slots: the first stands
  const bare = entry('relu', {elements: 10}, {verdict: 'noisy'})
  expect(calmer(bare, {...bare})).toBe(bare)
})
