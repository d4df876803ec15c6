import {describe, expect, it} from 'vitest'
import {compareMeasured, type Measured, type MeasuredTime} from '../../src/analysis/compare-measured.ts'

const measured = (...times: MeasuredTime[]): Measured => ({
  side: {id: 'measured', name: `${times.length} measured times`, machine: null},
  times,
})
const time = (seconds: number, cv?: number, verdict = 'ok', id = 'add'): MeasuredTime => ({
  ...{id, seconds, verdict},
  ...(cv === undefined ? {} : {cv}),
})
const only = (before: MeasuredTime, after: MeasuredTime) =>
  compareMeasured(measured(before), measured(after)).changes[0]!

describe('compareMeasured', () => {
  it('calls a change one that is beyond the noise of both', () => {
    expect(only(time(1, 0.01), time(1.02, 0.01))).toMatchObject({ratio: 1.02, significant: false})
    expect(only(time(1, 0.01), time(1.1, 0.01))).toMatchObject({significant: true, reason: 'beyond 2.83 %'})
    expect(only(time(1, 0.1, 'noisy'), time(1.1, 0.1, 'noisy'))).toMatchObject({significant: false})
  })

  it('needs a factor beyond all noise where a noisy time has no spread to show', () => {
    expect(only(time(1, undefined, 'noisy'), time(1.3))).toMatchObject({significant: false, reason: 'within 40.0 %'})
    expect(only(time(1, undefined, 'noisy'), time(1.5))).toMatchObject({significant: true})
    // half the time is as far away as twice the time
    expect(only(time(1.5, undefined, 'noisy'), time(1))).toMatchObject({significant: true})
  })

  it('takes a throttled time for that of half a core, however alike its repetitions are', () => {
    const beside = time(1.35, 0.01, 'throttled')
    const reason = 'within 40.0 %; measured as throttled'
    expect(only(time(1, 0.01), beside)).toMatchObject({significant: false, reason})
    expect(only(beside, time(1, 0.01))).toMatchObject({significant: false, reason})
    expect(only(time(0.9, 0.01), beside)).toMatchObject({significant: true})
  })

  it('says which times only one of them has, and sums those of both', () => {
    const before = measured(time(1), time(2, 0, 'ok', 'mul'))
    const after = measured(time(0.5), time(3, 0, 'ok', 'div'))
    const {changes, summary} = compareMeasured(before, after)
    expect(changes.map(({subject, reason}) => [subject, reason])).toEqual([
      ['add', 'beyond 5.66 %'],
      ['mul', 'only before'],
      ['div', 'only after'],
    ])
    expect(summary).toBe('1 of 1 times changed beyond their noise, 1 faster and 0 slower; 1 s → 500 ms in all.')
    expect(compareMeasured(measured(), before).summary).toMatch(/^No time/)
  })
})
