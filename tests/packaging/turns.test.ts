import {describe, expect, test} from 'vitest'
// @ts-expect-error a script without types
import {compared, leastTaken, settled, unsettled} from '../../scripts/bench/peers/turns.mjs'

const turn = (side: string, rate: number, state = 'any') => ({side, rate, state})

describe('turns of a comparison', () => {
  test('a maximum is settled when it was met twice within 1 %', () => {
    expect(settled([100])).toBe(false)
    expect(settled([100, 98])).toBe(false)
    expect(settled([50, 100, 99.1])).toBe(true)
  })

  test('each side must have met its own maximum', () => {
    const turns = [turn('ours', 100), turn('theirs', 80), turn('ours', 99.5), turn('theirs', 70)]
    expect(unsettled(turns)).toEqual(['theirs'])
    expect(unsettled([...turns, turn('theirs', 79.9)])).toEqual([])
  })

  test('turns of different states are not compared', () => {
    const turns = [
      turn('ours', 36, 'together'),
      turn('theirs', 35, 'together'),
      turn('theirs', 70, 'apart'),
      turn('ours', 36, 'together'),
      turn('theirs', 35.1, 'together'),
    ]
    expect(compared(turns)).toMatchObject({state: 'together', ours: [36, 36], theirs: [35, 35.1], common: true})
    expect(unsettled(turns)).toEqual([])
    // once both have been there, the faster state counts, and has to be settled anew
    const more = [...turns, turn('ours', 71, 'apart')]
    expect(compared(more)).toMatchObject({state: 'apart', ours: [71], theirs: [70]})
    expect(unsettled(more)).toEqual(['ours', 'theirs'])
  })

  test('without a common state all turns are shown, and nothing is settled', () => {
    const turns = [turn('ours', 36, 'together'), turn('ours', 36, 'together'), turn('theirs', 70, 'apart')]
    expect(compared(turns)).toMatchObject({state: null, ours: [36, 36], theirs: [70]})
    expect(unsettled(turns)).toEqual(['ours', 'theirs'])
  })
})

test('what took no longer than an empty call is no time', () => {
  expect(leastTaken([2e-6, -1e-6, 0, 4e-8, 3e-6])).toBe(2e-6)
  expect(leastTaken([-1e-6, 0])).toBeNaN()
  expect(leastTaken([])).toBeNaN()
})
