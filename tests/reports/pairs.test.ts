import {expect, test} from 'vitest'
import {defaultState} from '../../reports/chart/draw.ts'
import {pairs as view} from '../../reports/views/pairs.ts'
import {pair} from './pairs.ts'
import {sample} from './support.ts'

test('a pair is as fast in the words as in the chart: by turns where there are any', () => {
  const {result} = sample()
  const pairs = [pair(), pair({id: 'bias+gelu', speedup: 1.01, speedupInTurn: 0.957, predictedInTurn: 1.1})]
  expect(view.describe(result, {pairs})).toMatch(
    /^2 pairs measured, 1 of them faster fused, .*; the slowest is bias\+gelu .*\(1\.04 times slower\)/,
  )
  const {data} = view.inputs(result, defaultState(result), {pairs})
  const times = data.slopes!.filter((row) => 'measure' in row && row.measure === 'Time')
  expect(times).toEqual([
    expect.objectContaining({ratio: 1 / 1.5, label: '1.5 times faster'}),
    expect.objectContaining({
      ...{ratio: 1 / 0.957, label: '1.04 times slower'},
      summary: expect.stringMatching(/1\.04 times slower, by the roof 1\.1 times faster; medians 30 µs and 20 µs over/),
    }),
  ])
})
