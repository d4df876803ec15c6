import {expect, test} from 'vitest'
// @ts-expect-error scripts have no types
import {kernelTable, pairSummary, pairTable, summary} from '../../scripts/bench/results-table.mjs'

const kernel = (id: string, bytes: number, efficiency: number, inTurn: number | null, more: object = {}) => ({
  id,
  dims: {n: bytes},
  dtype: 'f32',
  threads: 1,
  flops: 0,
  bytes,
  bytesPerSecond: 1e9,
  efficiency,
  bound: 'nt-copy-DRAM-t1',
  inTurn: inTurn === null ? null : {efficiency: inTurn, efficiencyMedian: inTurn, bound: 'nt-copy-DRAM-t1'},
  verdict: 'ok',
  ...more,
})
const kernels = [
  kernel('relu', 1e5, 0.9, null),
  kernel('relu', 1e8, 0.5, 0.93),
  kernel('softmax', 1e8, 0.95, 0.6),
  kernel('softmax', 1e5, 0.74, null),
  kernel('gemm', 1e5, 0.1, null),
  kernel('gemm', 1e8, 0.1, null),
]

test('counts by the share in turn, at the larger and the smaller size of each kernel without a figure of its own', () => {
  expect(summary(kernels)).toEqual([
    '- **From DRAM: 1 of 2 reach 92 % of what is attainable.** Below (% on 1 threads, a dash reaches it): softmax 60.',
    '- **From L2: 1 of 2 reach 75 % of what is attainable.** Below (% on 1 threads, a dash reaches it): softmax 74.',
  ])
  expect(summary([kernels[0]])).toEqual([])
  const onTwo = kernels.map((k) => ({...k, threads: 2, efficiency: 0.95, inTurn: null}))
  expect(summary([...kernels, ...onTwo])[0]).toMatch(
    /3 of 4 .* \(% on 1 \/ 2 threads, a dash reaches it\): softmax 60 \/ –\.$/,
  )
})

test('shows all shares, and what is not ok behind them', () => {
  const [, , ...rows] = kernelTable([kernels[1], kernel('add', 1e8, 0.8, 0.9, {verdict: 'noisy'})]).split('\n')
  expect(rows[0]).toBe('| relu | 100000000 | f32 | 1 | 1.00 GB/s | 50 % | 93 % | 93 % | nt-copy-DRAM-t1 |')
  expect(rows[1]).toMatch(/80 % \(noisy\) \| 90 % \|/)
})

test('pairs are judged by what is predicted in turn', () => {
  const pair = (id: string, speedup: number, predictedSpeedup: number, predictedInTurn: number | null) => ({
    id,
    dims: {n: 1},
    unfused: kernel(id, 1e8, 1, null, {seconds: {median: 1e-3}}),
    fused: kernel(id, 1e8, 1, null, {seconds: {median: 1e-6}}),
    speedup,
    predictedSpeedup,
    speedupInTurn: predictedInTurn === null ? null : 2,
    predictedInTurn,
    pays: {dim: 'n', when: 'from', at: 7},
  })
  const list = [pair('a', 2, 4, 2.2), pair('b', 2, 3, null)]
  expect(pairSummary(list)).toEqual([
    '- Of 2 pairs the predicted speed-up is off by 30 % in the median.',
    '- Of the 2 that come from memory by 30 % in the median; 1 is within 15 %. Not: b 1 (1 T) 2.00, predicted 3.00.',
  ])
  expect(pairTable(list)).toMatch(
    /\| a \| 1 \| f32 \| 1 \| 1\.00 ms \| 1\.00 µs \| 2\.00 \| 4\.00 \| 2\.00 \| 2\.20 \| from n 7 \|/,
  )
  const noisy = {...list[0], unfused: {...list[0]!.unfused, verdict: 'noisy'}}
  expect(pairTable([noisy])).toContain('| 1.00 ms (noisy) | 1.00 µs |')
})
