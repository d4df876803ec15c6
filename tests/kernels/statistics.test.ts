import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {judge, settled, summarize} from '../../src/kernels/statistics.ts'

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
    expect(judge([5, 5]).verdict).toBe('noisy')
    expect(judge([]).verdict).toBe('failed')
  })

  test('rates that fall and stay down are throttled; a dip in the middle is not', () => {
    const high = Array<number>(8).fill(100)
    const low = Array<number>(8).fill(70)
    expect(judge([...high, ...low, ...low]).verdict).toBe('throttled')
    expect(judge([...high, ...low, ...high]).verdict).toBe('ok')
    expect(judge([...low, ...low, ...high]).verdict).toBe('ok')
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

test('settled asks for three samples within 1 %', () => {
  expect(settled([100, 99.2, 99.1])).toBe(true)
  expect(settled([100, 99.2, 98.9])).toBe(false)
  expect(settled([100, 100])).toBe(false)
})
