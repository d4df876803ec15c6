import {expect, test} from 'vitest'
// @ts-expect-error scripts have no types
import * as page from '../../scripts/bench/attention-page.mjs'

const {attentionPage, dimsOf, joined, keyOf, pairsOf, sidesOf, slower, verdicts} = page

const row = (more: object = {}) => ({
  ...{form: 'prefill', length: 2048, headDim: 64, causal: true, heads: 4, kvHeads: 4, threads: 1},
  ...{unfused: 4e-2, fused: 2e-2, speedup: 2, predicted: 2.1, rate: 9.5e10, share: 0.8, verdict: 'ok'},
  ...{unfusedBytes: 1.4e8, fusedBytes: 8.4e6},
  ...more,
})

test('of two runs of the same sizes the quieter one stays, and all stand in order', () => {
  const earlier = [row({length: 512}), row({threads: 2, share: 0.1}), row({form: 'decode', kvHeads: 1})]
  const all = joined(earlier, [
    row({threads: 2, share: 0.7, unfused: 3e-2}),
    row({length: 128}),
    row({length: 512, share: 0.2, unfused: 5e-2}),
  ])
  expect(all.map((r: {share: number}) => [keyOf(r), r.share])).toEqual([
    ['decode 64 1 1 1 2048', 0.8],
    ['prefill 64 1 4 1 128', 0.8],
    ['prefill 64 1 4 1 512', 0.8],
    ['prefill 64 1 4 2 2048', 0.7],
  ])
})

test('the entries of a row are those that its times come from; rows of a file from before there were any have none', () => {
  const side = (of: ReturnType<typeof row>, median: number) => {
    const names = of.form === 'prefill' ? 'b s h k d causal' : 'b s c h k d'
    const dims = Object.fromEntries(names.split(' ').map((name, i) => [name, (dimsOf(of) as number[])[i]]))
    return {dims, threads: of.threads, seconds: {median}}
  }
  const pairFor = (of: ReturnType<typeof row>) => ({unfused: side(of, of.unfused), fused: side(of, of.fused)})
  const [quick, slow] = [row(), row({unfused: 5e-2})]
  const decode = row({form: 'decode', heads: 32, kvHeads: 8})
  const old = row({length: 128})
  const [a, b, c] = [pairFor(quick), pairFor(slow), pairFor(decode)]
  const kernels = [b, c].flatMap(({unfused, fused}) => [unfused, fused])
  expect(pairsOf({kernels})).toEqual([b, c])
  expect(pairsOf({})).toEqual([])
  const all = joined([old, slow, decode], [quick])
  expect(sidesOf(all, [a, ...pairsOf({kernels})])).toEqual([c.unfused, c.fused, a.unfused, a.fused])
})

test('the targets: faster from 512 tokens on, the share at 2,048 × 64; what is missed is named', () => {
  const rows = [
    row(),
    row({length: 256, speedup: 0.5}),
    row({length: 512, speedup: 0.97, causal: false, threads: 2}),
    row({form: 'decode', speedup: 0.9}),
  ]
  expect(slower(rows)).toEqual([rows[2]])
  expect(verdicts(rows)).toEqual([
    '- Faster than unfused from 512 tokens on: 1 of 2 sizes. Not: 512 × 64 (2 T) 0.970.',
    '- Share of the f32 ceiling at 2,048 × 64 (at least 60 % wanted): 80 % (causal, 1 T).',
  ])
  expect(verdicts([])).toEqual([])
})

test('the page has a table for each form with rows of as many cells as its head', () => {
  const rows = [
    row({verdict: 'noisy'}),
    row({form: 'decode', length: 8192, heads: 32, kvHeads: 8, unfused: 2, predicted: null}),
  ]
  const page: string = attentionPage({
    machine: 'a machine',
    node: 'v20',
    date: '2026-11-21',
    command: 'npm run x',
    rows,
  })
  const lines = page.split('\n').filter((line) => line.startsWith('|'))
  expect(lines).toHaveLength(6)
  const cells = lines.map((line) => line.split(' | ').length)
  expect(cells.slice(0, 3)).toEqual([13, 13, 13])
  expect(cells.slice(3)).toEqual([12, 12, 12])
  expect(lines[2]).toContain(
    '| 2048 | 64 | causal | 4 | 1 | 40.0 ms | 20.0 ms | 2.00 | 2.10 | 95.0 GFLOP/s | 80 % (noisy) |',
  )
  expect(lines[5]).toContain('| 8192 | 64 | 32 : 8 | 1 | 2.00 s | 20.0 ms | 2.00 | – |')
  expect(page).not.toMatch(/undefined|NaN|\[object/)
})
