import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {judge, lowerQuartile, settled, summarize} from '../../src/kernels/statistics.ts'

describe('summarize', () => {
  test('a worked example: 2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and sample deviation √(32/7)', () => {
    const summary = summarize([9, 4, 5, 2, 4, 7, 5, 4])!
    expect(summary).toMatchObject({samples: 8, min: 2, max: 9, median: 4.5})
    expect(summary.cv).toBeCloseTo(Math.sqrt(32 / 7) / 5, 12)
  })

  test('an odd number of samples has its middle one as median, one sample no spread, none no summary', () => {
    expect(summarize([3, 1, 2])?.median).toBe(2)
    expect(summarize([7])).toEqual({samples: 1, min: 7, max: 7, median: 7, cv: 0})
    expect(summarize([])).toBeUndefined()
  })

  test('does not depend on order and does not change its input', () => {
    fc.assert(
      fc.property(fc.array(fc.double({min: 1e-9, max: 1e12, noNaN: true}), {minLength: 1, maxLength: 50}), (values) => {
        const before = [...values]
        const a = summarize(values)!
        const b = summarize([...values].reverse())!
        expect(values).toEqual(before)
        expect(b.median).toBe(a.median)
        expect(a.min).toBeLessThanOrEqual(a.median)
        expect(a.median).toBeLessThanOrEqual(a.max)
      }),
    )
  })
})

describe('judge', () => {
  test('a maximum reached three times is ok, whatever the rest did', () => {
    expect(judge([100, 40, 99.5, 35, 50, 99.2, 60, 30]).verdict).toBe('ok')
  })

  test('a maximum reached once is noisy and says how far the third-best was', () => {
    const verdict = judge([80, 81, 100, 79])
    expect(verdict.verdict).toBe('noisy')
    expect(verdict.reason).toContain('80 %')
  })

  test('too few samples cannot be confirmed, none is a failure', () => {
    expect(judge([5, 5])).toEqual({verdict: 'noisy', reason: 'only 2 samples'})
    expect(judge([5]).reason).toBe('only 1 sample')
    expect(judge([]).verdict).toBe('failed')
  })

  test('rates that fall and stay down are throttled; a dip in the middle is not', () => {
    const high = Array<number>(8).fill(100)
    const low = Array<number>(8).fill(70)
    expect(judge([...high, ...low, ...low]).verdict).toBe('throttled')
    expect(judge([...high, ...low, ...high]).verdict).toBe('ok')
    // reached in one half of the run alone: another run may have no such half
    expect(judge([...low, ...low, ...high])).toEqual({
      verdict: 'noisy',
      reason: 'the first half of the run reached only 70 % of the other',
    })
  })

  test('throttled is below nine tenths of the first third', () => {
    const run = (late: number) => [...Array<number>(8).fill(100), ...Array<number>(16).fill(late)]
    expect(judge(run(89)).verdict).toBe('throttled')
    expect(judge(run(91)).verdict).toBe('noisy')
  })

  test('every verdict but ok has a reason', () => {
    fc.assert(
      fc.property(fc.array(fc.double({min: 1, max: 100, noNaN: true}), {maxLength: 40}), (rates) => {
        const {verdict, reason} = judge(rates)
        expect(reason === undefined).toBe(verdict === 'ok')
      }),
    )
  })
})

describe('evidence that another run may find another maximum', () => {
  const many = (value: number, count: number) => Array<number>(count).fill(value)

  test('of many samples ten must agree: a cadence that comes by chance now and then is noisy', () => {
    expect(judge([...many(100, 100), 110, 110, 110, ...many(100, 100)], 0.01).verdict).toBe('noisy')
    expect(
      judge(
        Array.from({length: 200}, (_, i) => (i % 15 === 0 ? 110 : 100)),
        0.01,
      ).verdict,
    ).toBe('ok')
  })

  test('an eighth of the samples must agree: five of 40', () => {
    const best = (count: number) => Array.from({length: 40}, (_, i) => (i % (40 / count) === 0 ? 100 : 90))
    expect(judge(best(5)).verdict).toBe('ok')
    expect(judge(best(4)).verdict).toBe('noisy')
  })

  test('the limit decides: a spread of 2 % among the best is noisy for a core, ok for DRAM', () => {
    const spread = Array.from({length: 80}, (_, i) => 100 - (i % 8) * 2)
    const best = spread.map((rate, i) => (rate === 100 && i > 0 && i < 72 ? 98 : rate))
    expect(judge(best, 0.01).verdict).toBe('noisy')
    expect(judge(best, 0.025).verdict).toBe('ok')
  })

  test('settled is the same question without the verdict', () => {
    expect(settled([100, 99.2, 99.1])).toBe(true)
    expect(settled([100, 99.2, 98.9])).toBe(false)
    expect(settled([100, 100])).toBe(false)
  })

  test('the lower quartile is the rate that three quarters reach, as a share of the best', () => {
    expect(lowerQuartile([100, 50, 90, 80])).toBe(0.8)
    expect(lowerQuartile([])).toBe(0)
  })
})
